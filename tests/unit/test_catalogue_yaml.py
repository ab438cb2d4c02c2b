from __future__ import annotations

from pathlib import Path

import pytest

from monitor.catalogue.strict_yaml import MAX_DEPTH, Document, parse, read
from monitor.errors import Fault


def faults_of(text: str) -> tuple[Fault, ...]:
    _, faults = parse(text, "f.yaml")
    return faults


def only_document(text: str) -> Document:
    documents, faults = parse(text, "f.yaml")
    assert faults == ()
    assert len(documents) == 1
    return documents[0]


@pytest.mark.parametrize(
    "written", ["no", "Yes", "on", "OFF", "y", "12:30", "1:02:03", "0123", "0x1f", "1_000", "2026-01-02", ".5", "1e3"]
)
def test_what_yaml_would_silently_convert_has_to_be_quoted(written: str) -> None:
    (fault,) = faults_of(f"a: {written}\n")

    assert (fault.line, fault.path, fault.code) == (1, "a", "ambiguous")
    assert only_document(f'a: "{written}"\n').data == {"a": written}


def test_plain_values_are_read_as_they_look() -> None:
    document = only_document("a: 1\nb: -2.50\nc: true\nd:\ne: 30s\nf: 'no'\ng: |-\n  two\n  lines\n")

    expected = {"a": 1, "b": -2.5, "c": True, "d": None, "e": "30s", "f": "no", "g": "two\nlines"}
    assert document.data == expected


def test_a_key_given_twice_is_a_fault_at_its_second_line() -> None:
    (fault,) = faults_of("a:\n  b: 1\n  c: 2\n  b: 3\n")

    assert (fault.line, fault.path, fault.code) == (4, "a.b", "duplicate-key")


def test_every_fault_of_a_file_is_told_at_once() -> None:
    faults = faults_of("a: no\nb: [1, 012]\na: 2\nc: &x 1\nd: *x\n")

    assert [(fault.line, fault.code) for fault in faults] == [
        (1, "ambiguous"),
        (2, "ambiguous"),
        (3, "duplicate-key"),
        (4, "alias"),
        (5, "alias"),
    ]


def test_an_alias_bomb_is_refused_without_being_expanded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))

    assert {fault.code for fault in faults_of(bomb)} == {"alias"}


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 500, 200_000])
def test_nesting_beyond_reason_is_one_fault(depth: int) -> None:
    (fault,) = faults_of("[" * depth + "]" * depth)

    assert fault.code == "too-deep"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_one_fault(text: str) -> None:
    assert [fault.code for fault in faults_of(text)] == ["empty"]


@pytest.mark.parametrize(("text", "line"), [("a: [1\nb: 2\n", 2), ("a: 1\n b: 2\n", 2), ("a: 1\nb: \x07\n", 2)])
def test_what_is_no_yaml_says_where(text: str, line: int) -> None:
    (fault,) = faults_of(text)

    assert (fault.code, fault.line) == ("yaml", line)


def test_files_that_are_no_text_are_one_fault_each(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe\n")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "large.yaml").write_text("a: b\n" * 2_100_000)

    codes = [read(tmp_path / f"{name}.yaml", name)[1][0].code for name in ("bytes", "folder", "large", "missing")]

    assert codes == ["not-utf-8", "not-a-file", "too-large", "unreadable"]


def test_a_fault_points_at_its_field_or_at_what_is_around_it() -> None:
    document = only_document("spec:\n  objectives:\n    - target: 1\n      op: lt\n")

    assert document.line("spec.objectives[0].op") == 4
    assert document.line("spec.objectives[0].value") == 3
    assert document.line("spec.objectives[7].value") == 2
    assert document.line("nothing.here") == 1


def test_what_is_wrong_with_one_value_leaves_the_others_to_be_looked_at() -> None:
    documents, faults = parse("rpo: no\nrto: 4 hours\n", "f.yaml")

    assert [fault.path for fault in faults] == ["rpo"]
    assert [document.data for document in documents] == [{"rpo": "no", "rto": "4 hours"}]


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x\n", "<<: {a: 1}\n", "a: [\n"])
def test_where_nobody_can_tell_what_was_written_there_is_no_document(text: str) -> None:
    documents, faults = parse(text, "f.yaml")

    assert documents == ()
    assert faults
