"""What runbooks tell people to run and to ask, done for real on the running stack: whatever only reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor.sources.prometheus import Prometheus
from monitor.stack.layout import HOST, PORTS
from tests.runbook_pages import PAGES, READ_ONLY, commands, prose

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

HERE = frozenset(
    {"amtool", "curl", "date", "df", "free", "grep", "head", "ls", "monitor", "promtool", "tail", "uptime"}
)
"""Programs that this machine has; Docker, systemd and other servers' shells are not here."""

PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
ELSEWHERE = "--offsite"
"""The stack keeps no copy in another place."""
UNKNOWN = 3


def runnable() -> list[str]:
    found = {command.text for page in PAGES for command in commands(page) if command.mark == READ_ONLY}
    return sorted(
        text for text in found if text.split()[0] in HERE and not PLACEHOLDER.search(text) and ELSEWHERE not in text
    )


def test_commands_that_only_read_run_on_the_stack(stack: Any, tmp_path: Path) -> None:
    (tmp_path / ".run").symlink_to(stack.layout.run_dir)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"}
    texts = runnable()
    assert len(texts) > 10, "hardly anything was found to run"
    failed = []
    for text in texts:
        for name, port in PORTS.items():
            text = text.replace(f"{HOST}:{port}", stack.layout.address(name))  # noqa: PLW2901  # where it is here
        done = subprocess.run(
            ["/bin/bash", "-c", text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # 1 is an answer: nothing matched, or a promise is broken. So is 3 where it says that too little is known.
        unknown = done.returncode == UNKNOWN and done.stdout and not done.stderr
        if done.returncode > 1 and not unknown:
            failed.append((text, done.returncode, done.stderr[-300:]))
    assert failed == []


def test_every_query_of_a_runbook_is_answered(stack: Any) -> None:
    with Prometheus(stack.layout.url("prometheus")) as prometheus:
        for page in PAGES:
            for query in re.findall(r"```promql\n(.*?)```", prose(page), re.DOTALL):
                prometheus.instant(query)  # raises where Prometheus does not understand it


def test_the_shells_that_procedures_use_reach_both_databases(stack: Any, tmp_path: Path) -> None:
    (tmp_path / ".run").symlink_to(stack.layout.run_dir)
    page = next(page for page in PAGES if page.stem == "database-shells")
    defined = re.findall(r"```sh\n(.*?)```", prose(page), re.DOTALL)[0]
    member, (_, port) = stack.layout.address("mongo-1"), stack.layout.address("redis").split(":")
    asked = (
        f"mongo_do {member} '{{\"hello\": 1}}'",
        f'mongo_do {member} \'{{"listIndexes": "appointments"}}\' appointments',
        "redis_do PING",
    )
    done = subprocess.run(
        ["/bin/bash", "-e", "-c", "\n".join((defined, *asked))],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "REDIS_PORT": port},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"primary"' in done.stdout
    assert '"practitioner_cells"' in done.stdout
    assert "PONG" in done.stdout
