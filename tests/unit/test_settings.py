from __future__ import annotations

from pathlib import Path

import pytest

from monitor import settings
from monitor.errors import Exit, SettingsError


def test_defaults_hold_when_nothing_is_said(tmp_path: Path) -> None:
    found = settings.load(environ={"MONITOR_RUN_DIR": str(tmp_path)})
    assert found.state == tmp_path / "state" / "monitor.db"
    assert found.backups == tmp_path / "backups"
    assert found.control_socket == tmp_path / "control.sock"


def test_flags_win_over_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text('prometheus_url = "http://file"\nalertmanager_url = "http://file"\nenvironment = "file"\n')
    env = {"MONITOR_ALERTMANAGER_URL": "http://env", "MONITOR_ENVIRONMENT": "env"}
    found = settings.load(config=file, environ=env, flags={"environment": "flag", "catalogue": None})
    assert found.prometheus_url == "http://file"
    assert found.alertmanager_url == "http://env"
    assert found.environment == "flag"


def test_the_null_device_is_how_a_container_is_told_that_there_is_no_file(tmp_path: Path) -> None:
    env = {"MONITOR_RUN_DIR": str(tmp_path), "MONITOR_SECOND_CHANNEL_FILE": "/dev/null"}
    assert settings.load(environ=env).second_channel_file is None
    # What is not there yet is a mistake that whoever reads it will name.
    env["MONITOR_SECOND_CHANNEL_FILE"] = "missing"
    assert settings.load(environ=env).second_channel_file == Path("missing")


def test_the_run_directory_s_own_file_is_read_unasked(tmp_path: Path) -> None:
    (tmp_path / "monitor.toml").write_text('prometheus_url = "http://here"\n')
    assert settings.load(environ={}, flags={"run_dir": tmp_path}).prometheus_url == "http://here"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unknown_field = 1\n", "unknown_field"),
        ("prometheus_url = \n", "not TOML"),
        ('mongodb_uri = "mongodb://me:secret@db/"\n', "mongodb_uri carries a user or password"),
        ('redis_uri = "redis://:secret@cache/0"\n', "redis_uri carries a user or password"),
        ('prometheus_url = "http://me:secret@host"\n', "prometheus_url carries a user or password"),
        ('alertmanager_url = "http://secret@host"\n', "alertmanager_url carries a user or password"),
        ('edge_url = "http://me:secret@host"\n', "edge_url carries a user or password"),
        ('web_url = "http://me:secret@host"\n', "web_url carries a user or password"),
        ('prometheus_url = "http://host:99999"\n', "prometheus_url is no URL"),
        ('mongodb_uri = "mongodb://[bad"\n', "mongodb_uri cannot be read"),
        ('prometheus_username = "me"\n', "prometheus_username and prometheus_password_file go together"),
        ('alertmanager_password_file = "f"\n', "alertmanager_username and alertmanager_password_file go together"),
        ('web_listen = "127.evil.com:9500"\n', "reachable from other machines"),
        ('web_listen = "127.0.0.1"\n', "write host:port"),
        ('web_listen = "0.0.0.0:9500"\n', "reachable from other machines"),
        ('work_listen = "[::]:9501"\n', "reachable from other machines"),
        ('ledger_dir = "s3://bucket/x"\n', "'s3://bucket/x' is an address where a file or directory"),
        ('backup_store = "ftp://bucket/x"\n', "backup_store is no place for backups"),
        ('offsite_store = "s3://UPPER/x"\n', "offsite_store is no place for backups"),
        ('backup_store = "s3://b-1/x"\noffsite_store = "s3://b-1/x"\n', "offsite_store is backup_store"),
        ('backup_compression = "brotli"\n', "backup_compression"),
        ('backup_endpoint_url = "http://me:secret@host"\n', "backup_endpoint_url carries a user or password"),
        ("backup_max_bytes_per_second = -1.0\n", "backup_max_bytes_per_second"),
    ],
)
def test_a_wrong_setting_is_one_clear_message(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "monitor.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said.replace("[", r"\[")) as caught:
        settings.load(config=file, environ={})
    assert caught.value.exit_code is Exit.WRONG_INPUT
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        settings.load(config=tmp_path / "absent.toml", environ={})


def test_a_secret_is_read_without_its_final_newline(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    assert settings.read_secret(file, "backup_password") == "s3cret"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_or_empty_secret_says_which(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match="backup_password"):
        settings.read_secret(file, "backup_password")


def test_a_secret_without_a_file_says_what_to_set() -> None:
    with pytest.raises(SettingsError, match="MONITOR_BACKUP_PASSWORD_FILE"):
        settings.read_secret(None, "backup_password")
