"""What the app's commands (``check``, ``erase``) share: a blocking client, the key file, ids that may be shown.

The server, its user and its secrets are given by flags, secrets as files only: a restored copy is another place than
the one that the app's own settings name.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import unquote

import click
import pymongo
from pymongo.encryption_options import AutoEncryptionOpts
from pymongo.errors import ConfigurationError, InvalidName, InvalidURI, PyMongoError

from app.settings import SettingsError, read_password

Document = dict[str, Any]
Client = pymongo.MongoClient[Document]
F = TypeVar("F", bound=Callable[..., Any])

_SELECTION_MS = 10_000
_ANSWER_MS = 300_000
"""One aggregation over everything may take so long; a server that is silent for longer has hung."""
_OPAQUE = re.compile(r"[0-9a-f]{32}|practitioner-\d{2,4}")


class Exit(IntEnum):
    """How the app's commands end."""

    GOOD = 0
    FINDINGS = 1
    WRONG_INPUT = 2
    UNKNOWN = 3


def end(message: str, code: Exit) -> NoReturn:
    """Say why, and leave."""
    click.echo(f"app: {message}", err=True)
    sys.exit(code)


def server_options(command: F) -> F:
    """Add the flags that say which server, and as whom."""
    for option in (
        click.option("--database", default="appointments", show_default=True, help="The app's database."),
        click.option("--password-file", type=click.Path(path_type=Path), help="The password of --username."),
        click.option("--username", default="", help="Where the server asks for a user; a scratch server asks nobody."),
        click.option("--mongodb", "uri", required=True, metavar="URI", help="The server, without user and password."),
    ):
        command = option(command)
    return command


def connect(
    uri: str, username: str, password_file: Path | None, *, decryption: AutoEncryptionOpts | None = None
) -> Client:
    """Make a client; the first operation connects.

    Raises:
        SettingsError: URI or password file cannot be used; the message quotes neither.
    """
    if re.search("@|password|username", unquote(uri), re.IGNORECASE):
        raise SettingsError("--mongodb carries a user or password: give --username and --password-file")
    if not re.match(r"mongodb(\+srv)?://", uri):
        raise SettingsError("--mongodb is no URI: write mongodb://HOST:PORT/?replicaSet=NAME")
    password = read_password(password_file, "password")
    if bool(username) != (password is not None):
        raise SettingsError("--username and --password-file go together: give both, or neither")
    try:
        return pymongo.MongoClient(
            uri,
            username=username or None,
            password=password,
            authSource="admin",
            appname="app-tools",
            w="majority",
            tz_aware=True,
            readPreference="primaryPreferred",
            serverSelectionTimeoutMS=_SELECTION_MS,
            connectTimeoutMS=_SELECTION_MS,
            socketTimeoutMS=_ANSWER_MS,
            auto_encryption_opts=decryption,
        )
    except (InvalidURI, ConfigurationError, InvalidName) as error:
        raise SettingsError(
            f"--mongodb is no usable URI ({type(error).__name__}): write mongodb://HOST:PORT/?replicaSet=NAME"
        ) from error


@contextmanager
def told_in_one_sentence(doing: str) -> Iterator[None]:
    """End the process where a setting is wrong (2) or MongoDB refuses or is away (3); no document is quoted."""
    try:
        yield
    except SettingsError as error:
        end(f"{doing}: {error}", Exit.WRONG_INPUT)
    except PyMongoError as error:
        code = getattr(error, "code", None)
        told = type(error).__name__ + (f" {code}" if code is not None else "")
        end(f"{doing}: MongoDB does not answer, or refuses ({told}): is it running, and may this user?", Exit.UNKNOWN)


def opaque(value: object) -> str:
    """Return an id as it may be shown: ours as they are, whatever else stands in their place as a digest."""
    text = str(value)
    if _OPAQUE.fullmatch(text):
        return text
    return "sha256:" + hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
