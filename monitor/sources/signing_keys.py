"""Keysets of signatures (Tink, Ed25519): the monitor's own signs the list of erasures, where it restores one verifies.

Keysets, not keys: a second key is added before the first is retired, and old entries stay valid.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import tink
from tink import json_proto_keyset_format, secret_key_access, signature

from monitor.errors import InputError, SettingsError

signature.register()

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]
"""Of a signature, then of what it should be of."""


def make(private: Path, public: Path) -> None:
    """Write a new pair of keysets, the private one for its owner only; or, if that fails, neither.

    Raises:
        InputError: one of the files is there already: a key is not replaced by accident. Or they are one.
        OSError: one of them cannot be written.
    """
    if private.absolute() == public.absolute():
        raise InputError(f"{private} cannot hold both keysets: name two files")
    for file in (private, public):
        if file.exists():
            raise InputError(f"{file} is there already: a lost key makes the list useless, so it is not replaced")
    _new(private)
    try:
        _publish(private, public, 0o644)
    except BaseException:
        # Half a pair is none, and would be in the way of the next try.
        private.unlink()
        raise


def make_once(private: Path, public: Path) -> None:
    """Make the pair if it is not there, for its owner alone; whoever was killed in between is followed up.

    Raises:
        SettingsError: there is a private file that holds no keyset.
    """
    if not private.exists():
        public.unlink(missing_ok=True)
        _new(private)
    if not public.exists():
        _publish(private, public, 0o600)
    for file in (private, public):
        file.chmod(0o600)


def signer(file: Path | None) -> tuple[Sign, Verify]:
    """Return what signs, and what verifies the same, from the private keyset.

    Raises:
        SettingsError: no file is set, or it holds no such keyset; the message quotes nothing of it.
    """
    handle = _private(file)
    return handle.primitive(signature.PublicKeySign).sign, _verify(handle.public_keyset_handle())


def verifier(file: Path | None) -> Verify:
    """Return what verifies, from the public keyset.

    Raises:
        SettingsError: as ``signer``.
    """
    text = _read(file, "erasure_verification_key")
    try:
        return _verify(json_proto_keyset_format.parse_without_secret(text))
    except tink.TinkError as error:
        raise SettingsError(f"{file} holds no public keyset for signatures: give that of `erasure key`") from error


def _private(file: Path | None) -> tink.KeysetHandle:
    text = _read(file, "erasure_signing_key")
    try:
        handle = json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
        handle.public_keyset_handle()  # what signs nothing has no other half
    except tink.TinkError as error:
        raise SettingsError(f"{file} holds no private keyset for signatures: give that of `erasure key`") from error
    return handle


def _new(file: Path) -> None:
    handle = tink.new_keyset_handle(signature.signature_key_templates.ED25519)
    _write(file, json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN), 0o600)


def _publish(private: Path, file: Path, mode: int) -> None:
    """Write the public half of a private keyset."""
    half = _private(private).public_keyset_handle()
    _write(file, json_proto_keyset_format.serialize_without_secret(half), mode)


def _verify(public: tink.KeysetHandle) -> Verify:
    primitive = public.primitive(signature.PublicKeyVerify)

    def verify(signed_with: bytes, data: bytes) -> bool:
        try:
            primitive.verify(signed_with, data)
        except tink.TinkError:
            return False
        return True

    return verify


def _read(file: Path | None, what: str) -> str:
    if file is None:
        raise SettingsError(
            f"no file is set for {what}: `monitor backup erasure key` makes a pair; set MONITOR_{what.upper()}_FILE"
        )
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {what} from {file} ({type(error).__name__})") from error


def _write(file: Path, text: str, mode: int) -> None:
    """Write a file that is there whole, or not at all."""
    partial = file.with_name(f".{file.name}.new")
    partial.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(partial, flags, mode), "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(partial, file)
    finally:
        partial.unlink(missing_ok=True)
