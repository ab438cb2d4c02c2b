"""Which texts Prometheus would refuse; tests/contract/test_rules_promtool.py holds the same list against promtool."""

from __future__ import annotations

import pytest

from monitor.catalogue import templates


@pytest.mark.parametrize("text", ["{{ x", "50 % of {{ all }} }} {{{", "{{{{", "plain", ""])
def test_what_is_escaped_is_a_template_that_shows_the_text(text: str) -> None:
    escaped = templates.escape(text)

    templates.check(escaped)
    assert templates.shown(escaped) == text


def test_a_template_is_not_shown_as_it_stands() -> None:
    assert templates.shown("up for {{ $value }} s") is None
