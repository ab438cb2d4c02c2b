"""What an address may look like: URLs of other servers, URIs of databases, and where we listen. Pure.

No message repeats an address that could carry a password; what is shown of one is ``place``.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import unquote

from yarl import URL

from monitor.errors import SettingsError

_PORT = re.compile(r"[0-9]{1,5}")
_LAST_PORT = 65_535
_SECRET_OPTION = re.compile("username|password|session_token|@", re.IGNORECASE)
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
