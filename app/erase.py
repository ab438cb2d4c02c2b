"""``python -m app erase``: forget patients in a database that was restored, where they have come back.

It does what a patient's own wish does (``app.erasure``), for many and without a running app: account and patient go,
what is still to come is cancelled, and the erasure is noted, so that the app goes on where this was interrupted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click
from pymongo import UpdateOne
from pymongo.database import Database

from app.appointments import CANCELLABLE
from app.clock import now
from app.settings import Settings
from app.tools import Document, Exit, connect, end, server_options, told_in_one_sentence

AT_ONCE = 1000
_PATIENT = re.compile(r"[0-9a-f]{32}")


@click.command("erase")
@server_options
@click.option(
    "--patients", required=True, type=click.Path(path_type=Path), help="A file of patients' opaque ids, one on a line."
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def command(
    uri: str, username: str, password_file: Path | None, database: str, *, patients: Path, as_json: bool
) -> None:
    """Erase patients from a database; who is not in it is no error. May be repeated.

    Exit code 0: none of them is there any more; 2: wrong use; 3: MongoDB cannot be reached.
    """
    ids = _read(patients)
    with told_in_one_sentence("erase"), connect(uri, username, password_file) as client:
        done = erase(client[database], ids)
    if as_json:
        click.echo(json.dumps(done, indent=2))
        return
    click.echo(
        f"of {done['asked']} patients {done['patients']} were there and are erased, with {done['users']} accounts; "
        f"{done['cancelled']} appointments are cancelled"
    )


def erase(data: Database[Document], patients: Sequence[str]) -> dict[str, int]:
    """Erase patients, and count what was removed and cancelled.

    Raises:
        PyMongoError: MongoDB cannot be reached or refuses; what was done stays, and may be repeated.
    """
    done = Counter(asked=len(patients), patients=0, users=0, cancelled=0)
    for first in range(0, len(patients), AT_ONCE):
        done.update(_erase(data, patients[first : first + AT_ONCE]))
    return dict(done)


def _erase(data: Database[Document], some: Sequence[str]) -> dict[str, int]:
    instant = now()
    until = instant + timedelta(days=Settings().erasures_noted_days)
    # First, so that the app finishes what is interrupted here.
    note = {"$setOnInsert": {"at": instant}, "$max": {"until": until}}
    notes = [UpdateOne({"_id": one}, note, upsert=True) for one in some]
    data["erasures"].bulk_write(notes, ordered=False)
    among = {"$in": list(some)}
    coming = {"patient": among, "start": {"$gt": instant}, "status": {"$in": list(CANCELLABLE)}}
    cancellation = {
        "$set": {"status": "cancelled", "cancelationReason": "pat"},
        "$inc": {"version": 1},
        "$push": {"history": {"at": instant, "status": "cancelled"}},
    }
    return {
        "users": data["users"].delete_many({"patient": among}).deleted_count,
        "patients": data["patients"].delete_many({"_id": among}).deleted_count,
        "cancelled": data["appointments"].update_many(coming, cancellation).modified_count,
    }


def _read(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError as error:
        end(f"erase: cannot read {file}: {error.strerror}", Exit.WRONG_INPUT)
    except UnicodeDecodeError:
        end(f"erase: {file} should hold opaque ids, one on a line", Exit.WRONG_INPUT)
    for number, line in enumerate(lines, start=1):
        if not _PATIENT.fullmatch(line):
            end(f"erase: {file}:{number} is no patient's id (32 hexadecimal digits)", Exit.WRONG_INPUT)
    return sorted(set(lines))
