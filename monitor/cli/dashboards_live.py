"""Asks a live Prometheus what dashboards, alerts and runbooks ask, and what that costs. Shared by two commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from monitor import clock
from monitor.catalogue.model import Catalogue
from monitor.check.dashboard_files import DashboardFile, read
from monitor.check.finding import Finding
from monitor.check.live_dashboards import Cost, Question, cost_of, judged, other_questions, questions, slow
from monitor.sources.measured import Measured, Window, measure_all
from monitor.sources.prometheus import Prometheus


@dataclass(slots=True)
class Heard:
    """What came of it."""

    findings: list[Finding] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)


def heard(
    prometheus: Prometheus,
    catalogue: Catalogue,
    dashboards: Mapping[str, str],
    runbooks: Mapping[str, str],
) -> Heard:
    """Ask everything once, board by board.

    Raises:
        Unavailable: Prometheus cannot be reached in time.
    """
    answer, scrape = Heard(), catalogue.environment.scrape_interval
    for path, text in dashboards.items():
        file = read(path, text)
        if isinstance(file, DashboardFile):  # what is none is a finding of the lint
            _hear(prometheus, list(questions(file, scrape)), answer, file.uid)
    _hear(prometheus, list(other_questions(catalogue, runbooks)), answer)
    answer.findings += slow(answer.costs)
    return answer


def _hear(prometheus: Prometheus, asked: Sequence[Question], answer: Heard, uid: str = "") -> None:
    said: list[Measured] = measure_all(prometheus, [(one.expr, _window(one)) for one in asked])
    answer.findings += judged(asked, said)
    if uid:
        answer.costs.append(cost_of(uid, asked, said))


def _window(question: Question) -> Window | None:
    if question.span is None:
        return None
    end = clock.now().replace(microsecond=0)
    step = timedelta(seconds=max(1, round(question.step.total_seconds())))
    # Whole steps, so that the last point is of now: a stack that is younger than a step has data then, too.
    return Window(start=end - question.span // step * step, end=end, step=step)
