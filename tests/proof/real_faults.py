"""Faults that build up: a disk that fills, backups that fail, a certificate that ends soon. Each is real, and undone.

Every context manager here yields when the fault began.
"""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from monitor import clock
from tests.conftest import free_offset
from tests.end_to_end.outages import eventually, get_json

DISK_BYTES = 16 * 2**20
FILLED = 0.98
"""DiskAlmostFull wants less than 5 % left."""
DAYS_LEFT = 5
LONG_VALID_DAYS = 90
QUIET_WINDOW = "15m"
"""BackupFailed looks back that far for a backup that passed."""
QUIET_WITHIN_S = 20 * 60


def cannot_mount() -> str:
    """Why no file system can be mounted where the exporters would see it; empty where it can."""
    if os.geteuid() != 0:
        return "a file system of the test's own needs root"
    if os.access("/proc/1/mounts", os.R_OK) and Path("/proc/1/mounts").read_text() != Path("/proc/mounts").read_text():
        return "the exporters read the mounts of process 1, and this test has others"
    # In a namespace of its own, so that nothing is left of it.
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    done = subprocess.run(tried, capture_output=True, check=False)
    return "" if done.returncode == 0 else "this machine refuses to mount a tmpfs"


@contextmanager
def disk_filling(stack: Any) -> Iterator[datetime]:
    """A small file system is mounted, seen by Prometheus while it is empty, and filled."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir=stack.layout.run_dir) as mounted:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "filling", mounted]
        subprocess.run(mount, check=True)
        try:
            query = f'node_filesystem_avail_bytes{{mountpoint="{mounted}"}}'
            eventually(lambda: answered(stack, query), within_s=120, what=f"{mounted} is watched")
            started = clock.now()
            (Path(mounted) / "filling").write_bytes(bytes(int(DISK_BYTES * FILLED)))
            yield started
        finally:
            umount = ["umount", "--lazy", mounted]
            subprocess.run(umount, check=True)


@contextmanager
def backup_refused(stack: Any) -> Iterator[datetime]:
    """The databases refuse the backup's password, at a time when a backup is due."""
    passed = f'sum(increase(monitor_job_runs_total{{exported_job="backup",outcome="passed"}}[{QUIET_WINDOW}])) > 0'
    eventually(lambda: not answered(stack, passed), within_s=QUIET_WITHIN_S, every_s=5, what="no backup for 15 minutes")
    password, store = stack.layout.mongodb_password("backup"), stack.layout.backups
    aside, secret = store.with_name("backups-aside"), password.read_bytes()
    store.rename(aside)
    store.mkdir(mode=0o700)
    password.write_bytes(b"it was changed at the other side")
    try:
        # With an empty store a backup is due as soon as its scheduler starts, instead of in hours.
        stack.client.kill("work", "TERM")
        started = clock.now()
        yield started
    finally:
        password.write_bytes(secret)
        store.rename(store.with_name("backups-refused"))
        aside.rename(store)


@contextmanager
def certificate_ending(stack: Any) -> Iterator[datetime]:
    """A front door with a good certificate is watched; then it shows another one, which ends in five days."""
    with tempfile.TemporaryDirectory(prefix="door-", dir=stack.layout.run_dir) as folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_certificate(Path(folder), LONG_VALID_DAYS))
        with _https(context) as door, _exporters(door) as page, _scraped(stack, page):
            query = "probe_ssl_earliest_cert_expiry - time() > 80 * 86400"
            eventually(lambda: answered(stack, query), within_s=120, what="the good certificate is seen")
            started = clock.now()
            context.load_cert_chain(*_certificate(Path(folder), DAYS_LEFT))
            yield started


def answered(stack: Any, query: str) -> bool:
    """Whether Prometheus has an answer to a query now."""
    address = f"{stack.layout.url('prometheus')}/api/v1/query?{urlencode({'query': query})}"
    return bool(get_json(address)["data"]["result"])


def _certificate(folder: Path, days: int) -> tuple[Path, Path]:
    cert, key = folder / f"{days}.pem", folder / f"{days}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert), "-days", str(days)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@contextmanager
def _https(context: ssl.SSLContext) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each probe."""


@contextmanager
def _exporters(door: str) -> Iterator[str]:
    """Run exporters of our own, whose only work is that door; its page's address."""
    address = f"127.0.0.1:{9400 + free_offset()}"
    command = [sys.executable, "-m", "exporters", "--listen", address, "--probe", door, "--collect", "blackbox"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def _scraped(stack: Any, address: str) -> Iterator[None]:
    """Have Prometheus scrape that page as well. Only its certificates: no other alert is about this door."""
    file = stack.layout.generated / "prometheus.yml"
    before = file.read_text(encoding="utf-8")
    config = yaml.safe_load(before)
    config["scrape_configs"].append(
        {
            "job_name": "door",
            "static_configs": [{"targets": [address], "labels": {"instance": "door"}}],
            "metric_relabel_configs": [
                {"source_labels": ["__name__"], "regex": "probe_ssl_earliest_cert_expiry", "action": "keep"}
            ],
        }
    )
    _reload(stack, file, yaml.safe_dump(config))
    try:
        yield
    finally:
        _reload(stack, file, before)


def _reload(stack: Any, file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    pid = stack.client.component("prometheus").pid
    assert pid is not None, "Prometheus is up between faults"
    os.kill(pid, signal.SIGHUP)
