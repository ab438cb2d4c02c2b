"""How well the clock keeps time, as the kernel tells whoever asks (adjtimex, which changes nothing here)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import ClassVar

from exporters.host import families as f
from exporters.readings import Readings

_ERROR = 5
"""TIME_ERROR: nothing steers the clock."""
_NANO = 0x2000
"""STA_NANO: the offset is in nanoseconds, not microseconds."""
_PPM = 65_536 * 1e6
"""Frequencies are parts per million, with 16 bits behind the point."""


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest."""

    _fields_: ClassVar = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    ]


class Clock:
    """Asks the kernel that runs us: all containers of a host share its clock."""

    def __init__(self) -> None:
        self._adjtimex: Callable[..., int] | None = getattr(ctypes.CDLL(None), "adjtimex", None)

    def write(self, readings: Readings) -> None:
        """Write the families; none where the question is not permitted (some sandboxes) or not known."""
        if self._adjtimex is None:
            return
        answer = _Timex()
        state = self._adjtimex(ctypes.byref(answer))
        if state < 0:
            return
        readings.add(f.TIMEX_OFFSET, answer.offset / (1e9 if answer.status & _NANO else 1e6))
        readings.add(f.TIMEX_SYNC, int(state != _ERROR))
        readings.add(f.TIMEX_MAXERROR, answer.maxerror / 1e6)
        readings.add(f.TIMEX_ESTERROR, answer.esterror / 1e6)
        readings.add(f.TIMEX_FREQUENCY, 1 + answer.frequency / _PPM)
