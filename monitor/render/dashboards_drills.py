"""Drills: what was rehearsed, how it ended, and how detection and failover compare with the promise. Pure."""

from __future__ import annotations

from decimal import Decimal

from monitor.catalogue.model import Catalogue
from monitor.render.dashboards_model import Board, Panel, Query, Said, Section, Variable
from monitor.render.dashboards_style import GOOD, NONE_WANTED, PLAIN, STATE_COLOURS, WARN, YES, Steps, below
from monitor.render.links import ALERTING_DASHBOARD, DRILLS_DASHBOARD, MONGODB_DASHBOARD

DRILL = 'drill=~"$drill"'
FIRST_DRILL = "first_drill"
NO_DRILL = "no drill has run yet"
A_MONTH_S = 30 * 86_400.0
"""What was not rehearsed for a month is not rehearsed: people and set-up have changed since."""


def drills_board(catalogue: Catalogue) -> Board:
    """Make the board; limits are the drills' own targets."""
    return Board(
        uid=DRILLS_DASHBOARD,
        title="Drills",
        text="Has every rehearsal passed lately, and were detection and failover as fast as is promised?",
        span="now-30d",
        variables=(
            Variable(name="drill", label="Drill", metric="dr_drill_running", choice="drill", empty_until=FIRST_DRILL),
        ),
        sections=(
            Section(title="Now", panels=_now(catalogue)),
            Section(title="Journal", panels=(_journal(catalogue), _results())),
            Section(title="Against the promise, run by run", panels=_courses(catalogue)),
        ),
    )


def target(catalogue: Catalogue, name: str) -> Decimal | None:
    """The strictest target that any drill sets for a measurement."""
    limits = [plan.targets[name] for plan in catalogue.drills if name in plan.targets]
    return min(limits) if limits else None


def _steps(catalogue: Catalogue, name: str) -> Steps:
    limit = target(catalogue, name)
    return PLAIN if limit is None else below(float(limit))


def _promised(catalogue: Catalogue, name: str) -> str:
    limit = target(catalogue, name)
    return "" if limit is None else f" ({limit} s is promised)"


def _panel(title: str, text: str, expr: str, **more: object) -> Panel:
    given = {"empty_until": FIRST_DRILL, "nothing": NO_DRILL} | more
    name = "{{drill}}" if "by (drill)" in expr else "all drills"
    return Panel(title=title, text=text, queries=(Query(expr, name),), **given)  # type: ignore[arg-type]


def _now(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        _panel(
            "Is a drill running now?",
            "Drills that are running. While one runs, faults are made on purpose: alerts of that time belong to it. "
            "Good is no outside of the announced times; `monitor drill list` says which.",
            f"max(dr_drill_running{{{DRILL}}})",
            kind="stat",
            width=6,
            steps=((None, GOOD), (1.0, WARN)),
            says=(Said(0, "no"), Said(1, "yes")),
        ),
        _panel(
            "How long ago did the oldest one pass?",
            "Time since the drill that waits longest last passed; one that never did stands in the journal below. Good "
            "is within a month; what was not rehearsed for longer does not count as working: `monitor drill run`.",
            f"max(time() - (dr_drill_last_success_timestamp_seconds{{{DRILL}}} > 0))",
            kind="stat",
            unit="s",
            width=6,
            steps=((None, GOOD), (A_MONTH_S, WARN)),
        ),
        _panel(
            "Was anything lost that was acknowledged?",
            "Bookings that a patient was told of and that were gone afterwards, in the newest runs. Good is zero, "
            "always. Anything else: stop, keep the data, and read the drill's journal.",
            f"max(dr_acknowledged_writes_lost{{{DRILL}}})",
            kind="stat",
            width=6,
            steps=NONE_WANTED,
        ),
        _panel(
            "How slow was the slowest failover?",
            "Seconds from the fault to a new primary, of the newest run of each drill. Good is below the target"
            f"{_promised(catalogue, 'failover_seconds')}; above it see the election and the clients' timeouts.",
            f"max(dr_failover_seconds{{{DRILL}}})",
            kind="stat",
            unit="s",
            width=6,
            steps=_steps(catalogue, "failover_seconds"),
        ),
    )


def _journal(catalogue: Catalogue) -> Panel:
    return Panel(
        title="How did the newest drills end?",
        text=(
            "The newest run of each drill: whether it passed, when it last did, how soon it was noticed, how long "
            "writes were away, and what was lost. Good is passed, not long ago. A failed drill is a promise that would "
            "have been broken: read its journal (`monitor drill history`)."
        ),
        kind="table",
        width=24,
        height=6,
        queries=tuple(
            Query(f"max by (drill) ({expr})")
            for expr in (
                f"dr_drill_result{{{DRILL}}}",
                f"time() - (dr_drill_last_success_timestamp_seconds{{{DRILL}}} > 0)",
                f"dr_detection_seconds{{{DRILL}}}",
                f"dr_failover_seconds{{{DRILL}}}",
            )
        ),
        columns={
            "drill": "Drill",
            "Value #A": "Passed (1) or failed (0)",
            "Value #B": "Last passed, ago",
            "Value #C": "Noticed after",
            "Value #D": "New primary after",
        },
        column_units={"Last passed, ago": "s", "Noticed after": "s", "New primary after": "s"},
        column_steps={
            "Passed (1) or failed (0)": YES,
            "Noticed after": _steps(catalogue, "detection_seconds"),
            "New primary after": _steps(catalogue, "failover_seconds"),
        },
        sorted_by="Passed (1) or failed (0)",
        empty_until=FIRST_DRILL,
        nothing=NO_DRILL,
    )


def _results() -> Panel:
    return _panel(
        "Did drills pass, month by month?",
        "Result of the newest run of each drill over time, from its first run on. Good is passed throughout; where it "
        "turns to failed, the deploy marked before it is the first suspect.",
        f"max by (drill) (dr_drill_result{{{DRILL}}})",
        kind="timeline",
        width=24,
        height=5,
        says=(Said(1, "passed", STATE_COLOURS["good"]), Said(0, "failed", STATE_COLOURS["bad"])),
    )


def _courses(catalogue: Catalogue) -> tuple[Panel, ...]:
    return (
        _panel(
            "How soon was it noticed?",
            "Seconds from the fault to the first alert about it that was received, by drill. Good is below the target"
            f"{_promised(catalogue, 'detection_seconds')}; more means that somebody would be told late.",
            f"max by (drill) (dr_detection_seconds{{{DRILL}}})",
            unit="s",
            steps=_steps(catalogue, "detection_seconds"),
            draw_thresholds=True,
            leads_to=ALERTING_DASHBOARD,
        ),
        _panel(
            "How long was there no primary?",
            "Seconds from the fault to a new primary, by drill. Good is below the target"
            f"{_promised(catalogue, 'failover_seconds')} and level; a rise is a set that grew slow to elect.",
            f"max by (drill) (dr_failover_seconds{{{DRILL}}})",
            unit="s",
            steps=_steps(catalogue, "failover_seconds"),
            draw_thresholds=True,
            leads_to=MONGODB_DASHBOARD,
        ),
        _panel(
            "Did drills lose acknowledged bookings?",
            "Bookings that were acknowledged and not found afterwards, by drill, over time. Good is zero, always; what "
            "was lost once must be explained before the next deploy.",
            f"max by (drill) (dr_acknowledged_writes_lost{{{DRILL}}})",
            steps=NONE_WANTED,
            leads_to=MONGODB_DASHBOARD,
        ),
    )
