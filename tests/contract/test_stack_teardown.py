"""A stack leaves nothing behind, in whatever state it was; and it never starts over somebody else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import Unavailable
from monitor.stack.client import StackClient
from monitor.stack.layout import HOST, Layout
from monitor.stack.lock import at_work, lock_file
from monitor.stack.procfs import MARKER, NAME_MARKER, find_marked, start_time
from tests.conftest import free_offset, start_on_free_ports
from tests.contract.stack_process import command, eventually, left_over, monitor

MONGODS = "mongo-1,mongo-2,mongo-3"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(run_dir=tmp_path / "run", port_offset=free_offset())


def test_down_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    supervisor = StackClient(layout.control_socket).describe().pid
    assert monitor(layout, "down").returncode == 0
    assert start_time(supervisor) is None
    assert left_over(layout) == []
    assert not layout.control_socket.exists()
    assert monitor(layout, "status").returncode == 3


def test_down_where_nothing_runs_is_content(layout: Layout) -> None:
    done = monitor(layout, "down")
    assert (done.returncode, done.stdout.split(" in ")[0]) == (0, "nothing runs")


@pytest.mark.parametrize("after_s", [0.0, 0.15, 1.0])
def test_a_supervisor_killed_in_the_middle_of_start_up_is_cleaned_up_by_down(layout: Layout, after_s: float) -> None:
    kill_in_the_middle(layout, after_s)
    assert find_marked(layout.run_dir)
    assert monitor(layout, "down").returncode == 0
    assert left_over(layout) == []


def test_a_supervisor_killed_in_the_middle_of_start_up_is_cleaned_up_by_the_next_up(layout: Layout) -> None:
    kill_in_the_middle(layout, 0.5)
    leftovers = {process.pid for process in find_marked(layout.run_dir)}
    done = monitor(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
    try:
        assert done.returncode == 0, done.stderr
        assert not leftovers & {process.pid for process in find_marked(layout.run_dir)}
    finally:
        monitor(layout, "down")
    assert left_over(layout) == []


def test_frozen_leftovers_are_ended_too(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    client = StackClient(layout.control_socket)
    client.pause("redis", seconds=600)
    os.kill(client.describe().pid, signal.SIGKILL)
    assert monitor(layout, "down").returncode == 0, "long before the pause is over"
    assert left_over(layout) == []


def test_a_database_left_over_is_shut_down_cleanly(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("mongo-1",))
    os.kill(StackClient(layout.control_socket).describe().pid, signal.SIGKILL)
    assert monitor(layout, "down").returncode == 0
    for name in MONGODS.split(","):
        last = (layout.logs / f"{name}.log").read_text(encoding="utf-8").splitlines()[-1]
        assert json.loads(last)["attr"] == {"exitCode": 0}


def test_a_hung_supervisor_answers_nobody_and_down_still_works(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    client = StackClient(layout.control_socket)
    os.kill(client.describe().pid, signal.SIGSTOP)
    with pytest.raises(Unavailable, match="did not answer"):
        client.status()
    assert monitor(layout, "down").returncode == 0
    assert left_over(layout) == []


def test_a_supervisor_killed_while_it_stops_everything_is_cleaned_up_by_down(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    supervisor = slow_to_stop(layout)
    os.kill(supervisor, signal.SIGTERM)
    eventually(lambda: at_work(layout.run_dir) == ("stopping", supervisor))
    os.kill(supervisor, signal.SIGKILL)
    assert find_marked(layout.run_dir)
    assert monitor(layout, "down").returncode == 0
    assert left_over(layout) == []


def test_a_down_killed_in_the_middle_is_finished_by_the_next(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("mongo-1",))
    os.kill(StackClient(layout.control_socket).describe().pid, signal.SIGKILL)
    with subprocess.Popen(command(layout, "down"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as first:
        assert first.stderr is not None
        assert first.stderr.readline().startswith(b"ending leftovers")
        first.kill()
    assert monitor(layout, "down").returncode == 0
    assert left_over(layout) == []


def test_one_directory_has_many_paths(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").symlink_to(tmp_path / "here")
    layout = start_on_free_ports(tmp_path / "there" / ".." / "there" / "run", only=("redis",))
    other = replace(layout, run_dir=tmp_path / "here" / "run")
    assert monitor(other, "status").returncode == 0
    os.kill(StackClient(layout.control_socket).describe().pid, signal.SIGKILL)
    assert monitor(other, "down").stdout.startswith("stopped")
    assert left_over(other) == []


def test_a_stack_whose_directory_was_deleted_is_ended_by_down(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path / "run", only=("redis",))
    supervisor = StackClient(layout.control_socket).describe().pid
    shutil.rmtree(layout.run_dir)
    assert monitor(layout, "down").stdout.startswith("stopped")
    assert start_time(supervisor) is None
    assert left_over(layout) == []
    assert not layout.run_dir.exists()


def test_a_stack_whose_files_were_deleted_makes_way_for_the_next(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    supervisor = StackClient(layout.control_socket).describe().pid
    lock_file(tmp_path).unlink()
    layout.control_socket.unlink()
    try:
        done = monitor(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
        assert done.returncode == 0, done.stderr
        assert start_time(supervisor) is None
    finally:
        monitor(layout, "down")
    assert left_over(layout) == []


def test_an_up_while_all_is_being_stopped_starts_afterwards(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    supervisor = slow_to_stop(layout)
    with subprocess.Popen(command(layout, "down"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as down:
        eventually(lambda: at_work(layout.run_dir)[0] == "stopping")
        try:
            done = monitor(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
            assert (down.wait(), done.returncode) == (0, 0), done.stderr
            assert "being stopped" in done.stdout
            assert StackClient(layout.control_socket).describe().pid != supervisor
        finally:
            monitor(layout, "down")
    assert left_over(layout) == []


def test_an_up_that_waits_for_a_stack_which_is_then_stopped_starts_it(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    StackClient(layout.control_socket).hold("redis", 600)
    line = command(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=unbuffered) as waiting:
        assert waiting.stdout is not None
        assert "waiting until everything is healthy" in waiting.stdout.readline()
        assert monitor(layout, "down").returncode == 0
        try:
            output, _ = waiting.communicate(timeout=60)
            assert (waiting.returncode, "stopped meanwhile" in output) == (0, True), output
            assert StackClient(layout.control_socket).describe().healthy
        finally:
            monitor(layout, "down")
    assert left_over(layout) == []


def test_a_full_disk_keeps_nothing_running(layout: Layout) -> None:
    layout.run_dir.mkdir()
    environ = {**os.environ, MARKER: str(layout.run_dir), NAME_MARKER: "by-hand"}
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environ):
        eventually(lambda: find_marked(layout.run_dir))
        done = on_a_full_disk(layout, "down")
    assert (done.returncode, done.stderr) == (0, "ending leftovers: by-hand\n")
    assert left_over(layout) == []


def test_a_full_disk_ends_up_with_one_sentence(layout: Layout) -> None:
    done = on_a_full_disk(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
    assert done.returncode == 3, done.stderr
    assert (done.stderr.startswith("monitor: "), done.stderr.count("\n")) == (True, 1), done.stderr
    assert "disk" in done.stderr
    assert left_over(layout) == []


def test_a_supervisor_that_could_not_sign_its_lock_is_found_by_it(tmp_path: Path) -> None:
    layout = start_on_free_ports(tmp_path, only=("redis",))
    lock_file(tmp_path).write_bytes(b"")
    assert monitor(layout, "down").stdout.startswith("stopped")
    assert left_over(layout) == []


def test_ctrl_c_stops_a_stack_in_the_foreground(layout: Layout) -> None:
    line = command(layout, "up", "--only", "redis", "--port-offset", str(layout.port_offset))
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as foreground:
        StackClientWhenThere(layout).wait()
        foreground.send_signal(signal.SIGINT)
        output, _ = foreground.communicate(timeout=60)
    assert foreground.returncode == 0, output
    assert "redis" in output
    assert left_over(layout) == []


def test_a_busy_port_ends_up_with_its_holder_and_a_way_out(layout: Layout) -> None:
    port = layout.port("redis")
    with socket.create_server((HOST, port)):
        done = monitor(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
    assert done.returncode == 2
    assert f"port {port} (redis) is held by" in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert "--port-offset" in done.stderr
    assert left_over(layout) == []


def test_two_ups_at_once_make_one_stack(layout: Layout) -> None:
    line = command(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
    ups = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        answers = [(up.communicate(timeout=60), up.returncode) for up in ups]
        assert [code for _, code in answers] == [0, 0], answers
        assert [process.name for process in find_marked(layout.run_dir)] == ["redis"]
    finally:
        monitor(layout, "down")
    assert left_over(layout) == []


def test_a_replica_set_follows_its_ports(tmp_path: Path) -> None:
    first = start_on_free_ports(tmp_path, only=("mongo-1",))
    assert monitor(first, "down").returncode == 0
    second = start_on_free_ports(tmp_path, only=("mongo-1",))
    try:
        assert second.port_offset != first.port_offset
        assert StackClient(second.control_socket).describe().healthy
    finally:
        monitor(second, "down")
    assert left_over(second) == []


def test_a_component_that_cannot_start_ends_up_with_its_log_and_leaves_nothing(layout: Layout) -> None:
    layout.data.mkdir(parents=True)
    (layout.data / "redis").mkdir()
    (layout.data / "redis" / "dump.rdb").write_bytes(b"this is no dump")
    done = monitor(layout, "up", "--detach", "--only", "redis", "--port-offset", str(layout.port_offset))
    assert done.returncode == 3
    assert "redis did not get ready" in done.stderr
    assert str(layout.logs / "redis.log") in done.stderr
    assert left_over(layout) == []


def test_a_stack_of_tests_ends_with_the_test_run(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as owner:
        layout = Layout(run_dir=tmp_path, port_offset=free_offset())
        options = ("--only", "redis", "--port-offset", str(layout.port_offset), "--while-pid", str(owner.pid))
        assert monitor(layout, "up", "--detach", *options).returncode == 0
        owner.kill()
    eventually(lambda: not left_over(layout))


# --- helpers ---------------------------------------------------------------------------------------------------------


def kill_in_the_middle(layout: Layout, after_s: float) -> None:
    """Kill the supervisor with -9 while it starts the databases, ``after_s`` after its first child was seen."""
    line = command(layout, "up", "--supervise", "--only", MONGODS, "--port-offset", str(layout.port_offset))
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as supervisor:
        eventually(lambda: find_marked(layout.run_dir))
        time.sleep(after_s)
        supervisor.kill()


def slow_to_stop(layout: Layout) -> int:
    """Freeze Redis behind the supervisor's back, so that stopping it takes its whole grace; return whom to ask."""
    status = StackClient(layout.control_socket).describe()
    (redis,) = status.components
    assert redis.pid is not None
    os.kill(redis.pid, signal.SIGSTOP)
    return status.pid


def on_a_full_disk(layout: Layout, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the real command where no file can grow, as on a full disk."""
    line = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command(layout, *args)]
    return subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)


class StackClientWhenThere:
    """Waits for a supervisor that is just being started."""

    def __init__(self, layout: Layout) -> None:
        self._client = StackClient(layout.control_socket)

    def wait(self) -> None:
        def healthy() -> bool:
            try:
                return self._client.describe().healthy
            except Unavailable:
                return False

        eventually(healthy, within_s=30)
