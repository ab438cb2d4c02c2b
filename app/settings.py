"""The app's settings: read once at start, from a TOML file and the environment, then passed along.

Order, later wins: the defaults below; the file named by ``APP_CONFIG``; environment variables ``APP_<FIELD>``. Secrets
are never values here, only the paths of the files that hold them.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn

from telemetry import webconfig

PREFIX = "APP_"

_PORT = re.compile(r"[0-9]{1,5}")
_FIELD_KEY_BYTES = 96
_JWT_KEY_BYTES = 32
_SYNTHETIC_SECRET_BYTES = 32


class SettingsError(Exception):
    """A setting is missing, unknown, malformed or unsafe; the process ends with exit code 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between one place and another. Durations are in seconds."""

    listen: str = "127.0.0.1:8080"
    metrics_listen: str = "127.0.0.1:8180"
    web_config_file: Path | None = None
    """Users and TLS of ``metrics_listen``, in Prometheus's web-config.yml format; needed where others can reach it."""
    instance: str = "app-1"
    """This process's name in logs and traces."""

    mongodb_uri: str = "mongodb://127.0.0.1:27017,127.0.0.1:27018,127.0.0.1:27019/?replicaSet=rs0"
    """Without user and password: those come from the two fields below."""
    mongodb_username: str = "app"
    mongodb_password_file: Path | None = None
    mongodb_database: str = "appointments"
    redis_uri: str = "redis://127.0.0.1:6379/0"
    redis_username: str = "app"
    redis_password_file: Path | None = None
    field_key_file: Path | None = None
    """The 96-byte local master key under which the data key of the patient fields is kept. Losing it loses them."""
    jwt_key_file: Path | None = None
    synthetic_secret_file: Path | None = None
    """What a prober has to know to register synthetic patients; without it nobody can."""

    operation_timeout: float = 8.0
    """The longest that a request's database operations may take; below the edge's ``timeout server`` (10 s)."""
    attempt_timeout: float = 3.5
    """The longest first attempt of an operation that may be repeated. A frozen primary (SIGSTOP) answers nothing and
    closes nothing, so only a deadline notices it; what is left of ``operation_timeout`` goes to the new primary."""
    cache_timeout: float = 0.25
    """Redis is an optimisation: after this it counts as a miss."""
    cache_ttl: int = 15
    """How long the busy times of a practitioner's day may be reused. A stale one can only cost a 409."""

    drain_delay: float = 3.5
    """From /readyz saying "draining" to the listener's close: the edge checks each second, needs two bad answers."""
    shutdown_timeout: float = 12.0
    """How long requests in flight may take to end after the listener is closed; above the edge's 10 s."""

    time_zone: str = "UTC"
    """The clinic's; its working hours are local times."""
    practitioners: int = 200
    horizon_days: int = 90
    """How far ahead appointments may be booked."""
    login_queue: int = 32
    """How many password checks may wait; the next one is told 429, so that a flood of logins cannot starve bookings."""
    upkeep_interval: float = 60.0
    """How often indexes and seeds are ensured and overlapping appointments are looked for."""

    synthetic_lifetime: float = 120.0
    """After so long a synthetic patient that still exists was left behind; above the longest of a prober's journeys."""

    erasures_noted_days: int = 400
    """How long it is remembered, by opaque id, that an account was erased. At least as long as backups are kept: one
    that is restored brings the account back, and only this note removes it again."""

    log_level: str = "info"
    otlp_endpoint: str | None = None
    jaeger_endpoint: str | None = None
    dogstatsd_address: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would leak a password or could not work."""
        for name in ("mongodb_uri", "redis_uri"):
            if "@" in getattr(self, name):
                raise SettingsError(
                    f"{name} carries a user or password: put them into {PREFIX}{name.removesuffix('_uri').upper()}"
                    "_USERNAME and _PASSWORD_FILE"
                )
        for name in ("listen", "metrics_listen"):
            host_port(getattr(self, name), name)
        if self.web_config_file is None and not self._metrics_stay_here:
            raise SettingsError(
                f"metrics_listen = {self.metrics_listen!r} is reachable from other machines: give web_config_file "
                "with users, or listen on 127.0.0.1"
            )
        if not self.attempt_timeout < self.operation_timeout:
            raise SettingsError("attempt_timeout must be shorter than operation_timeout: the rest is for the retry")
        if self.erasures_noted_days < 1:
            raise SettingsError(
                "erasures_noted_days must be at least 1: a token may still be used after its account is gone"
            )
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise SettingsError(f"time_zone = {self.time_zone!r} is not in the tz database") from None

    @property
    def _metrics_stay_here(self) -> bool:
        host, _ = host_port(self.metrics_listen, "metrics_listen")
        try:
            # By its meaning, not by its spelling: 127.example.org is a name like any other.
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False


def host_port(listen: str, name: str = "listen") -> tuple[str, int]:
    """Split ``host:port``.

    Raises:
        SettingsError: it is not of that form.
    """
    host, colon, port = listen.rpartition(":")
    if not (colon and host and _PORT.fullmatch(port) and int(port) < 1 << 16):
        raise SettingsError(f"{name} = {listen!r} should be host:port, as in 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment and the file that it names.

    Raises:
        SettingsError: a setting is unknown, malformed or unsafe, or the file cannot be read; every fault is named.
    """
    env = os.environ if environ is None else environ
    file = env.get(PREFIX + "CONFIG")
    values: dict[str, Any] = _read_toml(Path(file)) if file else {}
    known = {field.name for field in fields(Settings)}
    values |= {name: env[PREFIX + name.upper()] for name in sorted(known) if env.get(PREFIX + name.upper())}
    return _structure(values, file or "environment")


def read_protection(settings: Settings) -> webconfig.WebConfig:
    """Return what protects the metrics address.

    Raises:
        SettingsError: the file cannot be used, or the address is open and the file names no users.
    """
    try:
        protection = webconfig.load(settings.web_config_file)
    except webconfig.WebConfigError as error:
        raise SettingsError(str(error)) from error
    if settings.web_config_file is not None and not protection.users:
        raise SettingsError(f"{settings.web_config_file} names no basic_auth_users for metrics_listen")
    return protection


def read_password(file: Path | None, what: str) -> str | None:
    """Return a password from its file, or None where no file is set (a server without authentication).

    Raises:
        SettingsError: the file cannot be read or is empty.
    """
    return None if file is None else _read_secret(file, what).decode("utf-8").strip()


def read_field_key(settings: Settings) -> bytes:
    """Return the master key of the patient fields.

    Raises:
        SettingsError: no file is set, it cannot be read, or it does not hold 96 bytes.
    """
    key = _read_secret(settings.field_key_file, "field_key")
    if len(key) != _FIELD_KEY_BYTES:
        raise SettingsError(f"{settings.field_key_file} should hold {_FIELD_KEY_BYTES} bytes; it holds {len(key)}")
    return key


def read_jwt_key(settings: Settings) -> bytes:
    """Return the signing key of access tokens.

    Raises:
        SettingsError: no file is set, it cannot be read, or it is too short for HS256 (RFC 7518 section 3.2).
    """
    key = _read_secret(settings.jwt_key_file, "jwt_key").strip()
    if len(key) < _JWT_KEY_BYTES:
        raise SettingsError(f"{settings.jwt_key_file} should hold at least {_JWT_KEY_BYTES} bytes; it holds {len(key)}")
    return key


def read_synthetic_secret(settings: Settings) -> bytes | None:
    """Return what synthetic patients are registered with, or None where nobody may.

    Raises:
        SettingsError: the file cannot be read, or the secret is short enough to be guessed.
    """
    file = settings.synthetic_secret_file
    if file is None:
        return None
    secret = _read_secret(file, "synthetic_secret").strip()
    if len(secret) < _SYNTHETIC_SECRET_BYTES:
        raise SettingsError(f"{file} should hold at least {_SYNTHETIC_SECRET_BYTES} bytes; it holds {len(secret)}")
    return secret


def _read_secret(file: Path | None, what: str) -> bytes:
    if file is None:
        raise SettingsError(f"no file is set for {what}: set {PREFIX}{what.upper()}_FILE")
    try:
        secret = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read {what} from {file}: {error.strerror}") from error
    if not secret:
        raise SettingsError(f"{file} is empty: it should hold {what}")
    return secret


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read settings from {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error


def _structure(values: Mapping[str, Any], source: str) -> Settings:
    converter = Converter(forbid_extra_keys=True)
    for path_type in (Path, Path | None):
        converter.register_structure_hook(path_type, lambda value, _: Path(str(value)))
    hook = make_dict_structure_fn(Settings, converter, _cattrs_forbid_extra_keys=True)
    try:
        return hook(values, Settings)
    except SettingsError:
        raise
    except Exception as error:
        if own := _settings_error(error):
            raise own from None
        raise SettingsError("\n".join(transform_error(error, path=source))) from error


def _settings_error(error: BaseException) -> SettingsError | None:
    if isinstance(error, SettingsError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := _settings_error(inner))), None)
    return None
