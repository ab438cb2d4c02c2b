"""What a span may carry out of the process: declared attributes with values of the right shape, and nothing else.

A deny-list forgets; this is the only door. It stands in front of every exporter, so that an instrumentation library
which adds an attribute tomorrow (a URL, a query, a key) loses it and moves a counter, and leaks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, Status

from telemetry import own
from telemetry.kinds import COMPONENT, COUNT, ERROR, FLAG, METHOD, ROUTE, STATUS, VERSION, one_of

SPAN_NAMES = frozenset({"job", "backup", "verification", "drill", "scrape", "probe", "startup"})
"""Names of spans inside a process; those of requests and commands are derived from their attributes."""

UNNAMED = "unnamed"


def _matching(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


_MONGODB_COMMANDS = (
    "abortTransaction aggregate bulkWrite collStats collMod commitTransaction count create createIndexes dbStats delete"
    " distinct drop dropDatabase dropIndexes endSessions explain find findAndModify getMore hello insert isMaster"
    " killCursors listCollections listDatabases listIndexes ping replSetGetStatus replSetGetConfig serverStatus top"
    " update dbHash"
)
_REDIS_COMMANDS = (
    "ACL AUTH CLIENT CONFIG DBSIZE DECR DECRBY DEL EVAL EVALSHA EXEC EXISTS EXPIRE GET GETDEL GETEX GETSET HDEL HGET"
    " HGETALL HELLO HINCRBY HMGET HSET INCR INCRBY INFO KEYS LATENCY LPUSH LRANGE MGET MSET MULTI PERSIST PEXPIRE PING"
    " PIPELINE PSETEX PTTL PUBLISH RPUSH SADD SCAN SCRIPT SELECT SET SETEX SETNX SISMEMBER SLOWLOG SMEMBERS SREM"
    " SUBSCRIBE TTL TYPE UNLINK WAIT WATCH XADD XLEN ZADD ZCARD ZRANGE ZREM"
)
_MONGODB_ERRORS = (
    "AuthenticationFailed DuplicateKey ExceededTimeLimit HostUnreachable InterruptedAtShutdown"
    " InterruptedDueToReplStateChange MaxTimeMSExpired NamespaceExists NamespaceNotFound NetworkTimeout"
    " NoSuchTransaction NotPrimaryNoSecondaryOk NotPrimaryOrSecondary NotWritablePrimary PrimarySteppedDown"
    " ShutdownInProgress Unauthorized UnknownError WriteConflict"
)
_server_error = one_of(*_MONGODB_ERRORS.split(), *map(str, range(500, 600))).accepts
_operation = one_of(*_MONGODB_COMMANDS.split(), *_REDIS_COMMANDS.split()).accepts
_collection = one_of(
    "users",
    "patients",
    "practitioners",
    "appointments",
    "erasures",
    "encryption",
    "__keyVault",
    "oplog.rs",
    "system.users",
).accepts

ATTRIBUTES: Mapping[str, Callable[[object], bool]] = {
    "http.request.method": METHOD.accepts,
    "http.route": ROUTE.accepts,
    "http.response.status_code": STATUS.accepts,
    "url.scheme": one_of("http", "https").accepts,
    "error.type": lambda value: ERROR.accepts(value) or _server_error(value),
    "db.system.name": one_of("mongodb", "redis").accepts,
    "db.operation.name": _operation,
    "db.collection.name": _collection,
    "db.namespace": one_of("appointments", "encryption", "admin", "local", "config", *map(str, range(16))).accepts,
    "server.address": _matching(
        r"127\.\d+\.\d+\.\d+|localhost|(mongo|redis|app|edge|prometheus|alertmanager)(-\d{1,2})?"
    ),
    "server.port": COUNT.accepts,
    "db.redis.args_length": COUNT.accepts,
    "db.redis.pipeline_length": COUNT.accepts,
    "messaging.batch.message_count": COUNT.accepts,
    "retry": FLAG.accepts,
    "outcome": one_of("passed", "failed", "aborted", "unknown").accepts,
}
"""Each attribute that may leave, and how its value must look. Names are OpenTelemetry's where it has one."""

RESOURCE: Mapping[str, Callable[[object], bool]] = {
    "service.name": _matching(r"[a-z][a-z0-9-]{0,39}"),
    "service.version": VERSION.accepts,
    "service.instance.id": COMPONENT.accepts,
    "deployment.environment.name": _matching(r"[a-z][a-z0-9-]{0,39}"),
    "telemetry.sdk.language": one_of("python").accepts,
    "telemetry.sdk.name": one_of("opentelemetry").accepts,
    "telemetry.sdk.version": VERSION.accepts,
}
"""The same for what describes the process."""


class AllowListExporter(SpanExporter):
    """Hands another exporter copies of spans that carry only what is allowed."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Clean and pass on."""
        return self._inner.export([clean(span) for span in spans])

    def shutdown(self) -> None:
        """Pass on."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Pass on."""
        return self._inner.force_flush(timeout_millis)


def clean(span: ReadableSpan) -> ReadableSpan:
    """Return a copy without events, status text, trace state and all that is not allowed; count what is withheld."""
    attributes = _allowed(span.attributes or {}, ATTRIBUTES)
    if span.events:
        own.dropped_attributes.add("event", by=len(span.events))
    if span.status.description:
        own.dropped_attributes.add("status")
    return ReadableSpan(
        name=_name(span, attributes),
        context=_bare(span.context),
        parent=_bare(span.parent),
        resource=Resource(_allowed(span.resource.attributes, RESOURCE)),
        attributes=attributes,
        links=[Link(bare) for link in span.links if (bare := _bare(link.context)) is not None],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _allowed(attributes: Mapping[str, Any], allowed: Mapping[str, Callable[[object], bool]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in attributes.items():
        accepts = allowed.get(key)
        if accepts is None:
            own.dropped_attributes.add("key")
        elif not accepts(value):
            own.dropped_attributes.add("value")
        else:
            kept[key] = value
    return kept


def _name(span: ReadableSpan, attributes: Mapping[str, Any]) -> str:
    """Derive the name from what was allowed, as the semantic conventions say; a name is never taken on trust."""
    if (method := attributes.get("http.request.method")) is not None:
        return " ".join(filter(None, (method, attributes.get("http.route"))))
    if (operation := attributes.get("db.operation.name")) is not None:
        return " ".join(filter(None, (operation, attributes.get("db.collection.name"))))
    if span.name in SPAN_NAMES:
        return span.name
    own.dropped_attributes.add("name")
    return str(attributes.get("db.system.name", UNNAMED))


def _bare(context: SpanContext | None) -> SpanContext | None:
    """Leave out the trace state: it arrives from outside and is free text."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)
