"""A login in an address is taken out of it at once, and shown nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.credentials import part, parted
from exporters.secrets import Password
from exporters.structure import SettingsError


@pytest.mark.parametrize(
    ("uri", "clean", "user", "password"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0", None, None),
        ("redis://:hunter2@cache:6379/0", "redis://cache:6379/0", None, "hunter2"),
        ("redis://me@cache", "redis://cache", "me", None),
        ("redis://me:p%40ss%2Fword@cache", "redis://cache", "me", "p@ss/word"),
        ("redis://me:two@signs@cache", "redis://cache", "me", "two@signs"),
        ("rediss://me:a:b@[::1]:6379", "rediss://[::1]:6379", "me", "a:b"),
        ("mongodb://me:x@a:1,b:2/admin?replicaSet=rs0", "mongodb://a:1,b:2/admin?replicaSet=rs0", "me", "x"),
        ("mongodb+srv://me:x@cluster.example.org", "mongodb+srv://cluster.example.org", "me", "x"),
        ("cache:6379", "cache:6379", None, None),
    ],
)
def test_an_address_is_parted(uri: str, clean: str, user: str | None, password: str | None) -> None:
    assert part(uri) == (clean, user, None if password is None else Password(password))


@given(st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8))
def test_no_form_of_a_password_shows_it(text: str) -> None:
    password = Password(text)

    assert text not in f"{password} {password!r} {[password]} {password!s:>40}"
    assert password.reveal() == text


def test_a_login_given_twice_is_told_without_the_password() -> None:
    with pytest.raises(SettingsError) as told:
        parted({"redis_uri": "redis://me:hunter2@cache", "redis_username": "you", "redis_password_file": "/f"})

    assert str(told.value).splitlines() == [
        "redis_uri has a username, and redis_username is set too: keep one of them",
        "redis_uri has a password, and redis_password_file is set too: keep one of them",
    ]


def test_a_password_that_is_not_escaped_is_told_without_it() -> None:
    with pytest.raises(SettingsError, match="mongodb_uri: percent-encode") as told:
        parted({"mongodb_uri": "mongodb://me:hun/ter2@db"})

    assert "ter2" not in str(told.value)


def test_a_password_is_no_setting_of_its_own() -> None:
    with pytest.raises(SettingsError, match="redis_password_file"):
        parted({"redis_password": "hunter2"})


def test_what_holds_no_login_stays_as_it_is() -> None:
    values = {"redis_uri": "redis://cache", "probe_url": "http://edge", "mongodb_uri": None, "listen": "127.0.0.1:0"}

    assert parted(values) == values
