"""The app's settings: one place, every fault told, no secret where it could be printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import SettingsError, load, read_field_key, read_jwt_key, read_protection
from telemetry import webconfig


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text('listen = "127.0.0.1:1"\npractitioners = 7\n')
    found = load({"APP_CONFIG": str(file), "APP_LISTEN": "127.0.0.1:2", "APP_DRAIN_DELAY": "1.5"})
    assert (found.listen, found.practitioners, found.drain_delay) == ("127.0.0.1:2", 7, 1.5)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "app.toml"
    file.write_text("practitoners = 7\n")
    with pytest.raises(SettingsError, match="practitoners"):
        load({"APP_CONFIG": str(file)})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_MONGODB_URI", "mongodb://app:secret@127.0.0.1/"),
        ("APP_REDIS_URI", "redis://:secret@127.0.0.1/0"),
    ],
)
def test_a_password_in_a_uri_is_refused_without_repeating_it(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match="_PASSWORD_FILE") as caught:
        load({name: value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "listen", ["8080", "127.0.0.1:", ":8080", "127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1:" + "9" * 5000]
)
def test_an_address_needs_host_and_port(listen: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        load({"APP_LISTEN": listen})


@pytest.mark.parametrize("listen", ["0.0.0.0:8180", "[::]:8180", "192.0.2.1:8180", "127.example.org:8180"])
def test_metrics_are_not_shown_to_other_machines_without_users(listen: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="reachable from other machines"):
        load({"APP_METRICS_LISTEN": listen})
    nobody = tmp_path / "web-config.yml"
    nobody.write_text("basic_auth_users: {}\n")
    with pytest.raises(SettingsError, match="names no basic_auth_users"):
        read_protection(load({"APP_METRICS_LISTEN": listen, "APP_WEB_CONFIG_FILE": str(nobody)}))
    somebody = tmp_path / "users.yml"
    somebody.write_text(f"basic_auth_users: {{prometheus: {webconfig.hash_password('s3cret', cost=4)}}}\n")
    found = read_protection(load({"APP_METRICS_LISTEN": listen, "APP_WEB_CONFIG_FILE": str(somebody)}))
    assert set(found.users) == {"prometheus"}


def test_the_first_attempt_must_leave_time_for_another() -> None:
    with pytest.raises(SettingsError, match="attempt_timeout"):
        load({"APP_ATTEMPT_TIMEOUT": "9"})


def test_keys_of_the_wrong_size_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"short")
    found = load({"APP_FIELD_KEY_FILE": str(file), "APP_JWT_KEY_FILE": str(file)})
    with pytest.raises(SettingsError, match="96 bytes"):
        read_field_key(found)
    with pytest.raises(SettingsError, match="32 bytes"):
        read_jwt_key(found)


def test_wrong_settings_end_the_process_with_2_and_one_sentence() -> None:
    environment = os.environ | {"APP_MONGODB_URI": "mongodb://app:hunter2@127.0.0.1/"}
    ended = subprocess.run([sys.executable, "-m", "app"], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr
