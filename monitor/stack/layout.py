"""Where everything of one embedded stack lives: names, addresses, directories and secret files. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"

PORTS = {
    "mongo-1": 27017,
    "mongo-2": 27018,
    "mongo-3": 27019,
    "redis": 6379,
    "app-1": 8080,
    "app-2": 8081,
    "app-1-metrics": 8180,
    "app-2-metrics": 8181,
    "edge": 8000,
    "edge-metrics": 8404,
    "exporters": 9400,
    "prometheus": 9090,
    "alertmanager": 9093,
    "web": 9500,
    "work": 9501,
}
"""The documented port of each listener; ``--port-offset`` is added to all of them."""

COMPONENTS = (
    "mongo-1",
    "mongo-2",
    "mongo-3",
    "redis",
    "app-1",
    "app-2",
    "edge",
    "exporters",
    "prometheus",
    "alertmanager",
    "web",
    "work",
    "traffic",
)
"""Every component, in the order they start."""

REPLICA_SET = "rs0"
DATABASE = "appointments"
MONGODB_USERS = ("admin", "app", "exporters", "backup", "capture", "verify", "restore")
REDIS_USERS = ("admin", "app", "exporters", "backup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths and addresses of one stack. ``run_dir`` is absolute; everything below it is private (0700)."""

    run_dir: Path
    port_offset: int = 0

    def port(self, listener: str) -> int:
        """The port of a listener named in ``PORTS``."""
        return PORTS[listener] + self.port_offset

    def address(self, listener: str) -> str:
        """``127.0.0.1:port`` of a listener."""
        return f"{HOST}:{self.port(listener)}"

    def url(self, listener: str) -> str:
        """``http://127.0.0.1:port`` of a listener."""
        return f"http://{self.address(listener)}"

    @property
    def mongodb_uri(self) -> str:
        """The replica set's URI, without user and password."""
        hosts = ",".join(self.address(f"mongo-{number}") for number in (1, 2, 3))
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    @property
    def redis_uri(self) -> str:
        """Redis's URI, without user and password."""
        return f"redis://{self.address('redis')}/0"

    @property
    def data(self) -> Path:
        """Servers' data, one directory a component."""
        return self.run_dir / "data"

    @property
    def logs(self) -> Path:
        """One ``<component>.log`` each; what a log was before it grew too long is ``<component>.log.1``."""
        return self.run_dir / "logs"

    @property
    def generated(self) -> Path:
        """Rules, dashboards and server configuration rendered for this stack's addresses."""
        return self.run_dir / "generated"

    @property
    def secrets(self) -> Path:
        """Generated secrets, one file each (0600)."""
        return self.run_dir / "secrets"

    @property
    def control_socket(self) -> Path:
        """The supervisor's control socket."""
        return self.run_dir / "control.sock"

    @property
    def ledger(self) -> Path:
        """The traffic's client-side ledger."""
        return self.run_dir / "ledger"

    @property
    def state(self) -> Path:
        """The monitor's SQLite file."""
        return self.run_dir / "state" / "monitor.db"

    @property
    def backups(self) -> Path:
        """Where backups are kept."""
        return self.run_dir / "backups"

    def mongodb_password(self, user: str) -> Path:
        """The password file of one of ``MONGODB_USERS``."""
        return self.secrets / f"mongodb-{user}"

    def redis_password(self, user: str) -> Path:
        """The password file of one of ``REDIS_USERS``."""
        return self.secrets / f"redis-{user}"

    @property
    def mongodb_keyfile(self) -> Path:
        """What the replica set's members authenticate each other with."""
        return self.secrets / "mongodb-keyfile"

    @property
    def field_key(self) -> Path:
        """The 96-byte local master key of the patient fields."""
        return self.secrets / "app-field-key"

    @property
    def escrowed_field_key(self) -> Path:
        """Its escrowed copy, which only verifications use. In a stack on one machine there is no elsewhere."""
        return self.secrets / "escrow-field-key"

    @property
    def erasure_signing_key(self) -> Path:
        """The private keyset that signs the list of those who asked to be forgotten."""
        return self.secrets / "erasure-signing-key"

    @property
    def erasure_verification_key(self) -> Path:
        """The public one, by which every restore trusts that list."""
        return self.secrets / "erasure-verification-key"

    @property
    def jwt_key(self) -> Path:
        """The signing key of the app's access tokens."""
        return self.secrets / "app-jwt-key"

    @property
    def synthetic_secret(self) -> Path:
        """What exporters prove to the app when they register a synthetic patient."""
        return self.secrets / "synthetic-secret"
