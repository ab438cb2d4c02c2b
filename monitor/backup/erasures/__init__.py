"""Who asked to be forgotten: a signed, chained list that is applied after every restore.

::

    chain      entries, their signatures and how they hang together (pure)
    listing    the list in a depot, and its head in the monitor's store
    notes      erasures that the application made and noted itself
    applying   what is done with the list after a restore

A backup holds everybody who was there when it was taken. So whoever restores one applies the list, before anybody else
is let in. It holds opaque ids only. What signs it and verifies it: ``monitor.sources.signing_keys``.
"""

from __future__ import annotations

from monitor.backup.erasures.applying import Applied, apply, still_there
from monitor.backup.erasures.chain import Erasure, ErasuresRefused, Head, Subject
from monitor.backup.erasures.listing import add, load
from monitor.backup.erasures.notes import collect

__all__ = ["Applied", "Erasure", "ErasuresRefused", "Head", "Subject", "add", "apply", "collect", "load", "still_there"]
