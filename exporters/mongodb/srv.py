"""Addresses that stand in the DNS: ``mongodb+srv://name`` names no host; its SRV and TXT records do."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import parse_qsl, urlencode

from pymongo.uri_parser import parse_uri

SCHEME = "mongodb+srv"
_LOOK_UP_SECONDS = 2.0


def check() -> None:
    """See whether such an address can be looked up here at all.

    Raises:
        ValueError: it cannot.
    """
    if find_spec("dns") is None:
        raise ValueError(f"{SCHEME}:// needs the package dnspython, which is not installed")


def look_up(uri: str) -> str:
    """Return the mongodb:// URI that this one stands for now. Blocks while it asks the DNS.

    Raises:
        PyMongoError: nobody knows the name, or the answer is not what it may be.
    """
    found = parse_uri(uri, connect_timeout=_LOOK_UP_SECONDS)
    _, _, query = uri.partition("?")
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if not pair[0].lower().startswith("srv")]
    given = {name.lower() for name, _ in pairs}
    told = {name.lower(): value for name, value in found["options"].items()}
    if "authsource" in told and "authsource" not in given:
        pairs.append(("authSource", str(told["authsource"])))
    if not given & {"tls", "ssl"}:
        pairs.append(("tls", "true"))
    hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in found["nodelist"])
    return f"mongodb://{hosts}/?{urlencode(pairs)}"
