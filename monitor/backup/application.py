"""The application's own commands, as ``recovery.yaml`` names them: what only it knows about its data.

``application_check`` says whether a restored database holds what the application promises, ``application_erase``
removes everything about some subjects. Both are run as children with an environment of their own: of the monitor's
secrets they get none, and the field key only as the name of its file. Contract of the commands (docs/backups.md): the
flags that are added here, JSON on standard output, exit codes 0 good, 1 findings, 2 wrong use, 3 cannot reach.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote_plus

from monitor import clock
from monitor.errors import InputError, Unavailable
from monitor.sources.mongodb import Client

DEADLINE_S = 900.0
LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; a hundred ids of each check are some ten thousand."""
KEPT = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What of our environment a child is given."""

_SHOWN = re.compile(r"[\w.:/ ,?-]{1,200}", re.ASCII)

Outcome = Literal["passed", "failed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server that a command works on."""

    uri: str
    username: str = ""
    password_file: Path | None = None

    def flags(self) -> list[str]:
        """As flags; the password is in its file."""
        login = ["--username", self.username, "--password-file", str(self.password_file)] if self.username else []
        return ["--mongodb", self.uri, *login]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the application said of its data. ``unknown`` where it could not, or did not look at all of it."""

    outcome: Outcome
    checks: tuple[dict[str, Any], ...] = ()
    reason: str = ""

    def body(self) -> dict[str, Any]:
        """As the store and ``--json`` have it."""
        return {"outcome": self.outcome, "checks": list(self.checks), "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    code: int
    fields: dict[str, Any] = field(default_factory=dict)


def target_of(client: Client) -> Target:
    """Return the target that a scratch server's client is connected to: a Unix socket, no user."""
    address = client.address
    if address is None:
        raise Unavailable("the scratch server stopped answering")
    host, port = address
    return Target(uri=f"mongodb://{quote_plus(host) if host.startswith('/') else f'{host}:{port}'}/")


def check(
    command: Sequence[str],
    target: Target,
    *,
    field_key_file: Path | None = None,
    ledger: Path | None = None,
    until: datetime | None = None,
) -> Checked:
    """Let the application check a database; ``until`` bounds what of the ledger must be in it."""
    flags = [*target.flags(), "--json"]
    flags += ["--field-key-file", str(field_key_file)] if field_key_file else []
    flags += ["--ledger", str(ledger)] if ledger else []
    flags += ["--until", clock.to_rfc3339(until)] if ledger and until else []
    try:
        answer = _run(command, flags)
    except (InputError, Unavailable) as error:
        return Checked(outcome="unknown", reason=str(error))
    told = answer.fields.get("checks")
    checks = tuple(_check(one) for one in told if isinstance(one, dict)) if isinstance(told, list) else ()
    outcomes = {str(one["outcome"]) for one in checks}
    if answer.code == 1 or "failed" in outcomes:
        return Checked(outcome="failed", checks=checks)
    if answer.code != 0 or not checks:
        return Checked(outcome="unknown", checks=checks, reason=f"the application's check ended with {answer.code}")
    if outcomes != {"passed"}:
        left_out = ", ".join(one["name"] for one in checks if one["outcome"] != "passed")
        return Checked(outcome="unknown", checks=checks, reason=f"the application did not look at: {left_out}")
    return Checked(outcome="passed", checks=checks)


def erase(command: Sequence[str], target: Target, subjects: Sequence[str]) -> dict[str, int]:
    """Let the application erase everything about subjects; returns its counts.

    Raises:
        Unavailable: the command failed; nothing is known of what it did, and it may be repeated.
    """
    with tempfile.NamedTemporaryFile("w", encoding="ascii", prefix="erasures-", suffix=".txt") as file:
        file.writelines(f"{one}\n" for one in subjects)
        file.flush()
        answer = _run(command, [*target.flags(), "--patients", file.name, "--json"])
    if answer.code != 0:
        raise Unavailable(
            f"the application's command for erasing ended with {answer.code}: erased patients may be in the restored "
            "server; let nobody in, correct what is wrong, and run it again"
        )
    return {_text(name): count for name, count in answer.fields.items() if type(count) is int}


def _run(command: Sequence[str], flags: Sequence[str]) -> _Answer:
    if not command:
        raise InputError("recovery.yaml names no such command of the application")
    # The monitor's own interpreter: another one on PATH may not have the application.
    program = sys.executable if command[0] == "python" else command[0]
    environment: Mapping[str, str] = {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        child = subprocess.Popen(
            [program, *command[1:], *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # whatever it says there is not ours to show: it may quote data
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"the application's command {command[0]!r} cannot be run: {error.strerror}") from error
    try:
        output, _ = child.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"the application's command did not end within {DEADLINE_S:.0f} s") from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return _Answer(code=child.returncode, fields=_fields(output))


def _fields(output: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(output[: LARGEST_ANSWER + 1])
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _check(told: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a check what its contract has, and no text that is none of an id's or a name's."""
    findings = told.get("findings", ())
    return {
        "name": _text(told.get("name")),
        "outcome": _text(told.get("outcome")),
        "checked": told["checked"] if type(told.get("checked")) is int else 0,
        "findings": [_text(one) for one in findings[:100]] if isinstance(findings, list) else [],
    }


def _text(value: object) -> str:
    text = str(value)
    return text if _SHOWN.fullmatch(text) else "(unreadable)"
