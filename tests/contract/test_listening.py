"""``serve`` and ``work`` take their address before they do anything, or say in one sentence who has it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli.listening import listening
from monitor.errors import SettingsError


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_busy_port_is_told_with_its_holder_before_anything_is_done(tmp_path: Path, command: str) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        environ |= {"MONITOR_WEB_LISTEN": address, "MONITOR_WORK_LISTEN": address, "MONITOR_RUN_DIR": str(tmp_path)}
        ended = subprocess.run(
            [sys.executable, "-m", "monitor", command],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 2
    setting = "web_listen" if command == "serve" else "work_listen"
    port = address.rpartition(":")[2]
    assert ended.stderr == (
        f"monitor: cannot listen on {setting} = '{address}': port {port} is held by python (pid {os.getpid()}): "
        f"end it, or set {setting} (MONITOR_{setting.upper()}) to another address\n"
    ).replace("python", Path("/proc/self/comm").read_text(encoding="utf-8").strip())
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_address_of_another_machine_is_said_to_be_none_of_ours(tmp_path: Path) -> None:
    users = tmp_path / "web-config.yml"
    users.write_text(f"basic_auth_users: {{a: $2b$04${'a' * 53}}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"cannot listen on web_listen = '192.0.2.1:9500': .*MONITOR_WEB_LISTEN"):
        listening("web_listen", "192.0.2.1:9500", users)


def test_a_name_with_several_addresses_is_listened_on_at_each() -> None:
    where = listening("web_listen", "localhost:0", None)
    try:
        here = {str(address[4][0]) for address in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
        assert {taken.getsockname()[0] for taken in where.sockets} == here
    finally:
        for taken in where.sockets:
            taken.close()
