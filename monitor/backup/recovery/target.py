"""What is restored into: whether it is empty, whether it is production, and emptying it when told to."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.addresses import check_database_uri
from monitor.backup.oplog.entries import RESTORE_COLLECTION, RESTORE_DATABASE
from monitor.errors import InputError, SettingsError, Unavailable, Unsafe
from monitor.settings import Settings, read_secret
from monitor.sources import mongodb
from monitor.sources.mongodb import Client

DOING = "restore"
DEFAULT_PORT = 27017


@contextmanager
def asking(where: str) -> Iterator[None]:
    """As ``mongodb.one_sentence``, for what a target refuses to the user that restores.

    Raises:
        Unavailable: it does not answer, or refuses.
    """
    try:
        with mongodb.one_sentence(DOING, where):
            yield
    except Unavailable as error:
        code = getattr(error.__cause__, "code", None)
        if code == mongodb.AUTHENTICATION_FAILED:
            raise Unavailable(
                f"{DOING}: {where} refused the user or password: check --username and its file"
            ) from error
        if code == mongodb.UNAUTHORIZED:
            raise Unavailable(
                f"{DOING}: {where} forbids it to this user: give --username and --password-file of one with the role "
                "monitorRestore (`monitor backup roles`)"
            ) from error
        raise


@contextmanager
def connected(uri: str, username: str, password_file: Path | None) -> Iterator[Client]:
    """Connect to a target.

    Raises:
        InputError: the URI cannot be read, or carries a login; or a user has no password file.
        Unavailable: it does not answer, or cannot be written to.
    """
    try:
        check_database_uri("mongodb_uri", uri)
    except SettingsError as error:
        text = (
            str(error)
            .replace("mongodb_uri", "--into")
            .replace("the *_username and *_password_file settings", "--username and --password-file")
        )
        raise InputError(f"{DOING}: {text}") from None
    if bool(username) != bool(password_file):
        raise InputError(f"{DOING}: --username and --password-file go together: give both, or neither")
    password = read_secret(password_file, "restore_password") if username else ""
    with mongodb.connect(uri, username, password, bulk=True, durable=True) as client:
        with asking(mongodb.hosts(uri)):
            hello = client.admin.command("hello")
        if not hello.get("isWritablePrimary"):
            raise InputError(f"{DOING}: {mongodb.hosts(uri)} takes no writes: name the primary, or the whole set")
        yield client


def refuse_production(client: Client, uri: str, settings: Settings) -> None:
    """Refuse a target that shares a host with what is backed up, by whatever name.

    Raises:
        Unsafe: it does.
    """
    with asking(mongodb.hosts(uri)):
        told = client.admin.command("hello").get("hosts", [])
    seeds = mongodb.hosts(uri).split(",")
    known = [f"{host}:{port}" for host, port in client.topology_description.server_descriptions()]
    source = mongodb.hosts(settings.mongodb_uri).split(",")
    shared = _places((*told, *seeds, *known)) & _places((*source, *_members(settings)))
    if shared:
        raise Unsafe(
            f"{DOING}: {mongodb.hosts(uri)} is what is backed up (mongodb_uri): a restore would write over production. "
            "Restore elsewhere and look at it first; if it has to be, say --i-mean-production"
        )


def occupied(client: Client, where: str) -> tuple[str, ...]:
    """The collections that a target has already, other than its own state."""
    with asking(where):
        return tuple(
            f"{database}.{name}"
            for database in sorted(client.list_database_names())
            if database not in {"local", "config", RESTORE_DATABASE}
            for name in sorted(client[database].list_collection_names())
            if database != "admin" or not name.startswith("system.")
        )


def broken_off(client: Client, where: str) -> bool:
    """Whether a restore of ours was broken off there, and says how far it was."""
    with asking(where):
        return client[RESTORE_DATABASE][RESTORE_COLLECTION].find_one() is not None


def empty(client: Client, where: str) -> None:
    """Drop every collection that ``occupied`` names, and what a broken-off restore left; users and roles stay."""
    with asking(where):
        for database in client.list_database_names():
            if database == "admin":
                for name in client.admin.list_collection_names():
                    if not name.startswith("system."):
                        client.admin.drop_collection(name)
            elif database not in {"local", "config"}:
                client.drop_database(database)


def _members(settings: Settings) -> list[str]:
    """The members of the set that is backed up, as it names them; none while it is gone, which is when one restores."""
    try:
        password = read_secret(settings.backup_password_file, "backup_password")
        with mongodb.connect(settings.mongodb_uri, settings.backup_username, password, timeout_s=3) as source:
            return [member.name for member in mongodb.find_members(source)]
    except (SettingsError, Unavailable):
        return []


def _places(hosts: Iterable[str]) -> set[tuple[str, int]]:
    """Every address that these hosts have, with the port; a name that nobody knows stands for itself."""
    places: set[tuple[str, int]] = set()
    for host in hosts:
        name, _, port = host.rpartition(":") if ":" in host else (host, "", "")
        number = int(port) if port.isdigit() else DEFAULT_PORT
        bare = name.removeprefix("[").removesuffix("]").lower()
        places.add((bare, number))
        try:
            found = socket.getaddrinfo(bare, number, type=socket.SOCK_STREAM)
        except OSError:
            continue
        places |= {(_same_machine(str(address[0])), number) for *_, address in found}
    return places


def _same_machine(address: str) -> str:
    """All loopback addresses are one machine."""
    return "loopback" if address.startswith("127.") or address == "::1" else address
