"""A recorded /proc becomes node_exporter's families; a mount that hangs costs a second, once."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporters.collector import CollectError, Deadline
from exporters.host import HostCollector, crew
from exporters.host.crew import Crew
from exporters.host.files import Files
from exporters.host.filesystems import Filesystems, Mount
from exporters.readings import Readings
from exporters.reasons import Reason

pytestmark = pytest.mark.usefixtures("steady_time")

TREE = {
    "stat": (
        "cpu  300 0 100 600 0 0 0 0 0 0\ncpu0 100 0 50 300 7 0 0 0 60 5\ncpu1 200 0 50 300 0 0 0 0 0 0\n"
        "intr 12345 1 2 3\nctxt 777\nbtime 1795000000\nprocesses 42\nprocs_running 2\nprocs_blocked 1\n"
    ),
    "loadavg": "0.16 0.10 0.05 1/571 14603\n",
    "meminfo": (
        "MemTotal:       24684096 kB\nMemAvailable:   23769168 kB\nActive(anon):  12 kB\nHugePages_Total:       6\n"
    ),
    "vmstat": "nr_free_pages 5\npgfault 10\noom_kill 3\n",
    "diskstats": (
        " 254       0 vda 92815 12122 5747154 103155 33188 30337 4172480 13564 3 34612 121071 6825 12 5709 4119 7 11\n"
        " 254       1 vda1 1 1 1 1 1 1 1 1 1 1 1\n   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\n"
    ),
    "net/dev": (
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls c c\n"
        "  eth0:631892828   22735    1    2    0     0          0         0 1352200   12350    3    4    0    0  9  0\n"
        "vethab12: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
    ),
    "net/snmp": (
        "Ip: Forwarding InReceives\nIp: 1 5\n"
        "Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs"
        " RetransSegs InErrs OutRsts\nTcp: 1 -1 100 200 3 4 55 6000 7000 88 9 10\n"
        "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors\nUdp: 1 2 3 4 5 6\n"
    ),
    "net/netstat": (
        "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPTimeouts TCPSynRetrans\nTcpExt: 1 2 3 4 5\n"
        "IpExt: InOctets OutOctets\nIpExt: 18807921280 17387294973\n"
    ),
    "net/sockstat": (
        "sockets: used 574\nTCP: inuse 540 orphan 1 tw 202 alloc 541 mem 152\nUDP: inuse 2 mem 3\nRAW: inuse 0\n"
    ),
    "net/sockstat6": "TCP6: inuse 4\nUDP6: inuse 5\nFRAG6: inuse 0 memory 0\n",
    "net/arp": (
        "IP address       HW type     Flags       HW address            Mask     Device\n"
        "192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
        "192.0.2.2        0x1         0x2         02:fc:00:00:00:06     *        eth0\n"
        "172.17.0.2       0x1         0x2         02:fc:00:00:00:07     *        vethab12\n"
    ),
    "net/softnet_stat": (
        "004003a0 00000002 0000000a 0 0 0 0 0 0 0 0 0 00000000 0 0\n"
        "003a4e80 00000000 00000001 0 0 0 0 0 0 0 0 0 00000003 0 0\n"
    ),
    "net/stat/nf_conntrack": (
        "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop\n"
        "0000000c  0 0 0 0 0 0 0 0 00000001 0000000a 0\n0000000c  0 0 0 0 0 0 0 0 00000002 00000006 1\n"
    ),
    "sys/net/netfilter/nf_conntrack_count": "12\n",
    "sys/net/netfilter/nf_conntrack_max": "262144\n",
    "sys/fs/file-nr": "1795\t0\t2466193\n",
    "sys/kernel/random/entropy_avail": "256\n",
    "sys/kernel/threads-max": "191920\n",
    "sys/kernel/ostype": "Linux\n",
    "sys/kernel/osrelease": "6.1.0-32-amd64\n",
    "sys/kernel/version": "#1 SMP Debian\n",
    "sys/kernel/hostname": "db-1\n",
    "sys/kernel/domainname": "(none)\n",
    "pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=250000\n",
    "pressure/irq": "full avg10=0.00 avg60=0.00 avg300=0.00 total=4000000\n",
    "1/mounts": (
        "proc /proc proc rw 0 0\noverlay / overlay rw,relatime 0 0\n/dev/sdb /srv/my\\040data ext4 ro 0 0\n"
        "tmpfs /dev/shm tmpfs rw 0 0\nnsfs /run/netns nsfs rw 0 0\n/dev/sdb /srv/my\\040data ext4 ro 0 0\n"
    ),
}
LINKS = {"eth0/operstate": "up\n", "eth0/carrier": "1\n", "eth0/speed": "10000\n", "lo/operstate": "unknown\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, tree in (("proc", TREE), ("sys/class/net", LINKS)):
        for name, text in tree.items():
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    (tmp_path / "srv" / "my data").mkdir(parents=True)
    return tmp_path


def host(root: Path) -> HostCollector:
    return HostCollector(root / "proc", root / "sys", root)


Found = dict[tuple[str, ...], float]


async def collect(root: Path, collector: HostCollector | None = None) -> tuple[Readings, Found]:
    readings = Readings(HostCollector.metrics)
    asked = collector or host(root)
    try:
        await asked.collect(readings, Deadline(4))
    finally:
        if collector is None:
            await asked.close()
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
    assert found["node_pressure_irq_stalled_seconds_total",] == 4
    assert found["node_filefd_maximum",] == 2_466_193
    assert found["node_cpu_guest_seconds_total", "0", "user"] == 60 / ticks
    assert found["node_cpu_guest_seconds_total", "0", "nice"] == 5 / ticks
    assert found["node_memory_Active_anon_bytes",] == 12 * 1024
    assert found["node_memory_HugePages_Total",] == 6, "a number of pages, not of KiB"
    assert found["node_disk_io_time_weighted_seconds_total", "vda"] == pytest.approx(121.071)
    assert found["node_disk_discarded_sectors_total", "vda"] == 5709
    assert found["node_disk_flush_requests_time_seconds_total", "vda"] == pytest.approx(0.011)
    assert found["node_processes_threads",] == 571
    assert found["node_processes_max_threads",] == 191_920
    assert found["node_entropy_available_bits",] == 256
    assert (
        found["node_uname_info", "Linux", "6.1.0-32-amd64", "#1 SMP Debian", os.uname().machine, "db-1", "(none)"] == 1
    )
    assert abs(found["node_time_seconds",] - time.time()) < 5


async def test_the_network_is_told_by_device_protocol_and_link(root: Path) -> None:
    _, found = await collect(root)
    assert found["node_network_transmit_carrier_total", "eth0"] == 9
    assert found["node_netstat_Tcp_RetransSegs",] == 88
    assert found["node_netstat_Tcp_CurrEstab",] == 55
    assert found["node_netstat_TcpExt_ListenDrops",] == 3
    assert found["node_netstat_IpExt_OutOctets",] == 17_387_294_973
    assert found["node_netstat_Udp_RcvbufErrors",] == 5
    assert found["node_sockstat_TCP_tw",] == 202
    assert found["node_sockstat_TCP6_inuse",] == 4
    assert found["node_sockstat_TCP_mem_bytes",] == 152 * os.sysconf("SC_PAGE_SIZE")
    assert found["node_nf_conntrack_entries",] == 12
    assert found["node_nf_conntrack_entries_limit",] == 262_144
    assert found["node_nf_conntrack_stat_drop",] == 16, "hexadecimal, over all processors"
    assert found["node_arp_entries", "eth0"] == 2
    assert found["node_softnet_dropped_total", "0"] == 2
    assert found["node_softnet_times_squeezed_total", "3"] == 1, "processors 1 and 2 are offline"
    assert found["node_network_up", "eth0"] == found["node_network_carrier", "eth0"] == 1
    assert found["node_network_speed_bytes", "eth0"] == 1_250_000_000
    devices = {key[1] for key in found if key[0].startswith(("node_network_", "node_arp_"))}
    assert devices == {"eth0"}, "the host's ends of containers' interfaces come and go"


async def test_from_inside_a_container_the_hosts_network_is_told_not_its_own(root: Path) -> None:
    (root / "proc" / "1" / "net").mkdir()
    (root / "proc" / "1" / "net" / "dev").write_text(TREE["net/dev"].replace("eth0", "host0"), encoding="utf-8")
    _, found = await collect(root)
    assert {key[1] for key in found if key[0] == "node_network_receive_bytes_total"} == {"host0"}


async def test_a_kernel_that_knows_less_has_fewer_families_and_no_faults(root: Path) -> None:
    (root / "proc" / "diskstats").write_text(" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n", encoding="utf-8")
    (root / "proc" / "net" / "softnet_stat").write_text(
        "1 2 3 0 0 0 0 0 0 0 0\n1 4 3 0 0 0 0 0 0 0 0\n", encoding="utf-8"
    )
    for name in ("net/stat/nf_conntrack", "sys/net/netfilter/nf_conntrack_count", "pressure/irq", "net/sockstat6"):
        (root / "proc" / name).unlink()
    readings, found = await collect(root)
    assert readings.partial == []
    assert found["node_disk_io_time_weighted_seconds_total", "sda"] == pytest.approx(0.011)
    assert not [key for key in found if key[0].startswith(("node_disk_discard", "node_nf_conntrack_stat"))]
    assert found["node_softnet_dropped_total", "1"] == 4


async def test_idle_time_that_falls_a_little_is_held_and_a_processor_that_comes_back_starts_anew(root: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    collector, series = host(root), ("node_cpu_seconds_total", "0", "idle")
    stat = root / "proc" / "stat"
    for said, shown in ((5000, 5000), (4990, 5000), (5010, 5010), (7, 7), (8, 8)):
        stat.write_text(f"cpu0 100 0 50 {said} 7 0 0 0 0 0\n", encoding="utf-8")
        _, found = await collect(root, collector)
        assert found[series] == shown / ticks
    await collector.close()


async def test_files_stay_open_and_are_read_anew_each_time(root: Path) -> None:
    before = open_files()
    collector, opened = host(root), []
    for load in (1.5, 2.5, 3.5):
        (root / "proc" / "loadavg").write_text(f"{load} 0 0 1/1 1\n", encoding="utf-8")
        _, found = await collect(root, collector)
        assert found["node_load1",] == load
        opened.append(open_files())
    assert before < opened[0] == opened[1] == opened[2]
    await collector.close()
    assert open_files() == before


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_an_interface_that_goes_takes_its_descriptors_with_it(root: Path) -> None:
    collector = host(root)
    await collect(root, collector)
    assert "class/net/eth0/speed" in collector._sys._kept
    net_dev = TREE["net/dev"].replace("eth0", "eth1")
    (root / "proc" / "net" / "dev").write_text(net_dev, encoding="utf-8")
    _, found = await collect(root, collector)
    assert not collector._sys._kept
    assert ("node_network_receive_bytes_total", "eth1") in found
    await collector.close()


async def test_the_clock_is_told_where_the_kernel_answers(root: Path) -> None:
    collector = host(root)
    collector._clock._adjtimex = lambda _: -1
    _, found = await collect(root, collector)
    assert not [key for key in found if key[0].startswith("node_timex")]

    def steered(pointer: Any) -> int:
        answer = pointer._obj
        answer.status, answer.offset, answer.maxerror, answer.frequency = 0x2000, -1_500_000, 250_000, 65_536_000
        return 0

    collector._clock._adjtimex = steered
    _, found = await collect(root, collector)
    assert found["node_timex_offset_seconds",] == -0.0015
    assert found["node_timex_sync_status",] == 1
    assert found["node_timex_maxerror_seconds",] == 0.25
    assert found["node_timex_frequency_adjustment_ratio",] == pytest.approx(1.001)
    await collector.close()


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
    found = Filesystems(Path("/")).mounts(Files(root / "proc"))
    assert [mount.mountpoint for mount in found] == ["/", "/srv/my data"]


class Mounts:
    """Stands in for the kernel: paths below /lost hang until they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.thaw = threading.Event()
        self.calls: list[str] = []
        self._real = os.statvfs
        monkeypatch.setattr(os, "statvfs", self)
        monkeypatch.setattr(crew, "LIMIT", 0.3)

    def __call__(self, path: str) -> os.statvfs_result:
        self.calls.append(path)
        if path.startswith("/lost"):
            self.thaw.wait(120)
        return self._real("/")

    async def let_go(self, asked: Crew) -> None:
        stuck = [*asked.stuck.values()]
        self.thaw.set()
        for thread in stuck:
            await asyncio.to_thread(thread.join, 60)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mounts]:
    mounts = Mounts(monkeypatch)
    yield mounts
    mounts.thaw.set()


def statvfs_threads() -> int:
    return sum(thread.name == "statvfs" for thread in threading.enumerate())


async def until_threads(count: int) -> None:
    ends = time.monotonic() + 30
    while statvfs_threads() != count:
        assert time.monotonic() < ends, threading.enumerate()
        await asyncio.sleep(0.005)


async def test_a_mount_that_hangs_is_left_out_and_never_asked_twice(kernel: Mounts) -> None:
    found = (Mount("nas:/", "/lost", "nfs", readonly=False), Mount("/dev/sda", "/good", "ext4", readonly=False))
    watched = Filesystems(Path("/"))
    started = time.monotonic()
    for _ in range(3):
        readings = Readings(HostCollector.metrics)
        await watched.write(found, readings, Deadline(4))
        errors = dict(zip(*readings.series["node_filesystem_device_error"], strict=True))
        assert errors == {("nas:/", "nfs", "/lost"): 1, ("/dev/sda", "ext4", "/good"): 0}
    assert time.monotonic() - started < 0.6, "only the first scrape waited"
    assert kernel.calls.count("/lost") == 1
    await kernel.let_go(watched.crew)
    await watched.write(found, Readings(HostCollector.metrics), Deadline(4))
    assert kernel.calls.count("/lost") == 2
    watched.crew.close()
    await until_threads(0)


async def test_mounts_that_work_share_one_thread(kernel: Mounts) -> None:
    asked = Crew()
    paths = [f"/good{number}" for number in range(40)]
    for _ in range(3):
        sizes = await asked.ask(paths, Deadline(4))
        assert [path for path in paths if sizes[path] is None] == []
        assert statvfs_threads() == 1
    asked.close()
    await until_threads(0)


async def test_many_that_hang_hold_up_none_that_works_and_cost_a_thread_each(kernel: Mounts) -> None:
    asked = Crew()
    paths = [f"/lost{number}" for number in range(10)] + ["/good"]
    sizes = await asked.ask(paths, Deadline(4))
    assert [path for path, size in sizes.items() if size is not None] == ["/good"]
    assert set(asked.stuck) == set(paths[:-1])
    await until_threads(10)
    await asked.ask(paths, Deadline(4))
    assert kernel.calls.count("/good") == 2
    assert statvfs_threads() == 11, "and one that works"
    await kernel.let_go(asked)
    asked.close()
    await until_threads(0)


async def test_after_too_many_have_hung_no_mount_is_trusted(kernel: Mounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "MOST_STUCK", 2)
    asked = Crew()
    sizes = await asked.ask(["/lost1", "/lost2", "/lost3", "/good"], Deadline(4))
    assert set(sizes.values()) == {None}
    assert await asked.ask(["/good"], Deadline(4)) == {"/good": None}
    assert "/good" not in kernel.calls
    await kernel.let_go(asked)
    await until_threads(0)
    assert (await asked.ask(["/good"], Deadline(4)))["/good"] is not None
    asked.close()
    await until_threads(0)


async def test_what_hung_and_was_unmounted_is_asked_again_when_it_is_back(kernel: Mounts) -> None:
    asked = Crew()
    await asked.ask(["/lost"], Deadline(4))
    await asked.ask(["/good"], Deadline(4))
    await asked.ask(["/lost"], Deadline(4))
    assert kernel.calls == ["/lost", "/good", "/lost"]
    await kernel.let_go(asked)
    asked.close()
    await until_threads(0)


async def test_the_deadline_comes_before_the_limit_of_a_mount(kernel: Mounts) -> None:
    asked = Crew()
    started = time.monotonic()
    await asked.ask(["/lost"], Deadline(0.2))
    assert time.monotonic() - started < 0.2
    await kernel.let_go(asked)
    await until_threads(0)


async def test_scrapes_that_are_cancelled_leave_no_more_threads_behind_than_mounts_hang(kernel: Mounts) -> None:
    asked = Crew()
    for _ in range(5):
        scrape = asyncio.create_task(asked.ask(["/lost1", "/lost2", "/good"], Deadline(4)))
        await asyncio.sleep(0.1)
        scrape.cancel()
        await asyncio.wait([scrape])
    assert set(asked.stuck) == {"/lost1", "/lost2"}
    assert sorted(path for path in kernel.calls if path != "/good") == ["/lost1", "/lost2"]
    await kernel.let_go(asked)
    asked.close()
    await until_threads(0)


async def test_those_that_hang_already_count_among_the_most_that_may(
    kernel: Mounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "MOST_STUCK", 3)
    asked = Crew()
    await asked.ask(["/lost1", "/lost2"], Deadline(4))
    await asked.ask([f"/lost{number}" for number in range(1, 9)], Deadline(4))
    assert len(asked.stuck) == 3
    assert statvfs_threads() == 3
    await kernel.let_go(asked)
    asked.close()
    await until_threads(0)
