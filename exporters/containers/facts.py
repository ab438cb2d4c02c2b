"""What Docker says of a container, as far as it is ours to know: never its environment, command or labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

_ID = re.compile(r"[0-9a-f]{12,64}")
_LONGEST = 255
_LARGEST = 2**63
"""Go's integers end here; JSON's do not, and one beyond all floats would spoil every sum that it is in."""
_FRACTION = re.compile(r"\.\d+")


class MalformedError(ValueError):
    """The answer is not what Docker would say."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One container in the list of all: enough to see that something changed."""

    container: str
    name: str
    image: str
    state: str
    health: str
    """What the status text says in brackets: ``healthy``, ``health: starting``, or an exit code."""

    @classmethod
    def of(cls, row: Any) -> Self:
        """Read one element of ``GET /containers/json``.

        Raises:
            MalformedError: it is not one.
        """
        told = _mapping(row)
        container = _text(told, "Id")
        if not _ID.fullmatch(container):
            raise MalformedError("not an id")
        names = told.get("Names")
        # A container's own name has no slash in it but the first; others are links to it from other containers.
        own = [str(one)[1:] for one in names if "/" not in str(one)[1:]] if isinstance(names, list) else []
        bracket = re.search(r"\(([^)]*)\)", str(told.get("Status", "")))
        return cls(
            container,
            (own[0] if own else container[:12])[:_LONGEST],
            str(told.get("Image", ""))[:_LONGEST],
            _text(told, "State"),
            bracket[1] if bracket else "",
        )


@dataclass(frozen=True, slots=True)
class Detail:
    """One container as ``GET /containers/ID/json`` tells of it."""

    state: str
    health: str
    failing_streak: int
    exit_code: int
    oom_killed: bool
    restarts: int
    started: int | None
    """Unix timestamp of its last start, if it ever was started."""
    ended: bool
    """Whether it has run and does not run now: only then does the exit code mean something."""
    on_host_network: bool

    @classmethod
    def of(cls, answer: Any) -> Self:
        """Read an inspection.

        Raises:
            MalformedError: it is not one.
        """
        told = _mapping(answer)
        state = _mapping(told.get("State"))
        health = state.get("Health") or {}
        status = _text(state, "Status")
        started = _time(state.get("StartedAt"))
        return cls(
            state=status,
            health=str(_mapping(health).get("Status") or "none"),
            failing_streak=_number(health, "FailingStreak"),
            exit_code=_number(state, "ExitCode"),
            oom_killed=state.get("OOMKilled") is True,
            restarts=_number(told, "RestartCount"),
            started=started,
            ended=status in {"exited", "dead", "restarting"} and started is not None,
            on_host_network=_mapping(told.get("HostConfig") or {}).get("NetworkMode") == "host",
        )


def changed_container(event: Any) -> str | None:
    """Return whose event this is.

    Raises:
        MalformedError: it is no event.
    """
    actor = _mapping(event).get("Actor") or {}
    container = _mapping(actor).get("ID")
    return container if isinstance(container, str) and _ID.fullmatch(container) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError("not an object")
    return value


def _text(told: Mapping[str, Any], field: str) -> str:
    value = told.get(field)
    if not isinstance(value, str):
        raise MalformedError(field)
    return value


def _number(told: Mapping[str, Any], field: str) -> int:
    value = told.get(field, 0)
    if not isinstance(value, int) or abs(value) > _LARGEST:
        raise MalformedError(field)
    return value


def _time(value: Any) -> int | None:
    """Read Go's RFC 3339 with nanoseconds; the year 1 stands for never."""
    if not isinstance(value, str) or value.startswith("0001-"):
        return None
    try:
        return int(datetime.fromisoformat(_FRACTION.sub("", value)).timestamp())
    except ValueError as error:
        raise MalformedError("not a time") from error
