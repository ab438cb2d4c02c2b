"""Good and bad events are a part of all events, as far as selectors can tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser as ql

from monitor.catalogue import promql
from monitor.catalogue.model import Catalogue, RatioSli, Slo
from monitor.catalogue.terms import counters, terms
from monitor.check.finding import Finding, finding

_PARTS_OF_HISTOGRAM = re.compile(r"_(bucket|count)$")
_ALTERNATIVES = re.compile(r"[\w./:-]+(\|[\w./:-]+)*")
"""A regular expression that only lists texts: whether each is accepted can be asked."""

MOST_ACCEPTED = frozenset({".*", ".+"})


def no_part(catalogue: Catalogue) -> Iterator[Finding]:
    """Ratios whose good or bad events are surely no part of all events, or are all of them."""
    for slo in catalogue.slos:
        if isinstance(slo.sli, RatioSli):
            yield from _judge(slo, slo.sli)


def _judge(slo: Slo, sli: RatioSli) -> Iterator[Finding]:
    word = "good" if sli.good else "bad"
    texts = sli.good or sli.bad, sli.total
    part_terms, whole_terms = ({term.text for term in terms(text)} for text in texts)
    if whole_terms <= part_terms:
        message = f"{slo.name}: {word} counts all that total counts: every event is {word}"
        yield finding(slo.place, "part-is-whole", message, f"narrow {word} by a label (code, le)")
        return
    parts, wholes = map(_selectors, texts)
    for part in parts:
        family = [whole for whole in wholes if _family(whole) == _family(part)]
        # Of several selectors of one family each may hold a piece: only their sum could tell.
        if len(family) == 1 and (label := _escapes(part, family[0])):
            message = (
                f"{slo.name}: {word} counts {part.prettify()}, of which total leaves out what {label} does not match: "
                f"there may be more {word} than all"
            )
            yield finding(slo.place, "more-than-total", message, f"give both the same matchers, and {word} one more")


def _selectors(expression: str) -> list[ql.VectorSelector]:
    return [selector for text in counters(expression) for selector in promql.selectors(promql.parse(text))]


def _family(selector: ql.VectorSelector) -> str:
    """The metric; of a histogram its name, whichever of its series is read."""
    return _PARTS_OF_HISTOGRAM.sub("", str(selector.name))


def _escapes(part: ql.VectorSelector, whole: ql.VectorSelector) -> str:
    """A label by which ``whole`` surely leaves out something that ``part`` selects; empty if there is none."""
    narrow = {(matcher.name, str(matcher.op), str(matcher.value)) for matcher in part.matchers.matchers}
    for matcher in whole.matchers.matchers:
        key = (matcher.name, str(matcher.op), str(matcher.value))
        if matcher.name in {"le", "__name__"} or key in narrow:
            continue
        said = _texts([one for one in narrow if one[0] == matcher.name])
        if said is None:
            continue
        if said == [] and not (key[1] == "MatchOp.Re" and key[2] in MOST_ACCEPTED):
            return str(matcher.name)
        if not all(accepts(key[1], key[2], text) for text in said):
            return str(matcher.name)
    return ""


def _texts(matchers: list[tuple[str, str, str]]) -> list[str] | None:
    """The values that matchers of one label list; empty where there is no matcher, ``None`` where nobody can say."""
    found: list[str] = []
    for _, operator, value in matchers:
        if operator == "MatchOp.Equal" or (operator == "MatchOp.Re" and _ALTERNATIVES.fullmatch(value)):
            found += value.split("|") if operator == "MatchOp.Re" else [value]
        else:
            return None
    return found


def accepts(operator: str, pattern: str, text: str) -> bool:
    """Whether a matcher takes a value."""
    try:
        hit = pattern == text if operator in {"MatchOp.Equal", "MatchOp.NotEqual"} else re.fullmatch(pattern, text)
    except re.error:  # RE2 knows what Python does not
        return True
    return bool(hit) if operator in {"MatchOp.Equal", "MatchOp.Re"} else not hit
