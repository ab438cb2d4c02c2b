"""A recorded /proc becomes node_exporter's families; a mount that hangs costs a second, once."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from exporters.collector import CollectError, Deadline
from exporters.host import HostCollector, filesystems
from exporters.host.filesystems import Filesystems, Mount, mounts
from exporters.readings import Readings
from exporters.reasons import Reason

TREE = {
    "stat": (
        "cpu  300 0 100 600 0 0 0 0 0 0\ncpu0 100 0 50 300 7 0 0 0 0 0\ncpu1 200 0 50 300 0 0 0 0 0 0\n"
        "intr 12345 1 2 3\nctxt 777\nbtime 1795000000\nprocesses 42\nprocs_running 2\nprocs_blocked 1\n"
    ),
    "loadavg": "0.16 0.10 0.05 1/571 14603\n",
    "meminfo": "MemTotal:       24684096 kB\nMemAvailable:   23769168 kB\nHugePages_Total:       0\n",
    "vmstat": "nr_free_pages 5\npgfault 10\noom_kill 3\n",
    "diskstats": (
        " 254       0 vda 92815 12122 5747154 103155 33188 30337 4172480 13564 3 34612 121071 6825 12 5709 4119 0 0\n"
        " 254       1 vda1 1 1 1 1 1 1 1 1 1 1 1\n   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
    ),
    "net/dev": (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls c c\n"
        "  eth0:631892828   22735    1    2    0     0          0         0 1352200   12350    3    4    0    0  0  0\n"
    ),
    "sys/fs/file-nr": "1795\t0\t2466193\n",
    "pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=250000\n",
    "1/mounts": (
        "proc /proc proc rw 0 0\noverlay / overlay rw,relatime 0 0\n/dev/sdb /srv/my\\040data ext4 ro 0 0\n"
        "tmpfs /dev/shm tmpfs rw 0 0\nnsfs /run/netns nsfs rw 0 0\n/dev/sdb /srv/my\\040data ext4 ro 0 0\n"
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        file = tmp_path / "proc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "srv" / "my data").mkdir(parents=True)
    return tmp_path


async def collect(root: Path) -> tuple[Readings, dict[tuple[str, ...], float]]:
    readings = Readings(HostCollector.metrics)
    await HostCollector(root / "proc", root).collect(readings, Deadline(4))
    found = {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }
    return readings, found


async def test_each_file_feeds_its_families_in_base_units(root: Path) -> None:
    _, found = await collect(root)
    ticks = os.sysconf("SC_CLK_TCK")
    assert found["node_cpu_seconds_total", "0", "iowait"] == 7 / ticks
    assert found["node_cpu_seconds_total", "1", "user"] == 200 / ticks
    assert ("node_cpu_seconds_total", "", "user") not in found, "the sum of all would be counted twice"
    assert found["node_context_switches_total",] == 777
    assert found["node_boot_time_seconds",] == 1_795_000_000
    assert found["node_load5",] == 0.10
    assert found["node_memory_MemTotal_bytes",] == 24_684_096 * 1024
    assert found["node_vmstat_oom_kill",] == 3
    assert found["node_disk_read_bytes_total", "vda"] == 5_747_154 * 512
    assert found["node_disk_io_now", "vda"] == 3
    assert found["node_disk_write_time_seconds_total", "vda"] == pytest.approx(13.564)
    assert {key[1] for key in found if key[0].startswith("node_disk")} == {"vda"}
    assert found["node_network_receive_drop_total", "eth0"] == 2
    assert found["node_network_transmit_errs_total", "eth0"] == 3
    assert found["node_pressure_memory_stalled_seconds_total",] == 0.25
    assert found["node_filefd_maximum",] == 2_466_193
    assert abs(found["node_time_seconds",] - time.time()) < 5


async def test_the_root_and_real_mounts_are_measured_once_each(root: Path) -> None:
    _, found = await collect(root)
    data = ("/dev/sdb", "ext4", "/srv/my data")
    assert {key[1:] for key in found if key[0] == "node_filesystem_size_bytes"} == {("overlay", "overlay", "/"), data}
    assert found["node_filesystem_readonly", *data] == 1
    assert found["node_filesystem_device_error", *data] == 0
    assert found["node_filesystem_size_bytes", *data] > found["node_filesystem_avail_bytes", *data] > 0


async def test_a_broken_file_costs_its_families_only(root: Path) -> None:
    (root / "proc" / "meminfo").write_text("MemTotal: a lot\n", encoding="utf-8")
    (root / "proc" / "vmstat").unlink()
    readings, found = await collect(root)
    assert readings.partial == [Reason.MALFORMED]
    assert found["node_load1",] == 0.16
    assert not [key for key in found if key[0].startswith(("node_memory", "node_vmstat"))]


async def test_a_proc_without_processors_is_none(tmp_path: Path) -> None:
    with pytest.raises(CollectError) as caught:
        await collect(tmp_path)
    assert caught.value.reason is Reason.MALFORMED


def test_without_inits_list_of_mounts_our_own_is_read(root: Path) -> None:
    (root / "proc" / "self").mkdir()
    (root / "proc" / "1" / "mounts").rename(root / "proc" / "self" / "mounts")
    assert [mount.mountpoint for mount in mounts(root / "proc")] == ["/", "/srv/my data"]


async def test_a_mount_that_hangs_is_left_out_and_never_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    thaw, calls = threading.Event(), []
    real = os.statvfs

    def statvfs(path: str) -> os.statvfs_result:
        calls.append(path)
        if path == "/lost":
            thaw.wait(30)
        return real("/")

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(filesystems, "LIMIT", 0.2)
    found = [Mount("nas:/", "/lost", "nfs", readonly=False), Mount("/dev/sda", "/good", "ext4", readonly=False)]
    watched = Filesystems(Path("/"))
    started = time.monotonic()
    for _ in range(3):
        readings = Readings(HostCollector.metrics)
        await watched.write(found, readings, Deadline(4))
        errors = dict(zip(*readings.series["node_filesystem_device_error"], strict=True))
        assert errors == {("nas:/", "nfs", "/lost"): 1, ("/dev/sda", "ext4", "/good"): 0}
    assert time.monotonic() - started < 0.6
    assert calls.count("/lost") == 1
    thaw.set()
    await asyncio.to_thread(watched._stuck["/lost"].join)
    await watched.write(found, Readings(HostCollector.metrics), Deadline(4))
    assert calls.count("/lost") == 2
