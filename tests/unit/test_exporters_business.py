"""Business figures point at nobody, cost little, and are gone when they are old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.activity import PIECES
from app.schedule import make_clinic
from app.settings import Settings as AppSettings
from exporters.business import families as f
from exporters.business.access import _third_free
from exporters.business.active import pieces
from exporters.business.bookings import SETTLED, LeadTimes
from exporters.business.cells import cumulative, rounded, stepped
from exporters.business.clinic import parse, shifted
from exporters.business.moment import Moment, Staff, staff_of
from exporters.business.query import SHARE, Query, Turn
from exporters.business.reader import STALEST, Reader, choose
from exporters.business.slots import Ahead
from exporters.collector import CollectError, Deadline
from exporters.readings import Readings
from exporters.reasons import Reason

COUNTS = st.integers(0, 10_000)
NOW = datetime(2026, 11, 22, 21, 15, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@given(COUNTS, st.integers(2, 20))
def test_a_rounded_count_is_never_a_small_one_and_close_to_the_true_one(count: int, smallest: int) -> None:
    shown = rounded(count, smallest)
    assert shown == 0 or shown >= smallest
    assert abs(shown - count) <= smallest / 2


@given(COUNTS, COUNTS, st.integers(0, 20))
def test_rounding_keeps_the_order_so_that_counters_never_fall(one: int, other: int, smallest: int) -> None:
    low, high = sorted((one, other))
    assert rounded(low, smallest) <= rounded(high, smallest)


@pytest.mark.parametrize("smallest", [0, 1])
def test_without_a_smallest_cell_counts_are_shown_as_they_are(smallest: int) -> None:
    assert [rounded(count, smallest) for count in range(7)] == list(range(7))
    assert stepped(123.4, smallest, 86_400) == 123.4


@given(st.lists(COUNTS, min_size=1, max_size=11), st.integers(2, 20))
def test_no_difference_of_a_histograms_buckets_is_a_small_count(cells: list[int], smallest: int) -> None:
    totals = cumulative(cells, smallest)
    between = [high - low for low, high in zip([0, *totals], totals, strict=False)]
    assert all(one == 0 or one >= smallest for one in between)


def test_a_sum_of_times_goes_in_steps_that_several_people_make() -> None:
    assert stepped(3 * 86_400, 5, 86_400) == 0
    assert stepped(12 * 86_400, 5, 86_400) == 10 * 86_400


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca"])
def test_the_slots_on_offer_are_those_that_the_app_offers(zone: str) -> None:
    theirs = make_clinic(5, zone, 90)
    ours = parse(theirs.hours())
    for month in (1, 3, 4, 10, 11):
        start = datetime(2026, month, 20, 3, 7, tzinfo=UTC)
        end = start + timedelta(days=21)
        offered = [slot.start for slot in theirs.slots_between("x", start, end + timedelta(days=1))]
        assert ours.starts(start, end) == [one for one in offered if one < end]


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        # Monday to Friday, 07:00 to 19:00 in Berlin: an hour earlier by UTC in summer than in winter.
        (datetime(2026, 10, 23, 5, 0, tzinfo=UTC), True),
        (datetime(2026, 10, 26, 5, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 26, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 16, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 30, 17, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 25, 10, 0, tzinfo=UTC), False),
    ],
)
async def test_the_clinic_is_open_by_its_own_clock(instant: datetime, is_open: bool) -> None:  # noqa: FBT001  # what is expected
    staff = staff_of(parse(make_clinic(1, "Europe/Berlin", 90).hours()), (), {"a": None})
    ahead, readings, reader = Ahead(), Readings(f.METRICS), Rows()
    await ahead.ask(reader, Moment(instant, staff))  # type: ignore[arg-type]  # stands in for one
    ahead.write(readings, 5)
    assert list(readings.series[f.OPEN.name][1]) == [float(is_open)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": None},
        {"slot_minutes": 0},
        {"slot_minutes": "often"},
        {"horizon_days": 10**9},
        {"opens": "early"},
        {"weekdays": 5},
    ],
)
def test_hours_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(CollectError) as caught:
        parse(make_clinic(5, "UTC", 90).hours() | wrong)
    assert caught.value.reason is Reason.MALFORMED


def test_a_day_ahead_is_the_same_time_on_the_clinics_clock() -> None:
    before = datetime(2026, 10, 24, 12, 0, tzinfo=BERLIN)
    assert shifted(before, 1, BERLIN) - before.astimezone(UTC) == timedelta(hours=25)
    assert shifted(before, 1, BERLIN).astimezone(BERLIN).hour == 12
    spring = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)
    assert shifted(spring, 1, BERLIN) - spring.astimezone(UTC) == timedelta(hours=23)


def test_services_are_a_closed_list() -> None:
    staff = staff_of(None, ("General practice", "Cardiology"), {"a": "cardiology", "b": "Quillon", "c": None, "d": []})
    assert staff.services == ("general_practice", "cardiology", "other")
    assert staff.by_service() == {"general_practice": 0, "cardiology": 1, "other": 3}
    assert staff.service({"$gt": ""}) == "other"


def test_the_third_free_slot_is_found_among_appointments_of_any_length() -> None:
    starts = [0, 15, 30, 45, 60, 75]
    assert _third_free(starts, 15, ()) == 30
    assert _third_free(starts, 15, [{"from": 0, "to": 15}]) == 45
    assert _third_free(starts, 15, [{"from": 10, "to": 40}]) == 75
    assert _third_free(starts, 15, [{"from": 0, "to": None}, {"from": None, "to": None}]) == 45
    assert _third_free(starts, 15, [{"from": -30, "to": 50}]) is None


def test_the_pieces_of_a_window_are_named_as_the_app_names_them() -> None:
    assert set(PIECES) == {"minute", "hour"}
    minute, hour = (int(NOW.timestamp()) // length for length, _ in PIECES.values())
    assert list(pieces("5m", NOW)) == [f"active:minute:{minute - back}" for back in range(5, -1, -1)]
    assert len(list(pieces("1h", NOW))) == 61
    assert next(iter(pieces("24h", NOW))) == f"active:hour:{hour - 24}"
    longest = {"minute": 3_600, "hour": 86_400}
    assert all(kept > longest[name] + length for name, (length, kept) in PIECES.items()), "kept until it is counted"


class Question(Query):
    name = "totals"
    slow = True

    def __init__(self) -> None:
        self.fails: Exception | None = None

    async def ask(self, reader: Reader, at: Moment) -> None:
        if self.fails is not None:
            raise self.fails

    def write(self, readings: Readings, smallest: int) -> None:
        readings.add(f.PATIENTS, 1)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("exporters.business.query.time.monotonic", clock)
    return clock


async def run(turn: Turn, clock: Clock, *, seconds: float = 0, examined: int = 20_000) -> None:
    reader: Any = type("Reader", (), {"examined": examined, "deadline": Deadline(5)})()
    original = turn.query.ask

    async def slowly(reader: Reader, at: Moment) -> None:
        clock.now += seconds
        await original(reader, at)

    turn.query.ask = slowly  # type: ignore[method-assign]  # only to let time pass
    try:
        await turn.run(reader, Moment(NOW, Staff()))
    finally:
        turn.query.ask = original  # type: ignore[method-assign]  # as it was


def shown(turn: Turn) -> dict[str, int]:
    readings = Readings(f.METRICS)
    turn.write(readings, 5)
    return {name: len(keys) for name, (keys, _) in readings.series.items() if keys}


async def test_a_query_rests_fifty_times_as_long_as_it_took(passing: Clock) -> None:
    turn = Turn(Question(), 30)
    assert turn.is_due()
    await run(turn, passing, seconds=0.01)
    passing.now += 200
    assert not turn.is_due(), "whole collections are counted every 5 minutes"
    passing.now += 100
    assert turn.is_due()
    await run(turn, passing, seconds=20)
    passing.now += SHARE * 20 - 1
    assert not turn.is_due()
    passing.now += 1
    assert turn.is_due()


async def test_a_small_collection_is_counted_with_each_turn(passing: Clock) -> None:
    turn = Turn(Question(), 30)
    await run(turn, passing, seconds=0.01, examined=9_000)
    passing.now += 27
    assert turn.is_due(), "earlier than after 30 s, since the clock's turns jitter"


async def test_a_query_that_fails_rests_too_and_its_answer_goes_when_it_is_old(passing: Clock) -> None:
    turn = Turn(Question(), 30)
    assert shown(turn) == {}
    await run(turn, passing)
    turn.query.fails = CollectError(Reason.TIMEOUT)  # type: ignore[attr-defined]  # it is a Question
    passing.now += 300
    with pytest.raises(CollectError):
        await run(turn, passing, seconds=5)
    assert not turn.is_due()
    assert set(shown(turn)) == {
        "patients",
        "business_query_duration_seconds",
        "business_query_examined",
        "business_query_timestamp_seconds",
    }
    passing.now += 600
    assert shown(turn) == {}


@pytest.mark.parametrize(("smallest", "told"), [(5, 200), (150, 150), (1, 163), (0, 163)])
async def test_what_a_query_read_gives_away_no_count_that_it_rounds(passing: Clock, smallest: int, told: int) -> None:
    turn = Turn(Question(), 30)
    await run(turn, passing, examined=163)
    readings = Readings(f.METRICS)
    turn.write(readings, smallest)
    assert readings.series[f.QUERY_EXAMINED.name] == ([("totals",)], [told])


def test_no_family_has_a_label_that_could_hold_a_person() -> None:
    allowed = {"status", "service", "horizon", "window", "by", "notice", "lead", "hour", "weekday", "state", "query"}
    assert {label for metric in f.METRICS for label in metric.labels} <= allowed
    assert len(f.LEADS) == len(f.LEAD_EDGES) + 1
    assert all(metric.source and metric.cost == "slow" for metric in f.METRICS)


class Rows:
    """Stands in for a reader; what the server makes of the pipelines is for the contract tests."""

    behind = timedelta()
    examined = 0

    def __init__(self, *rows: dict[str, Any]) -> None:
        self._rows = rows
        self.matched: list[dict[str, Any]] = []

    async def rows(self, _collection: str, pipeline: list[dict[str, Any]], _hint: str) -> tuple[dict[str, Any], ...]:
        self.matched.append(pipeline[0]["$match"])
        return self._rows


@pytest.mark.parametrize("days", [1, 10, 90])
async def test_no_slot_is_on_offer_beyond_the_last_day_that_can_be_booked(days: int) -> None:
    theirs = make_clinic(1, "UTC", days)
    staff = staff_of(parse(theirs.hours()), (), {"a": None})
    ahead, readings, reader = Ahead(), Readings(f.METRICS), Rows()
    await ahead.ask(reader, Moment(NOW, staff))  # type: ignore[arg-type]  # stands in for one
    ahead.write(readings, 5)
    capacity = dict(zip(*readings.series[f.CAPACITY.name], strict=True))
    for horizon, ahead_days in f.HORIZONS.items():
        last = NOW + timedelta(days=min(days, ahead_days))
        offered = [one for one in theirs.slots_between("a", NOW, last + timedelta(days=1)) if NOW <= one.start < last]
        assert capacity["other", horizon] == len(offered)


class Server:
    """A member that says of itself what it is told to; how far a real one is behind cannot be arranged."""

    def __init__(
        self,
        name: str,
        hello: dict[str, Any] | Reason,
        *,
        bears_data: bool = True,
        up: bool = True,
        struggling: bool = False,
    ) -> None:
        self.name, self.bears_data, self.up, self.struggling = name, bears_data, up, struggling
        self._hello = hello

    async def run(self, _command: object, _deadline: Deadline) -> dict[str, Any]:
        if isinstance(self._hello, Reason):
            raise CollectError(self._hello)
        return self._hello


def member(name: str, role: str, *, behind: float = 0, **facts: bool) -> Server:
    return Server(name, {role: True, "lastWrite": {"lastWriteDate": NOW - timedelta(seconds=behind)}}, **facts)


async def chosen(*members: Server) -> str:
    source: Any = type("Source", (), {"members": members})()
    return (await choose(source, Deadline(1), NOW)).member.name


async def test_without_a_primary_secondaries_are_measured_by_our_own_clock() -> None:
    source: Any = type("Source", (), {"members": ()})()
    for behind, expected in ((200, 200), (-3, 0)):
        source.members = (Server("a", Reason.TIMEOUT), member("b", "secondary", behind=behind))
        assert await choose(source, Deadline(1), NOW) == (source.members[1], timedelta(seconds=expected))
    source.members = (Server("a", Reason.TIMEOUT), *(member(name, "secondary", behind=3_600) for name in "bc"))
    with pytest.raises(CollectError) as caught:
        await choose(source, Deadline(1), NOW)
    assert caught.value.reason is Reason.TIMEOUT, "an hour old, both of them"
    source.members = (member("a", "isWritablePrimary", behind=3_600), member("b", "secondary", behind=3_610))
    assert (await choose(source, Deadline(1), NOW)).behind == timedelta(), "the primary's clock is wrong, not they"


async def test_lead_times_are_counted_up_to_what_the_member_surely_has() -> None:
    leads, reader = LeadTimes(), Rows()
    for minutes, behind in ((0, 0), (1, 4), (2, 4), (7, 0)):
        reader.behind = timedelta(minutes=behind)
        await leads.ask(reader, Moment(NOW + timedelta(minutes=minutes), Staff()))  # type: ignore[arg-type]
    assert [one["created"] for one in reader.matched] == [
        {"$gte": NOW - SETTLED, "$lt": NOW + timedelta(minutes=7) - SETTLED}
    ], "nothing is passed over while a secondary is behind"


def test_a_synthetic_patients_booking_is_gone_before_it_could_be_counted() -> None:
    settings = AppSettings()
    assert timedelta(seconds=settings.synthetic_lifetime + settings.upkeep_interval) + STALEST < SETTLED


async def test_the_freshest_secondary_is_asked_and_never_one_that_is_far_behind() -> None:
    primary = member("a", "isWritablePrimary")
    assert await chosen(primary, member("b", "secondary", behind=20), member("c", "secondary", behind=5)) == "c"
    assert await chosen(primary, member("b", "secondary", behind=90)) == "a"
    assert await chosen(primary, member("b", "secondary", bears_data=False)) == "a"
    assert await chosen(Server("frozen", Reason.TIMEOUT, up=False), primary) == "a"


async def test_one_that_struggles_is_left_alone_and_others_are_read_instead() -> None:
    primary = member("a", "isWritablePrimary")
    busy = member("b", "secondary", struggling=True)
    assert await chosen(primary, busy, member("c", "secondary", behind=9)) == "c"
    assert await chosen(primary, busy) == "a"
    delayed = member("d", "secondary", behind=3600)
    with pytest.raises(CollectError) as caught:
        await chosen(member("a", "isWritablePrimary", struggling=True), delayed)
    assert caught.value.reason is Reason.BUSY, "an hour old is no answer, however idle"


async def test_without_anybody_who_can_answer_the_reason_is_told() -> None:
    with pytest.raises(CollectError) as caught:
        await chosen(Server("a", Reason.AUTH), member("b", "arbiterOnly"))
    assert caught.value.reason is Reason.AUTH
    assert await chosen(Server("router", {"isWritablePrimary": True, "msg": "isdbgrid"}, bears_data=False)) == "router"
