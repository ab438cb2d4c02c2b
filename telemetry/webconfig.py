"""TLS and passwords for our HTTP endpoints, in the format that Prometheus and its exporters use (``web-config.yml``).

::

    tls_server_config: {cert_file: server.crt, key_file: server.key}     # paths as seen from the file
    basic_auth_users: {prometheus: $2y$10$...}                           # bcrypt, as `htpasswd -nB` writes

Passwords are checked off the event loop, and one that was right is remembered by its keyed digest: bcrypt is slow on
purpose, and a scrape every few seconds should not pay for that.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import yaml
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""What says that a process lives, and nothing else: open, so that whoever restarts processes needs no password."""

USER = web.RequestKey("user", str)
"""Who asked, where users are configured; it is missing on open paths."""

_HASH = re.compile(r"\$2[aby]\$\d{2}\$[./A-Za-z0-9]{53}")
_REMEMBERED = 64
_CHECKS_AT_ONCE = 2
_TLS_KEYS = {"cert_file", "key_file", "client_ca_file", "client_auth_type", "min_version"}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class WebConfigError(ValueError):
    """The file cannot be read, or asks for what is not supported; says which file, field and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """What protects an endpoint. ``users`` maps names to bcrypt hashes; ``ssl_context`` is ``None`` without TLS."""

    users: Mapping[str, str] = field(default_factory=dict)
    ssl_context: ssl.SSLContext | None = None


def load(file: Path | None) -> WebConfig:
    """Read a web-config file; without one, nothing is protected.

    Raises:
        WebConfigError: the file is unreadable or wrong.
    """
    if file is None:
        return WebConfig()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise WebConfigError(f"cannot read {file}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # PyYAML itself lets numbers and dates fail
        raise WebConfigError(f"{file} is not YAML that can be read: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise WebConfigError(f"{file} should be a mapping with tls_server_config and basic_auth_users")
    _known(file, "", content, {"tls_server_config", "basic_auth_users"})
    return WebConfig(
        users=_users(file, content.get("basic_auth_users") or {}),
        ssl_context=_tls(file, content.get("tls_server_config") or {}),
    )


def require_users(config: WebConfig, *, open_paths: frozenset[str] = OPEN_PATHS) -> Middleware:
    """Return an aiohttp middleware that lets only the configured users in; without users it lets everybody in."""
    checker = _Checker(config.users)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not config.users or request.path in open_paths:
            return await handler(request)
        if (name := await checker.user(request.headers.get("Authorization"))) is not None:
            request[USER] = name
            return await handler(request)
        return web.Response(
            status=401, text="who are you?\n", headers={"WWW-Authenticate": 'Basic realm="monitor", charset="UTF-8"'}
        )

    return middleware


def hash_password(password: str, *, cost: int = 10) -> str:
    """Return the bcrypt hash of a password, as this format wants it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


class _Checker:
    """Checks ``Authorization`` headers against bcrypt hashes."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, None] = {}
        self._at_once = asyncio.Semaphore(_CHECKS_AT_ONCE)
        # Whoever is not a user is checked as well, so that the time it takes does not tell who is one.
        self._nobody = next(iter(users.values()), "")

    async def user(self, header: str | None) -> str | None:
        """Whose password it is; ``None`` where it is nobody's."""
        name, password = _decode(header or "")
        digest = hmac.digest(self._key, f"{name}\0{password}".encode(), hashlib.sha256)
        if digest in self._known:
            return name
        hashed = self._users.get(name)
        async with self._at_once:
            right = await asyncio.to_thread(_matches, password, hashed or self._nobody)
        if not right or hashed is None:
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[digest] = None
        return name


def _decode(header: str) -> tuple[str, str]:
    """Take a Basic authorization apart; two empty strings, which nobody has, for anything else."""
    scheme, _, encoded = header.partition(" ")
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:
        return "", ""
    return (name, password) if scheme.lower() == "basic" and colon else ("", "")


def _matches(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode(), hashed.encode())
    except ValueError:  # longer than the 72 bytes that bcrypt reads, or with a NUL: nobody's password
        return False


def _users(file: Path, users: object) -> dict[str, str]:
    if not isinstance(users, dict):
        raise WebConfigError(f"{file}: basic_auth_users should map names to bcrypt hashes")
    for name, hashed in users.items():
        if not isinstance(name, str) or not _HASH.fullmatch(str(hashed)):
            raise WebConfigError(f"{file}: basic_auth_users: {name!r} has no bcrypt hash: make one with `htpasswd -nB`")
    return {str(name): str(hashed) for name, hashed in users.items()}


def _tls(file: Path, tls: object) -> ssl.SSLContext | None:
    if not tls:
        return None
    if not isinstance(tls, dict):
        raise WebConfigError(f"{file}: tls_server_config should be a mapping")
    _known(file, "tls_server_config.", tls, _TLS_KEYS)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = _choice(file, "min_version", tls.get("min_version", "TLS12"), _VERSIONS)
    beside: Callable[[str], Path] = lambda key: file.parent / str(tls.get(key, ""))  # noqa: E731  # one line, used thrice
    try:
        context.load_cert_chain(beside("cert_file"), beside("key_file"))
        if "client_ca_file" in tls:
            context.load_verify_locations(beside("client_ca_file"))
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        why = getattr(error, "strerror", None) or error
        raise WebConfigError(f"{file}: tls_server_config: cannot load certificate or key: {why}") from error
    context.verify_mode = _choice(file, "client_auth_type", tls.get("client_auth_type", "NoClientCert"), _CLIENT_AUTH)
    return context


def _choice(file: Path, key: str, value: object, choices: Mapping[str, Any]) -> Any:
    if not isinstance(value, str) or value not in choices:
        raise WebConfigError(f"{file}: tls_server_config.{key}: {value!r} is none of {', '.join(choices)}")
    return choices[value]


def _known(file: Path, where: str, given: Mapping[Any, object], known: set[str]) -> None:
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise WebConfigError(f"{file}: {where}{unknown[0]} is not supported: only {', '.join(sorted(known))}")
