"""What names may look like: those that become part of a file's name, and those of labels. Pure."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_IN_A_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

FILE_NAME_RULE = "must be letters, digits, dots, dashes and underscores, at most 100, beginning with a letter or digit"
LABEL_RULE = "must be letters, digits and underscores, and begin with no digit: every Prometheus knows such names"


def fits_a_file_name(name: str) -> bool:
    """Whether a name can be part of a file's name: no way out of its folder, and no longer than one may be."""
    return _IN_A_FILE_NAME.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Whether rules may carry a label or annotation of this name."""
    return _LABEL.fullmatch(name) is not None


def is_time_zone(name: str) -> bool:
    """Whether a name stands in the IANA time zone database, as far as it is known here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
