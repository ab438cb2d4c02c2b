"""``monitor dashboard``: wrong use is one sentence and exit 2, and nothing is half written."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from monitor.cli import main
from monitor.cli.dashboard import _pair
from monitor.render.dashboards_model import Board, Variable

NOBODY = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no dashboard 'nowhere'; there are: slo, service"),
        (["slo", "--span", "yesterday"], "--span yesterday"),
        (["slo", "--span", "1m"], "at least two minutes"),
        (["slo", "--set", "slo"], "write VARIABLE=VALUE"),
        (["slo", "--set", "member=mongo-1"], "no variable 'member'; they have: slo"),
        (["slo", "--prometheus", "ftp://x"], "--prometheus"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    done = CliRunner().invoke(main, ["dashboard", "draw", "--prometheus", NOBODY, *arguments, "--out", str(out)])
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert not out.exists()


def test_what_stands_in_quotes_stays_in_them() -> None:
    board = Board(
        uid="a",
        title="A",
        text="",
        sections=(),
        span="now-1h",
        variables=(Variable(name="m", label="M", metric="up", choice="m"),),
    )
    assert _pair('m=a"b\\.c', [board]) == ("m", 'a\\"b\\\\.c')
