"""What an address may look like: URLs of other servers, URIs of databases, and where we listen. Pure.

No message repeats an address that could carry a password; what is shown of one is ``place``.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import unquote

from yarl import URL

from monitor.errors import InputError, SettingsError

_PORT = re.compile(r"[0-9]{1,5}")
_LAST_PORT = 65_535
_SECRET_OPTION = re.compile("username|password|session_token|@", re.IGNORECASE)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
WRITING = ".writing-"
"""How the name of an object in a directory begins while it is written. Nobody lists those, and no key may hold one."""
_LOGIN = "carries a user or password: put it into the *_username and *_password_file settings"
_EXAMPLES = {"mongodb": "mongodb://HOST:PORT,HOST:PORT/?replicaSet=NAME", "redis": "redis://HOST:PORT/0"}


def check_url(name: str, url: str) -> None:
    """Refuse what cannot be the base URL of a server, and a URL that carries a login: it would be shown everywhere.

    Raises:
        SettingsError: the sentence names the setting and the remedy, never the URL.
    """
    if "@" in url:
        raise SettingsError(f"{name} {_LOGIN}")
    try:
        parsed = URL(url)
        usable = parsed.scheme in {"http", "https"} and parsed.host and parsed.port and not parsed.query_string
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{name} is no URL of a server: write it as http://HOST:PORT or https://HOST/PATH")


def check_database_uri(name: str, uri: str) -> None:
    """Refuse a URI with a login, or with hosts that cannot be read; its options are the driver's to judge.

    Raises:
        SettingsError: as ``check_url``.
    """
    before, _, options = uri.partition("?")
    if "@" in before or _SECRET_OPTION.search(unquote(options)):
        raise SettingsError(f"{name} {_LOGIN}")
    kind, (scheme, _, rest) = name.removesuffix("_uri"), uri.partition("://")
    try:
        # A replica set names several hosts, which no URL may.
        hosts = [URL(f"{scheme}://{host}").host for host in re.split(r"[/?]", rest, maxsplit=1)[0].split(",")]
    except ValueError:
        hosts = [None]
    if not scheme.startswith(kind) or not all(hosts):
        raise SettingsError(f"{name} cannot be read: write it as {_EXAMPLES[kind]}")


def listen_address(name: str, address: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 host stands in brackets, which are taken off.

    Raises:
        SettingsError: it is not of that form.
    """
    host, _, port = address.rpartition(":")
    if not host or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise SettingsError(f"{name} = {address!r}: write host:port, such as 127.0.0.1:9500")
    return host.removeprefix("[").removesuffix("]"), int(port)


def bucket(name: str, address: str) -> tuple[str, str] | None:
    """Split ``s3://bucket/prefix``; the prefix ends with ``/`` or is empty. ``None`` for a directory of this machine.

    Raises:
        SettingsError: it is another address, or no bucket can have that name.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return None
    found, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if scheme != "s3" or not _BUCKET.fullmatch(found):
        raise SettingsError(f"{name} is no place for backups: give a directory, or s3://BUCKET/PREFIX")
    if prefix:
        try:
            check_key(prefix)
        except InputError:
            raise SettingsError(f"{name}: what follows the bucket is no prefix of keys") from None
    return found, f"{prefix}/" if prefix else ""


def check_key(key: str) -> str:
    """Return a key of an object that stays within its place, in a directory too.

    Raises:
        InputError: it does not.
    """
    parts = key.split("/")
    plain = PurePosixPath(key).as_posix() == key and "\0" not in key
    if not plain or any(part in {"", ".", ".."} or part.startswith(WRITING) for part in parts):
        raise InputError(f"{key[:200]!r} is no key of an object")
    return key


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a host; by its meaning: 127.example.org is a name like any other."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def place(url: str) -> str:
    """Say where a server is, for messages: scheme, host and port, and nothing that could be a secret."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return "an address that cannot be read"
