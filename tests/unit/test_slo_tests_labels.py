"""Series made up for tests: chosen by one selector, and where that can be not by another."""

from __future__ import annotations

import pytest

from monitor.render import slo_tests_labels as labels


@pytest.mark.parametrize(
    ("query", "unlike", "made"),
    [
        ('a{code=~"(5..|429)"}', "", 'code="429"'),
        ('a{code=~"5[0-9]{2}"}', "", 'code="500"'),
        ('a{code=~"5..|429"}', "", 'code="5.."'),
        ('a{code=~"5..",code!="5.."}', "", 'code="555"'),
        ('a{code!~"o.*"}', "", 'code=""'),
        ('a{code=~"2..|5.."}', 'a{code=~"2.."}', 'code="5'),
        ('a{code!="404"}', 'a{code!~"5.."}', 'code="500"'),
        (r'a{code="x\"y\\z"}', "", r'code="x\"y\\z"'),
    ],
)
def test_an_example_is_chosen_by_its_selector_and_not_by_the_other(query: str, unlike: str, made: str) -> None:
    found = labels.example(query, unlike=unlike)

    assert made in found
    assert labels.matches(query, found)
    assert not (unlike and labels.matches(unlike, found))


def test_where_all_of_the_one_is_of_the_other_it_is_chosen_all_the_same() -> None:
    assert labels.matches('a{code=~"5.."}', labels.example('a{code="500"}', unlike='a{code=~"5.."}'))


def test_a_pattern_that_is_not_understood_here_is_guessed() -> None:
    assert labels.matches(r'a{code=~"\\pN+"}', labels.example(r'a{code=~"\\pN+"}'))
