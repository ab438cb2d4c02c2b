"""Who may make a synthetic patient: whoever knows the secret, now, for this address; by default nobody."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.clock import now
from app.problems import FORBIDDEN, Problem
from app.settings import SettingsError, load, read_synthetic_secret
from app.synthetic import VALID_FOR, Synthetic

SECRET = secrets.token_bytes(48)
PROBER = "0123456789abcdef"
EMAIL = "probe@synthetic.invalid"
PASSWORD = "a long enough password"


def header(*, at: int | None = None, email: str = EMAIL, password: str = PASSWORD, secret: bytes = SECRET) -> str:
    moment = int(now().timestamp()) if at is None else at
    message = f"{PROBER} {moment} {email} {hashlib.sha256(password.encode()).hexdigest()}"
    return f"{PROBER} {moment} {hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()}"


def prober(proof: str | None, *, secret: bytes | None = SECRET, at: datetime | None = None) -> str | None:
    found = Synthetic(secret).proof(proof, EMAIL, PASSWORD, at or now())
    return None if found is None else found.prober


def test_a_proof_names_its_prober() -> None:
    assert prober(header()) == PROBER
    assert Synthetic(SECRET).proof(header(), f" {EMAIL.upper()} ", PASSWORD, now()) is not None


def test_each_proof_has_an_id_of_its_own_that_does_not_give_it_away() -> None:
    now_ = int(now().timestamp())
    proofs = [Synthetic(SECRET).proof(header(at=now_ - back), EMAIL, PASSWORD, now()) for back in (0, 0, 1)]
    digests = [one.digest for one in proofs if one is not None]
    assert digests[0] == digests[1] != digests[2]
    assert digests[0] not in header(at=now_)


def test_everybody_else_is_a_patient() -> None:
    assert prober(None) is None
    assert prober(None, secret=None) is None


@pytest.mark.parametrize(
    "wrong",
    [
        header(secret=b"guessed"),
        header(email="somebody@example.org"),
        header(password="another long password"),
        header(at=0),
        header(at=10**11),
        header().upper(),
        f" {header()}",
        f"{header()}0",
        "",
        "\u0661" * 16,
    ],
    ids=[
        "secret",
        "patient",
        "password",
        "long ago",
        "far ahead",
        "capitals",
        "space",
        "longer",
        "empty",
        "other digits",
    ],
)
def test_what_proves_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(Problem) as caught:
        prober(wrong)
    assert caught.value.kind is FORBIDDEN


def test_without_a_secret_nobody_may() -> None:
    with pytest.raises(Problem) as caught:
        prober(header(), secret=None)
    assert caught.value.kind is FORBIDDEN


def test_a_proof_ends() -> None:
    proof = header()
    assert prober(proof, at=now() + VALID_FOR - timedelta(seconds=30)) == PROBER
    with pytest.raises(Problem):
        prober(proof, at=now() + VALID_FOR + timedelta(seconds=2))


def test_a_secret_that_could_be_guessed_is_refused_without_repeating_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert read_synthetic_secret(load({})) is None
    file.write_text("hunter2\n")
    with pytest.raises(SettingsError, match="at least 32 bytes") as caught:
        read_synthetic_secret(load({"APP_SYNTHETIC_SECRET_FILE": str(file)}))
    assert "hunter2" not in str(caught.value)
    file.write_text("x" * 40 + "\n")
    assert read_synthetic_secret(load({"APP_SYNTHETIC_SECRET_FILE": str(file)})) == b"x" * 40
