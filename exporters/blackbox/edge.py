"""Is anybody there? The address that answers while one app can take patients; whoever answers well has said enough."""

from __future__ import annotations

from exporters.blackbox.http_probe import HttpProbe

EDGE = HttpProbe("edge", "/readyz", lambda _body: True)
