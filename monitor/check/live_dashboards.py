"""What a running Prometheus answers to every query of dashboards, alerts and runbooks. Pure: the asker is handed in.

Panels must have data, unless they say which event must come first; alerts and runbooks may be silent, but must be
understood. All of them must be cheap enough to be asked again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from monitor.catalogue.model import Catalogue, Place
from monitor.check.dashboard_files import Asked, DashboardFile, asked
from monitor.check.finding import Finding, finding
from monitor.check.runbook_queries import queries_of
from monitor.render.dashboards_promql import replaced
from monitor.render.dashboards_window import FINEST, built_in, span_of

SLOW_S = 0.2
"""95 of 100 queries of a dashboard are answered within this, or people wait for it."""

MOST_SAMPLES = 1_000_000
"""Read by one query: Prometheus gives up at 50 million by default, and a refresh comes every 30 s."""

MOST_NAMED = 5
"""Empty panels of one dashboard that are told one by one."""

POINTS = 250
"""About as many as a graph of a third of a screen has."""


class Answer(Protocol):
    """What is needed of an answer."""

    @property
    def seconds(self) -> float:
        """How long it took."""

    @property
    def samples(self) -> int:
        """How many samples were read."""

    @property
    def series(self) -> int:
        """How many series have a number in them."""

    @property
    def refused(self) -> str:
        """Why there is no answer; empty where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query with its variables put in; over ``span`` and ``step``, or for now where there is no span."""

    place: Place
    asked: Asked
    expr: str
    span: timedelta | None
    step: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a dashboard costs; ``shown`` of its ``queries`` are asked when it is opened, the others by closed rows."""

    uid: str
    queries: int
    shown: int
    p95_seconds: float
    samples: int
    """Of all queries together."""


def questions(file: DashboardFile, scrape: timedelta) -> Iterator[Question]:
    """Every query of a dashboard as Grafana would ask it when it is opened."""
    span = span_of(file.span)
    for one in asked(file):
        instant = one.instant or one.kind == "variable"
        step = max(scrape, span / min(one.points or POINTS, FINEST))
        values = built_in(span, step, scrape)
        yield Question(
            place=file.place, asked=one, expr=replaced(one.expr, values), span=None if instant else span, step=step
        )


def other_questions(catalogue: Catalogue, runbooks: Mapping[str, str]) -> Iterator[Question]:
    """The expressions of alerts and the queries of runbooks, asked for now."""
    step = catalogue.environment.scrape_interval
    for group in catalogue.alerts:
        for rule in group.rules:
            one = Asked(board="", title=rule.name, expr=rule.expr, kind="alert", instant=True)
            yield Question(place=rule.place, asked=one, expr=rule.expr, span=None, step=step)
    for place, query in queries_of(runbooks):
        one = Asked(board="", title=place.file, expr=query, kind="runbook", instant=True)
        yield Question(place=place, asked=one, expr=replaced(query), span=None, step=step)


def judged(questions: Sequence[Question], answers: Sequence[Answer]) -> Iterator[Finding]:
    """What is wrong with the answers to one dashboard's questions, or to those of alerts and runbooks."""
    pairs = list(zip(questions, answers, strict=True))
    yield from _without_data([question for question, answer in pairs if _is_empty(question.asked, answer)])
    for question, answer in pairs:
        one = question.asked
        name = f"{one.kind} {one.title!r} asks {question.expr}"
        if answer.refused:
            yield finding(question.place, "refused-query", f"{name}: refused ({answer.refused})", "correct the query")
        if answer.samples > MOST_SAMPLES:
            message = f"{name}: reads {answer.samples} samples; {MOST_SAMPLES} are enough"
            yield finding(question.place, "too-many-samples", message, "record it by a rule, or look at fewer series")


def _is_empty(one: Asked, answer: Answer) -> bool:
    needed = one.kind in {"panel", "variable"} and not one.empty_until
    return needed and not answer.series and not answer.refused


def _without_data(empty: Sequence[Question]) -> Iterator[Finding]:
    """Each by itself while they are few; where a whole producer is missing, one sentence says as much as a hundred."""
    remedy = "see that its producer is scraped; where an event must come first, say which (empty_until)"
    if len(empty) > MOST_NAMED:
        titles = sorted({question.asked.title for question in empty})
        shown = ", ".join(repr(title) for title in titles[:MOST_NAMED])
        message = f"{len(empty)} queries have no data, among them those of {shown}"
        yield finding(empty[0].place, "no-data", message, remedy)
        return
    for question in empty:
        name = f"{question.asked.kind} {question.asked.title!r} asks {question.expr}"
        yield finding(question.place, "no-data", f"{name}: there is no data", remedy)


def slow(costs: Iterable[Cost]) -> Iterator[Finding]:
    """Dashboards that people wait for."""
    for cost in costs:
        if cost.p95_seconds > SLOW_S:
            message = f"95 % of its queries take up to {cost.p95_seconds:.2f} s; {SLOW_S:g} s are enough"
            place = Place(file=f"dashboards/{cost.uid}.json", line=0)
            yield finding(place, "slow-dashboard", message, "record what is slow by a rule, or show less")


def cost_of(uid: str, questions: Sequence[Question], answers: Sequence[Answer]) -> Cost:
    """What a dashboard's panels cost."""
    pairs = [(q, a) for q, a in zip(questions, answers, strict=True) if q.asked.kind == "panel"]
    times = sorted(answer.seconds for _, answer in pairs)
    return Cost(
        uid=uid,
        queries=len(pairs),
        shown=sum(1 for question, _ in pairs if question.asked.shown),
        p95_seconds=times[min(len(times) - 1, int(0.95 * len(times)))] if times else 0.0,
        samples=sum(answer.samples for _, answer in pairs),
    )
