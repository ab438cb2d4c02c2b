"""Which alerts a silence is about."""

from __future__ import annotations

import pytest

from monitor import clock
from monitor.sources.silences import Matcher, Silence

LABELS = {"alertname": "RedisDown", "instance": "redis:6379"}


@pytest.mark.parametrize(
    ("matcher", "matches", "said"),
    [
        (Matcher(name="alertname", value="RedisDown"), True, 'alertname="RedisDown"'),
        (Matcher(name="alertname", value="Redis"), False, 'alertname="Redis"'),
        (Matcher(name="alertname", value="MongoDown", is_equal=False), True, 'alertname!="MongoDown"'),
        (Matcher(name="alertname", value="RedisDown|MongoDown", is_regex=True), True, None),
        (Matcher(name="alertname", value=".*", is_regex=True), True, 'alertname=~".*"'),
        (Matcher(name="team", value=".+", is_regex=True), False, None),
        (Matcher(name="team", value="", is_equal=True), True, 'team=""'),
        (Matcher(name="alertname", value="(R.*)+Down", is_regex=True), True, None),
        (Matcher(name="instance", value="redis:.+", is_regex=True), True, None),
        (Matcher(name="instance", value="redis:.+", is_regex=True, is_equal=False), False, None),
        (Matcher(name="instance", value="redis", is_regex=True), False, None),
        (Matcher(name="a", value='x"y\\\\', is_regex=True, is_equal=False), True, 'a!~"x\\"y\\\\\\\\"'),
        # What is not understood is not claimed, nor is its contrary.
        (Matcher(name="alertname", value=r"\bRedis.*", is_regex=True), False, None),
        (Matcher(name="alertname", value=r"\bMongo.*", is_regex=True, is_equal=False), False, None),
    ],
)
def test_a_matcher_reads_a_label(matcher: Matcher, matches: bool, said: str | None) -> None:  # noqa: FBT001
    assert matcher.matches(LABELS) is matches
    assert said is None or str(matcher) == said


def test_a_silence_covers_what_all_its_matchers_match() -> None:
    now = clock.now()
    both = (Matcher(name="alertname", value="RedisDown"), Matcher(name="instance", value="other"))
    for matchers, covers in ((both[:1], True), (both, False), ((), False)):
        silence = Silence(id="x", state="active", matchers=matchers, starts_at=now, ends_at=now, who="", why="")
        assert silence.covers(LABELS) is covers
