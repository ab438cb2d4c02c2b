"""Recorded trees of control groups, in the shapes that each engine gives them, become cAdvisor's families."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from exporters.collector import CollectError, Deadline
from exporters.containers import ContainersCollector, cgroup
from exporters.containers.docker import Docker
from exporters.containers.facts import Detail, MalformedError, Summary
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings

A, B, C = ("a1" * 32, "b2" * 32, "c3" * 32)

SHAPES = {
    "docker, systemd driver": f"system.slice/docker-{A}.scope",
    "docker, cgroupfs driver": f"docker/{A}",
    "docker below a parent of its own": f"clinic.slice/docker-{A}.scope",
    "kubernetes with containerd, systemd driver": (
        "kubepods.slice/kubepods-burstable.slice/"
        f"kubepods-burstable-pod6f1c0e2a_1111_4222_8333_944455556666.slice/cri-containerd-{A}.scope"
    ),
    "kubernetes with containerd, cgroupfs driver": f"kubepods/besteffort/pod6f1c0e2a-1111-4222-8333-944455556666/{A}",
    "kubernetes with CRI-O": f"kubepods.slice/kubepods-pod6f1c0e2a_1111.slice/crio-{A}.scope",
    "podman as root": f"machine.slice/libpod-{A}.scope",
    "podman without root": f"user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope",
    "podman, cgroupfs driver": f"libpod_parent/libpod-{A}",
    "nerdctl": f"system.slice/nerdctl-{A}.scope",
}
OTHERS = (
    "init.scope",
    "system.slice/docker.service",
    "system.slice/docker.socket",
    f"machine.slice/libpod-conmon-{B}.scope",
    f"kubepods.slice/kubepods-pod6f1c0e2a_1111.slice/crio-conmon-{B}.scope",
    "user.slice/user-1000.slice/session-3.scope",
)

GROUP = {
    "cpu.stat": (
        "usage_usec 7500000\nuser_usec 5000000\nsystem_usec 2500000\n"
        "nr_periods 100\nnr_throttled 25\nthrottled_usec 1250000\nnr_bursts 0\nburst_usec 0\n"
    ),
    "cpu.max": "150000 100000\n",
    "memory.current": "104857600\n",
    "memory.peak": "209715200\n",
    "memory.max": "268435456\n",
    "memory.swap.current": "4096\n",
    "memory.swap.max": "max\n",
    "memory.stat": "anon 52428800\nfile 41943040\nkernel 1048576\ninactive_file 31457280\nactive_file 10485760\n",
    "memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n",
    "io.stat": (
        "7:1 254:0 rbytes=1048576 wbytes=2097152 rios=64 wios=128 dbytes=0 dios=0\n"
        "9:9 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"
    ),
    "pids.current": "9\n",
    "pids.max": "max\n",
    "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=500000\n",
    "memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\nfull avg10=0.00 total=1000000\n",
    "io.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=4000000\nfull avg10=0.00 total=3000000\n",
    "cgroup.procs": "4711\n4712\n0\n",
}
NET_DEV = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls c c\n"
    "    lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n"
    "  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n"
)

Found = dict[tuple[str, ...], float]


class Machine:
    """A tree of control groups and a /proc, as recorded."""

    def __init__(self, root: Path) -> None:
        self.cgroup, self.proc = root / "cgroup", root / "proc"
        self.write(self.cgroup, {"cgroup.controllers": "cpuset cpu io memory hugetlb pids\n"})
        self.write(
            self.proc,
            {
                "stat": "cpu  1 1 1 1\ncpu0 1 1 1 1\nbtime 1795000000\nprocesses 1\n",
                "diskstats": "   7       1 loop1 0 0 0 0 0 0 0 0 0 0 0\n 254       0 vda 1 1 1 1 1 1 1 1 1 1 1\n",
            },
        )
        self.process(1, namespace=1)

    def write(self, folder: Path, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def group(self, path: str, **changes: str | None) -> Path:
        folder = self.cgroup / path
        files = GROUP | {name.replace("__", "."): text for name, text in changes.items()}
        self.write(folder, {name: text for name, text in files.items() if text is not None})
        return folder

    def process(self, pid: int, *, namespace: int, started: int = 500) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        fields = f"S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 {started * ticks} 0 0"
        self.write(self.proc / str(pid), {"stat": f"{pid} (a (b) c) {fields}\n", "net/dev": NET_DEV})
        (self.proc / str(pid) / "ns").mkdir(exist_ok=True)
        (self.proc / str(pid) / "ns" / "net").symlink_to(f"net:[{namespace}]")

    def collector(self, docker: Docker | None = None) -> ContainersCollector:
        return ContainersCollector(self.cgroup, self.proc, docker or Docker(self.cgroup / "no.sock"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


async def collect(collector: ContainersCollector, *, seconds: float = 4) -> tuple[Readings, Found]:
    await collector.start()
    readings = Readings(collector.metrics)
    try:
        await collector.collect(readings, Deadline(seconds))
    finally:
        await collector.close()
        await collector._docker.close()
    found = {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }
    return readings, found


@pytest.mark.parametrize("shape", SHAPES)
def test_a_container_is_found_in_the_shape_of_each_engine(machine: Machine, shape: str) -> None:
    machine.group(SHAPES[shape])
    for other in OTHERS:
        machine.group(other)
    assert [(group.container, group.path) for group in cgroup.find(machine.cgroup)] == [(A, f"/{SHAPES[shape]}")]


def test_what_runs_inside_a_container_is_part_of_it(machine: Machine) -> None:
    machine.group(f"docker/{A}", cgroup__procs="")
    machine.group(f"docker/{A}/docker/{B}", cgroup__procs="21\n")
    machine.group(f"docker/{A}/init", cgroup__procs="20\n")
    [group] = cgroup.find(machine.cgroup)
    assert group.container == A
    pids, is_all = cgroup.processes(group.folder)
    assert (sorted(pids), is_all) == ([20, 21], True)


def test_so_many_containers_are_looked_at_and_no_more(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "MOST", 3)
    for number in range(5):
        (machine.cgroup / "docker" / f"{number:064x}").mkdir(parents=True)
    assert len(cgroup.find(machine.cgroup)) == 3


async def test_each_file_feeds_its_families_in_base_units(machine: Machine) -> None:
    machine.group(f"docker/{A}")
    machine.process(4711, namespace=2, started=700)
    machine.process(4712, namespace=2, started=600)
    readings, found = await collect(machine.collector())
    of = (f"/docker/{A}", A[:12], "")
    assert readings.partial == []
    assert found["container_cpu_usage_seconds_total", *of] == 7.5
    assert found["container_cpu_system_seconds_total", *of] == 2.5
    assert found["container_cpu_cfs_periods_total", *of] == 100
    assert found["container_cpu_cfs_throttled_periods_total", *of] == 25
    assert found["container_cpu_cfs_throttled_seconds_total", *of] == 1.25
    assert found["container_spec_cpu_quota", *of] == 150_000
    assert found["container_spec_cpu_period", *of] == 100_000
    assert found["container_memory_usage_bytes", *of] == 104_857_600
    assert found["container_memory_working_set_bytes", *of] == 73_400_320
    assert found["container_memory_rss", *of] == 52_428_800
    assert found["container_memory_cache", *of] == 41_943_040
    assert found["container_memory_swap", *of] == 4096
    assert found["container_memory_max_usage_bytes", *of] == 209_715_200
    assert found["container_memory_failcnt", *of] == 12
    assert found["container_oom_events_total", *of] == 2, "processes killed, not times that memory ran out"
    assert found["container_spec_memory_limit_bytes", *of] == 268_435_456
    assert found["container_spec_memory_swap_limit_bytes", *of] == 0, "no limit"
    assert found["container_fs_reads_bytes_total", *of, "/dev/vda"] == 1_048_576
    assert found["container_fs_writes_total", *of, "/dev/vda"] == 128
    assert found["container_fs_reads_total", *of, "9:9"] == 3, "a disk that /proc does not know"
    assert found["container_pressure_cpu_waiting_seconds_total", *of] == 1.5
    assert found["container_pressure_io_stalled_seconds_total", *of] == 3
    assert found["container_processes", *of] == 2, "the third is not of this namespace"
    assert found["container_threads", *of] == 9
    assert found["container_threads_max", *of] == 0
    assert found["container_start_time_seconds", *of] == 1_795_000_600, "the first process that started"
    assert found["container_network_receive_bytes_total", *of, "eth0"] == 1000
    assert found["container_network_transmit_packets_dropped_total", *of, "eth0"] == 4
    assert not [key for key in found if "lo" in key[1:]]
    assert not [key for key in found if key[0].startswith("docker_")], "there is no Docker here"


async def test_controllers_that_are_off_leave_their_families_out(machine: Machine) -> None:
    files = {name.replace(".", "__"): None for name in GROUP if name != "cpu.stat"}
    machine.group(f"docker/{A}", **files | {"cpu__stat": "usage_usec 1\nuser_usec 1\nsystem_usec 0\n"})
    readings, found = await collect(machine.collector())
    assert readings.partial == []
    assert {key[0] for key in found if "seconds" not in key[0]} == {"container_last_seen", "container_processes"}


async def test_a_limit_that_is_not_set_has_no_quota(machine: Machine) -> None:
    machine.group(f"docker/{A}", cpu__max="max 100000\n")
    _, found = await collect(machine.collector())
    assert not [key for key in found if key[0] == "container_spec_cpu_quota"]
    assert [key for key in found if key[0] == "container_spec_cpu_period"]


async def test_a_network_that_several_share_is_counted_once_and_the_hosts_never(machine: Machine) -> None:
    for pid, (container, namespace, started) in enumerate(((A, 2, 900), (B, 2, 100), (C, 1, 50)), 100):
        machine.group(f"docker/{container}", cgroup__procs=f"{pid}\n")
        machine.process(pid, namespace=namespace, started=started)
    _, found = await collect(machine.collector())
    telling = [key[2] for key in found if key[0] == "container_network_receive_bytes_total"]
    assert telling == [B[:12]], "the one that was there first"


async def test_a_container_that_ends_between_two_walks_is_no_fault(machine: Machine) -> None:
    machine.group(f"docker/{A}")
    folder = machine.group(f"docker/{B}")
    collector = machine.collector()
    collector._has_groups = True
    collector._docker.tried.set()
    await collector.collect(Readings(collector.metrics), Deadline(4))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    readings = Readings(collector.metrics)
    await collector.collect(readings, Deadline(4))
    await collector.close()
    assert readings.partial == []
    assert [key[1] for key in readings.series["container_last_seen"][0]] == [A[:12]]


async def test_one_broken_container_costs_the_others_nothing(machine: Machine) -> None:
    machine.group(f"docker/{A}", cpu__stat="usage_usec a-lot\n")
    machine.group(f"docker/{B}")
    readings, found = await collect(machine.collector())
    assert readings.partial == [Reason.MALFORMED]
    assert {key[2] for key in found if key[0] == "container_memory_rss"} == {B[:12]}


@pytest.mark.parametrize("shape", ["deep", "broad"])
async def test_a_container_that_makes_groups_without_end_costs_its_own_count_only(machine: Machine, shape: str) -> None:
    folder = machine.group(f"docker/{A}")
    if shape == "deep":
        (folder / "/".join("x" * 30)).mkdir(parents=True)
    else:
        for number in range(cgroup.MOST_INSIDE):
            (folder / str(number)).mkdir()
    machine.group(f"docker/{B}")
    assert cgroup.processes(str(folder)) == ([4711, 4712], False)
    readings, found = await collect(machine.collector())
    assert readings.partial == [Reason.MALFORMED]
    assert {key[2] for key in found if key[0] == "container_processes"} == {B[:12]}
    assert {key[2] for key in found if key[0] == "container_last_seen"} == {A[:12], B[:12]}


def test_as_many_groups_as_are_looked_into_are_all_counted(machine: Machine) -> None:
    folder = machine.group(f"docker/{A}", cgroup__procs="")
    for number in range(1, cgroup.MOST_INSIDE):
        machine.write(folder / str(number), {"cgroup.procs": f"{number}\n"})
    pids, is_all = cgroup.processes(str(folder))
    assert sorted(pids) == list(range(1, cgroup.MOST_INSIDE))
    assert is_all


async def test_what_does_not_fit_into_the_time_is_left_out_and_told(machine: Machine) -> None:
    for container in (A, B, C):
        machine.group(f"docker/{container}")
    readings, found = await collect(machine.collector(), seconds=0)
    assert Reason.TIMEOUT in readings.partial
    assert not [key for key in found if key[0] == "container_last_seen"]


@pytest.mark.parametrize(("folder", "reason"), [("memory", "version_1"), ("unified", "version_1"), ("", "absent")])
async def test_without_version_2_it_says_so_once_and_shows_nothing(
    tmp_path: Path, folder: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    assert cgroup.missing(tmp_path) == reason
    settings = Settings(cgroup_root=tmp_path, docker_socket=tmp_path / "no.sock")
    told = ContainersCollector.missing(settings)
    assert told is not None
    assert "--cgroup-root" in told
    collector = ContainersCollector(tmp_path, tmp_path, Docker(tmp_path / "no.sock"))
    for _ in range(2):
        readings = Readings(collector.metrics)
        if not collector._docker.tried.is_set():
            await collector.start()
        await collector.collect(readings, Deadline(4))
        assert not any(keys for keys, _ in readings.series.values())
    await collector._docker.close()
    said = capsys.readouterr()
    assert (said.out + said.err).count("exporters.source_missing") == 1
    assert reason in said.out + said.err


async def test_a_tree_that_went_away_is_a_failure(machine: Machine) -> None:
    collector = machine.collector()
    (machine.cgroup / "cgroup.controllers").unlink()
    machine.cgroup.rmdir()
    collector._has_groups = True
    collector._docker.tried.set()
    with pytest.raises(CollectError) as caught:
        await collector.collect(Readings(collector.metrics), Deadline(4))
    await collector.close()
    assert caught.value.reason is Reason.ERROR


def test_there_must_be_a_source(machine: Machine) -> None:
    assert ContainersCollector.missing(Settings(cgroup_root=machine.cgroup)) is None


def test_only_what_is_ours_to_know_is_taken_from_docker() -> None:
    detail = Detail.of(
        {
            "RestartCount": 4,
            "State": {
                "Status": "exited",
                "ExitCode": 137,
                "OOMKilled": True,
                "StartedAt": "2026-11-22T20:00:00.123456789Z",
            },
            "Config": {"Env": ["PASSWORD=secret"]},
            "HostConfig": {"NetworkMode": "host"},
        }
    )
    assert (detail.restarts, detail.exit_code, detail.oom_killed, detail.ended) == (4, 137, True, True)
    assert detail.started == 1_795_377_600
    assert detail.health == "none"
    assert detail.on_host_network
    assert "secret" not in repr(detail)


def test_a_name_is_the_containers_own_and_not_a_link_to_it() -> None:
    row = {"Id": A, "Names": ["/web/db", "/db"], "Image": "mongo:7", "State": "running", "Status": "Up 1 s (healthy)"}
    assert Summary.of(row) == Summary(A, "db", "mongo:7", "running", "healthy")
    assert Summary.of(row | {"Names": None}).name == A[:12]


@pytest.mark.parametrize(
    "row", [None, [], {}, {"Id": 5, "State": "running"}, {"Id": "../x", "State": "running"}, {"Id": A, "State": None}]
)
def test_a_row_that_docker_would_not_write_is_refused(row: object) -> None:
    with pytest.raises(MalformedError):
        Summary.of(row)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"State": {"Status": 1}},
        {"State": {"Status": "exited", "ExitCode": "137"}},
        {"State": {"Status": "running", "StartedAt": "yesterday"}},
        {"State": {"Status": "running", "Health": "good"}},
        {"State": {"Status": "exited", "ExitCode": 10**400}},
        {"State": {"Status": "running"}, "RestartCount": 2**64},
        {"State": {"Status": "running", "Health": {"Status": "healthy", "FailingStreak": -(10**400)}}},
    ],
)
def test_an_inspection_that_docker_would_not_write_is_refused(answer: object) -> None:
    with pytest.raises(MalformedError):
        Detail.of(answer)


def test_a_container_that_never_ran_has_no_exit_code() -> None:
    detail = Detail.of({"State": {"Status": "created", "ExitCode": 0, "StartedAt": "0001-01-01T00:00:00Z"}})
    assert detail.started is None
    assert not detail.ended
