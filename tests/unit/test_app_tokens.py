"""Access tokens: only ours, only for us, only fresh, only of the one algorithm."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from app.clock import now
from app.tokens import LIFETIME, Caller, Tokens

KEY = secrets.token_bytes(48)


def claims(**other: Any) -> dict[str, Any]:
    instant = datetime.now(UTC)  # noqa: TID251  # PyJWT compares with the real clock
    usual = {"iss": "appointments", "aud": "appointments-api", "sub": "p1", "typ": "access", "iat": instant}
    return usual | {"exp": instant + timedelta(minutes=5)} | other


def test_a_token_speaks_for_its_patient() -> None:
    assert Tokens(KEY).caller(Tokens(KEY).issue(Caller("p1"), now())) == Caller("p1")


def test_the_mark_of_a_synthetic_patient_is_signed_with_the_token() -> None:
    synthetic = Caller("p1", synthetic="0123456789abcdef")
    assert Tokens(KEY).caller(Tokens(KEY).issue(synthetic, now())) == synthetic


def test_a_token_ends_after_ten_minutes() -> None:
    assert Tokens(KEY).caller(Tokens(KEY).issue(Caller("p1"), now() - LIFETIME - timedelta(seconds=1))) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"typ": "refresh"},
        {"typ": None},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_token_with_another_claim_is_refused(changed: dict[str, Any]) -> None:
    assert Tokens(KEY).caller(jwt.encode(claims(**changed), KEY, algorithm="HS256")) is None


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "exp", "iat", "typ"])
def test_a_token_without_a_claim_is_refused(missing: str) -> None:
    body = {name: value for name, value in claims().items() if name != missing}
    assert Tokens(KEY).caller(jwt.encode(body, KEY, algorithm="HS256")) is None


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    assert Tokens(KEY * 2).caller(jwt.encode(claims(), KEY * 2, algorithm=algorithm)) is None


def test_an_unsigned_token_is_refused() -> None:
    unsigned = jwt.encode(claims(), None, algorithm="none")  # type: ignore[arg-type]  # PyJWT's way to sign nothing
    assert Tokens(KEY).caller(unsigned) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert Tokens(KEY).caller(token) is None


@pytest.mark.parametrize(
    "text", ["", "a.b", "\ud800", "a.\udcff.c"], ids=["nothing", "two parts", "half a pair", "byte"]
)
def test_what_is_no_token_at_all_speaks_for_nobody(text: str) -> None:
    assert Tokens(KEY).caller(text) is None
