"""What would cost whoever follows a runbook the minutes that count, each planted by itself; and what is none."""

from __future__ import annotations

import pytest

from monitor.check.runbook_pages import unfit_pages
from monitor.cli import folders
from tests.runbook_pages import FOLDER

PAGES = {
    "runbooks/RedisDown.md": "# RedisDown\n\n## Meaning\n\nIt is down.\n",
    "runbooks/procedures/rebuild-redis.md": "# Rebuild Redis\n\n## Before: is it `empty`?\n\nLook.\n",
}


def found(text: str, path: str = "runbooks/RedisDown.md") -> list[tuple[str, int, str, str]]:
    pages = PAGES | {path: PAGES[path] + text}
    return [(one.file, one.line, one.code, one.message) for one in unfit_pages(pages)]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("[a](procedures/rebuild.md)", "dead-runbook-link", "there is no page runbooks/procedures/rebuild.md"),
        ("[a](procedures/rebuild-redis.md#after)", "dead-runbook-link", "has no heading for #after"),
        ("[a](#meanings)", "dead-runbook-link", "runbooks/RedisDown.md has no heading for #meanings"),
        ('[a](MongoDown.md "title")', "dead-runbook-link", "there is no page runbooks/MongoDown.md"),
        ("TODO: write this", "unfinished-runbook", "TODO: something is left to be written"),
        ("Restart it: `systemctl restart redis`.", "unmarked-command", "`systemctl restart redis` does not say"),
        ("```sh\nredis-cli ping\n```", "unmarked-command", "`redis-cli ping` does not say whether it changes"),
    ],
)
def test_it_is_found_with_its_line(text: str, code: str, message: str) -> None:
    ((file, line, found_code, said),) = found(f"\n{text}\n")

    assert (file, line - text.startswith("```"), found_code) == ("runbooks/RedisDown.md", 7, code)
    assert message in said


@pytest.mark.parametrize(
    "text",
    [
        "[a](procedures/rebuild-redis.md#before-is-it-empty), [b](#meaning), [c](./procedures/../RedisDown.md)",
        "[a](https://clinic.example/wiki/x.md#y) [b](mailto:desk@clinic.example) [c](/status) [d](../docs/backups.md)",
        "![a graph](graph.md)",
        "```promql\nredis_up[5m](x.md)\n```",
        "- `redis-cli ping` (read-only): does it answer?\n- Restart it (CHANGES STATE): `systemctl restart redis`",
        "```sh\n# read-only\nredis-cli ping\n```",
        "`redis_up` is 0, `monitor work` is down, ` `, and `maxmemory 0` is no limit.",
    ],
)
def test_what_can_be_followed_is_no_finding(text: str) -> None:
    assert found(f"\n{text}\n") == []


def test_the_head_is_ours_and_a_procedure_is_run_from_its_first_line() -> None:
    head = "Edit.\n`kill 1`, [where](procedures/where.md)\n<!-- End of the generated part. -->\n"

    assert list(unfit_pages({"runbooks/A.md": head})) == []
    assert [one.line for one in unfit_pages({"runbooks/A.md": f"{head}\n[a](B.md)\n"})] == [5]
    assert found("\n`systemctl stop redis`\n", "runbooks/procedures/rebuild-redis.md") == []


def test_our_own_pages_are_followed_to_the_last_link() -> None:
    pages = folders.runbooks(FOLDER)

    assert pages is not None
    assert any(path.startswith("runbooks/procedures/") for path in pages)
    assert list(unfit_pages(pages)) == []
