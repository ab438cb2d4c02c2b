"""Runs the exporters, and says what their event loop holds when SIGUSR1 asks: ``exporters_watched FILE FLAG...``."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from exporters.__main__ import main

if __name__ == "__main__":
    told = Path(sys.argv[1])

    def tell(_signal: int, _frame: FrameType | None) -> None:
        """Write to one side and rename: who waits for the file never reads half of it."""
        names = sorted(task.get_name() for task in asyncio.all_tasks())
        fresh = told.with_suffix(".new")
        fresh.write_text(json.dumps({"tasks": names, "threads": threading.active_count()}), encoding="utf-8")
        fresh.rename(told)

    signal.signal(signal.SIGUSR1, tell)
    main(sys.argv[2:])
