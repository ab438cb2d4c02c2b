"""The keys that backups are sealed with: a Tink keyset in a file of its own, in Tink's own JSON.

Streaming AEAD, AES-256-GCM in segments of 1 MB, a key for each object derived from the keyset's by HKDF. A keyset holds
several keys: the primary seals, all of them open. Rotating adds one and makes it the primary, so what was sealed before
can still be opened. Neither messages nor manifests hold more of a key than its number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import tink
from tink import secret_key_access, streaming_aead

from monitor.backup.depot import CHUNK, Damaged, make_directories, sync_directory, write_new
from monitor.backup.streams import Gatherer, Reader
from monitor.errors import InputError, SettingsError

MAX_BYTES = 1024 * 1024
"""A keyset of a thousand keys is a fifth of this."""

streaming_aead.register()


class Keyset:
    """Keys by their numbers. ``primary`` is the one that seals."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.primary = int(document["primaryKeyId"])
        self.ids = tuple(int(key["keyId"]) for key in document["key"])
        self._document = document
        self._openers = {key_id: _primitive(document, key_id) for key_id in self.ids}

    @classmethod
    def create(cls) -> Self:
        """Make a keyset of one new key."""
        new = _new_key()
        return cls({"primaryKeyId": new["keyId"], "key": [new]})

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a keyset.

        Raises:
            SettingsError: the file cannot be read, or holds none.
        """
        try:
            with file.open("rb") as stream:
                content = stream.read(MAX_BYTES)
            return cls(json.loads(content))
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
        return Keyset({"primaryKeyId": new["keyId"], "key": [*self._document["key"], new]})

    def write(self, file: Path, *, replace: bool = False) -> None:
        """Write the keyset, for its owner alone, durably.

        Raises:
            InputError: there is a file already, and ``replace`` is not asked for.
            OSError: it cannot be written.
        """
        content = json.dumps(self._document).encode()
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
