"""The stack's secrets: made once, kept in files that only their owner reads, never on a command line."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path

from monitor.sources import signing_keys
from monitor.stack.layout import MONGODB_USERS, REDIS_USERS, Layout

REDIS_RULES = {
    "admin": "~* &* +@all",
    "app": "~slots:* ~active:* -@all +ping +select +get +mget +set +del +pfadd +expire +client|setname",
    "exporters": (
        "~active:* -@all +info +pfcount +config|get +latency|latest +latency|histogram +slowlog|get +slowlog|len"
        " +client|list"
    ),
    "backup": "-@all +ping +info +psync +sync +replconf +client|setname",
}
"""What each Redis user may do. The default user is off; nobody but ``admin`` may change anything about the server."""

FIELD_KEY_BYTES = 96
"""The size of a local master key in MongoDB's field encryption."""


def make(layout: Layout) -> None:
    """Make every secret that does not exist yet. The directory is 0700, each file 0600."""
    layout.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    layout.secrets.chmod(0o700)
    for user in MONGODB_USERS:
        _once(layout.mongodb_password(user), secrets.token_urlsafe(32).encode())
    for user in REDIS_USERS:
        _once(layout.redis_password(user), secrets.token_urlsafe(32).encode())
    # MongoDB wants 6 to 1024 base64 characters in a keyfile.
    _once(layout.mongodb_keyfile, base64.b64encode(secrets.token_bytes(384)))
    _once(layout.field_key, secrets.token_bytes(FIELD_KEY_BYTES))
    _once(layout.escrowed_field_key, layout.field_key.read_bytes())
    _once(layout.jwt_key, secrets.token_urlsafe(48).encode())
    _once(layout.synthetic_secret, secrets.token_urlsafe(48).encode())
    signing_keys.make_once(layout.erasure_signing_key, layout.erasure_verification_key)
    write_private(redis_acl_file(layout), redis_acl(layout))


def redis_acl_file(layout: Layout) -> Path:
    """Where Redis reads its users from. It holds only hashes of passwords."""
    return layout.secrets / "redis-users.acl"


def redis_acl(layout: Layout) -> str:
    """Return Redis's ACL file: each user with the hash of its password and what it may do."""
    lines = ["user default off -@all"]
    for user in REDIS_USERS:
        digest = hashlib.sha256(layout.redis_password(user).read_bytes().strip()).hexdigest()
        lines.append(f"user {user} on #{digest} {REDIS_RULES[user]}")
    return "\n".join(lines) + "\n"


def write_private(file: Path, text: str) -> None:
    """Replace a file by ``text`` in one step; only its owner may read it."""
    partial = file.with_name(file.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    partial.replace(file)


def _once(file: Path, content: bytes) -> None:
    if file.exists():
        file.chmod(0o600)
        return
    partial = file.with_name(file.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    partial.replace(file)
