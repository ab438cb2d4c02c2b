"""The exporters' settings: read at the start and at each reload, from flags, the environment and a TOML file.

Order, later wins: the defaults below; the file given by ``--config`` or ``EXPORTERS_CONFIG``; environment variables
``EXPORTERS_<FIELD>``; flags. A password is in a file whose path stands here, or came in an address and was taken out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from exporters.credentials import parted
from exporters.files import content
from exporters.readings import SERIES_CAP
from exporters.secrets import Password
from exporters.structure import SettingsError, read_toml, structure

__all__ = ["OF_THE_PROCESS", "PREFIX", "Settings", "SettingsError", "host_port", "load", "read_password"]

PREFIX = "EXPORTERS_"
OF_THE_PROCESS = frozenset(
    {"listen", "targets_file", "web_config_file", "log_level", "otlp_endpoint", "jaeger_endpoint"}
)
"""Fields that belong to the whole process; all others belong to what is watched."""
_ADDRESSES = ("mongodb_uri", "redis_uri", "probe_url")
_LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
_NAMES = ("", "percona")
_ABOVE_ZERO = ("_budget", "_interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between one place and another. Durations are in seconds."""

    listen: str = "127.0.0.1:9400"
    targets_file: Path | None = None
    """More systems to watch, each by its name at ``/probe?target=NAME``; see exporters/targets.py."""
    web_config_file: Path | None = None
    """TLS and users in Prometheus's web-config.yml format; users are needed to listen on an open address."""
    mongodb_uri: str | None = None
    """The replica set's URI; each host in it is watched over a connection of its own. A login in it is taken out."""
    mongodb_username: str | None = None
    mongodb_password_file: Path | None = None
    mongodb_password: Password | None = None
    """Only ever from the URI: a password of its own is no setting, a file is the better place."""
    mongodb_discover: bool = True
    """Watch members that the replica set has and the URI does not name; off where they cannot be reached from here."""
    redis_uri: str | None = None
    redis_username: str | None = None
    redis_password_file: Path | None = None
    redis_password: Password | None = None
    """Only ever from the URI."""
    redis_ca_file: Path | None = None
    """Who may have signed Redis's certificate (``rediss://``), where that is not one of the system's authorities."""
    probe_url: str | None = None
    """Where patients come in; ``/``, ``/readyz`` and the API below it are probed."""
    probe_ca_file: Path | None = None
    """Who may have signed the front door's certificate, where that is not one of the system's authorities."""
    probe_page_text: str = ""
    """What the page must hold, where it is not that of the bundled app."""
    probe_api_path: str = "/api/v1/practitioners"
    """A FHIR search that needs no account and always finds something; empty: none is probed."""
    synthetic_secret_file: Path | None = None
    """What the app wants to know before a synthetic patient may register; without it no journeys are made."""
    journey_interval: float = 60.0
    """How often a synthetic patient goes all the way from registering to being erased."""
    journey_days_ahead: int = 80
    """How far ahead it books: within what can be booked, and so far that no patient misses the slot for that second."""
    journey_prober: str = ""
    """Tells two exporters apart that have the same host name and listen address and probe the same front door."""
    collect: str = ""
    """Comma-separated names of collectors; ``default`` (or empty) is each that has something to read, ``all`` is
    the optional ones as well."""
    names: str = ""
    """``percona`` adds the families of Percona's exporter by its names, for the community's dashboards."""

    scrape_budget: float = 4.0
    """The longest that one scrape may take where Prometheus does not ask for less."""
    series_budget: int = SERIES_CAP
    """The most series of one family on one page; a counter's surplus goes into one series, a gauge's is left out."""
    mongodb_collection_budget: int = 50
    """How many collections (and databases) of each member have series of their own, largest first."""
    mongodb_namespace_budget: int = 20
    """How many namespaces of each member have series of their own in ``top``, busiest first; the rest is summed."""
    mongodb_time_budget: float = 0.05
    """The share of a member's time that questions about single collections may take."""
    database: str = "appointments"
    """Holds the business figures."""
    business_interval: float = 30.0
    """Business figures are aggregated in the database, so they have a clock of their own."""
    smallest_cell: int = 5
    """Business counts are rounded to multiples of this, so that nobody can be singled out; 1 shows them as they are."""
    services: str = "General practice,Paediatrics,Cardiology,Dermatology,Physiotherapy"
    """The specialties that business figures tell apart, comma-separated; all others are ``other``."""
    procfs: Path = Path("/proc")
    """Where the host's /proc is; a container sees it mounted elsewhere."""
    sysfs: Path = Path("/sys")
    """Where the host's /sys is."""
    rootfs: Path = Path("/")
    """Where the host's root file system is."""
    cgroup_root: Path = Path("/sys/fs/cgroup")
    """Where the host's control groups (version 2) are; containers are found below it."""
    docker_socket: Path = Path("/var/run/docker.sock")
    """Where the Docker Engine answers. Its socket is as good as root: hand out a proxy's that permits only reading.
    A path that is no socket (``/dev/null``) leaves Docker out."""

    log_level: str = "info"
    otlp_endpoint: str | None = None
    jaeger_endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would leak a password, open the page to strangers, or could not work; name every fault."""
        faults = [
            *(fault for name in _ADDRESSES for fault in _password_in(name, getattr(self, name))),
            *self._listening_faults(),
            *(
                f"{one.name} should be above zero"
                for one in fields(self)
                if one.name.endswith(_ABOVE_ZERO) and getattr(self, one.name) <= 0
            ),
        ]
        if self.names not in _NAMES:
            faults.append(f"names should be one of {', '.join(filter(None, _NAMES))}, or nothing")
        if self.log_level not in _LOG_LEVELS:
            faults.append(f"log_level should be one of {', '.join(_LOG_LEVELS)}")
        if self.probe_url is not None and urlsplit(self.probe_url).scheme not in {"http", "https"}:
            faults.append("probe_url should be an http:// or https:// address")
        if faults:
            raise SettingsError("\n".join(faults))

    def _listening_faults(self) -> Iterator[str]:
        try:
            open_to_others = not self.is_loopback
        except SettingsError as error:
            yield str(error)
            return
        if open_to_others and self.web_config_file is None:
            yield (
                f"listen = {self.listen!r} is reachable from other machines: give --web.config.file with users, "
                "or listen on 127.0.0.1"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        host, _ = host_port(self.listen)
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:  # some name: whatever it begins with, it may lead elsewhere
            return False

    @property
    def files(self) -> tuple[Path, ...]:
        """The files with secrets and certificates that what is watched is built from."""
        names = (one.name for one in fields(self) if one.name.endswith("_file") and one.name not in OF_THE_PROCESS)
        return tuple(file for name in names if (file := getattr(self, name)) is not None)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names given by ``collect``."""
        return tuple(name.strip() for name in self.collect.split(",") if name.strip())


def host_port(listen: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 address stands in brackets.

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
    values = read_toml(Path(file)) if file else {}
    known = sorted(field.name for field in fields(Settings))
    values |= {name: env[PREFIX + name.upper()] for name in known if env.get(PREFIX + name.upper())}
    return structure(parted(values | given), Settings)


def read_password(file: Path | None) -> str | None:
    """Return a password from its file, or ``None`` where no file is set (a server without authentication).

    Raises:
        SettingsError: the file cannot be read or is empty.
    """
    if file is None:
        return None
    try:
        secret = content(file).decode("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read a password from {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} holds no password: it is not UTF-8 text") from error
    if not secret:
        raise SettingsError(f"{file} is empty: it should hold a password")
    return secret


def _password_in(name: str, uri: str | None) -> Iterator[str]:
    """Find a user or password where it does not belong: in front of a page's host, or among options."""
    if uri is None:
        return
    before, _, options = uri.partition("?")
    if "@" in before or any(word in unquote(options).lower() for word in ("password", "username", "@")):
        stem = name.removesuffix("_uri")
        where = f" and set {stem}_username and {stem}_password_file (or {PREFIX}{stem.upper()}_USERNAME ...)"
        yield (
            f"{name} carries a user or password, which every user of this machine could read: leave it out"
            + (where if name.endswith("_uri") else "")
        )
