"""The one-shot services of docker-compose.yml: make the secrets, then the replica set. Both may run again any time.

``secrets`` makes every secret once, into a volume that only it mounts, and hands each service a volume with what that
service needs and no more. It also writes Prometheus's and Alertmanager's configuration with the passwords' files in it.
``replica-set`` initiates the replica set and makes its users. ``password NAME`` prints one: ``operator`` (the console),
``grafana-admin``.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from monitor.sources import mongodb_roles
from monitor.stack import credentials
from monitor.stack.layout import MONGODB_USERS, Layout
from monitor.stack.replica_set import MEMBERS, ROLES, configuration
from telemetry.webconfig import hash_password

VAULT = Path("/vault")
OUT = Path("/out")
CONFIGURATION = Path("/opt/appointments")
INSIDE = "/run/appointments"
"""Where each service sees its own volume."""

TEMPLATES = "/etc/alertmanager/templates"
"""Where docker-compose.yml mounts them; beside the configuration, in the volume of secrets, nothing can be mounted."""

OURS, MONGO, REDIS, NOBODY, GRAFANA = 10001, 999, 999, 65534, 472
"""User ids: of deploy/Dockerfile, and of the official images."""

WEB_USERS = ("operator", "prometheus", "alertmanager")

WORKER_FILES = (
    *("mongodb-backup", "mongodb-capture", "mongodb-verify"),
    *("redis-backup", "escrow-field-key", "erasure-signing-key", "erasure-verification-key", "web-config.yml"),
)

HANDED_OUT: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "mongo": (MONGO, ("mongodb-keyfile",)),
    "mongo-1": (MONGO, ("mongodb-keyfile", "mongodb-admin")),
    "redis": (REDIS, ("redis-users.acl", "redis-admin")),
    "app": (OURS, ("mongodb-app", "redis-app", "app-field-key", "app-jwt-key", "synthetic-secret", "web-config.yml")),
    "exporters": (OURS, ("mongodb-exporters", "redis-exporters", "synthetic-secret", "web-config.yml")),
    "web": (OURS, ("web-config.yml",)),
    "work": (OURS, WORKER_FILES),
    "prometheus": (NOBODY, ("web-prometheus", "prometheus.yml")),
    "alertmanager": (NOBODY, ("web-alertmanager", "alertmanager.yml")),
    "grafana": (GRAFANA, ("grafana-admin",)),
}
"""Per volume: who owns the files, and which there are."""

_ALREADY_INITIALIZED = 23
_DEADLINE_S = 90.0


class ComposeLayout(Layout):
    """The stack's layout with compose's addresses: each service by its name, on its server's own port."""

    def address(self, listener: str) -> str:
        """``mongo-1:27017``."""
        return f"{listener}:27017"


def make_secrets(vault: Path = VAULT, out: Path = OUT, project: Path = CONFIGURATION) -> None:
    """Make what does not exist yet, and hand everything out anew."""
    layout = ComposeLayout(run_dir=vault)
    credentials.make(layout)
    for name in (*(f"web-{user}" for user in WEB_USERS), "grafana-admin"):
        _once(layout.secrets / name, secrets.token_urlsafe(24))
    users = {user: (layout.secrets / f"web-{user}").read_text(encoding="utf-8") for user in WEB_USERS}
    _once(
        layout.secrets / "web-config.yml",
        _yaml({"basic_auth_users": {user: hash_password(password) for user, password in users.items()}}),
    )
    _replace(layout.secrets / "prometheus.yml", prometheus_config(_read(project / "deploy" / "prometheus.yml")))
    _replace(layout.secrets / "alertmanager.yml", alertmanager_config(_read(project / "rules" / "alertmanager.yml")))
    for volume, (owner, names) in HANDED_OUT.items():
        for name in names:
            _hand_out(layout.secrets / name, out / volume / name, owner)
        os.chown(out / volume, owner, owner)
        (out / volume).chmod(0o500)


def prometheus_config(text: str) -> str:
    """Add what only this form needs: where the rules are mounted, and the password of our own endpoints."""
    config = yaml.safe_load(text)
    config["rule_files"] = ["/etc/prometheus/rules/*.yml"]
    for job in config["scrape_configs"]:
        if job["job_name"] in {"app", "exporters", "web", "work"}:
            job["basic_auth"] = {"username": "prometheus", "password_file": f"{INSIDE}/web-prometheus"}
    return _yaml(config)


def alertmanager_config(text: str) -> str:
    """Add the password with which Alertmanager reaches the console, and where the messages' templates are mounted."""
    config = yaml.safe_load(text)
    config["templates"] = [f"{TEMPLATES}/{file}" for file in config.get("templates", ())]
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            if str(webhook.get("url", "")).startswith("http://web:"):
                login = {"username": "alertmanager", "password_file": f"{INSIDE}/web-alertmanager"}
                # In place of how the console of another environment knows Alertmanager (contacts.yaml).
                webhook["http_config"] = {"basic_auth": login}
    return _yaml(config)


def make_replica_set(vault: Path = VAULT) -> None:
    """Initiate the set on the member that has the admin user (its image made it), then make the other users."""
    layout = ComposeLayout(run_dir=vault)
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        try:
            _initiate(layout)
            _make_users(layout)
        except PyMongoError as error:
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"the replica set did not come up in {_DEADLINE_S:.0f} s: {type(error).__name__}"
                ) from None
            time.sleep(1)
        else:
            return


def _initiate(layout: ComposeLayout) -> None:
    with _client(f"mongodb://{layout.address(MEMBERS[0])}/", layout, directConnection=True) as client:
        try:
            client.admin.command("replSetInitiate", configuration(layout))
        except OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise


def _make_users(layout: ComposeLayout) -> None:
    with _client(layout.mongodb_uri, layout) as client:
        there = {role["role"] for role in client.admin.command("rolesInfo", 1)["roles"]}
        for role in mongodb_roles.ROLES:
            client.admin.command("updateRole" if role.name in there else "createRole", role.name, **role.definition())
        known = {user["user"] for user in client.admin.command("usersInfo", 1)["users"]}
        for user in MONGODB_USERS:
            if user not in known:
                password = _read(layout.mongodb_password(user)).strip()
                client.admin.command("createUser", user, pwd=password, roles=ROLES[user])
            elif user != "admin":
                # One of an older version had more.
                client.admin.command("updateUser", user, roles=ROLES[user])
        client.admin.command("setDefaultRWConcern", 1, defaultWriteConcern={"w": "majority"})


def _client(uri: str, layout: ComposeLayout, **options: Any) -> MongoClient[dict[str, Any]]:
    password = _read(layout.mongodb_password("admin")).strip()
    return MongoClient(
        uri, username="admin", password=password, serverSelectionTimeoutMS=5000, timeoutMS=15000, **options
    )


def _hand_out(source: Path, target: Path, owner: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(source.read_bytes())
    os.chown(partial, owner, owner)
    partial.replace(target)


def _once(file: Path, text: str) -> None:
    if not file.exists():
        _replace(file, text)


def _replace(file: Path, text: str) -> None:
    credentials.write_private(file, text)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def main(arguments: list[str]) -> None:
    """Run one of the three."""
    match arguments:
        case ["secrets"]:
            make_secrets()
        case ["replica-set"]:
            make_replica_set()
        case ["password", name] if name in {"operator", "grafana-admin"}:
            file = VAULT / "secrets" / (name if name == "grafana-admin" else f"web-{name}")
            sys.stdout.write(_read(file) + "\n")
        case _:
            raise SystemExit("usage: compose_init.py secrets | replica-set | password operator|grafana-admin")


if __name__ == "__main__":
    main(sys.argv[1:])
