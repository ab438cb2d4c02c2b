"""A real stack and its real times: each link stopped, then all; each is noticed by another way within three minutes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import running_stack
from tests.contract.channel_receivers import json_receiver
from tests.end_to_end.outages import eventually

WITHIN_S = 180.0
CHAIN = ("mongo-1", "mongo-2", "mongo-3", "redis", "prometheus", "alertmanager", "web", "work")
"""What alerts need, with what ``work`` waits for."""


@pytest.mark.stack
@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_each_link_that_stops_is_noticed_within_three_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with json_receiver() as told, json_receiver() as outside:
        for name, text in (
            ("SECOND_CHANNEL", f"json://127.0.0.1:{told.port}/"),
            ("HEARTBEAT_URL", f"http://127.0.0.1:{outside.port}/beat"),
        ):
            (tmp_path / name).write_text(f"{text}\n", encoding="utf-8")
            monkeypatch.setenv(f"MONITOR_{name}_FILE", str(tmp_path / name))
        noticed = {}
        for stack in running_stack(tmp_path / "stack", only=CHAIN):
            eventually(lambda: len(outside.taken) >= 2, within_s=300, what="two heartbeats")
            for name, word in (("prometheus", "Prometheus"), ("alertmanager", "Alertmanager"), ("web", "web")):
                seen = len(told.taken)
                stopped = time.monotonic()
                stack.client.stop(name)
                eventually(lambda seen=seen: len(told.taken) > seen, within_s=300, what="a message")  # type: ignore[misc]
                noticed[name] = time.monotonic() - stopped
                assert told.titles[seen] == f"Alerts do not arrive: {word} cannot be reached"
                stack.client.start(name)
                # There is no service here, so that critical alerts fire: that they do may be told in between.
                eventually(lambda: told.titles[-1] == "Alerts arrive again", within_s=300, what="the end of it")
            beats = len(outside.taken)
            eventually(lambda beats=beats: len(outside.taken) > beats, within_s=120, what="a heartbeat")  # type: ignore[misc]
        # Torn down: all has stopped. Two heartbeats that did not come are noticed outside.
        beats = len(outside.taken)
        time.sleep(130)
        assert len(outside.taken) == beats
    print("noticed after", {name: f"{seconds:.0f} s" for name, seconds in noticed.items()})  # noqa: T201  # the measured figures
    assert max(noticed.values()) <= WITHIN_S, noticed
