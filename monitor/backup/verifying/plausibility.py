"""Whether a backup is like those before it: a copy may be equal to what was read, and what was read be wrong. Pure.

Held against the median of the last seven. Only loss is a fault: a database grows when it is used, and that it grew by
half overnight is worth a note, not a page. Every sentence says the number and what is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from monitor import clock
from monitor.backup.verifying.facts import Facts
from monitor.errors import Fault

QUIET = timedelta(hours=1)
"""By how much the newest write may go back where no RPO is promised."""
CLOSED = timedelta(days=5)
"""Longer, nobody writes nothing: a practice that closes over Easter is shut from Thursday evening to Tuesday, 109 h."""
HISTORY = 7
"""How many earlier backups are looked at (research 4.5)."""
FEWEST = 3
"""Fewer have no median to speak of."""
LEAST_SHARE = 0.6
"""Of the median: less is a loss. Half must be caught, and a week of a clinic is not."""
MOST_SHARE = 1.5
"""Of the median: more is noted."""
FEW_DOCUMENTS = 20
"""Below such a median a share says nothing: two of five documents may go for good reasons. None left is a fault."""
WRONG_SHARE = 0.5
"""So much of what is usual is not there at all: this is another database, not one that lost something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is not plausible (``faults``), and what a person may want to know (``notes``)."""

    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    compared_with: int = 0


def judge(
    found: Facts, earlier: Sequence[Facts], *, quiet: timedelta, expiring: Collection[str] = frozenset()
) -> Judged:
    """Hold a backup against earlier ones, whatever their order.

    ``quiet`` is by how much the newest write may be older than an earlier backup's: the catalogue's RPO, which may be
    lost. ``expiring`` are collections whose documents go by themselves: a night without sessions is no loss.
    """
    before = sorted((one for one in earlier if one.id != found.id and one.at <= found.at), key=lambda one: one.at)
    before = before[-HISTORY:]
    if len(before) < FEWEST:
        return Judged(
            notes=(f"plausibility is not judged: {len(before)} earlier backups, {FEWEST} are needed",),
            compared_with=len(before),
        )
    wrong = tuple(_wrong_database(found, before))
    # What is another database differs in everything; that is one finding, not a hundred.
    faults = wrong or (*_sizes(found, before), *_documents(found, before, expiring), *_structure(found, before))
    return Judged(
        faults=(*faults, *_stale(found, before, quiet)), notes=tuple(_growth(found, before)), compared_with=len(before)
    )


def _wrong_database(found: Facts, before: Sequence[Facts]) -> Iterator[Fault]:
    usual_sets = sorted({one.replica_set for one in before})
    if found.replica_set not in usual_sets:
        yield _fault("wrong-database", f"it was read from the replica set {found.replica_set!r}, usually {usual_sets}")
        return
    usual = _usual_names(before)
    lost = usual - set(found.documents)
    if usual and len(lost) >= WRONG_SHARE * len(usual):
        yield _fault(
            "wrong-database",
            f"{len(lost)} of {len(usual)} collections that are usually there are not ({_some(lost)}): "
            "is it another database?",
        )


def _sizes(found: Facts, before: Sequence[Facts]) -> Iterator[Fault]:
    usual = [one.bytes for one in before]
    if found.bytes < LEAST_SHARE * median(usual):
        yield _fault("size", f"{_megabytes(found.bytes)} MB, usually {_range(usual, _megabytes)} MB")


def _documents(found: Facts, before: Sequence[Facts], expiring: Collection[str]) -> Iterator[Fault]:
    for name in sorted((_usual_names(before) & set(found.documents)) - set(expiring)):
        count, usual = found.documents[name], [one.documents[name] for one in before if name in one.documents]
        middle = median(usual)
        if count == 0 and min(usual) > 0:
            yield _fault("empty", f"{name} is empty, usually {_range(usual)} documents")
        elif middle >= FEW_DOCUMENTS and count < LEAST_SHARE * middle:
            yield _fault("documents", f"{name}: {count} documents, usually {_range(usual)}")


def _structure(found: Facts, before: Sequence[Facts]) -> Iterator[Fault]:
    lost = _usual_names(before) - set(found.documents)
    if lost:
        yield _fault("collections", f"{len(lost)} collections are not there that usually are: {_some(lost)}")
    counts: tuple[tuple[str, Callable[[Facts], int]], ...] = (
        ("users", lambda one: one.users),
        ("roles", lambda one: one.roles),
    )
    for what, of in counts:
        usual = [of(one) for one in before]
        if of(found) < median(usual):
            yield _fault(what, f"{of(found)} {what}, usually {_range(usual)}")
    for name in sorted(set(found.indexes)):
        usual = [one.indexes[name] for one in before if name in one.indexes]
        if len(usual) >= FEWEST and found.indexes[name] < median(usual):
            yield _fault("indexes", f"{name}: {found.indexes[name]} indexes, usually {_range(usual)}")


def _stale(found: Facts, before: Sequence[Facts], quiet: timedelta) -> Iterator[Fault]:
    """Nobody wrote for longer than is usual, or the newest write is older than an earlier backup's."""
    lags = [one.at - one.newest_write for one in before if one.newest_write is not None]
    if found.newest_write is None or not lags:
        return
    lag = found.at - found.newest_write
    # Nights are quiet, and so are holidays: a source that stands still for an evening cannot be told from one.
    if lag > max(3 * max(lags), CLOSED):
        yield _fault(
            "stale",
            f"the newest write is {clock.humanize(lag)} older than the backup, usually "
            f"{clock.humanize(min(lags))} to {clock.humanize(max(lags))}: was it read from the right member?",
        )
    newest = max(one.newest_write for one in before if one.newest_write is not None)
    if newest - found.newest_write > quiet:
        yield _fault(
            "stale",
            f"its newest write, {clock.to_rfc3339(found.newest_write)}, is older than that of an earlier backup, "
            f"{clock.to_rfc3339(newest)}: the source went back in time",
        )


def _growth(found: Facts, before: Sequence[Facts]) -> Iterator[str]:
    usual = [one.bytes for one in before]
    if found.bytes > MOST_SHARE * median(usual):
        yield f"size: {_megabytes(found.bytes)} MB, usually {_range(usual, _megabytes)} MB"


def _usual_names(before: Sequence[Facts]) -> set[str]:
    """Collections that more than half of the earlier backups have."""
    names: dict[str, int] = {}
    for one in before:
        for name in one.documents:
            names[name] = names.get(name, 0) + 1
    return {name for name, times in names.items() if 2 * times > len(before)}


def _fault(code: str, message: str) -> Fault:
    return Fault(file="plausibility", code=code, message=message)


def _range(usual: Sequence[int], say: Callable[[int], str] = str) -> str:
    low, high = say(min(usual)), say(max(usual))
    return low if low == high else f"{low} to {high}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g}"


def _some(names: set[str]) -> str:
    first = sorted(names)[:5]
    return ", ".join(first) + (f" and {len(names) - 5} more" if len(names) > len(first) else "")
