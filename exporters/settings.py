"""The exporters' settings: read once at start, from flags, the environment and a TOML file, then passed along.

Order, later wins: the defaults below; the file given by ``--config`` or ``EXPORTERS_CONFIG``; environment variables
``EXPORTERS_<FIELD>``; flags. Passwords are never values here, only the paths of the files that hold them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn

PREFIX = "EXPORTERS_"


class SettingsError(Exception):
    """A setting is missing, unknown, malformed or unsafe; the process ends with exit code 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between one place and another. Durations are in seconds."""

    listen: str = "127.0.0.1:9400"
    web_config_file: Path | None = None
    """TLS and users in Prometheus's web-config.yml format; users are needed to listen on an open address."""
    mongodb_uri: str | None = None
    """The replica set's URI; each host in it is watched over a connection of its own. Without user and password."""
    mongodb_username: str | None = None
    mongodb_password_file: Path | None = None
    redis_uri: str | None = None
    redis_username: str | None = None
    redis_password_file: Path | None = None
    probe_url: str | None = None
    """Where patients come in; ``/`` and ``/readyz`` below it are probed."""
    probe_ca_file: Path | None = None
    """Who may have signed the front door's certificate, where that is not one of the system's authorities."""
    collect: str = ""
    """Comma-separated names of collectors; ``default`` (or empty) is each that has something to read, ``all`` is
    the optional ones as well."""
    names: str = ""
    """``percona`` adds the families of Percona's exporter by its names, for the community's dashboards."""

    scrape_budget: float = 4.0
    """The longest that one scrape may take where Prometheus does not ask for less."""
    database: str = "appointments"
    """Holds the business figures."""
    business_interval: float = 30.0
    """Business figures are aggregated in the database, so they have a clock of their own."""
    smallest_cell: int = 0
    """Business counts below this (and above zero) are left out, so that nobody can be singled out; 5 is customary."""
    procfs: Path = Path("/proc")
    """Where the host's /proc is; a container sees it mounted elsewhere."""
    rootfs: Path = Path("/")
    """Where the host's root file system is."""

    log_level: str = "info"
    otlp_endpoint: str | None = None
    jaeger_endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would leak a password, open the page to strangers, or could not work."""
        for name in ("mongodb_uri", "redis_uri", "probe_url"):
            _refuse_password(name, getattr(self, name))
        if not self.is_loopback and self.web_config_file is None:
            raise SettingsError(
                f"listen = {self.listen!r} is reachable from other machines: give --web-config with users, "
                "or listen on 127.0.0.1"
            )
        if self.probe_url is not None and urlsplit(self.probe_url).scheme not in {"http", "https"}:
            raise SettingsError("probe_url should be an http:// or https:// address")
        if self.scrape_budget <= 0 or self.business_interval <= 0:
            raise SettingsError("scrape_budget and business_interval are seconds above zero")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        host, _ = host_port(self.listen)
        return host in {"localhost", "::1"} or host.startswith("127.")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names given by ``collect``."""
        return tuple(name.strip() for name in self.collect.split(",") if name.strip())


def host_port(listen: str) -> tuple[str, int]:
    """Split ``host:port``.

    Raises:
        SettingsError: it is not of that form.
    """
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 1 << 16):
        raise SettingsError(f"listen = {listen!r} should be host:port, as in 127.0.0.1:9400")
    return host.strip("[]"), int(port)


def load(flags: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; ``flags`` are what the command line said (``None`` means not given).

    Raises:
        SettingsError: a file cannot be read, or a setting is unknown, malformed or unsafe; every fault is named.
    """
    env = os.environ if environ is None else environ
    given = {name: value for name, value in flags.items() if value is not None}
    file = given.pop("config", None) or env.get(PREFIX + "CONFIG")
    values = _read_toml(Path(file)) if file else {}
    known = sorted(field.name for field in fields(Settings))
    values |= {name: env[PREFIX + name.upper()] for name in known if env.get(PREFIX + name.upper())}
    return _structure(values | given, str(file or "settings"))


def read_password(file: Path | None) -> str | None:
    """Return a password from its file, or ``None`` where no file is set (a server without authentication).

    Raises:
        SettingsError: the file cannot be read or is empty.
    """
    if file is None:
        return None
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read a password from {file}: {error.strerror}") from error
    if not secret:
        raise SettingsError(f"{file} is empty: it should hold a password")
    return secret


def _refuse_password(name: str, uri: str | None) -> None:
    if uri is not None and "@" in uri.partition("?")[0]:
        where = f" and set {PREFIX}{name.removesuffix('_uri').upper()}_USERNAME and _PASSWORD_FILE"
        raise SettingsError(
            f"{name} carries a user or password, which every user of this machine could read: leave it out"
            + (where if name.endswith("_uri") else "")
        )


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
