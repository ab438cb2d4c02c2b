"""``monitor slo validate`` as people and scripts use it: what is printed, in which order, and the exit code."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from monitor.catalogue.load import BUNDLED
from monitor.cli import main
from tests.unit import openslo_examples as examples

UNQUOTED = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: main-page}
spec:
  service: shop
  indicatorRef: answered
  budgetingMethod: Occurrences
  timeWindow:
    - duration: 1w
      calendar:
        startTime: 2022-01-01 12:00:00
        timeZone: America/New_York
  objectives:
    - target: 0.99
  alertPolicies:
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["slo", "validate", *arguments])


def answer(*arguments: str) -> list[dict[str, Any]]:
    answered: list[dict[str, Any]] = json.loads(validate("--json", *arguments).output)
    return answered


def told(entry: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["path"], one["code"]) for one in entry["violations"]]


def test_all_seven_kinds_in_documents_lists_and_json_are_valid_together(place: Path) -> None:
    first, second, *others = (example() for example in examples.EVERY)
    (place / "a.yaml").write_text(yaml.dump_all([first, second]))
    (place / "b.yml").write_text(yaml.dump(others[:3]))
    (place / "c.json").write_text(json.dumps(others[3]))
    (place / "d").mkdir()
    (place / "d" / "e.json").write_text(json.dumps(others[4:], indent="\t"))

    for mode in ("strict", "lenient"):
        result = validate("--mode", mode, "c.json", "a.yaml", "b.yml", "d")
        assert (result.exit_code, result.output) == (0, f"4 files, all valid ({mode})\n")
    files = [entry["file"] for entry in answer("c.json", "a.yaml", "b.yml", "d")]
    assert files == ["c.json", "a.yaml", "b.yml", "d/e.json"]


def test_what_one_file_refers_to_may_stand_in_another_but_must_be_given(place: Path) -> None:
    slo = examples.sliced_slo()
    del slo["spec"]["alertPolicies"], slo["spec"]["objectives"][0]["op"]
    (place / "slo.yaml").write_text(yaml.dump(slo))
    (place / "sli.yaml").write_text(yaml.dump(examples.sli()))

    assert validate("slo.yaml", "sli.yaml").exit_code == 0
    alone = validate("slo.yaml")
    assert alone.exit_code == 2
    assert alone.output.splitlines() == [
        "slo.yaml: spec.indicatorRef: reference: SLI 'answered' does not exist",
        "1 file, 1 not valid",
    ]


def test_the_two_modes_disagree_where_openslo_and_its_own_tools_do(place: Path) -> None:
    slo = examples.slo()
    slo["spec"]["objectives"][0]["op"] = "gt"
    del slo["spec"]["alertPolicies"]
    (place / "slo.json").write_text(json.dumps(slo))

    assert answer("slo.json") == [
        {
            "file": "slo.json",
            "valid": False,
            "violations": [
                {
                    "path": "spec.objectives[0].op",
                    "code": "forbidden",
                    "message": "belongs to threshold indicators: a ratio is held against the target alone",
                }
            ],
        }
    ]
    assert answer("--mode", "lenient", "slo.json") == [{"file": "slo.json", "valid": True, "violations": []}]


def test_openslos_own_examples_write_times_without_quotes(place: Path) -> None:
    (place / "slo.yaml").write_text(UNQUOTED)
    (place / "sli.yaml").write_text(yaml.dump(examples.sli()))

    assert validate("slo.yaml", "sli.yaml").output == "2 files, all valid (strict)\n"


def test_of_several_objects_in_a_file_each_violation_says_whose_it_is(place: Path) -> None:
    broken = examples.service()
    broken["spec"]["owner"] = "x"
    (place / "a.yaml").write_text(yaml.dump_all([examples.data_source(), [broken, "no object"]]))

    assert validate("a.yaml").output.splitlines() == [
        "a.yaml: spec.owner: unknown_field: is no field of OpenSLO v1: remove it or correct its name (in Service shop)",
        "a.yaml: type: must be an OpenSLO object (a mapping), not 'no object' (in object 3)",
        "1 file, 1 not valid",
    ]


def test_the_bundled_catalogue_is_valid_in_both_modes() -> None:
    assert validate(str(BUNDLED / "slos")).exit_code == 0
    assert validate("--mode", "lenient", str(BUNDLED / "slos")).exit_code == 0


SERVICE = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.yaml", b"", "empty"),
        ("x.yaml", b"# nothing\n---\n", "empty"),
        ("x.yaml", b"[]", "empty"),
        ("x.json", b"[]", "empty"),
        ("x.json", b"null", "empty"),
        ("x.json", b"", "json"),
        ("x.json", b'{"kind": ', "json"),
        ("x.json", b"[" * 100_000, "json"),
        ("x.json", b'{"a": NaN}', "json"),
        ("x.json", b'{"a": -1e999}', "json"),
        ("x.json", b'{"a": ' + b"9" * 5000 + b"}", "json"),
        ("x.json", b'{"a\\ud800": 1}', "json"),
        ("x.json", b'{"kind": "SLO", "kind": "SLI"}', "duplicate_key"),
        ("x.yaml", b"a: [", "yaml"),
        ("x.yaml", b"kind: \x00", "yaml"),
        ("x.yaml", b"\xff", "not_utf_8"),
        ("x.yaml", SERVICE.encode() + b"kind: SLI\n", "duplicate_key"),
        ("x.yaml", SERVICE.replace("shop", "0123").encode(), "ambiguous"),
        ("x.yaml", b"a: &x 1\nb: *x\n", "alias"),
        ("x.yaml", b"a: !!python/object:os.system 1\n", "tag"),
        ("x.yaml", b"[" * 1000 + b"]" * 1000, "too_deep"),
        ("x.yaml", b"# " + b"a" * 10_000_001, "too_large"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_violation_and_no_traceback(
    place: Path, name: str, content: bytes, code: str
) -> None:
    (place / name).write_bytes(content)

    result = validate(name)

    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert code in [found for _, found in told(answer(name)[0])]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (str, "unreadable"),
        (os.mkfifo, "not_a_file"),
        (lambda path: path.symlink_to("/dev/zero"), "not_a_file"),
        (lambda path: path.symlink_to(path), "unreadable"),
        (lambda path: path.mkdir(), "empty"),
    ],
)
def test_what_is_no_file_is_a_violation_at_its_place(place: Path, make: Callable[[Path], object], code: str) -> None:
    (place / "good.yaml").write_text(SERVICE)
    make(place / "x.yaml")

    first, second, third = answer("good.yaml", "x.yaml", "good.yaml")

    assert (first["valid"], third["valid"]) == (True, True)
    assert (second["file"], told(second)) == ("x.yaml", [("", code)])


def test_a_name_that_no_file_can_have_hides_nothing_of_the_other_files(place: Path) -> None:
    (place / "x.yaml").write_text(SERVICE)

    unusable, sound = answer("x" * 300, "x.yaml")

    assert [code for _, code in told(unusable)] == ["unreadable"]
    assert sound["valid"]


def test_a_directory_stands_for_its_files_sorted_and_nothing_else_in_it(place: Path) -> None:
    for name in ("d/b.yaml", "d/a/z.json", "d/notes.md", "d/c.yml"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(json.dumps(examples.service()))

    assert [entry["file"] for entry in answer("d")] == ["d/a/z.json", "d/b.yaml", "d/c.yml"]


def test_what_a_terminal_would_obey_is_written_out(place: Path) -> None:
    (place / "x.yaml").write_text(SERVICE + '"\\e[31m\\nred": 1\n')

    (line, _) = validate("x.yaml").output.splitlines()

    assert line.startswith(r"x.yaml: \x1b[31m\nred: unknown_field: ")


def test_a_long_list_costs_no_more_than_its_length(place: Path) -> None:
    (place / "x.yaml").write_text("- x\n" * 20_000)
    before = time.process_time()

    entry = answer("x.yaml")[0]

    assert len(entry["violations"]) == 20_000
    assert time.process_time() - before < 10


def test_no_file_and_no_such_mode_are_wrong_use(place: Path) -> None:
    assert validate().exit_code == 2
    assert validate("--mode", "loose", "x.yaml").exit_code == 2
