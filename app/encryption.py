"""Encryption of patient fields before they leave the process: MongoDB, its logs and its backups hold ciphertext only.

The data key lives in ``encryption.__keyVault``, wrapped by the local master key. The login key (e-mail) is encrypted
deterministically, so that it can be found and be unique; everything else at random, since equal ciphertexts of a
birth date would tell who shares it.
"""

from __future__ import annotations

from bson import Binary, CodecOptions
from pymongo import IndexModel
from pymongo.asynchronous.encryption import AsyncClientEncryption
from pymongo.errors import DuplicateKeyError, EncryptionError, PyMongoError

from app.mongodb import Client, Database, Document

KEY_VAULT = ("encryption", "__keyVault")
_KEY_NAME = "patient-fields"
_DETERMINISTIC = "AEAD_AES_256_CBC_HMAC_SHA_512-Deterministic"
_RANDOM = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"


class FieldEncryption:
    """Encrypts and decrypts single fields. ``prepare`` must have succeeded once."""

    def __init__(self, client: Client, master_key: bytes, database: Database) -> None:
        self._database = database
        self._vault = client[KEY_VAULT[0]][KEY_VAULT[1]]
        self._encryption: AsyncClientEncryption[Document] = AsyncClientEncryption(
            {"local": {"key": master_key}}, ".".join(KEY_VAULT), client, CodecOptions(tz_aware=True)
        )
        self._key: Binary | None = None

    async def prepare(self) -> None:
        """Find the data key, or make it; of several processes that try at once, one does.

        Raises:
            PyMongoError: MongoDB refused or gave no answer.
        """
        await self._vault.create_indexes(
            [
                IndexModel(
                    "keyAltNames",
                    name="keyAltNames",
                    unique=True,
                    partialFilterExpression={"keyAltNames": {"$exists": True}},
                )
            ]
        )
        found = await self._encryption.get_key_by_alt_name(_KEY_NAME)
        if found is None:
            try:
                await self._encryption.create_data_key("local", key_alt_names=[_KEY_NAME])
            except (DuplicateKeyError, EncryptionError) as error:
                if not _is_duplicate(error):
                    raise
            found = await self._encryption.get_key_by_alt_name(_KEY_NAME)
        self._key = found["_id"] if found else None

    async def exact(self, value: str) -> Binary:
        """Encrypt so that equal values give equal ciphertexts."""
        return await self._encrypt(value, _DETERMINISTIC)

    async def hidden(self, value: str) -> Binary:
        """Encrypt so that nothing can be told from the ciphertext but its length."""
        return await self._encrypt(value, _RANDOM)

    async def reveal(self, value: Binary) -> str:
        """Decrypt a field."""
        return str(await self._database.attempts(lambda: self._encryption.decrypt(value)))

    async def close(self) -> None:
        """Free the cryptographic state."""
        await self._encryption.close()

    async def _encrypt(self, value: str, algorithm: str) -> Binary:
        # The data key is cached for a minute; in between, encrypting reads the vault.
        return await self._database.attempts(lambda: self._encryption.encrypt(value, algorithm, key_id=self._key))


def _is_duplicate(error: PyMongoError) -> bool:
    return isinstance(error.cause if isinstance(error, EncryptionError) else error, DuplicateKeyError)
