"""What the console remembers, so that many viewers cost little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.errors import Unavailable
from monitor.web import state
from monitor.web.state import SloReader


async def test_a_dead_prometheus_is_waited_for_once_and_not_by_each_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def dead(*_: Any) -> None:
        asked.append(None)
        raise Unavailable("Prometheus does not answer")

    monkeypatch.setattr(state, "slo_statuses", dead)
    nobody: Any = None
    reader = SloReader(nobody, nobody, Path("nowhere"))
    for _ in range(3):
        with pytest.raises(Unavailable, match="Prometheus does not answer"):
            await reader.read()
    assert len(asked) == 1
    monkeypatch.setattr(state, "slo_statuses", lambda *_: ())
    monkeypatch.setattr(state, "SLO_MEMORY_S", -1)
    assert await reader.read() == ()
