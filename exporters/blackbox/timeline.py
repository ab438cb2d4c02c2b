"""How far a probe came: phases are noted as they begin, by whoever sees them begin."""

from __future__ import annotations

import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from exporters.blackbox.families import PHASES
from exporters.files import certificates
from exporters.settings import Settings, SettingsError


@dataclass(slots=True)
class Timeline:
    """How far a probe came, and how long each phase took; of one that never ended, how long until it was given up."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    phase: str = ""
    status: int = 0
    """Of the last answer that began to come."""
    redirects: int = 0
    _since: float = 0.0
    _over: bool = False

    def enter(self, phase: str) -> None:
        """End the phase that was, and begin this one."""
        if self._over:
            return
        now = time.monotonic()
        if self.phase:
            self.seconds[self.phase] += now - self._since
        self.phase, self._since = phase, now

    def end(self) -> None:
        """Stop; what comes late is not noted any more. The phase stays as it was."""
        phase = self.phase
        self.enter("")
        self.phase, self._over = phase, True


current: ContextVar[Timeline | None] = ContextVar("timeline", default=None)


def enter(phase: str) -> None:
    """Begin a phase of the probe that is under way here."""
    if (timeline := current.get()) is not None:
        timeline.enter(phase)


class Trust(ssl.SSLContext):
    """Whom to believe; notes when a handshake begins, which aiohttp does not tell."""

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """Begin a handshake."""
        enter("tls")
        return super().wrap_bio(*given, **named)


def trust(settings: Settings) -> Trust:
    """Believe the system's authorities, or only the one that the settings name.

    Raises:
        SettingsError: the file cannot be used.
    """
    context = Trust(ssl.PROTOCOL_TLS_CLIENT)
    if settings.probe_ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cadata=certificates(settings.probe_ca_file))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"cannot read certificates from {settings.probe_ca_file}: {error.strerror}") from error
    return context
