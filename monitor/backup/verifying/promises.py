"""What a restored copy owes people: who was erased stays erased, and the application finds what it promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pymongo.errors import PyMongoError

from monitor.backup import application, erasures, forgetting
from monitor.backup.depot import Damaged, Depot
from monitor.backup.erasures.listing import PREFIX, known_head
from monitor.backup.model import ClusterTime
from monitor.backup.verifying.wish import Bench
from monitor.catalogue.model import Recovery
from monitor.errors import Fault, SettingsError, Unavailable
from monitor.sources.mongodb import Client

Eraser = Callable[[Sequence[str]], Mapping[str, int]]
LISTED = 3
"""So many findings of a check are quoted in its fault; the record has a hundred."""


def erase(bench: Bench, client: Client, depot: Depot) -> None:
    """Apply the list of erasures to the copy, and prove that nobody of it is there any more.

    Raises:
        Unavailable: the scratch server, the store or the application's command did not answer.
    """
    findings = bench.findings
    if not depot.keys(PREFIX) and known_head(bench.store).number == 0:
        return
    try:
        listed = forgetting.trusted_list(bench.settings, depot, bench.store)
    except SettingsError as error:
        findings.reasons.append(f"who was erased is not known: {error}")
        return
    except (erasures.ErasuresRefused, Damaged) as error:
        findings.faults.append(Fault(file=PREFIX, code="erasures", message=str(error)))
        return
    recovery = bench.recovery
    done = erasures.apply(
        client, listed, eraser=_eraser(recovery, client), eraser_of=recovery.erasure_subjects if recovery else ""
    )
    findings.told["erasures"] = done.body()
    for back in erasures.still_there(client, listed):
        text = f"erasure {back.number}: who was to be forgotten is in the copy again, after the list was applied"
        findings.faults.append(Fault(file=back.subject.namespace, code="erased", message=text))


def check(bench: Bench, client: Client, at: ClusterTime) -> None:
    """Let the application look at its data, as of ``at``; it alone gets the escrowed field key.

    Raises:
        Unavailable: the scratch server stopped answering.
    """
    findings, recovery = bench.findings, bench.recovery
    if recovery is None or not recovery.application_check:
        return
    try:
        names = client.list_database_names()
        vault = _documents(client, bench.settings.key_vault)
    except PyMongoError as error:
        raise Unavailable(f"the scratch mongod stopped answering ({type(error).__name__})") from error
    database = recovery.application_database
    if database and database not in names:
        # Where it was in earlier backups, plausibility misses it.
        findings.notes.append(f"the application did not look at the copy, which has no database {database!r}")
        return
    if vault == 0:
        text = "no data keys are in the copy: without them, encrypted fields are lost whatever keys are kept elsewhere"
        findings.faults.append(Fault(file=bench.settings.key_vault, code="key-vault", message=text))
    ledger = bench.settings.ledger
    found = application.check(
        recovery.application_check,
        application.target_of(client),
        field_key_file=bench.settings.escrow_field_key_file,
        ledger=ledger if ledger.is_dir() else None,
        until=at.at,
    )
    findings.told["application"] = found.body()
    if found.outcome == "unknown":
        more = "" if bench.settings.escrow_field_key_file else " (no escrow_field_key_file is set)"
        findings.reasons.append(found.reason + more)
    elif found.outcome == "failed":
        findings.faults += [_fault(one) for one in found.checks if one["outcome"] == "failed"] or [
            Fault(file="application", code="application", message="the application's check failed and named no reason")
        ]


def _eraser(recovery: Recovery | None, client: Client) -> Eraser | None:
    if recovery is None or not recovery.application_erase:
        return None
    return partial(application.erase, recovery.application_erase, application.target_of(client))


def _documents(client: Client, namespace: str) -> int | None:
    """How many documents there are; ``None`` where nothing is named."""
    database, _, collection = namespace.partition(".")
    return client[database][collection].estimated_document_count() if collection else None


def _fault(check: Mapping[str, object]) -> Fault:
    ids = check["findings"]
    some = ", ".join(map(str, ids[:LISTED])) if isinstance(ids, list) else ""
    more = f" and {len(ids) - LISTED} or more others" if isinstance(ids, list) and len(ids) > LISTED else ""
    text = f"the application's check {check['name']} failed: {some}{more}"
    return Fault(file="application", path=str(check["name"]), code="application", message=text)
