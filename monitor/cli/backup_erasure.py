"""``monitor backup erasure``: the signed list of those who asked to be forgotten."""

from __future__ import annotations

from pathlib import Path

import click

from monitor import clock
from monitor.backup import application, erasures, forgetting, set_taking
from monitor.backup.erasures import Erasure, Subject
from monitor.backup.opening import open_store
from monitor.cli import Context, pass_settings, print_json
from monitor.cli.backup_place import recovery_of
from monitor.cli.backup_shared import json_option, state, store_option, with_store
from monitor.errors import InputError
from monitor.settings import Settings, read_secret
from monitor.sources import signing_keys
from monitor.sources.mongodb import connect

NOT_REMEMBERED = "the newest entry is not remembered here, so a list that is cut off goes unnoticed"


@click.group("erasure")
def command() -> None:
    """Keep the signed list of those who asked to be forgotten, and apply it after a restore."""


@command.command("key")
@click.option("--private", required=True, type=click.Path(path_type=Path), help="Where the signing keyset goes (0600).")
@click.option("--public", required=True, type=click.Path(path_type=Path), help="Where the verifying keyset goes.")
def key_command(private: Path, public: Path) -> None:
    """Make the pair of keysets that signs and verifies the list. Files that are there are never replaced."""
    signing_keys.make(private, public)
    click.echo(f"{private} signs, {public} verifies: keep a copy of both away from here")


@command.command()
@click.option("--database", required=True, help="Where the subject is, or was.")
@click.option("--collection", required=True)
@click.option("--id", "subject", required=True, help="Its _id: opaque, never a name or an address.")
@click.option("--by", required=True, help="Who says so: a role or an account's name.")
@click.option("--why", required=True, help="Why, in a few words, without any word about the person.")
@store_option
@json_option
@pass_settings
def add(
    context: Context,
    *,
    database: str,
    collection: str,
    subject: str,
    by: str,
    why: str,
    place: str | None,
    as_json: bool,
) -> None:
    """Add somebody to the list: signed, chained to the entry before, in the backup store and in the monitor's own."""
    whom = Subject(database=database, collection=collection, id=subject)
    added = _add(with_store(context.settings, place), [whom], by, why)
    if as_json:
        print_json([_body(entry) for entry in added])
    else:
        click.echo(f"erasure {added[0].number} added" if added else "that subject is in the list already")


@command.command()
@store_option
@json_option
@pass_settings
def collect(context: Context, *, place: str | None, as_json: bool) -> None:
    """Take over whom the application has erased itself: the notes that recovery.yaml names (erasure_notes)."""
    settings = with_store(context.settings, place)
    with state(settings, without=NOT_REMEMBERED) as store:
        noted, added = set_taking.collect(settings, recovery_of(settings), open_store(settings), store)
    if as_json:
        print_json({"noted": noted, "added": len(added)})
    else:
        click.echo(f"{noted} noted by the application, {len(added)} of them new to the list")


@command.command("list")
@store_option
@json_option
@pass_settings
def list_command(context: Context, *, place: str | None, as_json: bool) -> None:
    """Verify the whole list and show it. Exit code 2 where it was tampered with, cut off or lost an entry."""
    entries = _load(with_store(context.settings, place))
    if as_json:
        print_json([_body(entry) for entry in entries])
        return
    for entry in entries:
        click.echo(
            f"{entry.number:>6}  {clock.to_rfc3339(entry.at)}  {entry.subject.namespace} {entry.subject.id}  "
            f"{entry.by}: {entry.why}"
        )
    click.echo(f"{len(entries)} erasures, every signature and link verified")


@command.command("apply")
@click.option("--mongodb", "uri", required=True, metavar="URI", help="The restored server, without user and password.")
@click.option("--username", default="")
@click.option("--password-file", type=click.Path(path_type=Path))
@store_option
@json_option
@pass_settings
def apply_command(
    context: Context, *, uri: str, username: str, password_file: Path | None, place: str | None, as_json: bool
) -> None:
    """Erase everybody of the list from a server that was restored, before anybody else is let in."""
    if "@" in uri:
        raise InputError("--mongodb carries a user or password: give --username and --password-file")
    recovery = recovery_of(context.settings)
    entries = _load(with_store(context.settings, place))
    target = application.Target(uri=uri, username=username, password_file=password_file)
    password = read_secret(password_file, "password") if password_file else ""
    with connect(uri, username, password) as client:
        applied = forgetting.forget(entries, client, target, recovery)
    if as_json:
        print_json(applied.body())
    else:
        click.echo(f"{applied.erasures} erasures applied: {applied.removed} subjects had come back and are gone")


def _add(settings: Settings, subjects: list[Subject], by: str, why: str) -> tuple[Erasure, ...]:
    signing = signing_keys.signer(settings.erasure_signing_key_file)
    home = open_store(settings)
    with state(settings, without=NOT_REMEMBERED) as store:
        return erasures.add(
            home.depot,
            subjects,
            by=by,
            why=why,
            keys=signing,
            exclusive=home.alone(set_taking.ERASURES),
            store=store,
        )


def _load(settings: Settings) -> tuple[Erasure, ...]:
    with state(settings, without="a list that was cut off cannot be told from a short one") as store:
        return forgetting.trusted_list(settings, open_store(settings).depot, store)


def _body(entry: Erasure) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": clock.to_rfc3339(entry.at),
        "database": entry.subject.database,
        "collection": entry.subject.collection,
        "id": entry.subject.id,
        "by": entry.by,
        "why": entry.why,
    }
