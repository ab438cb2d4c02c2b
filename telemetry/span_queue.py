"""A bounded queue between the code that makes spans and one exporter, with exact accounts.

OpenTelemetry's own batch processor drops spans with a line in the log; here ``created = exported + dropped + queued``
holds at any time, as metrics. Ending a span never waits: it appends to a queue, or is counted as dropped.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from telemetry import own
from telemetry.logs import get_logger

log = get_logger()


class SpanQueue(SpanProcessor):
    """Collects ended spans and exports them from its own thread.

    ``size`` spans wait at most; a batch leaves when ``batch`` are there or ``interval_s`` has passed; at the end at
    most ``grace_s`` are spent on what is left.
    """

    def __init__(
        self,
        name: str,
        exporter: SpanExporter,
        *,
        size: int = 2048,
        batch: int = 256,
        interval_s: float = 1.0,
        grace_s: float = 3.0,
    ) -> None:
        self._name = name
        self._exporter = exporter
        self._size = size
        self._batch = batch
        self._interval_s = interval_s
        self._grace_s = grace_s
        self._waiting: deque[ReadableSpan] = deque()
        self._in_flight = 0
        self._wanted = 0
        self._closing = False
        self._failing = False
        self._changed = threading.Condition()
        for tally in (own.spans_created, own.spans_exported):
            tally.add(name, by=0)
        for reason in ("queue_full", "export_failed", "closed"):
            own.spans_dropped.add(name, reason, by=0)
        self._thread = threading.Thread(target=self._work, name=f"spans-{name}", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, or count it as lost."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._changed:
            own.spans_created.add(self._name)
            if self._closing:
                own.spans_dropped.add(self._name, "closed")
                return
            if len(self._waiting) + self._in_flight >= self._size:
                own.spans_dropped.add(self._name, "queue_full")
                return
            self._waiting.append(span)
            self._show()
            if len(self._waiting) == 1 or len(self._waiting) >= self._batch:
                self._changed.notify_all()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until everything that was queued so far has been tried; tell whether that happened in time."""
        with self._changed:
            self._wanted += 1
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._waiting and not self._in_flight, timeout_millis / 1000)

    def shutdown(self) -> None:
        """Export what is left, within the grace period; count the rest as lost."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._in_flight, self._grace_s)
            lost = len(self._waiting)
            self._waiting.clear()
            self._show()
        if lost:
            own.spans_dropped.add(self._name, "closed", by=lost)
        self._exporter.shutdown()
        self._thread.join(self._grace_s)

    def _work(self) -> None:
        with suppress_instrumentation():
            while spans := self._next():
                started = time.monotonic()
                error = self._export(spans)
                self._account(len(spans), error)
                if error is not None:
                    # A dead collector refuses at once: do not ask it in a tight loop.
                    self._pause(self._interval_s - (time.monotonic() - started))

    def _next(self) -> list[ReadableSpan]:
        """Wait for a batch; an empty one means: finished."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(self._is_due, self._interval_s)
            spans = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            self._in_flight = len(spans)
            if not self._waiting:
                self._wanted = 0
            return spans

    def _is_due(self) -> bool:
        return self._closing or self._wanted > 0 or len(self._waiting) >= self._batch

    def _export(self, spans: list[ReadableSpan]) -> type[BaseException] | str | None:
        """Export a batch; return ``None``, the exception's class, or that the collector refused."""
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001  # whatever a collector or the network does, it costs spans only
            return type(error)
        return None if result is SpanExportResult.SUCCESS else "refused"

    def _account(self, count: int, error: type[BaseException] | str | None) -> None:
        if error is None:
            own.spans_exported.add(self._name, by=count)
        else:
            own.spans_dropped.add(self._name, "export_failed", by=count)
        self._tell(count, error)
        with self._changed:
            self._in_flight = 0
            self._show()
            self._changed.notify_all()

    def _tell(self, count: int, error: type[BaseException] | str | None) -> None:
        """Log the beginning and the end of an outage, not each batch of it."""
        if error is not None and not self._failing:
            cause = {} if isinstance(error, str) else {"error": error}
            log.warning("telemetry.export_failed", exporter=self._name, spans=count, **cause)
        elif error is None and self._failing:
            log.info("telemetry.export_recovered", exporter=self._name)
        self._failing = error is not None

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._wanted > 0, max(0.0, seconds))

    def _show(self) -> None:
        own.spans_queued.set(len(self._waiting) + self._in_flight, self._name)
