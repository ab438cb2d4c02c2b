"""The alerts' rules and tests as they are rendered for those who scrape and evaluate at another interval."""

from __future__ import annotations

from pathlib import Path

from monitor.catalogue.load import load
from monitor.render import outputs


def alert_tests_at(seconds: int, directory: Path) -> tuple[Path, ...]:
    """Write the rules and tests of all alerts written by hand; the tests' files, by name."""
    interval = f"{seconds}s"
    environment = {"scrape_interval": interval, "evaluation_interval": interval}
    written = []
    for path, text in outputs(load(None, "compose", environment_overrides=environment)).items():
        if path.startswith(("rules/prometheus/alerts-", "rules/tests/alerts-")):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
            written.append(directory / path)
    return tuple(sorted(path for path in written if path.parent.name == "tests"))
