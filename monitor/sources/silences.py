"""Silences in Alertmanager: who silenced what, why, until when. Calls block, with deadlines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from monitor import clock
from monitor.errors import Unavailable
from monitor.routing import re2
from monitor.settings import Login
from monitor.sources.alertmanager import ask

SilenceState = Literal["active", "pending", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """What one label of an alert must be, or must not be."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert's label is so; a label that is missing is empty, as Alertmanager takes it.

        A pattern that is not understood (``monitor.routing.re2`` says which) is of no label, negated or not.
        """
        value = labels.get(self.name, "")
        try:
            found = re2.matches(self.value, value) if self.is_regex else self.value == value
        except ValueError:
            return False
        return found is self.is_equal

    def __str__(self) -> str:
        """As Alertmanager and amtool write it."""
        sign = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "" if self.is_equal else "=")
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{sign}"{quoted}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """One silence; ``expired`` ones are kept by Alertmanager for some days."""

    id: str
    state: SilenceState
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    who: str
    why: str

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is one that this silence is about."""
        return bool(self.matchers) and all(matcher.matches(labels) for matcher in self.matchers)


def silences(url: str, *, login: Login | None = None) -> tuple[Silence, ...]:
    """Return all silences that Alertmanager remembers, those first that end first.

    Raises:
        Unavailable: Alertmanager cannot be reached, or does not answer like one.
    """
    found = ask(url, "silences", login=login, read=lambda rows: [_silence(row) for row in rows])
    return tuple(sorted(found, key=lambda silence: (silence.ends_at, silence.id)))


def create(
    url: str,
    matchers: tuple[Matcher, ...],
    *,
    starts_at: datetime,
    ends_at: datetime,
    who: str,
    why: str,
    login: Login | None = None,
) -> str:
    """Silence what matches until ``ends_at``; returns the silence's id.

    Raises:
        Unavailable: Alertmanager cannot be reached, or refuses.
    """
    body = {
        "matchers": [
            {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal} for one in matchers
        ],
        "startsAt": clock.to_rfc3339(starts_at),
        "endsAt": clock.to_rfc3339(ends_at),
        "createdBy": who,
        "comment": why,
    }
    return ask(url, "silences", method="POST", body=body, login=login, read=lambda answer: str(answer["silenceID"]))


def end(url: str, silence_id: str, *, login: Login | None = None) -> None:
    """End a silence now.

    Raises:
        Unavailable: Alertmanager cannot be reached, or knows no such silence.
    """
    if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", silence_id):
        raise Unavailable("no silence has such an id")
    ask(url, f"silence/{silence_id}", method="DELETE", login=login, read=lambda _: None)


def _silence(row: Mapping[str, Any]) -> Silence:
    state = row["status"]["state"]
    if state not in get_args(SilenceState):
        raise ValueError("a silence is in a state that is not known")
    return Silence(
        id=str(row["id"]),
        state=state,
        matchers=tuple(
            Matcher(
                name=str(one["name"]),
                value=str(one["value"]),
                is_regex=bool(one.get("isRegex", False)),
                is_equal=bool(one.get("isEqual", True)),
            )
            for one in row["matchers"]
        ),
        starts_at=clock.from_rfc3339(str(row["startsAt"])),
        ends_at=clock.from_rfc3339(str(row["endsAt"])),
        who=str(row.get("createdBy", "")),
        why=str(row.get("comment", "")),
    )
