"""Has a key management service seal and open a few bytes: a keyset, so that no file holds its keys in the clear.

By Tink's own client. Who may ask, and where, is told to the library as everywhere on such a machine: ``AWS_*`` in the
environment, a profile, or the machine's role; the region is in the key's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.client import INTERNAL_SERVER_ERROR
from typing import TYPE_CHECKING

import boto3
import tink
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tink import aead
from tink.integration import awskms

from monitor.errors import SettingsError, Unavailable
from monitor.sources.object_client import ATTEMPTS, CONNECT_TIMEOUT_S, READ_TIMEOUT_S

if TYPE_CHECKING:
    from tink.aead import Aead

PREFIX = "aws-kms://"
_KEY = re.compile(r"aws-kms://arn:(?:aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):\d{12}:(?:key|alias)/[\w/-]+")
_AWAY = frozenset({"ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "ServiceUnavailable"})

aead.register()


@lru_cache(maxsize=8)
def key(uri: str) -> Aead:
    """Return what seals and opens with the key of that name; nothing is asked of it yet.

    Raises:
        SettingsError: it is no name of a key that can be used here.
    """
    named = _KEY.fullmatch(uri)
    if named is None:
        raise SettingsError(
            f"{uri!r} names no key: write it as aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID (AWS KMS; for another "
            "service mount the keyset as a file)"
        )
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
    )
    with one_sentence(uri):
        client = boto3.session.Session().client("kms", region_name=named["region"], config=config)
        return awskms.new_client(boto3_client=client, key_uri=uri).get_aead(uri)


@contextmanager
def one_sentence(uri: str) -> Iterator[None]:
    """Turn what the libraries raise into one of our errors; their texts could quote what was sent.

    Raises:
        SettingsError: it refused: no such key, not for this identity, or not what it sealed.
        Unavailable: it does not answer.
    """
    try:
        yield
    except tink.TinkError as error:
        # Tink hands the service's own answer on as its argument.
        told = next((one for one in error.args if isinstance(one, ClientError)), None)
        if told is None:
            raise SettingsError(f"{uri} gave no keyset: was it sealed with another key?") from None
        code = str(told.response.get("Error", {}).get("Code", "no code"))
        status = int(told.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _AWAY or status >= INTERNAL_SERVER_ERROR:
            raise Unavailable(f"{uri} does not answer as it should ({code}): try again") from None
        raise SettingsError(f"{uri} refused ({code}): does the key exist, and may this identity use it?") from None
    except BotoCoreError as error:
        raise Unavailable(
            f"{uri} does not answer ({type(error).__name__}): is it reachable, and who asks set (AWS_PROFILE, a role)?"
        ) from None
