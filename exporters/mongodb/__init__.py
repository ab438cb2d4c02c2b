"""MongoDB: each member of a replica set is asked directly, all at once; together they say how the set is."""

from __future__ import annotations

from typing import ClassVar, Self

from exporters.collector import CollectError, Deadline
from exporters.mongodb import families as f
from exporters.mongodb import families_replset as r
from exporters.mongodb import percona_status, replset, status, status_parts
from exporters.mongodb.ask import Answer, Answers, ask_all
from exporters.mongodb.faults import Document, plainly
from exporters.mongodb.member import SPARE, Member
from exporters.mongodb.names import is_address
from exporters.mongodb.percona import PERCONA
from exporters.mongodb.source import Mongodb
from exporters.mongodb.views import PRIMARY, Seen, best_view
from exporters.readings import Readings
from exporters.reasons import ODD, Reason
from exporters.settings import Settings
from exporters.sources import Sources
from telemetry.metric import Metric

_REPLSET_CONFIG = {"replSetGetConfig": 1}
_MOST_MEMBERS = 50
"""MongoDB's own limit."""


class MongodbCollector:
    """Reads every member that the URI names or the replica set has."""

    name: ClassVar[str] = "mongodb"
    optional: ClassVar[bool] = False
    metrics: ClassVar[tuple[Metric, ...]] = (*f.METRICS, *percona_status.METRICS)

    def __init__(self, source: Mongodb, *, percona: bool = False) -> None:
        self._source = source
        self._percona = percona
        self._config: Document | None = None
        self._config_version: tuple[object, ...] = ()

    @classmethod
    def missing(cls, settings: Settings) -> str | None:
        """There must be a server to read."""
        return None if settings.mongodb_uri else "--mongodb"

    @classmethod
    def make(cls, sources: Sources) -> Self:
        """Share the clients, which connect with the first scrape."""
        return cls(sources.use(Mongodb), percona=sources.settings.names == PERCONA)

    async def start(self) -> None:
        """Nothing runs between scrapes."""

    async def collect(self, readings: Readings, deadline: Deadline) -> None:
        """Ask all members side by side; a dead or frozen one costs only its own samples."""
        await self._source.resolve(deadline)
        so_far: Answers = {}
        readings.so_far = so_far
        answers = await ask_all(self._source.members, deadline, so_far)
        while fresh := await self._follow(answers, readings):
            answers |= await ask_all(fresh, deadline, so_far)
        seen = _seen(answers)
        await self._read_config(answers, seen, readings, deadline)
        self._write_all(answers, readings)
        self._write_set(answers, seen, readings)
        behind = replset.behind(self._config, seen, readings)
        for member in answers:
            member.behind = member.up and member.name in behind

    def lost(self, readings: Readings, reason: Reason) -> None:
        """Say that all members are down that have not answered, and why."""
        so_far: Answers = readings.so_far or {}
        answers = {member: so_far.get(member, reason) for member in self._source.members}
        self._write_all(answers, readings)
        self._write_set(answers, _seen(answers), readings)

    async def close(self) -> None:
        """Leave the clients to the sources."""

    async def _follow(self, answers: Answers, readings: Readings) -> tuple[Member, ...]:
        """Watch whom the set names; those whom it names no more are forgotten, and not on this page either."""
        views = [answer.replset for answer in answers.values() if isinstance(answer, Answer) and answer.replset]
        best = best_view(views)
        if best is None:
            return ()
        names = [str(row["name"]) for row in best["members"]]
        if len(named := [name for name in names if is_address(name)][:_MOST_MEMBERS]) < len(names):
            readings.partial.append(Reason.MALFORMED)
        fresh = await self._source.follow(named, certain=best["myState"] == PRIMARY)
        watched = {*self._source.members}
        for gone in [member for member in answers if member not in watched]:
            del answers[gone]
        return tuple(member for member in fresh if member not in answers)

    async def _read_config(self, answers: Answers, seen: Seen, readings: Readings, deadline: Deadline) -> None:
        """Read the set's configuration when it has changed: a version is in every answer, so that none is missed."""
        best = best_view(list(seen.views.values()))
        if best is None:
            return
        own: Document = next((row for row in best["members"] if row.get("self")), {})
        version = (best.get("set"), own.get("configTerm"), own.get("configVersion"))
        if version == self._config_version:
            return
        member = next(one for one, answer in answers.items() if isinstance(answer, Answer) and answer.replset is best)
        self._config = None
        try:
            with plainly():
                async with deadline.guard(spare=SPARE):
                    config = (await member.command(_REPLSET_CONFIG, deadline))["config"]
            replset.write_config(config, seen, Readings(r.METRICS))  # can it be read?
            self._config = config
        except ODD:
            readings.partial.append(Reason.MALFORMED)
        except CollectError as error:
            readings.partial.append(error.reason)
            if error.reason is not Reason.DENIED:
                return
        self._config_version = version

    def _write_all(self, answers: Answers, readings: Readings) -> None:
        for member, answer in answers.items():
            try:
                self._write(member, answer, readings)
            except ODD:
                _withdraw(member.name, readings)
                member.lost()
                answers[member] = Reason.MALFORMED
                self._write(member, Reason.MALFORMED, readings)

    def _write(self, member: Member, answer: Answer | Reason, readings: Readings) -> None:
        down = answer if isinstance(answer, Reason) else None
        readings.add(f.UP, int(down is None), member.name)
        readings.states(f.UP_REASON, down, f.REASONS, member.name)
        if not isinstance(answer, Answer):
            return
        readings.partial += answer.partial
        if answer.status is not None:
            status.write(member.name, answer.status, readings)
        if answer.pools is not None:
            status_parts.write_pools(member.name, answer.pools, readings)
        if answer.replset is not None:
            replset.write_own(member.name, answer.replset, readings)
        if member.oplog is not None:
            readings.add(r.OPLOG_BYTES, member.oplog["size"], member.name)
            readings.add(r.OPLOG_MAX_BYTES, member.oplog["maxSize"], member.name)
        if self._percona and answer.status is not None:
            in_set = answer.replset is not None and answer.replset["members"]
            percona_status.write(member, answer.status, answer.replset if in_set else None, readings)

    def _write_set(self, answers: Answers, seen: Seen, readings: Readings) -> None:
        faults = [answer for answer in answers.values() if isinstance(answer, Reason)]
        if faults and len(faults) == len(answers):
            readings.fault = faults[0]
        # A server outside of a set has no such figures; of a member that may not tell them, nothing is known.
        known = [answer for answer in answers.values() if isinstance(answer, Answer)]
        if not seen.views and any(answer.status is not None for answer in known):
            return
        if answers and all(member.in_set is False for member in answers):
            return
        replset.write(seen, readings)
        if seen.views and self._config is not None:
            replset.write_config(self._config, seen, readings)


def _withdraw(member: str, readings: Readings) -> None:
    """Take back what was written of a member before its answer turned out to be odd."""
    for keys, values in readings.series.values():
        kept = [pair for pair in zip(keys, values, strict=True) if member not in pair[0][:2]]
        keys[:], values[:] = [key for key, _ in kept], [value for _, value in kept]


def _seen(answers: Answers) -> Seen:
    replied = {member: answer for member, answer in answers.items() if isinstance(answer, Answer)}
    return Seen(
        views={member.name: answer.replset for member, answer in replied.items() if answer.replset},
        states={member.name: answer.state for member, answer in replied.items() if answer.state is not None},
        silent=frozenset(member.name for member in answers if member not in replied),
        aliases={member.own_name: member.name for member in answers},
    )
