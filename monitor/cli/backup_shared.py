"""What the commands about backups share: their options, the state file, progress, and how sizes are said."""

from __future__ import annotations

import dataclasses
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn, Self, cast

import click

from monitor.addresses import bucket
from monitor.backup import Progress
from monitor.backup.compression import Compression
from monitor.catalogue.load import load
from monitor.errors import InputError, Unavailable
from monitor.settings import Settings
from monitor.store import Store

LINE_EVERY_S = 5.0
BAR_WIDTH = 30
TERMINATED = 128 + signal.SIGTERM

# Text, not a path: a path makes one slash of two, and s3://bucket a directory named s3: with a bucket in it.
store_option = click.option(
    "--store",
    "place",
    metavar="DIR|s3://BUCKET/PREFIX",
    help="The backup store (default: backup_store, or <run dir>/backups).",
)
offsite_option = click.option("--offsite", is_flag=True, help="Work on the copy in the other place (offsite_store).")
keyset_option = click.option(
    "--keyset",
    type=click.Path(path_type=Path),
    help="Open with these keys, say the escrow copy (default: backup_keyset_file).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


def with_store(
    settings: Settings,
    place: str | None,
    *,
    offsite: bool = False,
    keyset: Path | None = None,
    compression: str | None = None,
) -> Settings:
    """Return the settings with another store, other keys or another compression.

    Raises:
        InputError: it is no place for backups, or both it and the copy are named.
    """
    if keyset is not None:
        settings = dataclasses.replace(settings, backup_keyset_file=keyset)
    if compression is not None:
        settings = dataclasses.replace(settings, backup_compression=cast("Compression", compression))
    if offsite:
        if place is not None:
            raise InputError("--store and --offsite name two places: give one")
        return settings.offsite
    if place is None:
        return settings
    if not place:
        raise InputError("--store is empty: give a directory or s3://BUCKET/PREFIX, or leave it out")
    if bucket("--store", place) is None:
        place = str(Path(place).absolute())
    # The copy is another place's: it is not the one that was named.
    return dataclasses.replace(settings, backup_store=place, offsite_store="")


def locked_for(settings: Settings) -> timedelta | None:
    """How long a bucket locks what is written. For a directory the catalogue is not even read: it may be broken.

    Raises:
        InputError: the catalogue cannot be read.
    """
    if bucket("backup_store", settings.backup_store) is None:
        return None
    recovery = load(settings.catalogue, settings.environment).recovery
    return recovery.locked_for if recovery else None


@contextmanager
def state(settings: Settings, *, without: str = "this will not be recorded") -> Iterator[Store | None]:
    """Open the state file, or say what it means to go on ``without``: a backup is worth more than its record."""
    store: Store | None = None
    try:
        store = Store.open(settings.state, wait_s=0)
    except Unavailable as error:
        click.echo(f"monitor: {without}: {error}", err=True)
    try:
        yield store
    finally:
        if store is not None:
            store.close()


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that temporary files and scratch servers go."""

    def stop(_: int, __: Any) -> NoReturn:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Show:
    """Shows progress on stderr: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._step = ""
        self._begun = time.monotonic()
        self._last = self._begun

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bar's line."""
        if self._terminal and self._step:
            click.echo("\r\033[K", err=True, nl=False)

    def __call__(self, progress: Progress) -> None:
        """Show how far it is."""
        now = time.monotonic()
        if progress.step != self._step:
            self._step, self._begun = progress.step, now
        elif not self._terminal and now - self._last < LINE_EVERY_S:
            return
        self._last = now
        share = min(1.0, progress.done / progress.total) if progress.total else 0.0
        text = progress.step
        if progress.total:
            bar = "#" * round(share * BAR_WIDTH)
            text += f" [{bar:<{BAR_WIDTH}}]" if self._terminal else ""
            total = size(progress.total) if progress.unit == "bytes" else f"{progress.total} {progress.unit}"
            text += f" {share:.0%} of {total}"
        click.echo(f"\r\033[K{text}" if self._terminal else text, err=True, nl=not self._terminal)


def size(count: int) -> str:
    """Say a number of bytes in SI units."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004  # SI units
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
