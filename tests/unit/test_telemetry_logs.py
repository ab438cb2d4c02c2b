"""Only what is declared reaches a log line; who logged badly is counted, or stopped in strict mode."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from telemetry import events, kinds, logs, own

PATIENT = "Mustermann"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name in ("pymongo", "opentelemetry", "datadog"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.getLogger("aiohttp.access").disabled = False
    logs.configure("tests", strict=True)


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    for hook in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    monkeypatch.setattr("threading.excepthook", __import__("threading").excepthook)
    logs.configure("app", level="debug")


def fail(error: Exception) -> NoReturn:
    raise error


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_declared_event_is_one_json_line(production: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.get_logger().info("app.ready", seconds=0.25)
    [line] = lines(capsys)
    assert list(line) == ["time", "level", "service", "event", "seconds"]
    assert line["event"] == "app.ready"
    assert line["seconds"] == 0.25
    assert str(line["time"]).endswith("Z")


def test_an_undeclared_event_is_withheld_and_counted(production: None, capsys: pytest.CaptureFixture[str]) -> None:
    before = own.dropped_fields.value("event")
    logs.get_logger().info(f"registered {PATIENT}", name=PATIENT)
    [line] = lines(capsys)
    assert line["event"] == "telemetry.undeclared"
    assert PATIENT not in str(line)
    assert own.dropped_fields.value("event") == before + 1


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("patient", PATIENT, "field"),
        ("seconds", PATIENT, "value"),
        ("error", PATIENT, "value"),
        ("route", f"/patients/{PATIENT}", "value"),
        ("method", PATIENT, "value"),
        ("error_id", PATIENT, "value"),
        ("status", "200", "value"),
        ("status", float("nan"), "value"),
    ],
)
def test_a_field_that_is_not_as_declared_is_withheld(
    production: None, capsys: pytest.CaptureFixture[str], field: str, value: object, reason: str
) -> None:
    before = own.dropped_fields.value(reason)
    logs.get_logger().warning("app.request_failed", **{field: value, "seconds": 1 if field != "seconds" else value})
    [line] = lines(capsys)
    assert line["event"] == "app.request_failed"
    assert line["withheld_fields"] == 1
    assert PATIENT not in str(line)
    assert own.dropped_fields.value(reason) == before + 1


def test_of_an_exception_the_class_and_the_places_are_kept_but_not_the_text(
    production: None, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        fail(LookupError(f"no patient {PATIENT}"))
    except LookupError as error:
        logs.get_logger().error("app.request_failed", error=error)
    [line] = lines(capsys)
    assert line["error"] == "LookupError"
    places = line["at"]
    assert isinstance(places, list)
    assert all("test_telemetry_logs:" in place for place in places)
    assert PATIENT not in str(line)


def test_what_libraries_log_keeps_no_message(production: None, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        fail(ValueError(PATIENT))
    except ValueError:
        logging.getLogger("pymongo.command").exception("insert %s", PATIENT)
    logging.getLogger("asyncio").warning("Executing %s took long", PATIENT)
    logging.getLogger("pymongo.command").debug("whole command with %s", PATIENT)
    logging.getLogger("aiohttp.access").warning("GET /patients/%s", PATIENT)
    first, second = lines(capsys)
    assert (first["logger"], first["level"], first["error"]) == ("pymongo.command", "error", "ValueError")
    assert (second["logger"], second["level"]) == ("asyncio", "warning")
    assert PATIENT not in str((first, second))


async def test_a_failed_background_task_tells_its_class_only(
    production: None, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        fail(ValueError(PATIENT))
    except ValueError as error:
        asyncio.get_running_loop().call_exception_handler({"message": f"Task {PATIENT}", "exception": error})
    [line] = lines(capsys)
    assert (line["logger"], line["error"]) == ("asyncio", "ValueError")
    assert PATIENT not in str(line)


def test_a_crash_prints_no_message(tmp_path: object) -> None:
    """A fresh interpreter: the hooks are the process's own."""
    code = f"""
import threading
from telemetry import logs
logs.configure("app")
thread = threading.Thread(target=lambda: int("{PATIENT}"))
thread.start(); thread.join()
raise ValueError("{PATIENT}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    crashes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [crash["event"] for crash in crashes] == ["process.crashed"] * 2
    assert done.returncode == 1
    assert PATIENT not in done.stdout + done.stderr


def test_lines_inside_a_span_carry_its_ids_for_jaeger_and_for_datadog(
    production: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("job") as span:
        logs.get_logger().info("app.ready")
        context = span.get_span_context()
    [line] = lines(capsys)
    assert line["trace_id"] == f"{context.trace_id:032x}"
    assert line["span_id"] == f"{context.span_id:016x}"
    assert line["dd.trace_id"] == str(context.trace_id % 2**64)
    assert line["dd.span_id"] == str(context.span_id)


def test_strict_mode_raises_and_says_where_to_declare(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("app", strict=True)
    with pytest.raises(logs.UndeclaredTelemetryError, match=r"telemetry/events\.py"):
        logs.get_logger().info("app.unheard_of")
    with pytest.raises(logs.UndeclaredTelemetryError, match="'name'"):
        logs.get_logger().info("app.ready", name=PATIENT)


def test_a_closed_standard_output_costs_lines_only(production: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _: str) -> int:
            raise BrokenPipeError

    before = own.dropped_lines.value()
    monkeypatch.setattr(sys, "stdout", Closed())
    logs.get_logger().info("app.ready")
    assert own.dropped_lines.value() == before + 1


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="one of debug, info, warning, error, critical"):
        logs.configure("app", level="loud")


@pytest.mark.parametrize("group", [events.ANY, events.APP, events.TRAFFIC], ids=["any", "app", "traffic"])
def test_where_patients_data_is_handled_no_value_can_be_chosen_from_outside(group: tuple[events.Event, ...]) -> None:
    open_fields = [f"{event.name}.{name}" for event in group for name, kind in event.fields.items() if not kind.closed]
    assert open_fields == []


NAMES = st.sampled_from(["Erika Mustermann", "mustermann", "Mustermann", "erika@example.org", "1964-08-12", "O'Brien"])


@given(text=NAMES | st.text(min_size=1))
def test_no_name_passes_any_kind_of_the_app(text: str) -> None:
    generated = kinds.OPAQUE_ID, kinds.INSTANT, kinds.ADDRESS, kinds.VERSION, kinds.LOGGER
    closed = {kind for group in (events.APP, events.TRAFFIC) for event in group for kind in event.fields.values()}
    for kind in closed - set(generated):
        if kind.name.startswith("one of") or kind in {kinds.ERROR, kinds.METHOD, kinds.COMPONENT}:
            continue  # fixed words: a text may be one of them, and then says no more than that
        assert not kind.accepts(text), kind.name


@pytest.mark.parametrize("text", ["Erika Mustermann", "mustermann", "erika@example.org", "1964-08-12", "+49 30 123456"])
@pytest.mark.parametrize(
    "kind",
    [kinds.OPAQUE_ID, kinds.INSTANT, kinds.ADDRESS, kinds.VERSION, kinds.ERROR],
    ids=lambda kind: str(kind.name),
)
def test_no_patient_looks_like_something_that_we_generate(kind: kinds.Kind, text: str) -> None:
    assert not kind.accepts(text)
