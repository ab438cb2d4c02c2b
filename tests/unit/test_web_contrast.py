"""The console's colours hold WCAG AA in the light and in the dark scheme."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from monitor.web.app import STATIC
from tests.contrast import contrast

TEXT, SHAPE = 4.5, 3.0
TONES = ("good", "warning", "bad", "unknown")
PAIRS = [
    *chain.from_iterable(((text, ground, TEXT) for ground in ("page", "sheet")) for text in ("ink", "soft", "link")),
    *((tone, f"{tone}-soft", TEXT) for tone in TONES),
    *((tone, "sheet", SHAPE) for tone in TONES),
    ("ink", "bad-soft", TEXT),
    *((bar, "sheet", SHAPE) for bar in ("left", "low", "open", "brand", "calm", "drill")),
    *((f"s{number}", "sheet", SHAPE) for number in range(8)),
]


def schemes() -> list[dict[str, str]]:
    css = (STATIC / "console.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, flags=re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]
    assert len(found) == 2
    assert found[0].keys() == found[1].keys()
    return found


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "needed"), PAIRS)
def test_contrast_is_enough(scheme: int, front: str, ground: str, needed: float) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[front], colours[ground]) >= needed
