"""The host's figures against node_exporter's own on the same machine, and against a file system that really hangs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.host import network
from tests.contract.exporters_process import Series, exporters, samples
from tests.ports import free_address

NODE_EXPORTER = "prometheus-node-exporter"
"""Debian's; ``make test`` installs it (deploy/install-packages.sh --tests)."""
NODE_FLAGS = (
    "--collector.processes",  # off by default, and of which we have a part
    # Debian narrows these; here are the project's own defaults, which are ours as well.
    "--collector.netdev.device-exclude=",
    r"--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$",
    (
        "--collector.filesystem.mount-points-exclude="
        "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
    ),
)

PACE = re.compile(r"_total$|^node_(vmstat|netstat)_|^node_time_seconds$|^node_sockstat|^node_filefd|^node_timex")
"""What moves all the time on a busy machine: ours must lie between two readings of theirs, give or take ``PART``."""
PART = 0.02
NERVOUS = re.compile(
    r"^node_(load|procs_|memory_|disk_io_now|filesystem_(free|avail|files_free)|processes_threads|entropy|arp|pressure)"
)
"""What may go up and down between two readings: compared with more tolerance, to catch wrong units and fields."""
WIDE = 0.25
LEEWAY = {"node_disk_io_now": 64, "node_procs_running": 64, "node_procs_blocked": 64, "node_processes_threads": 100}
ADDED_LABELS = {"device_error"}
"""Newer versions of node_exporter put the text of an error there, which is no label for us."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One page: each family's type, and each series' value."""

    types: dict[str, str]
    samples: dict[Series, float]


def parse(body: str) -> Seen:
    types = {}
    for family in text_string_to_metric_families(body):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        types[name] = family.type
    return Seen(types, samples(body))


@pytest.fixture(scope="module")
def pages() -> tuple[Seen, Seen, Seen]:
    """Theirs, ours, theirs again, within a second."""
    with node_exporter() as theirs, exporters("--collect", "host") as process:
        process.get()
        before = fetch(theirs)
        ours = process.get().body
        after = fetch(theirs)
    return parse(before), parse(ours), parse(after)


@contextlib.contextmanager
def node_exporter() -> Iterator[str]:
    assert shutil.which(NODE_EXPORTER), f"{NODE_EXPORTER} is installed by `make test`"
    address = free_address()
    command = [NODE_EXPORTER, f"--web.listen-address={address}", *NODE_FLAGS]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + 60
        while True:
            with contextlib.suppress(URLError, ConnectionError):
                fetch(f"http://{address}/metrics")
                break
            assert time.monotonic() < ends, "node_exporter did not start"
            assert process.poll() is None, "node_exporter ended"
            time.sleep(0.05)
        yield f"http://{address}/metrics"
    finally:
        process.terminate()
        process.wait(60)


def fetch(url: str) -> str:
    with urlopen(url, timeout=60) as answer:  # noqa: S310  # our own address
        return str(answer.read().decode())


def test_families_that_node_exporter_has_too_are_of_the_same_type(pages: tuple[Seen, Seen, Seen]) -> None:
    theirs, ours, _ = pages
    ours_of_host = {name: kind for name, kind in ours.types.items() if name.startswith("node_")}
    shared = ours_of_host.keys() & theirs.types.keys()
    assert {name: ours_of_host[name] for name in shared} == {name: theirs.types[name] for name in shared}
    alone = ours_of_host.keys() - shared
    assert alone == set(), "a family that claims to be node_exporter's must be found there"
    assert len(shared) > 120


def test_series_have_the_same_labels(pages: tuple[Seen, Seen, Seen]) -> None:
    theirs, ours, after = pages
    known = {bare(series) for page in (theirs, after) for series in page.samples}
    unknown = {series for series in ours.samples if series[0].startswith("node_")} - known
    # We also tell of the root where it is an overlay or the like, because in a container it is the one that fills up.
    unknown = {series for series in unknown if ("mountpoint", "/") not in series[1]}
    assert unknown == set()


def test_what_we_leave_out_of_a_family_is_left_out_on_purpose(pages: tuple[Seen, Seen, Seen]) -> None:
    theirs, ours, after = pages
    both = {bare(series) for series in theirs.samples} & {bare(series) for series in after.samples}
    missing = {series for series in both - ours.samples.keys() if series[0] in ours.types}
    missing = {one for one in missing if not network.PEERS.fullmatch(dict(one[1]).get("device", ""))}
    unasked = {one for one in missing if one[0] == "node_network_speed_bytes"}  # theirs says -125000 for unknown
    assert missing - unasked == set()


def test_values_are_those_that_node_exporter_reads_in_the_same_second(pages: tuple[Seen, Seen, Seen]) -> None:
    before = {bare(series): value for series, value in pages[0].samples.items()}
    after = {bare(series): value for series, value in pages[2].samples.items()}
    wrong = []
    for series, value in pages[1].samples.items():
        if not series[0].startswith("node_") or series not in before or series not in after:
            continue
        low, high = sorted((before[series], after[series]))
        slack = tolerance(series[0], max(abs(low), abs(high)))
        if not low - slack <= value <= high + slack:
            wrong.append((series, low, value, high))
    assert wrong == []


def bare(series: Series) -> Series:
    name, labels = series
    return name, frozenset((label, value) for label, value in labels if label not in ADDED_LABELS)


def tolerance(name: str, size: float) -> float:
    if NERVOUS.search(name):
        return max(WIDE * size, LEEWAY.get(name, 1))
    if PACE.search(name):
        return max(PART * size, 5)
    return 1e-9 * size


FORBIDDEN = "cannot mount"
HANGING = """
import ctypes, errno, os, subprocess, sys
folder, tree, python = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def give_up(name, error):
    # Only what a machine may forbid; anything else is a fault of this test.
    if error in (errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENODEV):
        print(f"cannot mount ({name}: {os.strerror(error)})", flush=True)
        sys.exit()
    raise OSError(error, os.strerror(error), name)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        give_up(name, ctypes.get_errno())
call("unshare", 0x20000)  # CLONE_NEWNS: nobody else on this machine may walk into what hangs here
call("mount", b"none", b"/", None, 0x4000 | 0x40000, None)  # MS_REC | MS_PRIVATE
try:
    fuse = os.open("/dev/fuse", os.O_RDWR)
except OSError as error:
    give_up("/dev/fuse", error.errno)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
call("mount", b"nas", folder.encode(), b"fuse.nas", 0, options)
exporter = subprocess.Popen([python, "-m", "exporters", "--listen", "127.0.0.1:0", "--collect", "host"])
sys.stdin.readline()
os.close(fuse)  # the server of the file system dies: what hung comes back with an error
sys.stdin.readline()
exporter.terminate()
sys.exit(exporter.wait(60))
"""
"""Mounts a FUSE file system that nobody serves: each call on it waits for ever, as on a lost network mount."""


@dataclass(slots=True)
class Hung:
    """Exporters beside a file system that hangs, in a mount namespace of their own."""

    process: subprocess.Popen[str]
    url: str
    mount: Series

    def page(self) -> tuple[dict[Series, float], float]:
        started = time.monotonic()
        body = fetch(self.url)
        return samples(body), time.monotonic() - started

    def threads(self) -> int:
        [child] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return len(list(Path(f"/proc/{child}/task").iterdir()))

    def say(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Hung]:
    folder, tree = tmp_path / "nas", tmp_path / "proc"
    folder.mkdir()
    for name in ("stat", "loadavg", "meminfo"):
        tree.mkdir(exist_ok=True)
        (tree / name).symlink_to(Path("/proc") / name)
    (tree / "1").mkdir()
    (tree / "1" / "mounts").write_text(f"root / ext4 rw 0 0\nnas {folder} fuse.nas rw 0 0\n", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, str(folder), str(tree), sys.executable],
        env={**os.environ, "EXPORTERS_PROCFS": str(tree), "EXPORTERS_SCRAPE_BUDGET": "60"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Hung(process, address(process), ("node_filesystem_device_error", labels("nas", "fuse.nas", folder)))
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.communicate("\n\n", timeout=60)
    assert process.returncode == 0


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == "exporters.started":
                return f"http://{event['address']}/metrics"
        if line.startswith(FORBIDDEN):
            pytest.skip(f"only root may mount, and a container only with /dev/fuse and CAP_SYS_ADMIN: {line.strip()}")
    raise AssertionError(f"no exporters; status {process.wait(5)}")


def labels(*values: object) -> frozenset[tuple[str, str]]:
    names: Sequence[str] = ("device", "fstype", "mountpoint")
    return frozenset(zip(names, map(str, values), strict=True))


def test_a_mount_that_hangs_costs_a_second_once_and_the_page_goes_on(hung: Hung) -> None:
    root = ("node_filesystem_size_bytes", labels("root", "ext4", "/"))
    page, seconds = hung.page()
    assert page[hung.mount] == 1
    assert page[root] > 0
    assert page["exporter_collector_success", frozenset({("collector", "host")})] == 1
    assert 0.5 < seconds < 20, "the scrape may last 60 s"
    threads, waited = hung.threads(), []
    for _ in range(20):
        page, seconds = hung.page()
        waited.append(seconds)
        assert page[hung.mount] == 1
        assert page[root] > 0
    assert min(waited) < 0.5, "it is not waited for again"
    until_threads(hung, threads + 1, "one waits for the mount, one asks the others")
    hung.say()
    until_threads(hung, threads, "the one that hung ends with its call")


def until_threads(hung: Hung, most: int, why: str) -> None:
    """Look between scrapes: on a busy machine one of them may have called for help that is just going home."""
    ends = time.monotonic() + 60
    while hung.threads() > most:
        hung.page()
        assert time.monotonic() < ends, why
        time.sleep(0.05)
