"""Routes that no alert can reach, whatever its labels: ``amtool check-config`` accepts them. Pure, and exact.

A route is reached by an alert that fulfils its matchers and those of every route around it, and at each level none of
the routes before it that do not ``continue``. Whether there is such an alert is decided label by label
(``monitor.routing.choices``), and where there is one, it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitor.routing.choices import Choice, TooManyError, choices
from monitor.routing.config import Route
from monitor.routing.matchers import Matcher

MOST_STEPS = 20_000
"""Of the search for one route's alert; after as many nothing is said about it."""

Open = Mapping[str, tuple[Choice, ...]]
"""What each label may still be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What is known of one route: ``example`` reaches it, or it is dead for a reason, or (neither) nobody can say."""

    route: Route
    example: Mapping[str, str] | None = None
    contradiction: bool = False
    """Its matchers and those around it exclude each other."""
    shadowed_by: tuple[Route, ...] = ()
    """Routes before it that take every alert that would reach it."""

    @property
    def dead(self) -> bool:
        """Whether no alert can reach it."""
        return self.contradiction or bool(self.shadowed_by)


def reaches(root: Route) -> tuple[Reach, ...]:
    """Judge every route of a tree but the root, in the order of the file."""
    conditions: dict[str, list[Matcher]] = {}
    for route in _below(root):
        for matcher in route.matchers:
            known = conditions.setdefault(matcher.name, [])
            if matcher not in known:
                known.append(matcher)
    possible: dict[str, tuple[Choice, ...] | None] = {}
    for label, matchers in conditions.items():
        try:
            possible[label] = choices(label, matchers)
        except TooManyError:
            possible[label] = None
    return tuple(_judge(root, (), (), possible))


def _below(route: Route) -> Iterator[Route]:
    for child in route.routes:
        yield child
        yield from _below(child)


def _judge(
    route: Route,
    path: tuple[Matcher, ...],
    before: tuple[Route, ...],
    possible: Mapping[str, tuple[Choice, ...] | None],
) -> Iterator[Reach]:
    """``path``: what the routes around it demand; ``before``: those that take alerts away at a level above."""
    earlier: tuple[Route, ...] = ()
    for child in route.routes:
        demanded = (*path, *child.matchers)
        takers = (*before, *earlier)
        yield _reach(child, demanded, takers, possible)
        yield from _judge(child, demanded, takers, possible)
        if not child.goes_on:
            earlier = (*earlier, child)


def _reach(
    route: Route,
    demanded: Sequence[Matcher],
    takers: tuple[Route, ...],
    possible: Mapping[str, tuple[Choice, ...] | None],
) -> Reach:
    involved = {matcher.name for matcher in (*demanded, *(one for taker in takers for one in taker.matchers))}
    if any(possible[label] is None for label in involved):
        return Reach(route=route)
    domains: Open = {label: possible[label] or () for label in involved}
    left = _demand(domains, demanded)
    if left is None:
        return Reach(route=route, contradiction=True)
    try:
        found = _escape(left, [taker.matchers for taker in takers], [MOST_STEPS])
        if found is not None:
            return Reach(
                route=route, example={label: found[label][0][0] for label in sorted(found) if found[label][0][0]}
            )
        return Reach(route=route, shadowed_by=_least(left, takers))
    except TooManyError:
        return Reach(route=route)


def _demand(domains: Open, matchers: Sequence[Matcher]) -> Open | None:
    """Keep the values that fulfil all matchers; ``None`` if a label has none left."""
    left = dict(domains)
    for matcher in matchers:
        left[matcher.name] = tuple(choice for choice in left[matcher.name] if matcher in choice[1])
        if not left[matcher.name]:
            return None
    return left


def _escape(domains: Open, takers: Sequence[tuple[Matcher, ...]], steps: list[int]) -> Open | None:
    """Find values by which each taker fails on one of its matchers at least."""
    steps[0] -= 1
    if steps[0] < 0:
        raise TooManyError
    open_ = [taker for taker in takers if not any(_fails(domains, matcher) for matcher in taker)]
    if not open_:
        return domains
    first = min(open_, key=len)
    for matcher in first:
        kept = tuple(choice for choice in domains[matcher.name] if matcher not in choice[1])
        if kept:
            found = _escape({**domains, matcher.name: kept}, [one for one in open_ if one is not first], steps)
            if found is not None:
                return found
    return None


def _fails(domains: Open, matcher: Matcher) -> bool:
    """Whether no value that is left fulfils it."""
    return not any(matcher in choice[1] for choice in domains[matcher.name])


def _least(domains: Open, takers: tuple[Route, ...]) -> tuple[Route, ...]:
    """The fewest takers that are enough: one by one, each that is not needed is left out."""
    needed = list(takers)
    for taker in takers:
        fewer = [one for one in needed if one is not taker]
        try:
            enough = _escape(domains, [one.matchers for one in fewer], [MOST_STEPS]) is None
        except TooManyError:
            enough = False
        needed = fewer if enough else needed
    return tuple(needed)
