"""The report for people: one self-contained page, and the same page as PDF. Pure but for WeasyPrint's fonts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from monitor.render import report_words as words
from monitor.render.report_model import Effect, Report, SloResult, Slot
from monitor.render.report_svg import MEASURED_SHARE, PALETTE, budget_chart
from monitor.slo.verdict import Verdict

MOST_GAPS = 4
"""So many gaps are listed; of more, their number and sum are told."""


def to_html(report: Report) -> str:
    """Write the report as one HTML page that needs nothing else; every value is escaped."""
    return _templates().get_template("report.html").render(_view(report))


def to_pdf(report: Report) -> bytes:
    """Write the same page as PDF, A4.

    WeasyPrint is imported here: it takes half a second, which only this format should pay. It may fetch nothing.
    """
    from weasyprint import HTML  # noqa: PLC0415  # see above

    pdf: bytes = HTML(string=to_html(report), url_fetcher=_refuse).write_pdf()
    return pdf


def _refuse(url: str, *_: object, **__: object) -> Any:
    raise ValueError(f"the report must be self-contained, yet asks for {url}")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "count", "minutes", "seconds", "bytes_", "plural"):
        environment.filters[name.rstrip("_")] = getattr(words, name)
    return environment


def _view(report: Report) -> dict[str, Any]:
    zone = report.period.time_zone

    def moment(instant: datetime | None) -> str:
        return words.moment(instant, zone)

    return {
        "report": report,
        "palette": PALETTE,
        "title": title(report),
        "span": _span(report),
        "headline": headline(report),
        "lead": lead(report),
        "facts": facts(report),
        "slos": [_row(slo, zone) for slo in sorted(report.slos, key=_urgency)],
        "chart": budget_chart(report.period, report.slos, report.incidents),
        "incident_rows": [
            {
                "when": _from_to(incident.start, incident.end, zone),
                "length": words.minutes(incident.minutes),
                "effects": list(_effects(incident.effects)),
            }
            for incident in report.incidents
        ],
        "gap_lines": _gap_lines(report),
        "moment": moment,
        "measure": _measure,
        "Verdict": Verdict,
    }


def title(report: Report) -> str:
    """Name the period as a person would."""
    period = report.period
    if period.calendar:
        return f"{period.start.astimezone(ZoneInfo(period.time_zone)):%B %Y}"
    return f"Last {words.span(period.end - period.start).removeprefix('1 ')}"


def headline(report: Report) -> str:
    """Say the outcome in one sentence: what a reader takes away who reads nothing else."""
    met, missed = report.having(Verdict.MET), report.having(Verdict.MISSED)
    unclear, many = report.having(Verdict.INSUFFICIENT), len(report.slos)
    if not many:
        return "Nothing is promised: the catalogue holds no SLO."
    if missed:
        names = words.listing([slo.display_name for slo in missed])
        return f"{len(missed)} of {many} {words.plural(many, 'objective')} {_was(missed)} missed: {names}."
    if len(met) == many:
        return f"All {many} objectives were met."
    if len(unclear) == many:
        return "Insufficient data: no verdict can be given yet."
    return f"{len(met)} of {many} objectives were met; for {len(unclear)} there is insufficient data."


def lead(report: Report) -> str:
    """Say the two or three facts behind the headline."""
    sentences = []
    if report.having(Verdict.INSUFFICIENT):
        share = words.percent(report.coverage, 1)
        sentences.append(f"At the least covered objective, {share} of the period was measured; the rest is unknown.")
    if report.period.running:
        sentences.append("The month is still running: these are the figures so far.")
    if report.incidents:
        worst = report.incidents[0]
        spent = words.share_of(worst.budget_share, "a whole error budget")
        when = words.clock_time(worst.start, report.period.time_zone)
        sentences.append(f"The worst incident began {when} and spent {spent}.")
    elif any(slo.total_events for slo in report.slos):
        sentences.append("No incident was seen in the time that was measured.")
    return " ".join(sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A figure large enough to be read across a table; ``state`` is ``good``, ``bad`` or ``unknown``."""

    label: str
    value: str
    note: str
    state: str


def facts(report: Report) -> tuple[Fact, ...]:
    """Choose the four figures that managers ask for first."""
    found = []
    if report.slos:
        first = report.slos[0] if not (named := _named(report, "availability")) else named
        found.append(
            Fact(
                label=first.display_name,
                value=_achieved(first),
                note=f"promised {words.percent(first.objective, words.digits_for(first.objective))}",
                state=_state(first.verdict),
            )
        )
    failed = _named(report, "availability")
    if failed and failed.budget_events:
        allowed = words.count(failed.budget_events.allowed)
        found.append(
            Fact(
                label=f"Failed {failed.unit}",
                value=words.count(failed.failed_events),
                note=f"of {words.count(failed.total_events)}; the whole period allows {allowed}",
                state="bad" if failed.budget_events.left < 0 else "plain",
            )
        )
    found += [
        Fact(
            label=target.title,
            value=words.seconds(target.measured_seconds),
            note=f"target {words.span(timedelta(seconds=target.target_seconds))}; the worst seen",
            state=_kept(target.within),
        )
        for target in report.recovery
    ]
    return tuple(found[:4])


def _named(report: Report, name: str) -> SloResult | None:
    return next((slo for slo in report.slos if slo.name == name), None)


def _span(report: Report) -> str:
    period = report.period
    start, until = (words.moment(at, period.time_zone) for at in (period.start, period.until))
    return f"{start} to {until} ({period.time_zone})"


def _achieved(slo: SloResult) -> str:
    """What was achieved, where that is known: of what was measured of too little, a reader would take it for all."""
    known = slo.verdict is not Verdict.INSUFFICIENT
    return words.percent(slo.achieved, words.digits_for(slo.objective)) if known else words.UNKNOWN


def _row(slo: SloResult, zone: str) -> dict[str, Any]:
    digits = words.digits_for(slo.objective)
    left = slo.budget_left
    sure = slo.verdict is not Verdict.INSUFFICIENT
    at_most = "" if sure or left is None or left < 0 else "at most "
    return {
        "slo": slo,
        "state": _state(slo.verdict),
        "objective": words.percent(slo.objective, digits),
        "achieved": _achieved(slo),
        "between": f"{words.percent(slo.low, digits)} to {words.percent(slo.high, digits)}",
        "coverage": words.percent(slo.coverage, 1),
        "left": words.left(left, sure=sure),
        "bar": 0 if left is None else 100 if left < 0 else round(100 * min(1.0, left), 1),
        "at_most": at_most,
        "minutes_left": words.minutes(slo.budget_minutes.left),
        "minutes_allowed": words.minutes(slo.budget_minutes.allowed),
        "corrections": list(_corrections(slo, zone)),
        "slots": [_slot(slot, slo.objective, digits) for slot in slo.slots],
    }


def _corrections(slo: SloResult, zone: str) -> Iterator[str]:
    """Say what was taken off by agreement, by whom, and what it was before."""
    for one in slo.corrections:
        when = _from_to(one.start, one.end, zone)
        known = one.failed_events is not None and one.total_events is not None
        said = "what failed in it is not known, and nothing was taken off"
        if known:
            said = f"{_events(slo, one.failed_events)} failed of {_events(slo, one.total_events)} taken off"
        yield f"{when} does not count: {one.reason} ({one.by}, approved by {one.approved_by}); {said}."
    if slo.before:
        achieved, left = _achieved(slo.before), words.left(slo.before.budget_left, sure=True)
        yield f"Before corrections: {achieved} achieved, {slo.before.verdict.value}; error budget: {left}."


def _events(slo: SloResult, number: float | None) -> str:
    return words.minutes(number) if slo.unit == "minutes" else words.count(number)


def _slot(slot: Slot, objective: float, digits: int) -> dict[str, str]:
    if slot.coverage < MEASURED_SHARE:
        return {"state": "blind", "text": "not measured" if slot.coverage == 0 else "hardly measured"}
    if slot.achieved is None:
        return {"state": "idle", "text": "no events"}
    state = "good" if slot.achieved >= objective else "poor" if 1 - slot.achieved < 10 * (1 - objective) else "bad"
    return {"state": state, "text": words.percent(slot.achieved, digits)}


def _effects(effects: Iterable[Effect]) -> Iterator[dict[str, str]]:
    """What an incident did, SLO by SLO; requests that two promises count (an SLO and its SLA) are not told twice."""
    told = set()
    for effect in effects:
        counted = (effect.failed_events, effect.total_events, effect.unit)
        again = {"failed": f"the same {effect.unit}"} if counted in told and effect.unit != "minutes" else {}
        told.add(counted)
        yield _effect(effect) | again


def _effect(effect: Effect) -> dict[str, str]:
    share = words.multiple(effect.budget_share)
    failed = words.minutes(effect.failed_events) if effect.unit == "minutes" else words.count(effect.failed_events)
    unit = "" if effect.unit == "minutes" else f" {effect.unit}"
    return {"name": effect.display_name, "failed": f"{failed}{unit}", "share": share}


def _gap_lines(report: Report) -> list[str]:
    zone, lines = report.period.time_zone, []
    names = {slo.name: slo.display_name for slo in report.slos}
    for gap in sorted(report.gaps, key=lambda gap: -gap.minutes)[:MOST_GAPS]:
        whom = "all objectives" if len(gap.slos) == len(names) else words.listing([names[name] for name in gap.slos])
        lines.append(f"{_from_to(gap.start, gap.end, zone)} ({words.minutes(gap.minutes)}): {whom}")
    if len(report.gaps) > MOST_GAPS:
        rest = sorted(report.gaps, key=lambda gap: -gap.minutes)[MOST_GAPS:]
        total = words.minutes(sum(gap.minutes for gap in rest))
        lines.append(f"and {len(rest)} shorter {words.plural(len(rest), 'gap')}, {total} together")
    return lines


_MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "failover_seconds": ("writes back after", words.seconds),
    "detection_seconds": ("detected after", words.seconds),
    "acknowledged_lost": ("acknowledged bookings lost", words.count),
    "restore_seconds": ("restored in", words.seconds),
}


def _measure(name: str, value: float) -> str:
    """Say one measurement of a drill."""
    label, say = _MEASURES.get(name, (name.replace("_", " "), lambda number: f"{number:g}"))
    return f"{label} {say(value)}" if say is words.seconds else f"{label}: {say(value)}"


def _from_to(start: datetime, end: datetime, zone: str) -> str:
    """A span of time; the day is said once where it is the same."""
    same = start.astimezone(ZoneInfo(zone)).date() == end.astimezone(ZoneInfo(zone)).date()
    last = f"{end.astimezone(ZoneInfo(zone)):%H:%M}" if same else words.clock_time(end, zone)
    return f"{words.clock_time(start, zone)}{'' if same else ' '}\N{EN DASH}{'' if same else ' '}{last}"


def _urgency(slo: SloResult) -> int:
    """What needs attention comes first; otherwise the catalogue's order stays."""
    return (Verdict.MISSED, Verdict.INSUFFICIENT, Verdict.MET).index(slo.verdict)


def _was(slos: tuple[SloResult, ...]) -> str:
    return "was" if len(slos) == 1 else "were"


def _state(verdict: Verdict) -> str:
    return {Verdict.MET: "good", Verdict.MISSED: "bad", Verdict.INSUFFICIENT: "unknown"}[verdict]


def _kept(within: bool | None) -> str:  # noqa: FBT001  # a tri-state value, not a switch
    return "unknown" if within is None else "good" if within else "bad"
