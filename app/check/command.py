"""``python -m app check``: flags in, results out, an exit code that a script can trust."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import click

from app.check import fields, promised
from app.check.result import Result
from app.check.stored import CHECKS, Stored
from app.clock import from_rfc3339, now
from app.ledger import LedgerError
from app.settings import Settings
from app.tools import Client, Exit, connect, end, server_options, told_in_one_sentence

WORKERS = 2
"""Checks at a time: a live server is left some of its cores."""


@click.command("check")
@server_options
@click.option(
    "--field-key-file",
    type=click.Path(path_type=Path),
    envvar="APP_FIELD_KEY_FILE",
    help="The key of the patient fields (or APP_FIELD_KEY_FILE). Without it they are not looked at.",
)
@click.option("--ledger", type=click.Path(path_type=Path), help="A ledger: its acknowledged bookings must be there.")
@click.option("--until", metavar="TIME", help="Of the ledger, only what was acknowledged by then (RFC 3339).")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(
    uri: str,
    username: str,
    password_file: Path | None,
    database: str,
    *,
    field_key_file: Path | None,
    ledger: Path | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Check that a database, restored or live, holds what the app promises. It only reads; it shows opaque ids only.

    Exit code 0: all is well; 1: something is not, and the findings say where; 2: wrong use; 3: MongoDB cannot be
    reached. What was not looked at is `skipped`, which is not the same as good.
    """
    limit = _instant(until)
    if ledger is not None and not ledger.is_dir():
        end(f"check: there is no ledger in {ledger}: give its directory", Exit.WRONG_INPUT)
    with told_in_one_sentence("check"), ExitStack() as stack:
        client = stack.enter_context(connect(uri, username, password_file))
        checks = _stored(client, database)
        if field_key_file is None:
            checks.append(fields.skipped)
        else:
            opened = fields.decryption(field_key_file)
            decrypting = stack.enter_context(connect(uri, username, password_file, decryption=opened))
            # Begun first: opening fields is this process's work, and all else is the server's.
            checks.insert(0, partial(fields.check, client[database], decrypting[database]))
        if ledger is not None:
            checks.append(partial(_promised, client, database, ledger, limit))
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            found = list(pool.map(lambda check: check(), checks))
    _show(found, as_json=as_json)
    sys.exit(Exit.FINDINGS if any(result.outcome == "failed" for result in found) else Exit.GOOD)


def _stored(client: Client, database: str) -> list[Callable[[], Result]]:
    erased_before = now() - timedelta(days=Settings().erasures_noted_days)
    # A scratch server has no history to read from, and nobody who writes.
    snapshot = "setName" in client.admin.command("hello")

    def run(check: Callable[[Stored], Result]) -> Result:
        if not snapshot:
            return check(Stored(client[database], None, erased_before))
        with client.start_session(snapshot=True) as session:
            return check(Stored(client[database], session, erased_before))

    return [partial(run, check) for check in CHECKS]


def _promised(client: Client, database: str, ledger: Path, until: datetime | None) -> Result:
    try:
        return promised.check(client[database], ledger, until)
    except LedgerError as error:
        end(f"check: {error}", Exit.WRONG_INPUT)
    except (OSError, UnicodeDecodeError) as error:
        end(f"check: the ledger in {ledger} cannot be read ({type(error).__name__})", Exit.WRONG_INPUT)


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else from_rfc3339(text)
    except ValueError:
        end("check: --until should be an instant with its offset, as in 2026-11-22T17:15:00Z", Exit.WRONG_INPUT)


def _show(found: list[Result], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"checks": [result.body() for result in found]}, indent=2))
        return
    for result in found:
        counted = f"{result.found} wrong of {result.checked}" if result.outcome != "skipped" else ""
        click.echo(": ".join(part for part in (f"{result.outcome:<7} {result.name}", counted, result.reason) if part))
        for one in result.findings:
            click.echo(f"    {one}")
