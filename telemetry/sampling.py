"""Which traces are kept: decided here, not by whoever calls us."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes


class LocalSampler(Sampler):
    """Keeps a ratio of the traces by their id.

    The caller's sampled flag is ignored: at a public edge it would let a stranger switch tracing on or off. A client
    span without a parent is never kept: it is housekeeping, not part of anything that somebody waits for.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide for one span."""
        parent = get_current_span(parent_context).get_span_context()
        if not parent.is_valid and kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        if parent.is_valid and not parent.is_remote:
            decision = Decision.RECORD_AND_SAMPLE if parent.trace_flags.sampled else Decision.DROP
            return SamplingResult(decision, attributes if decision is Decision.RECORD_AND_SAMPLE else None)
        return self._ratio.should_sample(None, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Say what is kept."""
        return f"LocalSampler{{{self._ratio.get_description()}}}"
