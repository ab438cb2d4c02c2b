"""How fast backups, restores and verifications are, beside a single zlib stream and, where given, the stock tools."""

from __future__ import annotations

import shutil
import subprocess
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from benchmarks.backup.bench import DATABASE, UNLIMITED, Bench
from monitor.backup.keys import Keyset

WAYS = {"none": "none", "gzip": "gzip", "zstd": "zstd", "sealed (zstd)": "zstd"}
ZLIB = "one zlib-6 stream"
ZLIB_LEVEL = 6


@dataclass(slots=True)
class Measured:
    """Seconds of each round, bytes that were stored, and peak memory, by what was run."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stored: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, seconds: float, *, stored: float = 0, peak_mb: float = 0) -> None:
        self.seconds[name].append(seconds)
        self.stored[name] = stored or self.stored.get(name, 0)
        self.peak_mb[name] = max(peak_mb, self.peak_mb.get(name, 0))


def measure(bench: Bench, rounds: int, dump: Path | None, restore: Path | None) -> Measured:
    """Run everything, interleaved."""
    found, keys = Measured(), bench.layout.run_dir / "keys.json"
    Keyset.create().write(keys)
    shutil.copy(keys, keys.with_suffix(".copy"))
    for _ in range(rounds):
        for name, compression in WAYS.items():
            _backup(bench, found, name, compression, keys)
        _zlib(bench, found)
        if dump is not None:
            _stock(bench, found, dump, restore)
    return found


def _backup(bench: Bench, found: Measured, name: str, compression: str, keys: Path) -> None:
    store = bench.layout.run_dir / "bench-store"
    sealed = name.startswith("sealed")
    settings = {"backup_keyset_file": str(keys), "escrow_keyset_file": str(keys.with_suffix(".copy"))} if sealed else {}
    place = ("--store", str(store))
    ran = bench.monitor("backup", "run", "--compression", compression, *UNLIMITED, *place, **settings)
    found.note(f"backup, {name}", ran.body["duration_seconds"], stored=ran.body["stored_bytes"], peak_mb=ran.peak_mb)
    if name.startswith(("zstd", "sealed")):
        ran = bench.monitor("restore", "--at", "latest", *place, **settings)
        took = ran.body["data_seconds"] + ran.body["oplog_seconds"] + ran.body["index_seconds"]
        found.note(f"restore with indexes, {name}", took, peak_mb=ran.peak_mb)
        ran = bench.monitor("backup", "verify", *place, **settings)
        found.note(f"verify, whole process, {name}", ran.seconds, peak_mb=ran.peak_mb)
    shutil.rmtree(store)


def _zlib(bench: Bench, found: Measured) -> None:
    """What a dump with gzip does at least: read everything, through zlib at its usual level."""
    target = bench.layout.run_dir / "zlib"
    with bench.secondary() as client, target.open("wb") as file:
        begun = time.monotonic()
        packer = zlib.compressobj(ZLIB_LEVEL)
        for name in client[DATABASE].list_collection_names():
            batches = client[DATABASE][name].find_raw_batches({}, batch_size=1000)
            for batch in cast("Iterable[bytes]", batches):
                file.write(packer.compress(batch))
        file.write(packer.flush())
        found.note(ZLIB, time.monotonic() - begun, stored=file.tell())
    target.unlink()


def _stock(bench: Bench, found: Measured, dump: Path, restore: Path | None) -> None:
    password = bench.layout.run_dir / "stock.yaml"
    password.write_text(f"password: {bench.layout.mongodb_password('admin').read_text().strip()}\n")
    password.chmod(0o600)
    login = ("--config", str(password), "--username", "admin", "--authenticationDatabase", "admin")
    for name, more in (("stock dump", ()), ("stock dump --gzip", ("--gzip",))):
        out = bench.layout.run_dir / "stock"
        begun = time.monotonic()
        hosts = f"--uri={bench.layout.mongodb_uri}&readPreference=secondary"
        _run([str(dump), hosts, *login, "--db", DATABASE, "--out", str(out), *more])
        stored = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
        found.note(name, time.monotonic() - begun, stored=stored)
        if restore is not None and not more:
            begun = time.monotonic()
            into = ("--nsFrom", f"{DATABASE}.*", "--nsTo", "stock.*")
            _run([str(restore), f"--uri={bench.layout.mongodb_uri}", *login, *into, str(out)])
            found.note("stock restore, into the set", time.monotonic() - begun)
            bench.admin.drop_database("stock")
        shutil.rmtree(out)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=900)
