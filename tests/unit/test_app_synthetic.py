"""Who may make a synthetic patient: whoever knows the secret, now, for this address; by default nobody."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from app.clock import now
from app.problems import FORBIDDEN, Problem
from app.settings import SettingsError, load, read_synthetic_secret
from app.synthetic import VALID_FOR, Synthetic

SECRET = secrets.token_bytes(48)
PROBER = "0123456789abcdef"
EMAIL = "probe@synthetic.invalid"


def header(*, at: int | None = None, email: str = EMAIL, secret: bytes = SECRET) -> str:
    moment = int(now().timestamp()) if at is None else at
    return f"{PROBER} {moment} {hmac.new(secret, f'{PROBER} {moment} {email}'.encode(), hashlib.sha256).hexdigest()}"


def test_a_proof_names_its_prober() -> None:
    assert Synthetic(SECRET).prober(header(), EMAIL, now()) == PROBER
    assert Synthetic(SECRET).prober(header(), f" {EMAIL.upper()} ", now()) == PROBER


def test_everybody_else_is_a_patient() -> None:
    assert Synthetic(SECRET).prober(None, EMAIL, now()) is None
    assert Synthetic(None).prober(None, EMAIL, now()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        header(secret=b"guessed"),
        header(email="somebody@example.org"),
        header(at=0),
        header(at=10**11),
        header().upper(),
        f" {header()}",
        f"{header()}0",
        "",
        "\u0661" * 16,
    ],
    ids=["secret", "patient", "long ago", "far ahead", "capitals", "space", "longer", "empty", "other digits"],
)
def test_what_proves_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(Problem) as caught:
        Synthetic(SECRET).prober(wrong, EMAIL, now())
    assert caught.value.kind is FORBIDDEN


def test_without_a_secret_nobody_may() -> None:
    with pytest.raises(Problem) as caught:
        Synthetic(None).prober(header(), EMAIL, now())
    assert caught.value.kind is FORBIDDEN


def test_a_proof_ends() -> None:
    proof = header()
    assert Synthetic(SECRET).prober(proof, EMAIL, now() + VALID_FOR - timedelta(seconds=2)) == PROBER
    with pytest.raises(Problem):
        Synthetic(SECRET).prober(proof, EMAIL, now() + VALID_FOR + timedelta(seconds=2))


def test_a_secret_that_could_be_guessed_is_refused_without_repeating_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert read_synthetic_secret(load({})) is None
    file.write_text("hunter2\n")
    with pytest.raises(SettingsError, match="at least 32 bytes") as caught:
        read_synthetic_secret(load({"APP_SYNTHETIC_SECRET_FILE": str(file)}))
    assert "hunter2" not in str(caught.value)
    file.write_text("x" * 40 + "\n")
    assert read_synthetic_secret(load({"APP_SYNTHETIC_SECRET_FILE": str(file)})) == b"x" * 40
