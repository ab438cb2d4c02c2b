"""The SLO report in each of its formats, all from the same values. Pure: model in, text or bytes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from monitor.render.report_data import to_csv, to_json
from monitor.render.report_html import to_html, to_pdf
from monitor.render.report_model import Report

Format = Literal["html", "pdf", "csv", "json"]

FORMATS: dict[str, Callable[[Report], str | bytes]] = {
    "html": to_html,
    "pdf": to_pdf,
    "csv": to_csv,
    "json": to_json,
}
"""Every format by its name, which is also its file's extension."""


def render(report: Report, form: str) -> bytes:
    """Write a report in one of ``FORMATS``."""
    written = FORMATS[form](report)
    return written if isinstance(written, bytes) else written.encode()
