"""Units, colours and limits of every panel, in one table, each with where it comes from. Pure.

Limits that the catalogue promises (objectives, RPO, RTO, drills' targets) are read from it where a board is made; what
stands here is what the operators of such systems go by.
"""

from __future__ import annotations

from typing import Literal

Unit = Literal["none", "short", "percentunit", "s", "bytes", "Bps", "ops", "reqps", "cps"]
"""Those of Grafana's units that we use; ``chart_units`` writes the same ones without Grafana."""

GOOD, WARN, BAD, NEUTRAL, CALM = "green", "orange", "red", "text", "blue"
"""Grafana's own colour names: they follow its light and dark themes."""

Steps = tuple[tuple[float | None, str], ...]
"""(From this value on, colour); the first has no value."""

PLAIN: Steps = ((None, NEUTRAL),)


def below(limit: float, warn: float | None = None) -> Steps:
    """Good below a limit, bad from it on; in between, a warning."""
    return ((None, GOOD), (limit, BAD)) if warn is None else ((None, GOOD), (warn, WARN), (limit, BAD))


def above(limit: float, warn: float | None = None) -> Steps:
    """Bad below a limit, good from it on; below ``warn`` a warning."""
    return ((None, BAD), (limit, GOOD)) if warn is None else ((None, BAD), (limit, WARN), (warn, GOOD))


def warned(limit: float) -> Steps:
    """Good below a limit, a warning from it on: what makes a ticket and wakes nobody."""
    return ((None, GOOD), (limit, WARN))


YES: Steps = above(1)
NONE_WANTED: Steps = below(1)
NONE_WANTED_TICKET: Steps = warned(1)

LOST: Steps = below(1, warn=0.01)
"""Per second. What must never happen at all is worth a look at one a minute or two, and an outage at one a second."""

SHARE_USED: Steps = below(0.9, warn=0.8)
"""Of connections, memory, files, descriptors: at 80 % a ticket leaves days, at 90 % hours."""

DISK_USED: Steps = below(0.9, warn=0.8)
"""WiredTiger, Prometheus and Redis all need room for a copy of something while they tidy up."""

CPU_BUSY: Steps = below(0.95, warn=0.8)
"""By queueing theory waiting doubles about here; nothing breaks before 100 %."""

LOAD_PER_CORE: Steps = below(2, warn=1)
"""More than one thread per core waits; two is what the alert on saturation goes by."""

PRESSURE: Steps = below(0.4, warn=0.1)
"""Share of time in which something waited (PSI); a tenth is felt, at 40 % systemd-oomd begins to kill."""

MEMORY_LEFT: Steps = above(0.05, warn=0.1)
"""Below a tenth page cache is given up, below a twentieth the kernel begins to kill."""

LAG_S: Steps = below(60, warn=10)
"""Replication lag: ten seconds make a ticket, a minute endangers a failover."""

OPLOG_S: Steps = above(3_600, warn=86_400)
"""A day is what a member's repair may take; an hour is the promised recovery point."""

QUEUED: Steps = below(100, warn=10)
"""Operations that wait for a lock or a ticket; MongoDB admits 128 readers and 128 writers by default."""

CAPTURE_S: Steps = below(300, warn=120)
"""Age of the newest captured write: one is due each half minute, ten that are missing make a ticket."""

OFFSITE_LAG_S: Steps = below(900, warn=300)
"""How far the copy is behind: it runs each minute, a quarter of an hour makes a ticket."""

USUAL_SIZE: Steps = ((None, WARN), (0.5, GOOD), (2.0, WARN))
"""Of a backup against those before it."""

CACHE_USED: Steps = below(0.95, warn=0.8)
CACHE_DIRTY: Steps = below(0.2, warn=0.05)
"""WiredTiger's own limits: it evicts from 80 % and 5 % on, and lets clients do it from 95 % and 20 % on."""

HIT_RATIO: Steps = ((None, WARN), (0.5, GOOD))
"""A cache that misses more often than it hits costs more than it saves."""

LOOP_LAG_S: Steps = below(0.2, warn=0.05)
"""A quarter of the promised answer time, and all of it."""

THROTTLED: Steps = below(0.5, warn=0.25)
"""Share of a container's periods in which it was stopped by its limit: a quarter is kubernetes-mixin's as well."""

CLOCK_S: Steps = below(0.5, warn=0.05)
"""Tokens and traces of several machines compare times of some tens of milliseconds."""

SCRAPE_SHARE: Steps = below(0.9, warn=0.5)
"""Of the time that a scrape or an evaluation has, before the next one is due."""

PAGES_A_WEEK: Steps = below(14, warn=7)
"""Google's SRE book: at most two incidents in a shift of twelve hours can be followed up; one a day is a lot."""

ACKNOWLEDGE_S: Steps = below(1800, warn=300)
"""Google's SRE book, chapter 11: five minutes where patients notice, thirty where it is less urgent."""

ACTED_ON: Steps = above(0.5, warn=0.8)
"""Our own: at one page of five for nothing people begin to doubt, at every second one they stop looking."""

DELIVERY_S: Steps = below(180, warn=90)
"""Age of the evaluation that a Watchdog carries: Prometheus and Alertmanager both repeat it once a minute, at most 90 s
apart. 180 s is where the SLO on the alert path counts."""

CODE_COLOURS = {"2xx": "#56A64B", "3xx": "#F2CC0C", "4xx": "#3274D9", "5xx": "#E02F44", "other": "#8F8F8F"}
"""As Grafana's own mixins colour classes of status codes."""

STATE_COLOURS = {"good": "green", "quiet": "blue", "warn": "orange", "bad": "red", "off": "text"}
