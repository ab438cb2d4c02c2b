"""The monitor's one settings object: read once, from a TOML file and the environment, then passed along.

Order, later wins: the defaults below; the file given by ``--config`` or ``MONITOR_CONFIG``, or else ``monitor.toml`` in
the run directory (``monitor up`` writes it; ``up``, ``down`` and ``status`` do not read it); environment variables
``MONITOR_<FIELD>``. Secrets are never values here: only the paths of the files that hold them.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from cattrs import Converter, transform_error
from cattrs.gen import make_dict_structure_fn

from monitor.addresses import bucket, check_database_uri, check_url, is_loopback, listen_address
from monitor.errors import SettingsError

PREFIX = "MONITOR_"

_SERVERS = ("prometheus_url", "alertmanager_url", "edge_url")
_ENDPOINTS = ("web_url", "backup_endpoint_url", "offsite_endpoint_url")
"""These may be empty."""

Login = tuple[bytes, bytes]
"""User and password for Basic authentication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between one place and another for ``monitor``'s commands."""

    run_dir: Path = Path(".run")
    """Where the embedded stack lives, and where state and backups go unless told otherwise."""
    environment: str = "local"
    """Which ``environments/NAME.yaml`` of the catalogue holds here."""
    catalogue: Path | None = None
    """The catalogue's directory; the bundled one when not set."""
    state_dir: Path | None = None
    """Holds ``monitor.db``; ``<run_dir>/state`` when not set."""
    backup_store: str = ""
    """Where backups are kept: a directory, or ``s3://bucket/prefix``; ``<run_dir>/backups`` when not set."""
    backup_compression: Literal["none", "gzip", "zstd"] = "zstd"
    """How files of backups are made smaller. With ``none`` or ``gzip``, and without keys, a backup in a directory is
    one that ``mongorestore`` reads as it lies there."""
    backup_keyset_file: Path | None = None
    """The Tink keyset that backups are sealed with; ``monitor backup keys create`` makes one. Not sealed if not set."""
    escrow_keyset_file: Path | None = None
    """The copy of that keyset that is kept elsewhere (``monitor backup keys escrow``). Verification opens with this one
    alone: a backup that only its own host can open is lost with that host."""
    escrow_field_key_file: Path | None = None
    """The escrowed copy of the application's field key. Only the application's own check is told where it is."""
    backup_max_bytes_per_second: float = 0.0
    """Read no faster than this, so that the database has time for others. 0: 40 MB/s, or as fast as it has to be to be
    done within 150 s."""
    backup_endpoint_url: str = ""
    """Of object storage that is not Amazon's."""
    backup_region: str = ""
    backup_credentials_file: Path | None = None
    """In the form of ``~/.aws/credentials``: the identity that writes backups. Environment or machine when not set."""
    backup_prune_credentials_file: Path | None = None
    """Another identity, which may delete. In object storage nothing is ever pruned with the one that writes."""
    backup_lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    """Of the bucket's object lock, if recovery.yaml asks for one (``locked_for``). ``COMPLIANCE`` binds everybody."""
    offsite_store: str = ""
    """Where finished backups are copied to: as ``backup_store``, in another place; no copy when not set."""
    offsite_endpoint_url: str = ""
    offsite_region: str = ""
    offsite_credentials_file: Path | None = None
    offsite_prune_credentials_file: Path | None = None
    prometheus_url: str = "http://127.0.0.1:9090"
    """Without user and password, as every URL here: those come from the two fields below."""
    prometheus_username: str = ""
    """For Basic authentication, where Prometheus (or the proxy before it) asks for it; needs the file as well."""
    prometheus_password_file: Path | None = None
    """A file that holds nothing but the password. It is read when a process connects, and shown nowhere."""
    alertmanager_url: str = "http://127.0.0.1:9093"
    alertmanager_username: str = ""
    """For Basic authentication, as ``prometheus_username``."""
    alertmanager_password_file: Path | None = None
    web_listen: str = "127.0.0.1:9500"
    web_config_file: Path | None = None
    """Prometheus's web-config.yml format: TLS and users for ``serve``; needed to listen on an open address."""
    web_url: str = ""
    """Where other processes reach ``serve``; ``http://<web_listen>`` when not set."""
    work_listen: str = "127.0.0.1:9501"
    edge_url: str = "http://127.0.0.1:8000"
    mongodb_uri: str = "mongodb://127.0.0.1:27017,127.0.0.1:27018,127.0.0.1:27019/?replicaSet=rs0"
    """Without user and password: those come from the fields below."""
    backup_username: str = "backup"
    backup_password_file: Path | None = None
    capture_username: str = ""
    """Who reads the oplog (role ``monitorCapture``); the backup's user when not set."""
    capture_password_file: Path | None = None
    verify_username: str = ""
    """Who reads the live source for the exact proof (role ``monitorVerify``); the backup's user when not set."""
    verify_password_file: Path | None = None
    redis_uri: str = "redis://127.0.0.1:6379/0"
    redis_backup_username: str = "backup"
    redis_backup_password_file: Path | None = None
    redis_ca_file: Path | None = None
    """The authorities that a ``rediss://`` server's certificate is held against; the system's when not set."""
    redis_server: str = "redis-server"
    """The redis-server binary that snapshots are tried in."""
    mongod: str = "mongod"
    """The mongod binary that scratch servers are started from."""
    configuration_files: tuple[Path, ...] = ()
    """Files and directories that the daily backup of configuration takes beside what it finds by itself: Prometheus's,
    Alertmanager's and Grafana's, compose and deploy files. In the environment separated by ``:``."""
    state_files: tuple[Path, ...] = ()
    """Terraform's and Kubernetes's state files. They hold secrets, so they go into sealed stores only."""
    key_vault: str = "encryption.__keyVault"
    """The collection with the application's wrapped data keys; empty where it has none."""
    erasure_signing_key_file: Path | None = None
    """The private keyset that signs the list of erasures; ``monitor backup erasure key`` makes the pair."""
    erasure_verification_key_file: Path | None = None
    """Its public keyset, kept where restores are made."""
    ledger_dir: Path | None = None
    """Where the client-side ledger is, if traffic keeps one; ``<run_dir>/ledger`` when not set."""
    heartbeat_url_file: Path | None = None
    """A file holding the URL (it is a secret) that is called each minute while the whole chain is alive."""
    second_channel_file: Path | None = None
    """A file holding addresses as apprise understands them (they are secrets), one on a line: who is told when alerts
    cannot arrive. They must not lead through what they are to replace: another provider than Alertmanager's."""
    watchdog_limit_s: float = 150.0
    """Seconds that the Watchdog may be away before alerts are held not to arrive; it comes each 60 to 70."""

    @property
    def state(self) -> Path:
        """The SQLite file of the monitor's own state."""
        return (self.state_dir or self.run_dir / "state") / "monitor.db"

    @property
    def backups(self) -> Path:
        """The directory that holds the backups, or what is kept of them on this machine where they are in a bucket."""
        if not self.backup_store or bucket("backup_store", self.backup_store):
            return self.run_dir / "backups"
        return Path(self.backup_store)

    @property
    def offsite(self) -> Settings:
        """The same settings with the copy in the place of the backups.

        Raises:
            SettingsError: there is no copy.
        """
        if not self.offsite_store:
            raise SettingsError("no offsite_store is set: where is the copy?")
        return replace(
            self,
            backup_store=self.offsite_store,
            offsite_store="",
            backup_endpoint_url=self.offsite_endpoint_url,
            backup_region=self.offsite_region,
            backup_credentials_file=self.offsite_credentials_file,
            backup_prune_credentials_file=self.offsite_prune_credentials_file,
        )

    @property
    def ledger(self) -> Path:
        """The directory of the client-side ledger."""
        return self.ledger_dir or self.run_dir / "ledger"

    def capture_login(self) -> tuple[str, str]:
        """Read as whom the oplog is captured.

        Raises:
            SettingsError: the password's file cannot be read or is empty.
        """
        if self.capture_username:
            return self.capture_username, read_secret(self.capture_password_file, "capture_password")
        return self.backup_username, read_secret(self.backup_password_file, "backup_password")

    @property
    def web_address(self) -> str:
        """The URL at which other processes reach ``serve``."""
        return self.web_url or f"http://{self.web_listen}"

    @property
    def control_socket(self) -> Path:
        """The embedded stack's control socket."""
        return self.run_dir / "control.sock"

    def prometheus_login(self) -> Login | None:
        """Read how to log in to Prometheus; ``None`` where it asks nobody.

        Raises:
            SettingsError: the password's file cannot be read or is empty.
        """
        return self._login("prometheus", self.prometheus_username, self.prometheus_password_file)

    def alertmanager_login(self) -> Login | None:
        """Read how to log in to Alertmanager, as ``prometheus_login``."""
        return self._login("alertmanager", self.alertmanager_username, self.alertmanager_password_file)

    @staticmethod
    def _login(server: str, username: str, file: Path | None) -> Login | None:
        # As bytes of UTF-8: the HTTP library would write a text in Latin-1, and fail over most of the world's letters.
        return (username.encode(), read_secret(file, f"{server}_password").encode()) if username else None

    def __post_init__(self) -> None:
        """Refuse a secret where it could be printed, an address that is none, and an open one without users."""
        for name in (*_SERVERS, *_ENDPOINTS):
            if name in _SERVERS or getattr(self, name):
                check_url(name, getattr(self, name))
        for name in ("mongodb_uri", "redis_uri"):
            check_database_uri(name, getattr(self, name))
        self._check_backups()
        if not 0 < self.watchdog_limit_s < math.inf:
            raise SettingsError(f"watchdog_limit_s = {self.watchdog_limit_s:g}: give a number of seconds above 0")
        for server in ("prometheus", "alertmanager"):
            if bool(getattr(self, f"{server}_username")) != bool(getattr(self, f"{server}_password_file")):
                raise SettingsError(f"{server}_username and {server}_password_file go together: set both, or neither")
        for name in ("web_listen", "work_listen"):
            host, _ = listen_address(name, getattr(self, name))
            if not is_loopback(host) and self.web_config_file is None:
                raise SettingsError(
                    f"{name} = {getattr(self, name)!r} is reachable from other machines: give web_config_file "
                    "with users, or listen on 127.0.0.1"
                )

    def _check_backups(self) -> None:
        for name in ("backup_store", "offsite_store"):
            bucket(name, getattr(self, name))
        if self.offsite_store and self.offsite_store == self.backup_store:
            raise SettingsError("offsite_store is backup_store: a copy in the same place is lost with it")
        if not 0 <= self.backup_max_bytes_per_second < math.inf:
            raise SettingsError("backup_max_bytes_per_second: give a number of bytes, or 0 for its own pace")


def load(
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    run_dir_file: bool = True,
) -> Settings:
    """Read the settings; ``flags`` are what the command line said (``None`` means not given).

    ``run_dir_file=False`` leaves out the run directory's own file: for what starts or ends a stack, whatever the one
    before left there.

    Raises:
        SettingsError: a file cannot be read, or a setting is unknown, malformed or unsafe; every fault is named.
    """
    env = os.environ if environ is None else environ
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    run_dir = Path(str(given.get("run_dir") or env.get(PREFIX + "RUN_DIR") or ".run"))
    file = config or (Path(env[PREFIX + "CONFIG"]) if env.get(PREFIX + "CONFIG") else None)
    if file is None and run_dir_file and (run_dir / "monitor.toml").exists():
        file = run_dir / "monitor.toml"
    values: dict[str, object] = {"run_dir": str(run_dir)}
    if file is not None:
        values |= _read_toml(file)
    known = {field.name for field in fields(Settings)}
    values |= {name: env[PREFIX + name.upper()] for name in sorted(known) if env.get(PREFIX + name.upper())}
    values |= {name: str(value) for name, value in given.items()}
    return _structure(values, str(file or "settings"))


def read_secret(file: Path | None, what: str) -> str:
    """Return a secret from its file, without the final newline.

    Raises:
        SettingsError: no file is set, or it cannot be read or is empty.
    """
    if file is None:
        raise SettingsError(f"no file is set for {what}: set {PREFIX}{what.upper()}_FILE")
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"cannot read {what} from {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(f"{file} should hold {what} as text in UTF-8") from None
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


def _structure(values: Mapping[str, object], source: str) -> Settings:
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook(Path, lambda value, _: _path(str(value)))
    converter.register_structure_hook(Path | None, lambda value, _: None if _is_nothing(value) else _path(str(value)))
    converter.register_structure_hook_func(lambda kind: kind == tuple[Path, ...], lambda value, _: _paths(value))
    hook = make_dict_structure_fn(Settings, converter, _cattrs_forbid_extra_keys=True)
    try:
        return hook(values, Settings)
    except SettingsError:
        raise
    except Exception as error:
        nested = _first_settings_error(error)
        if nested is not None:
            raise nested from None
        raise SettingsError("\n".join(transform_error(error, path=source))) from error


def _path(text: str) -> Path:
    """Refuse an address: as a path, ``s3://bucket`` would be a directory named ``s3:`` with a bucket in it."""
    if "://" in text:
        raise SettingsError(f"{text!r} is an address where a file or directory of this machine is needed")
    return Path(text)


def _is_nothing(value: object) -> bool:
    """``/dev/null``, or what is mounted from it: how a container is told that there is no such file."""
    return Path(str(value)).is_char_device()


def _paths(value: object) -> tuple[Path, ...]:
    """A list in the file; in the environment one text, separated as PATH is."""
    if isinstance(value, str):
        _path(value)  # before the colon of an address would part it
        return tuple(_path(part) for part in value.split(os.pathsep) if part)
    if not isinstance(value, list) or not all(isinstance(part, str) and part for part in value):
        raise SettingsError(f"{value!r} should be a list of paths")
    return tuple(_path(part) for part in value)


def _first_settings_error(error: BaseException) -> SettingsError | None:
    if isinstance(error, SettingsError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := _first_settings_error(inner))), None)
    return None
