"""What the console remembers, so that many viewers cost little."""

from __future__ import annotations

import pytest

from monitor.errors import SettingsError, Unavailable
from monitor.web.state import Remembered


async def test_a_dead_source_is_waited_for_once_and_not_by_each_viewer() -> None:
    asked: list[int] = []

    def dead() -> int:
        asked.append(1)
        raise Unavailable("Prometheus does not answer")

    reader = Remembered(dead)
    for _ in range(3):
        with pytest.raises(Unavailable, match="Prometheus does not answer"):
            await reader.read()
    assert len(asked) == 1


async def test_an_answer_is_asked_for_again_when_it_is_old_or_known_to_have_changed() -> None:
    answers = iter(range(10))
    reader = Remembered(lambda: next(answers), for_s=3600)
    assert [await reader.read() for _ in range(3)] == [0, 0, 0]
    reader.forget()
    assert await reader.read() == 1
    old = Remembered(lambda: next(answers), for_s=-1)
    assert [await old.read() for _ in range(2)] == [2, 3]


async def test_a_source_whose_password_file_is_gone_is_one_that_does_not_answer() -> None:
    """A secret that is renewed at the wrong moment must not take the pages down that can do without it."""

    def gone() -> int:
        raise SettingsError("cannot read alertmanager_password_file")

    with pytest.raises(Unavailable, match="cannot read alertmanager_password_file"):
        await Remembered(gone).read()
