"""The keysets of the list of erasures (Tink, Ed25519): the monitor's own signs, the one at the restore side verifies.

Keysets, not keys: a second key is added before the first is retired, and old entries stay valid.
"""

from __future__ import annotations

import os
from pathlib import Path

import tink
from tink import json_proto_keyset_format, secret_key_access, signature

from monitor.backup.erasures.chain import Sign, Verify
from monitor.errors import InputError, SettingsError

signature.register()


def make(private: Path, public: Path) -> None:
    """Write a new pair of keysets, the private one for its owner only.

    Raises:
        InputError: one of the files is there already: a key is not replaced by accident.
    """
    for file in (private, public):
        if file.exists():
            raise InputError(f"{file} is there already: a lost key makes the list useless, so it is not replaced")
    handle = tink.new_keyset_handle(signature.signature_key_templates.ED25519)
    _write(private, json_proto_keyset_format.serialize(handle, secret_key_access.TOKEN), 0o600)
    _write(public, json_proto_keyset_format.serialize_without_secret(handle.public_keyset_handle()), 0o644)


def signer(file: Path | None) -> tuple[Sign, Verify]:
    """Return what signs, and what verifies the same, from the private keyset.

    Raises:
        SettingsError: no file is set, or it holds no such keyset; the message quotes nothing of it.
    """
    text = _read(file, "erasure_signing_key")
    try:
        handle = json_proto_keyset_format.parse(text, secret_key_access.TOKEN)
        sign = handle.primitive(signature.PublicKeySign)
        return sign.sign, _verify(handle.public_keyset_handle())
    except tink.TinkError as error:
        raise SettingsError(f"{file} holds no private keyset for signatures: give that of `erasure key`") from error


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
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, mode), "w", encoding="utf-8") as stream:
        stream.write(text + "\n")
