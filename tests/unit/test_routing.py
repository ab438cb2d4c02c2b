"""What an Alertmanager does with an alert, as far as its configuration says."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import CatalogueError
from monitor.routing import intervals, matchers, re2
from monitor.routing.choices import TooManyError, choices
from monitor.routing.config import Config, read
from monitor.routing.matchers import Matcher, matcher
from monitor.routing.reach import reaches
from monitor.routing.walk import deliveries, mutes, routes, steps

NOON = datetime(2026, 11, 26, 12, tzinfo=ZoneInfo("UTC"))


def pattern(letters: random.Random, depth: int) -> str:
    if depth == 0:
        return letters.choice("abc.")
    inner = pattern(letters, depth - 1)
    return letters.choice(
        (
            inner + pattern(letters, depth - 1),
            f"(?:{inner}|{pattern(letters, depth - 1)})",
            f"({inner}){letters.choice('*+?')}",
            f"(?:{inner}){letters.choice(('{2}', '{1,2}', '{1,}'))}",
            letters.choice(("[ab]", "[^ab]", "[a-c]")) + inner,
            f"^{inner}$",
            inner,
        )
    )


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_patterns_match_what_they_match_elsewhere(letters: random.Random) -> None:
    text = pattern(letters, 4)
    for size in range(4):
        for word in itertools.product("abx", repeat=size):
            candidate = "".join(word)
            assert re2.matches(text, candidate) == bool(re.fullmatch(text, candidate)), (text, candidate)


@pytest.mark.parametrize(
    ("text", "accepted", "refused"),
    [
        ("(?i)abC", "aBc", "abd"),
        ("a(?i:b)c", "aBc", "aBC"),
        ("[[:alpha:]]+", "aZ", "a1"),
        (r"\d+\.\d", "12.5", "12x5"),
        (r"\Qa.b\E+", "a.bb", "axb"),
        ("[]a]", "]", "b"),
        ("[^]a]", "b", "]"),
        ("(?s)a.b", "a\nb", "ab"),
        ("a.b", "axb", "a\nb"),
        (r"\x41\x{42}", "AB", "ab"),
        ("(?P<name>x)y", "xy", "x"),
        ("a{,2}", "a{,2}", "aa"),
        ("critical|", "", "x"),
        (r"\w+", "abc_1", "é"),
    ],
)
def test_patterns_are_those_of_re2(text: str, accepted: str, refused: str) -> None:
    assert re2.matches(text, accepted)
    assert not re2.matches(text, refused)


@pytest.mark.parametrize(
    "text",
    ["(", "a)", "*a", "[b-a]", "[a", r"\b", r"\p{L}", "a{5,2}", "(a{100}){100}", "(?z)", "x" * 20_000, "[[:nope:]]"],
)
def test_what_is_not_understood_is_refused_and_never_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|'"):
        re2.parse(text)


def test_a_pattern_that_kills_other_engines_takes_no_time() -> None:
    assert not re2.matches("(a*)*b", "a" * 5000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('severity="critical"', [("severity", "=", "critical")]),
        ("severity=critical", [("severity", "=", "critical")]),
        (' a =~ "x|y" , b != z', [("a", "=~", "x|y"), ("b", "!=", "z")]),
        ('{a="b", c!~"d,e"}', [("a", "=", "b"), ("c", "!~", "d,e")]),
        (r'a="say \"hi\" \\ \n"', [("a", "=", 'say "hi" \\ \n')]),
        ('a=""', [("a", "=", "")]),
        ("a=~x{2}", [("a", "=~", "x{2")]),
        (r'a="\.\t"', [("a", "=", r"\.\t")]),
        ('http.status=~"5..",a=b', [("http.status", "=~", "5.."), ("a", "=", "b")]),
        ("{ grüße != ja, }", [("grüße", "!=", "ja")]),
        (r'"a \"b\"\u00e9"="\tx"', [('a "b"é', "=", "\tx")]),
        ("{}", []),
    ],
)
def test_matchers_are_read_as_alertmanager_does(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.op, one.value) for one in matchers.parse(text)] == expected
    assert all(matchers.parse(str(one)) == (one,) for one in matchers.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        *("severity", "a b=c", 'a="b', "a=~(", "=x", "a=b,,c=d", 'a=b"c', 'a="b"c"', r'a="b\"', "a=b,{c=d}"),
        *("a.b='c'", "a.b=", "{a.b=c", "a.b=x{2}", 'a.b="c" d', r'a.b="\."', r'"a\xff"=b', r'a.b="\ud800"', "a.b~=c"),
    ],
)
def test_what_is_no_matcher_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"matcher|quote|without"):
        matchers.parse(text)


TREE = """\
route:
  receiver: default
  group_by: [alertname]
  repeat_interval: 3h
  routes:
  - receiver: db
    matchers: ['alertname=~"Mongo.*"']
    group_wait: 10s
  - receiver: default
    matchers: [alertname="MongoNoPrimary", severity="critical"]
  - matchers: [severity=~"critical|warning"]
    receiver: team
    continue: true
    routes:
    - receiver: pager
      matchers: [severity="critical"]
    - receiver: nobody
      matchers: [severity="info"]
  - matchers: [severity=~".+"]
    receiver: all
  - match: {severity: info, team: x}
    receiver: late
receivers: [{name: default}, {name: db, webhook_configs: [{url: 'http://x'}]}, {name: team}, {name: pager}, {name: all},
  {name: nobody}, {name: late}]
"""


def config(text: str = TREE) -> Config:
    return read(text, "mine.yml")


def sent(labels: Mapping[str, str], text: str = TREE) -> list[str]:
    return [each.route.receiver for each in deliveries(config(text), labels, NOON)]


def test_an_alert_follows_the_tree_as_in_alertmanager() -> None:
    assert sent({"alertname": "MongoNoPrimary", "severity": "critical"}) == ["db"]
    assert sent({"alertname": "X", "severity": "critical"}) == ["pager", "all"]
    assert sent({"alertname": "X", "severity": "warning"}) == ["team", "all"]
    assert sent({"alertname": "X", "severity": "info", "team": "x"}) == ["all"]
    assert sent({"alertname": "X"}) == ["default"]


def test_each_step_says_what_failed_and_timings_are_taken_over() -> None:
    tried = steps(config().route, {"alertname": "X", "severity": "critical"})

    assert [(step.depth, step.matched, step.delivers) for step in tried] == [
        (0, True, False),
        (1, False, False),
        (1, False, False),
        (1, True, False),
        (2, True, True),
        (1, True, True),
    ]
    assert [str(one) for one in tried[2].failed] == ['alertname="MongoNoPrimary"']
    db = next(route for route in routes(config().route) if route.receiver == "db")
    assert (db.group_by, db.group_wait, db.group_interval, db.repeat_interval) == (("alertname",), "10s", "5m", "3h")
    assert db.line == 6


def test_routes_that_no_alert_reaches_are_found_with_what_takes_their_alerts() -> None:
    judged = {reach.route.path: reach for reach in reaches(config().route)}

    dead = {path: [other.path for other in reach.shadowed_by] for path, reach in judged.items() if reach.dead}
    assert dead == {
        "route.routes[1]": ["route.routes[0]"],
        "route.routes[2].routes[1]": [],
        "route.routes[4]": ["route.routes[3]"],
    }
    assert judged["route.routes[2].routes[1]"].contradiction


def test_what_is_shown_as_reaching_a_route_does_reach_it() -> None:
    for reach in reaches(config().route):
        if reach.example is not None:
            passed = [step.route.path for step in steps(config().route, reach.example) if step.matched]
            assert reach.route.path in passed


VALUES = ("", "a", "b", "ab", "ba", "abc", "c")


@pytest.mark.parametrize("seed", [319, *range(40)])  # 319 once found a route that was called dead and was not
def test_a_route_is_called_dead_only_where_no_labels_reach_it(seed: int) -> None:
    """Against all labels of a few values: what they reach is never dead, and what is not dead shows labels."""
    letters = random.Random(seed)

    def some(count: int) -> str:
        ops = ("=", "!=", "=~", "!~")
        values = ("a", "b", "a|b", "a.*", ".+", "", "ab?", ".*b.*")
        return ", ".join(
            f"'{letters.choice('xyz')}{letters.choice(ops)}\"{letters.choice(values)}\"'" for _ in range(count)
        )

    children = "".join(
        f"  - {{receiver: r, matchers: [{some(letters.randint(0, 2))}], continue: {letters.choice(('true', 'false'))}, "
        f"routes: [{{receiver: r, matchers: [{some(1)}]}}, {{receiver: r, matchers: [{some(2)}]}}]}}\n"
        for _ in range(4)
    )
    tree = config(f"route:\n  receiver: r\n  routes:\n{children}receivers: [{{name: r}}]\n").route
    reached: set[str] = set()
    for values in itertools.product(VALUES, repeat=3):
        labels = {"alertname": "A"} | {name: value for name, value in zip("xyz", values, strict=True) if value}
        reached |= {step.route.path for step in steps(tree, labels) if step.matched}
    for reach in reaches(tree):
        assert reach.dead == (reach.example is None)
        if reach.example is None:
            assert reach.route.path not in reached
        else:
            passed = [step.route.path for step in steps(tree, {"alertname": "A"} | dict(reach.example)) if step.matched]
            assert reach.route.path in passed


def test_values_of_a_label_are_told_apart_by_its_conditions_exactly() -> None:
    conditions = [matcher("x", "=~", "a.*"), matcher("x", "=~", ".*z"), Matcher("x", "!=", "az")]

    found = {fulfilled: value for value, fulfilled in choices("x", conditions)}

    assert len(found) == 5, "all but: it is az, and does not match both"
    assert all(frozenset(one for one in conditions if one.accepts(value)) == key for key, value in found.items())


def test_an_alert_always_has_a_name() -> None:
    named = Matcher("alertname", "=", "")
    assert all(named not in fulfilled for _, fulfilled in choices("alertname", [named]))


def test_patterns_that_are_too_involved_are_left_undecided() -> None:
    involved = [matcher("x", "=~", f".*{'ab'[i % 2]}.{{{20 + i}}}") for i in range(8)]
    with pytest.raises(TooManyError):
        choices("x", involved)
    lines = "".join(f"  - {{receiver: r, matchers: ['{one}']}}\n" for one in involved)
    tree = config(f"route:\n  receiver: r\n  routes:\n{lines}receivers: [{{name: r}}]\n").route
    assert all(not reach.dead and reach.example is None for reach in reaches(tree))


def test_a_tree_of_hundreds_of_routes_is_judged() -> None:
    lines = "".join(
        f"  - {{receiver: r, matchers: ['alertname=\"A{i}\"', 'team=~\"t{i % 7}|all\"']}}\n" for i in range(300)
    )
    tree = config(
        f"route:\n  receiver: r\n  routes:\n{lines}  - {{receiver: r, matchers: [alertname=A7, team=t0]}}\n"
        "receivers: [{name: r}]\n"
    ).route

    assert [(reach.route.path, reach.dead) for reach in reaches(tree) if reach.dead] == [("route.routes[300]", True)]


HOURS = """\
route: {receiver: r, routes: [
  {receiver: r, active_time_intervals: [office], mute_time_intervals: [holidays], matchers: [a=b]}]}
receivers: [{name: r}]
time_intervals:
- name: office
  time_intervals:
  - {weekdays: ['monday:friday'], times: [{start_time: '08:00', end_time: '18:00'}], location: Europe/Berlin}
- name: holidays
  time_intervals:
  - {days_of_month: ['24:26'], months: [december]}
  - {days_of_month: ['-1'], months: ['12']}
"""


@pytest.mark.parametrize(
    ("at", "heard"),
    [
        ("2026-11-26T07:00+00:00", True),  # a Thursday, 8 o'clock in Berlin
        ("2026-11-26T06:59+00:00", False),
        ("2026-11-26T16:59+00:00", True),
        ("2026-11-26T17:00+00:00", False),
        ("2026-07-01T06:00+00:00", True),  # summer time
        ("2026-11-28T12:00+00:00", False),
        ("2026-12-24T12:00+00:00", False),
        ("2026-12-31T12:00+00:00", False),
        ("2026-12-30T12:00+00:00", True),
    ],
)
def test_hours_are_those_of_the_time_zone(at: str, heard: bool) -> None:  # noqa: FBT001  # a case
    (delivery,) = deliveries(config(HOURS), {"a": "b"}, datetime.fromisoformat(at))
    assert delivery.muted != heard


def test_a_span_over_midnight_is_refused_as_alertmanager_does() -> None:
    with pytest.raises(CatalogueError, match=r"mine.yml:7: .*two entries"):
        config(HOURS.replace("'18:00'", "'06:00'"))


def test_the_zone_of_alertmanagers_own_machine_is_taken() -> None:
    local = config(HOURS.replace("Europe/Berlin", "Local"))
    assert local.time_intervals["office"][0].contains(datetime(2026, 11, 26, 12).astimezone())
    with pytest.raises(CatalogueError, match="no time zone"):
        config(HOURS.replace("Europe/Berlin", "Europe/Nowhere"))


def test_days_from_the_months_end_are_counted_back() -> None:
    last = intervals.Interval(days_of_month=((-2, -1),))
    assert [day for day in range(1, 29) if last.contains(datetime(2027, 2, day, tzinfo=ZoneInfo("UTC")))] == [27, 28]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("route: [", "mine.yml:2: is not YAML"),
        ("[]", "mine.yml:1: must be a mapping"),
        ("receivers: []", "no route"),
        ("route: {receiver: x}\nreceivers: []", "mine.yml:1: route: receiver x does not exist"),
        (TREE.replace('alertname=~"Mongo.*"', 'alertname=~"("'), "mine.yml:7: "),
        (TREE.replace("receiver: late", "receiver: late\n    mute_time_intervals: [never]"), "never does not exist"),
        (TREE.replace("receiver: default\n  group_by", "receiver: default\n  matchers: [a=b]\n  group_by"), "the root"),
        (TREE.replace("{name: late}", "{name: late}, {name: late}"), "given twice"),
    ],
)
def test_a_configuration_that_is_none_is_one_message_with_its_place(text: str, place: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        config(text)
    assert place in str(caught.value)


def test_a_few_lines_that_stand_for_billions_are_refused() -> None:
    bomb = "a: &a {receiver: r}\n" + "".join(
        f"{b}: &{b} {{routes: [{','.join(['*' + a] * 9)}]}}\n" for a, b in itertools.pairwise("abcdefgh")
    )
    with pytest.raises(CatalogueError, match="more than"):
        config(bomb + "route: {receiver: r, routes: [*h]}\nreceivers: [{name: r}]\n")


def test_anchors_and_merges_are_read_as_alertmanager_does() -> None:
    route = "route: {receiver: r, routes: [{<<: *x, matchers: [a=b]}]}"
    text = f"x: &x {{receiver: b}}\n{route}\nreceivers: [{{name: r}}, {{name: b}}]\n"
    assert sent({"a": "b"}, text) == ["b"]


def test_who_mutes_whom_is_judged_as_alertmanager_does() -> None:
    rules = """inhibit_rules:
- {source_matchers: [a=1], target_matchers: [b=1], equal: [host]}
- {source_match: {s: x}, target_match_re: {s: 'x|y'}}
"""
    equal, both = config(TREE + rules).inhibit_rules
    assert mutes(equal, {"a": "1", "host": "h"}, {"b": "1", "host": "h"})
    assert not mutes(equal, {"a": "1", "host": "h"}, {"b": "1", "host": "g"})
    assert mutes(equal, {"a": "1"}, {"b": "1"}), "missing on both sides counts as equal"
    assert not mutes(equal, {"a": "1", "host": "h"}, {"b": "1"})
    assert mutes(both, {"s": "x"}, {"s": "y"})
    assert not mutes(both, {"s": "x"}, {"s": "x"}), "what is source and target is not muted by its like"
