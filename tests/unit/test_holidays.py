"""Days on which the clinic is closed: as people write them, as Alertmanager reads them, and until the list ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from monitor.catalogue import holidays
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Receiver, Team, TeamPart
from monitor.check import routes
from monitor.check.explained import explain
from monitor.check.holidays import past_holidays
from monitor.errors import CatalogueError
from monitor.render import outputs
from monitor.render.alertmanager import alertmanager_config
from monitor.render.kubernetes import objects
from monitor.routing.intervals import contains
from tests.catalogue_files import ALERTS, SLO

CLOSED = ("12-24:01-01", "2027-03-26:2027-03-29")
NOON, ZONE = timedelta(hours=11), "Europe/Berlin"


@pytest.fixture(scope="module")
def clinic() -> Catalogue:
    """A team whose database people have tickets of their own; it is closed at Christmas and, once, at Easter."""
    bundled = load(None, "compose")
    names = ("console", "pager", "tickets", "dba-tickets")
    receivers = tuple(Receiver(name=name, kind="webhook", settings={"url": "http://x"}) for name in names)
    part = TeamPart(labels={"component": "mongodb"}, warning=("dba-tickets",))
    team = Team(name="sre", critical=("pager",), warning=("tickets",), services=(part,))
    return replace(
        bundled, contacts=replace(bundled.contacts, teams=(team,), receivers=receivers, drills=(), holidays=CLOSED)
    )


def heard(catalogue: Catalogue, name: str, at: str, **labels: str) -> tuple[str, ...]:
    local = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(ZONE))
    return explain(routes.rendered(catalogue), {"alertname": name, **labels}, local, catalogue).heard_by


def days(text: str) -> Iterator[date]:
    """The days of four years on which Alertmanager would take it for a holiday."""
    found = replace(load(None, "compose").contacts, holidays=(text,))
    config = routes.rendered(replace(load(None, "compose"), contacts=found))
    for number in range(4 * 366):
        noon = datetime(2026, 1, 1, tzinfo=UTC) + NOON + timedelta(days=number)
        if contains(config.time_intervals["holidays"], noon):
            yield noon.date()


@pytest.mark.parametrize(
    ("text", "many", "first", "last"),
    [
        ("12-25", 4, date(2026, 12, 25), date(2029, 12, 25)),
        ("02-29", 1, date(2028, 2, 29), date(2028, 2, 29)),
        ("2027-03-29", 1, date(2027, 3, 29), date(2027, 3, 29)),
        ("12-31:01-01", 9, date(2026, 1, 1), date(2030, 1, 1)),
        ("12-31:03-01", 248, date(2026, 1, 1), date(2030, 1, 3)),
        ("12-31:02-29", 244, date(2026, 1, 1), date(2030, 1, 3)),
        ("12-31:02-28", 243, date(2026, 1, 1), date(2030, 1, 3)),
        ("02-27:03-01", 13, date(2026, 2, 27), date(2029, 3, 1)),
        ("2027-07-19:2027-09-03", 47, date(2027, 7, 19), date(2027, 9, 3)),
        ("2027-12-30:2028-01-02", 4, date(2027, 12, 30), date(2028, 1, 2)),
        ("2028-02-28:2028-03-01", 3, date(2028, 2, 28), date(2028, 3, 1)),
    ],
)
def test_days_are_those_that_were_written(text: str, many: int, first: date, last: date) -> None:
    found = list(days(text))
    assert (len(found), found[0], found[-1]) == (many, first, last)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("25.12.", "is no day such as 12-25"),
        ("12-25:", "is no day such as 12-25"),
        ("02-30", "is in no calendar"),
        ("2027-02-29", "is in no calendar"),
        ("0000-01-01", "is in no calendar"),
        ("2027-12-24:01-01", "has a year on one side alone"),
        ("2027-03-29:2027-03-26", "ends before it begins"),
        ("2027-03-29:2029-03-26", "is longer than a year"),
    ],
)
def test_what_is_no_day_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        holidays.parse(text)


def test_the_last_day_of_all_is_one() -> None:
    assert list(holidays.by_month(holidays.parse("9999-12-30:9999-12-31"))) == [(9999, 12, 30, 31)]


def test_on_a_holiday_no_booking_is_a_ticket_and_little_traffic_is_none(clinic: Catalogue) -> None:
    assert heard(clinic, "NoBookings", "2026-12-23T23:59") == ("pager",)
    assert heard(clinic, "NoBookings", "2026-12-24T00:00") == ("tickets",)
    assert heard(clinic, "NoBookings", "2027-01-01T23:59") == ("tickets",)
    assert heard(clinic, "NoBookings", "2027-01-02T00:00") == ("pager",)
    assert heard(clinic, "TrafficDrop", "2026-12-23T11:00") == ("tickets",)
    assert heard(clinic, "TrafficDrop", "2027-03-29T11:00") == ()


def test_what_is_broken_is_so_on_a_holiday_as_well(clinic: Catalogue) -> None:
    assert heard(clinic, "BookingJourneyFailed", "2026-12-25T11:00") == ("pager",)
    assert heard(clinic, "RedisDown", "2026-12-25T11:00") == ("tickets",)


def test_a_part_of_a_team_hears_on_a_holiday_of_what_it_hears_of_otherwise(clinic: Catalogue) -> None:
    labels = {"team": "sre", "severity": "critical", "holidays": "warning", "component": "mongodb"}
    assert heard(clinic, "Theirs", "2026-12-23T11:00", **labels) == ("pager",)
    assert heard(clinic, "Theirs", "2026-12-25T11:00", **labels) == ("dba-tickets",)


def test_where_no_holidays_are_listed_nothing_is_different(clinic: Catalogue) -> None:
    plain = replace(clinic, contacts=replace(clinic.contacts, holidays=()))
    assert heard(plain, "NoBookings", "2026-12-25T11:00") == ("pager",)
    assert "holidays" not in alertmanager_config(plain)


@pytest.mark.parametrize("listed", [CLOSED, ("2031-05-01",), ("2025-05-01",)])
def test_holidays_of_any_year_leave_no_route_dead_or_mute_for_ever(clinic: Catalogue, listed: tuple[str, ...]) -> None:
    catalogue = replace(clinic, contacts=replace(clinic.contacts, holidays=listed))
    rules = [rule for group in catalogue.alerts for rule in group.rules]
    assert list(routes.always_muted(catalogue)) == []
    assert [one.code for one in routes.unreachable(catalogue, rules) if "holidays" in one.message] == []


def test_a_list_whose_last_day_is_past_is_found(clinic: Catalogue) -> None:
    assert list(past_holidays(clinic, date(2027, 3, 29))) == []
    (told,) = past_holidays(clinic, date(2027, 3, 30))
    assert (told.file, told.code) == ("contacts.yaml", "past-holidays")
    assert told.message.startswith("the last listed holiday is past (2027-03-29)")
    each_year = replace(clinic, contacts=replace(clinic.contacts, holidays=("12-25",)))
    assert list(past_holidays(each_year, date(2099, 1, 1))) == []


def test_the_operator_gets_days_as_its_type_has_them(clinic: Catalogue) -> None:
    files = objects(clinic, outputs(clinic))
    spec = next(yaml.safe_load(text)["spec"] for path, text in files.items() if "alertmanagerconfig" in path)
    (closed,) = (one["timeIntervals"] for one in spec["muteTimeIntervals"] if one["name"] == "holidays")
    assert closed[0] == {"daysOfMonth": [{"start": 24, "end": 31}], "months": ["december"]}
    assert closed[1] == {"daysOfMonth": [{"start": 1, "end": 1}], "months": ["january"]}
    assert closed[2]["years"] == ["2027"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("severity: critical, holidays: critical", "must be warning or none"),
        ("severity: critical, holidays: never", "must be warning or none"),
        ("severity: info, holidays: none", "must be warning or none"),
        ("severity: warning, holidays: warning", "is warning on other days as well"),
        ("severity: critical, urgency: working-hours, holidays: none", "is of no use"),
    ],
)
def test_a_label_that_makes_nothing_milder_is_a_fault(tmp_path: Path, labels: str, said: str) -> None:
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "checkout.yaml").write_text(SLO)
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "shop.yaml").write_text(ALERTS.replace("severity: warning", labels, 1))
    with pytest.raises(CatalogueError) as caught:
        load(tmp_path, "local")
    (fault,) = caught.value.faults
    assert fault.path.endswith(".labels.holidays")
    assert fault.message.startswith(said)
