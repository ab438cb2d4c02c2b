"""The client of object storage, with its deadlines and the identity it acts as."""

from __future__ import annotations

import configparser
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from monitor.errors import SettingsError

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 15
ATTEMPTS = 2
"""So storage that takes connections and says nothing is told as such after half a minute."""
CONNECTIONS = 10
KEY_ID, SECRET, TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
REGION = "us-east-1"
"""What stores that have no regions want to hear."""


def connect(*, endpoint_url: str = "", region: str = "", credentials: Path | None = None) -> Any:
    """Make a client; the first call connects.

    Without ``endpoint_url`` it is Amazon's. Without ``credentials`` (a file in the form of ``~/.aws/credentials``) the
    identity comes from the environment or the machine, as boto3 finds it.

    Raises:
        SettingsError: the file cannot be read or holds no identity.
    """
    identity = _identity(credentials) if credentials else {}
    try:
        return _client(endpoint_url, region, identity.get(KEY_ID), identity.get(SECRET), identity.get(TOKEN))
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(f"object storage cannot be set up ({type(error).__name__})") from error


@lru_cache(maxsize=8)
def _client(endpoint_url: str, region: str, key_id: str | None, secret: str | None, token: str | None) -> Any:
    """Make a client once: reading what the library knows of S3 takes half a second, and threads may share it."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        # A bucket's name becomes a host's name with Amazon only.
        s3={"addressing_style": "path" if endpoint_url else "auto"},
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint_url or None,
        region_name=region or (REGION if endpoint_url else None),
        config=config,
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def _identity(file: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
        section = parser["default"]
        found = {name: section[name] for name in (KEY_ID, SECRET, TOKEN) if section.get(name)}
    except OSError as error:
        raise SettingsError(f"cannot read the identity for object storage from {file}: {error.strerror}") from error
    except (configparser.Error, KeyError, UnicodeDecodeError):
        # Its text could quote the file.
        found = {}
    if not {KEY_ID, SECRET} <= set(found):
        raise SettingsError(f"{file} holds no identity: it needs {KEY_ID} and {SECRET} below [default]")
    return found
