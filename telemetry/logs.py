"""JSON logs from a closed list of events, with allow-listed typed fields and the ids of the trace they belong to.

``configure(service)`` once per process; ``log = get_logger()`` per module; ``log.info("app.ready", seconds=0.4)``.
What telemetry/events.py does not declare is withheld and counted (or raises, in strict mode: the tests). Libraries that
use the standard ``logging`` keep their logger's name, level and exception class; their messages never pass.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Protocol, cast

import structlog
from opentelemetry.trace import get_current_span

from telemetry import own
from telemetry.events import EVENTS, Event

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_FRAMES_KEPT = 6


class UndeclaredTelemetryError(LookupError):
    """Strict mode only: an event or field is not in telemetry/events.py, or a value is not of its field's kind."""


class Logger(Protocol):
    """What ``get_logger`` returns. ``event`` is a literal from telemetry/events.py, never a built string."""

    def debug(self, event: str, **fields: object) -> None:
        """For whoever works on this code."""

    def info(self, event: str, **fields: object) -> None:
        """Something expected happened."""

    def warning(self, event: str, **fields: object) -> None:
        """Something is wrong, and was coped with."""

    def error(self, event: str, **fields: object) -> None:
        """Something is wrong, and somebody was not served."""


def configure(service: str, *, level: str = "info", strict: bool = False) -> None:
    """Set up logging for this process.

    Args:
        service: the process's name in every line: ``app``, ``exporters``, ``web``, ``work`` ...
        level: the least severe level that is written.
        strict: raise on anything undeclared instead of withholding it, and leave all else in the process alone: what
            libraries log, and the interpreter's hooks for uncaught exceptions. For tests.

    Raises:
        ValueError: the level is unknown.
    """
    if level not in _LEVELS:
        raise ValueError(f"unknown log level {level!r}: one of {', '.join(_LEVELS)}")
    _install(service, _LEVELS[level], strict=strict)
    if not strict:
        _route_libraries(_LEVELS[level])
        sys.excepthook = _log_crash
        threading.excepthook = _log_thread_crash
        sys.unraisablehook = _log_unraisable


def get_logger() -> Logger:
    """Return the logger; it may be asked for before ``configure`` has run."""
    return cast("Logger", structlog.get_logger())


def _install(service: str, level: int, *, strict: bool) -> None:
    pretty = sys.stdout.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(sort_keys=False)
    )
    structlog.configure(
        processors=[
            _Gate(strict=strict),
            structlog.processors.add_log_level,
            _Frame(service),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StandardOutput,
        cache_logger_on_first_use=False,
    )


class _Gate:
    """Lets declared events and fields through, and nothing else."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict

    def __call__(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        name = line.pop("event", None)
        declared = EVENTS.get(name) if isinstance(name, str) else None
        if declared is None:
            self._refuse("event", f"event {name!r} is not declared in telemetry/events.py")
            return {"event": "telemetry.undeclared", "reason": "event", "count": 1}
        passed: dict[str, Any] = {"event": declared.name}
        withheld = 0
        for field, value in line.items():
            reason = _why_not(declared, field, value)
            if reason is None:
                passed.update(_shown(field, value))
            else:
                self._refuse(
                    reason, f"{declared.name}: {reason} of {field!r} is not as telemetry/events.py declares it"
                )
                withheld += 1
        if withheld:
            passed["withheld_fields"] = withheld
        return passed

    def _refuse(self, reason: str, message: str) -> None:
        if self._strict:
            raise UndeclaredTelemetryError(message)
        own.dropped_fields.add(reason)


def _why_not(declared: Event, field: str, value: object) -> str | None:
    kind = declared.fields.get(field)
    if kind is None:
        return "field"
    return None if value is None or kind.accepts(value) else "value"


def _shown(field: str, value: object) -> dict[str, object]:
    """Turn a permitted value into what is printed: of an exception its class and the places in the code."""
    if isinstance(value, BaseException):
        shown: dict[str, object] = {field: type(value).__name__}
        if value.__traceback__ is not None:
            shown["at"] = _places(value.__traceback__)
        return shown
    if isinstance(value, type):
        return {field: value.__name__}
    return {field: value}


def _places(trace: TracebackType) -> list[str]:
    """Say where an exception passed, innermost last: ``app.store:88``. Code only, never its text or values."""
    places: list[str] = []
    step: TracebackType | None = trace
    while step is not None:
        places.append(f"{step.tb_frame.f_globals.get('__name__', '?')}:{step.tb_lineno}")
        step = step.tb_next
    return places[-_FRAMES_KEPT:]


class _Frame:
    """Puts the time, the service and the trace around an event, in one fixed order."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")

    def __call__(self, logger: object, method: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        framed = dict(self._stamp(cast("structlog.typing.WrappedLogger", logger), method, {}))
        framed |= {"level": line.pop("level"), "service": self._service, "event": line.pop("event")}
        own.log_records.add(str(framed["level"]))
        framed.update(line)
        context = get_current_span().get_span_context()
        if context.is_valid:
            framed |= {
                "trace_id": f"{context.trace_id:032x}",
                "span_id": f"{context.span_id:016x}",
                # Datadog joins on these: the low 64 bits, in decimal.
                "dd.trace_id": str(context.trace_id & 0xFFFF_FFFF_FFFF_FFFF),
                "dd.span_id": str(context.span_id),
            }
        return framed


class _StandardOutput:
    """Writes a line to whatever ``sys.stdout`` is now; a broken pipe costs log lines, never a request."""

    _lock = threading.Lock()

    def __init__(self, *_: object) -> None:
        pass

    def msg(self, line: str) -> None:
        """Write one line."""
        try:
            with self._lock:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
        except (OSError, ValueError):
            own.dropped_lines.add()

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


class _Libraries(logging.Handler):
    """Takes what libraries log, and keeps who said it, how bad it is and which exception it was."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        log = get_logger()
        name = record.name if record.name.replace(".", "_").replace("-", "_").isidentifier() else "unnamed"
        say = log.error if record.levelno >= logging.ERROR else log.warning
        if record.levelno < logging.WARNING:
            say = log.debug
        if error is None:
            say("library.message", logger=name)
        else:
            say("library.message", logger=name, error=error)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  # logging's own signature
        """Count what could not be written; the default would print the message."""
        own.dropped_lines.add()


def _route_libraries(level: int) -> None:
    root = logging.getLogger()
    for handler in [*root.handlers]:
        if isinstance(handler, _Libraries) or type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
    root.addHandler(_Libraries())
    root.setLevel(max(level, logging.WARNING))
    # At DEBUG this logger writes whole commands, patients included, for whichever handler somebody adds.
    logging.getLogger("pymongo").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    # aiohttp's access log carries raw paths.
    logging.getLogger("aiohttp.access").disabled = True
    # Export failures are told once per outage by telemetry.span_queue, not once per attempt.
    for noisy in ("opentelemetry", "datadog"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _log_crash(_cls: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    get_logger().error("process.crashed", error=error)


def _log_thread_crash(crash: threading.ExceptHookArgs) -> None:
    get_logger().error("process.crashed", error=crash.exc_value or crash.exc_type)


def _log_unraisable(crash: sys.UnraisableHookArgs) -> None:
    get_logger().error("process.crashed", error=crash.exc_value or crash.exc_type)


_install("unconfigured", logging.INFO, strict=False)
