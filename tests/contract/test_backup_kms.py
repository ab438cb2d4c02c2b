"""A keyset whose file a key management service has sealed: made, rotated, escrowed and read, against moto's KMS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner, Result

from monitor.backup import keys as keys_module
from monitor.backup.keys import Keyset
from monitor.cli import main
from monitor.errors import SettingsError, Unavailable
from monitor.sources import key_management
from tests.contract.object_store import ObjectStore, Relay, identity

pytest_plugins = ("tests.contract.object_store_fixtures",)
pytestmark = pytest.mark.usefixtures("identity_of_tests")

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _asks_anew(monkeypatch: pytest.MonkeyPatch, object_store: ObjectStore) -> Iterator[None]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", object_store.url)
    forget()
    yield
    forget()


def forget() -> None:
    key_management.key.cache_clear()
    keys_module._unsealed.cache_clear()


@pytest.fixture
def kms_key(object_store: ObjectStore) -> str:
    made = boto3.client("kms", **identity(object_store.url)).create_key()
    return f"aws-kms://{made['KeyMetadata']['Arn']}"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("MONITOR_BACKUP_KEYSET_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("MONITOR_RUN_DIR", str(tmp_path / "run"))
    return lambda *arguments: CliRunner().invoke(main, ["backup", "keys", *map(str, arguments)])


def test_no_file_holds_a_key_in_the_clear_but_an_escrow_copy_that_is_asked_for(
    tmp_path: Path, command: Command, kms_key: str, object_store: ObjectStore
) -> None:
    file, plain, elsewhere = tmp_path / "keys.json", tmp_path / "usb.json", tmp_path / "other-account.json"
    other = f"aws-kms://{boto3.client('kms', **identity(object_store.url)).create_key()['KeyMetadata']['Arn']}"
    assert command("create", "--kms-key", kms_key).exit_code == 0
    sealed = b"".join(Keyset.read(file).seal([b"somebody's booking"], b"about"))
    first = Keyset.read(file).primary
    assert command("rotate").exit_code == 0
    assert command("escrow", "--out", plain).exit_code == 0
    assert command("escrow", "--out", elsewhere, "--kms-key", other).exit_code == 0

    secrets = [key["keyData"]["value"] for key in json.loads(plain.read_text())["key"]]
    assert len(secrets) == 2
    for each, by in ((file, kms_key), (elsewhere, other)):
        content = each.read_text()
        assert json.loads(content)["kmsKey"] == by
        assert not any(secret in content for secret in secrets)
    forget()
    for each in (file, plain, elsewhere):
        keyset = Keyset.read(each)
        assert keyset.primary != first
        assert b"".join(keyset.open([sealed], b"about", first)) == b"somebody's booking"


def test_the_service_is_asked_once_and_not_for_each_store_that_is_opened(
    tmp_path: Path, command: Command, kms_key: str, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("create", "--kms-key", kms_key).exit_code == 0
    forget()
    Keyset.read(tmp_path / "keys.json")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
    key_management.key.cache_clear()
    Keyset.read(tmp_path / "keys.json")
    forget()
    with pytest.raises(Unavailable, match="does not answer") as caught:
        Keyset.read(tmp_path / "keys.json")
    assert caught.value.__cause__ is None


def test_who_may_not_use_the_key_is_told_so(
    tmp_path: Path, command: Command, kms_key: str, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("create", "--kms-key", kms_key).exit_code == 0
    forget()
    stranger = object_store.identity(tmp_path, "kms-stranger", "s3:ListBucket")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(stranger))
    # AWS names the refusal; moto's KMS says only 403.
    with object_store.rights_enforced(), pytest.raises(SettingsError, match=r"refused \((AccessDenied|403)"):
        Keyset.read(tmp_path / "keys.json")


def test_a_service_that_says_nothing_is_not_waited_for_without_end(
    tmp_path: Path, command: Command, kms_key: str, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("create", "--kms-key", kms_key).exit_code == 0
    forget()
    relay = Relay(object_store.url)
    relay.answer_bytes = 0
    monkeypatch.setattr(key_management, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", relay.url)
    try:
        with pytest.raises(Unavailable, match="does not answer"):
            Keyset.read(tmp_path / "keys.json")
    finally:
        relay.close()


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("aws-kms://arn:aws:kms:us-east-1:000000000000:key/no-such-key", "refused (NotFoundException)"),
        ("gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k", "names no key"),
        ("aws-kms://", "names no key"),
        ("aws-kms://arn:aws:kms:us-east-1:000000000000:key/x\nAWS_SECRET=1", "names no key"),
    ],
)
def test_a_key_that_is_none_is_refused_and_nothing_is_left(
    tmp_path: Path, command: Command, uri: str, why: str
) -> None:
    done = command("create", "--kms-key", uri)
    assert (done.exit_code, why in done.output) == (2, True), done.output
    assert list(tmp_path.glob("*keys.json*")) == []


@pytest.mark.parametrize(
    "change", [{"encryptedKeyset": "AAAA"}, {"encryptedKeyset": 5}, {"kmsKey": 7}, {"kmsKey": None}]
)
def test_a_changed_file_is_one_sentence(
    tmp_path: Path, command: Command, kms_key: str, change: dict[str, object]
) -> None:
    assert command("create", "--kms-key", kms_key).exit_code == 0
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(SettingsError) as caught:
        Keyset.read(file)
    assert caught.value.__cause__ is None
