"""``python -m benchmarks.backup``: how fast backups, restores and replays are, and what the app notices of them.

Three members, Redis and one app on this machine; every backup is a process of its own. Bars are ratios, or far from
what is measured, so that a busy machine seldom decides. Exit code 1 when a bar is missed, else 0.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.backup import growth, impact, replay, speed
from benchmarks.backup.bench import UNLIMITED, Bench, median, started
from benchmarks.slo.bars import Bar
from monitor.backup import scratch
from monitor.clock import now

PARTS = ("speed", "replay", "impact", "growth")
MEGABYTES = 300
ZLIB_RATIO = 2.0
RESTORE_S = 20.0
"""For 300 MB, indexes and verification with it."""
P99_RATIO = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts that are asked for, print each, and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backup", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="of documents")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=impact.REQUESTS, help="to the app, in all rounds together")
    parser.add_argument("--operations", type=int, default=100_000, help="of the oplog that is replayed")
    parser.add_argument("--mongodump", type=Path, help="the stock tool, to be measured in the same run")
    parser.add_argument("--mongorestore", type=Path, help="the same")
    given = parser.parse_args(arguments)
    if unknown := set(given.only.split(",")) - set(PARTS):
        parser.error(f"no part is called {min(unknown)!r}: choose of {', '.join(PARTS)}")
    bars: list[Bar] = []
    parts = {"speed": _speed, "replay": _replay, "impact": _impact, "growth": _growth}
    with tempfile.TemporaryDirectory(prefix="backup-benchmark-") as folder, started(Path(folder) / "run") as bench:
        size = bench.fill(given.megabytes)
        _print(f"{now():%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors, {size / 1e6:.0f} MB of documents")
        for name in given.only.split(","):
            _print(f"\n## {name} (load {os.getloadavg()[0]:.1f})\n")
            bars += parts[name](bench, given, size)
            _print(f"\nload afterwards {os.getloadavg()[0]:.1f}")
    _print("\n## bars\n", *(str(bar) for bar in bars))
    return 0 if all(bar.kept for bar in bars) else 1


def _print(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _speed(bench: Bench, given: argparse.Namespace, size: int) -> list[Bar]:
    found = speed.measure(bench, given.rounds, given.mongodump, given.mongorestore)
    _print("| what | median s | best s | MB/s (median) | stored MB | peak RSS MB |", "|---|---|---|---|---|---|")
    for name, seconds in found.seconds.items():
        stored = f"{found.stored[name] / 1e6:.0f}" if found.stored[name] else ""
        peak = f"{found.peak_mb[name]:.0f}" if found.peak_mb[name] else ""
        middle = median(seconds)
        _print(f"| {name} | {middle:.2f} | {min(seconds):.2f} | {size / 1e6 / middle:.0f} | {stored} | {peak} |")
    times = zip(found.seconds[speed.ZLIB], found.seconds["backup, zstd"], strict=True)
    ratio = median([reference / ours for reference, ours in times])
    verified = max(median(found.seconds[name]) for name in found.seconds if name.startswith("verify"))
    return [
        Bar(f"zstd backup {ratio:.1f} times as fast as one zlib-6 stream (>= {ZLIB_RATIO:g})", ratio >= ZLIB_RATIO),
        Bar(
            f"{size / 1e6:.0f} MB restored with indexes and verified in {verified:.1f} s (<= {RESTORE_S:g})",
            verified <= RESTORE_S,
        ),
    ]


def _replay(bench: Bench, given: argparse.Namespace, size: int) -> list[Bar]:
    del size
    mongod = scratch.find_mongod(bench.settings.mongod)
    rates, each_cpu_second = replay.rates(given.operations, given.rounds, mongod, bench.layout.run_dir)
    _print(f"operations/s: {', '.join(f'{rate:,.0f}' for rate in rates)}; a CPU second: {median(each_cpu_second):,.0f}")
    middle = median(rates)
    return [Bar(f"{middle:,.0f} operations/s replayed (>= {replay.BAR:,})", middle >= replay.BAR)]


def _impact(bench: Bench, given: argparse.Namespace, size: int) -> list[Bar]:
    del size
    bars = []
    for name, limit in (("default pace", ()), ("no limit", UNLIMITED)):
        rounds = impact.measure(bench, *limit, requests=given.requests)
        _print(f"{name}: p99 without and with backups, ms; ratio; backups; errors")
        for one in rounds:
            quiet, busy = one.quiet * 1000, one.busy * 1000
            _print(f"  {quiet:.0f}  {busy:.0f}  {one.ratio:.2f}  {one.backups}  {one.failed}")
        ratio = median([one.ratio for one in rounds])
        _print(f"  median ratio {ratio:.2f}, {given.requests} requests in {impact.ROUNDS} alternating rounds")
        if not limit:
            bars.append(Bar(f"the app's p99 during backups {ratio:.2f} times (<= {P99_RATIO:g})", ratio <= P99_RATIO))
    return bars


def _growth(bench: Bench, given: argparse.Namespace, size: int) -> list[Bar]:
    del size
    for name, found in (
        ("MB", growth.by_size(bench, given.rounds)),
        ("collections", growth.by_collections(bench, given.rounds)),
    ):
        _print(", ".join(f"{amount:g} {name}: {seconds:.2f} s" for amount, seconds in found.items()))
        _print(f"exponent {growth.exponent(found):.2f}")
    return []


if __name__ == "__main__":
    sys.exit(main())
