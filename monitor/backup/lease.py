"""One writer at a time in a bucket: an object that says who writes, taken and renewed by conditional puts.

The object is never deleted (the writer may not): whoever is done writes that it is free. A holder that died is followed
by another once the object is older than its time; both instants are the storage's own, so no clock of ours matters.
Storage that ignores conditions (``If-None-Match``, ``If-Match``) is found out by reading back.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monitor import clock
from monitor.errors import Busy, MonitorError, Unavailable
from monitor.sources.object_storage import Contested, S3Depot, Tagged

KEY = "lease.json"
"""Whoever writes backups."""
FOLDER = "leases"
"""Whoever is the only one at something else, one object each."""
HELD_FOR_S = 120
RENEW_EVERY_S = 30
"""So three renewals may fail before the lease is lost."""


class Lease:
    """The right to write, as long as ``check`` does not say otherwise."""

    def __init__(self, depot: S3Depot, what: str, key: str = KEY) -> None:
        self._depot = depot
        self._key = key
        self._what = what
        self._fields = {
            "holder": f"{what} (pid {os.getpid()}, since {clock.to_rfc3339(clock.now())})",
            "nonce": secrets.token_hex(8),
            "held_for_s": HELD_FOR_S,
        }
        self._tag = ""
        self._renewed = 0.0
        self._lost = False
        self._done = threading.Event()

    def check(self) -> None:
        """Make sure that nobody else may be writing.

        Raises:
            Unavailable: the lease was lost.
        """
        if self._lost or time.monotonic() - self._renewed > HELD_FOR_S:
            raise Unavailable(
                f"{self._what}: the lease on {self._depot.name} was lost, so somebody else may be writing"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Take the lease, renew it in the background, and free it.

        Raises:
            Busy: somebody else holds it.
            Unavailable: the storage does not answer.
        """
        self._take()
        renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
        renewer.start()
        try:
            yield
        finally:
            self._done.set()
            renewer.join()
            self._free()

    def _take(self) -> None:
        found = self._depot.get_tagged(self._key)
        if found is not None and (holder := _holder(found)):
            raise self._taken(holder)
        try:
            self._write(found.tag if found else None, {})
        except Contested:
            raise self._taken("somebody else") from None
        read = self._depot.get_tagged(self._key)
        if read is None or _fields(read).get("nonce") != self._fields["nonce"]:
            raise self._taken("somebody else")

    def _taken(self, holder: str) -> Busy:
        return Busy(
            f"{self._what}: {holder} is writing to {self._depot.name}; wait until it is done, then run this again"
        )

    def _write(self, tag: str | None, more: dict[str, Any]) -> None:
        begun = time.monotonic()
        # A renewal differs from the one before, or some stores would give it the same tag.
        content = json.dumps(self._fields | {"beat": secrets.token_hex(4)} | more).encode()
        self._tag = self._depot.put_if(self._key, content, tag)
        self._renewed = begun

    def _renew(self) -> None:
        while not self._done.wait(RENEW_EVERY_S):
            try:
                self._write(self._tag, {})
            except Contested:
                self._lost = True
                return
            except MonitorError:
                # It may answer next time; until when, ``check`` counts.
                continue

    def _free(self) -> None:
        if self._lost:
            return
        try:
            self._write(self._tag, {"held_for_s": 0})
        except (Contested, MonitorError):
            # It ends by itself.
            return


def _fields(found: Tagged) -> dict[str, Any]:
    try:
        fields = json.loads(found.content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _holder(found: Tagged) -> str:
    """Who holds a lease now; empty for nobody. What cannot be read counts as just taken by somebody."""
    fields = _fields(found)
    span = fields.get("held_for_s", HELD_FOR_S)
    held_for = span if isinstance(span, int) and 0 <= span <= HELD_FOR_S else HELD_FOR_S
    if found.age.total_seconds() >= held_for:
        return ""
    return str(fields.get("holder", "somebody else"))[:200]
