"""Every runbook can be followed at three in the morning: whole, commands marked, queries of series that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.catalogue import promql
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue, Place
from monitor.check.runbook_pages import unfit_pages
from monitor.check.series import Declared
from monitor.render.runbooks import HEADINGS
from tests.runbook_pages import ALERTS, PAGES, PROCEDURES, ROOT, commands, prose

TOOLS = frozenset({"database-shells", "where-to-run"})
"""Pages that procedures refer to; they change nothing by themselves."""
PROMETHEUS_OWN = frozenset({"ALERTS", "scrape_duration_seconds"})
"""What Prometheus makes itself."""
FEWEST_WORDS = 150
"""A page with less says nothing that its head did not (others' have 105 at the median, and a fifth is missing)."""


def stem(page: Path) -> str:
    return page.stem


@pytest.mark.parametrize("page", ALERTS, ids=stem)
def test_an_alerts_page_answers_everything(page: Path) -> None:
    text = prose(page)
    found = [line for line in text.splitlines() if line.startswith("## ")]
    assert [heading for heading in found if heading in HEADINGS] == list(HEADINGS)
    assert len(text.split()) >= FEWEST_WORDS


@pytest.mark.parametrize("page", [page for page in PROCEDURES if page.stem not in TOOLS], ids=stem)
def test_a_procedure_says_what_to_see_before_and_how_it_is_known_to_be_done(page: Path) -> None:
    found = [line for line in prose(page).splitlines() if line.startswith("## ")]
    assert any(heading.startswith("## Before") for heading in found)
    assert {"## Verify", "## Done"} & set(found)


def test_the_products_own_check_finds_nothing_in_them() -> None:
    """Dead links, commands that are not marked, words for what is left to be written."""
    pages = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
    assert list(unfit_pages(pages)) == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in TOOLS], ids=stem)
def test_every_command_says_whether_it_changes_anything(page: Path) -> None:
    assert [command.text for command in commands(page) if not command.mark] == []


def test_the_shell_understands_every_command(tmp_path: Path) -> None:
    shellcheck = shutil.which("shellcheck")
    assert shellcheck, "shellcheck is not installed: make install-tests"
    for number, command in enumerate(sorted({command.text for page in PAGES for command in commands(page)})):
        # Words in capitals are what the reader fills in.
        (tmp_path / f"{number:03}.sh").write_text(f"#!/usr/bin/env bash\n{command}\n", encoding="utf-8")
    files = sorted(tmp_path.glob("*.sh"))
    done = subprocess.run([shellcheck, "--severity=warning", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert files


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(None, "compose")


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_every_query_is_promql_over_series_that_exist(page: Path, catalogue: Catalogue) -> None:
    declared, here = Declared(catalogue), Place(file=page.name)
    for query in re.findall(r"```promql\n(.*?)```", prose(page), re.DOTALL):
        selectors = [one for one in promql.selectors(promql.parse(query)) if one.name not in PROMETHEUS_OWN]
        assert [problem for one in selectors for problem in declared.problems(here, one)] == [], query


MARKED = re.compile(r"`([^`\n/]+ [^`\n]+)`\s+\((read-only|CHANGES STATE)")


def test_what_changes_something_on_one_page_is_not_said_to_read_only_on_another() -> None:
    marks: dict[str, dict[str, str]] = {}
    for page in PAGES:
        for text, mark in MARKED.findall(page.read_text(encoding="utf-8")):
            marks.setdefault(re.sub(r"^(monitor backup verify) --json$", r"\1", text), {})[mark] = page.stem
    assert {text: found for text, found in marks.items() if len(found) > 1} == {}
    assert len(marks) > len(PAGES)


DECIDED = frozenset({"What to do", "Do", "Go to"})
"""What the last column of a decision table is called."""
FEWEST_WORDS_TO_ESCALATE = 8
"""Fewer name neither a condition nor a person."""


def section(page: Path, heading: str) -> str:
    return prose(page).partition(f"{heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", ALERTS, ids=stem)
def test_every_row_of_a_decision_table_ends_with_what_to_do(page: Path) -> None:
    rows = re.findall(r"^\|(.*)\|$", section(page, "## Decision table"), re.MULTILINE)
    last = [[cell.strip() for cell in row.split(" | ")][-1] for row in rows]
    ruled = [number for number, cell in enumerate(last) if set(cell) <= set("-|")]
    heads = {number - 1 for number in ruled}
    assert heads
    assert {last[number] for number in heads} | {"Do"} <= DECIDED
    assert [rows[number] for number, cell in enumerate(last) if number not in ruled and not cell] == []


@pytest.mark.parametrize("page", ALERTS, ids=stem)
def test_who_escalates_is_told_when_and_to_whom(page: Path) -> None:
    assert len(section(page, "## Escalate").split()) >= FEWEST_WORDS_TO_ESCALATE


SERVICES = frozenset(
    re.findall(
        r"^  ([a-z][a-z0-9-]*):$",
        (ROOT / "docker-compose.yml").read_text(encoding="utf-8").partition("\nservices:\n")[2].partition("\n\nnet")[0],
        re.MULTILINE,
    )
)
COMPOSE = re.compile(r"docker compose (?:restart|start|stop|kill|logs|exec|run|up|images)\b([^`|;#\n]*)")
VALUED = frozenset({"-s", "-e", "--tail", "--timeout", "--entrypoint", "--volume", "--status"})
"""Flags of docker compose that are followed by a value."""


def services_named(rest: str) -> list[str]:
    words = iter(rest.split())
    found = []
    for word in words:
        if word in VALUED:
            next(words, "")
        elif not word.startswith("-"):
            found.append(word)
    return found


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_a_service_that_compose_is_told_is_one_of_its_file(page: Path) -> None:
    assert {"mongo-1", "redis", "edge", "work"} <= SERVICES
    text = prose(page).replace("\\\n", " ")
    for command in COMPOSE.finditer(text):
        words = services_named(command[1])
        # What comes after the first service of exec and run is a command.
        alone = re.match(r"docker compose (?:exec|run)", command[0])
        named = [word for word in (words[:1] if alone else words) if not re.match(r"[A-Z$]", word)]
        assert [word for word in named if word not in SERVICES] == [], command[0]


@pytest.mark.parametrize("page", ALERTS, ids=stem)
def test_an_alerts_page_starts_what_is_stopped_and_makes_nothing_anew(page: Path) -> None:
    told = [command.text for command in commands(page) if command.text.startswith("docker compose up")]
    assert told == []  # it recreates whatever differs from the file, and forgets variables that are not set again


@pytest.mark.parametrize("page", PAGES, ids=stem)
def test_an_alert_that_is_named_is_one_click_away(page: Path) -> None:
    alerts = "|".join(sorted((one.stem for one in ALERTS if one.stem not in {page.stem, "Watchdog"}), key=len)[::-1])
    plain = re.sub(r"```.*?```|`[^`\n]+`|\[[^\]]*\]\([^)]*\)|^#.*?$", "", prose(page), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(rf"(?<![\w/])(?:{alerts})(?!\w)", plain) == []


def test_every_procedure_is_reached_from_an_alerts_page_or_from_another_one() -> None:
    linked = {name for page in PAGES for name in re.findall(r"\(?([a-z-]+)\.md\)", page.read_text(encoding="utf-8"))}
    assert {page.stem for page in PROCEDURES} <= linked


@pytest.mark.parametrize("page", ALERTS, ids=stem)
def test_a_recovery_is_verified_by_something_that_can_say_no(page: Path) -> None:
    text = section(page, "## Verify recovery")
    said = re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
    assert "```promql" in text or any(command.text in text for command in commands(page))
    assert re.search(r"\d|has a value|above zero", said), "a figure, or that there is a value"
