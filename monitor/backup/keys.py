"""The keys that backups are sealed with: a Tink keyset in a file of its own, in Tink's own JSON.

Streaming AEAD, AES-256-GCM in segments of 1 MB, a key for each object derived from the keyset's by HKDF. A keyset holds
several keys: the primary seals, all of them open. Rotating adds one and makes it the primary, so what was sealed before
can still be opened. Neither messages nor manifests hold more of a key than its number.

The file itself may be sealed by a key management service: it then is Tink's encrypted keyset with the name of that key
beside it (``kmsKey``), and is of no use to who has nothing but the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import tink
from tink import secret_key_access, streaming_aead

from monitor.backup.depot import CHUNK, Damaged, make_directories, sync_directory, write_new
from monitor.backup.streams import Gatherer, Reader
from monitor.errors import InputError, SettingsError
from monitor.sources import key_management

MAX_BYTES = 1024 * 1024
"""A keyset of a thousand keys is a fifth of this."""

_KMS_KEY = "kmsKey"

streaming_aead.register()


class Keyset:
    """Keys by their numbers. ``primary`` is the one that seals."""

    def __init__(self, document: dict[str, Any], kms_key: str = "") -> None:
        self.kms_key = kms_key
        """What the file is sealed with; empty where it is plain."""
        self.primary = int(document["primaryKeyId"])
        self.ids = tuple(int(key["keyId"]) for key in document["key"])
        if self.primary not in self.ids:
            raise ValueError("the key that is to seal is not among them")
        self._document = document
        self._openers = {key_id: _primitive(document, key_id) for key_id in self.ids}

    @classmethod
    def create(cls, kms_key: str = "") -> Self:
        """Make a keyset of one new key, whose file is to be sealed with ``kms_key``."""
        new = _new_key()
        return cls({"primaryKeyId": new["keyId"], "key": [new]}, kms_key)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a keyset.

        Raises:
            SettingsError: the file cannot be read, or holds none; or the service that sealed it refuses.
            Unavailable: that service does not answer.
        """
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES)
            document = json.loads(content)
            if isinstance(document, dict) and _KMS_KEY in document:
                kms_key = str(document.pop(_KMS_KEY))
                return cls(json.loads(_unsealed(json.dumps(document), kms_key)), kms_key)
            return cls(document)
        except OSError as error:
            raise SettingsError(f"cannot read the backup keys from {file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, tink.TinkError):
            # Its text could quote the file.
            message = f"{file} holds no keyset: `monitor backup keys create` makes one, your escrow copy is another"
            raise SettingsError(message) from None

    def rotated(self) -> Keyset:
        """Return these keys and a new one, which is the primary."""
        new = _new_key()
        while new["keyId"] in self.ids:
            new = _new_key()
        return Keyset({"primaryKeyId": new["keyId"], "key": [*self._document["key"], new]}, self.kms_key)

    def sealed_with(self, kms_key: str) -> Keyset:
        """Return the same keys, for a file that is sealed with another key; plain where that is empty."""
        return Keyset(self._document, kms_key)

    def write(self, file: Path, *, replace: bool = False) -> None:
        """Write the keyset, for its owner alone, durably; what is replaced stays where a link leads to.

        Raises:
            InputError: there is a file already, and ``replace`` is not asked for.
            SettingsError, Unavailable: the service that is to seal it refuses, or does not answer.
            OSError: it cannot be written.
        """
        content = (_sealed(self._document, self.kms_key) if self.kms_key else json.dumps(self._document)).encode()
        file = file.resolve() if replace else file
        make_directories(file.parent)
        temporary = file.with_name(f".{file.name}.new")
        temporary.unlink(missing_ok=True)
        try:
            write_new(temporary, [content])
            if replace:
                temporary.rename(file)
            else:
                os.link(temporary, file)
        except FileExistsError:
            raise InputError(f"{file} is there already; what is sealed with its keys needs it: name another") from None
        finally:
            temporary.unlink(missing_ok=True)
        sync_directory(file.parent)

    def seal(self, content: Iterable[bytes], about: bytes) -> Iterator[bytes]:
        """Encrypt a stream with the primary key, bound to ``about``."""
        sink = Gatherer()
        stream = self._openers[self.primary].new_encrypting_stream(sink, about)
        for chunk in content:
            stream.write(chunk)
            if sealed := sink.take():
                yield sealed
        # Flushing is part of closing, and closing closes the sink; what it holds can still be taken.
        stream.close()
        yield sink.take()

    def open(self, content: Iterable[bytes], about: bytes, key_id: int) -> Iterator[bytes]:
        """Decrypt a stream. What was yielded is authentic, but only at the end is it known to be whole.

        Raises:
            Damaged: it was changed, cut off, or is about something else.
        """
        source = Reader(content)
        try:
            with self._openers[key_id].new_decrypting_stream(source, about) as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except tink.TinkError as error:
            if source.failed is not None:
                raise source.failed from error
            raise Damaged("it was changed, cut off, or put in another's place after it was sealed") from error


def _sealed(document: dict[str, Any], kms_key: str) -> str:
    service = key_management.key(kms_key)
    handle = tink.json_proto_keyset_format.parse(json.dumps(document), secret_key_access.TOKEN)
    with key_management.one_sentence(kms_key):
        sealed = tink.json_proto_keyset_format.serialize_encrypted(handle, service, b"")
    return json.dumps({_KMS_KEY: kms_key} | json.loads(sealed))


@lru_cache(maxsize=4)
def _unsealed(sealed: str, kms_key: str) -> str:
    """The keyset in the clear. Kept, as its keys are anyway: stores are opened each minute, and would ask each time."""
    service = key_management.key(kms_key)
    with key_management.one_sentence(kms_key):
        handle = tink.json_proto_keyset_format.parse_encrypted(sealed, service, b"")
    return str(tink.json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


def _new_key() -> dict[str, Any]:
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    made = tink.json_proto_keyset_format.serialize(tink.new_keyset_handle(template), secret_key_access.TOKEN)
    key: dict[str, Any] = json.loads(made)["key"][0]
    return key


def _primitive(document: dict[str, Any], key_id: int) -> Any:
    """Return what one key seals and opens with."""
    one = {"primaryKeyId": key_id, "key": [key for key in document["key"] if int(key["keyId"]) == key_id]}
    handle = tink.json_proto_keyset_format.parse(json.dumps(one), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)
