"""A running process reads its files anew: all of it or nothing, with nobody dropped, and no secret told."""

from __future__ import annotations

import base64
import io
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from exporters.__main__ import main
from monitor.stack import programs
from telemetry.webconfig import hash_password
from tests.contract.exporters_process import Exporters, exporters
from tests.contract.test_exporters_frame import Answer, ask, waits
from tests.steady import undisturbed

CANARY = "canary-7f3a/b@c%d"
"""Looks like a password that somebody chose with care; the slash and the at-sign are there to mislead masks."""


@dataclass(frozen=True, slots=True)
class Files:
    """What the process reads."""

    directory: Path

    def write(self, name: str, text: str) -> Path:
        file = self.directory / name
        file.write_text(text, encoding="utf-8")
        return file

    def certificate(self) -> bytes:
        """Put a new certificate in place of the old one, and return it as a caller sees it."""
        command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 1"
        names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl = programs.locate("openssl")
        subprocess.run([openssl, *command.split(), *names], cwd=self.directory, check=True, capture_output=True)
        return ssl.PEM_cert_to_DER_cert((self.directory / "cert.pem").read_text(encoding="utf-8"))

    def protect(self, *, tls: bool = False, **users: str) -> Path:
        lines = ["tls_server_config: {cert_file: cert.pem, key_file: key.pem}"] if tls else []
        lines += ["basic_auth_users:", *(f"  {name}: {hash_password(word, cost=4)}" for name, word in users.items())]
        return self.write("web.yml", "\n".join(lines) if users or tls else "{}")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def reload(process: Exporters) -> Answer:
    return ask(process, "/-/reload", method="POST")


def test_targets_come_and_go_and_nobody_is_dropped(files: Files) -> None:
    def attempt() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
            target = f'redis_uri = "redis://127.0.0.1:{silent.getsockname()[1]}"\n'
            file = files.write("targets.toml", f"[old]\n{target}[both]\n{target}")
            with exporters("--collect", "host", "--targets", str(file)) as process, ThreadPoolExecutor(2) as pool:
                paths = [f"/probe?target={one}" for one in ("old", "both")]
                under_way = [pool.submit(ask, process, path, headers=waits(2)) for path in paths]
                time.sleep(0.2)
                files.write("targets.toml", f"[new]\n{target}[both]\n{target}")
                answer = reload(process)
                assert (answer.status, answer.text) == (200, "reloaded\n")
                assert answer.seconds < 1, "it waits for no scrape"
                assert {future.result().status for future in under_way} == {200}
                assert {future.result().value("redis_up") for future in under_way} == {0}
                assert ask(process, "/probe?target=old").status == 404
                assert ask(process, "/probe?target=new", headers=waits(0.5)).status == 200
                both = ask(process, "/probe?target=both", headers=waits(0.5))
                assert both.value("exporter_scrapes_total") == 2, "what did not change was not started anew"

    undisturbed(attempt)


def test_a_fault_changes_nothing_and_is_told_in_words(files: Files) -> None:
    good = '[one]\nredis_uri = "redis://127.0.0.1:1"\n'
    file = files.write("targets.toml", good)
    with exporters("--collect", "host", "--targets", str(file)) as process:
        before = ask(process, "/metrics")
        files.write(
            "targets.toml", f'[one]\nredis_uri = "redis://127.0.0.1?password={CANARY}"\n[two]\nredis_url = "x"\n'
        )
        answer = reload(process)
        assert answer.status == 500
        assert "[one]: redis_uri carries a user or password" in answer.text
        assert "[two]: there is no setting redis_url" in answer.text
        assert "canary" not in answer.text
        page = ask(process, "/metrics")
        assert page.value("exporter_config_last_reload_successful") == 0
        name = "exporter_config_last_reload_success_timestamp_seconds"
        assert page.value(name) == before.value(name)
        assert ask(process, "/probe?target=one", headers=waits(1)).status == 200, "the old targets are still there"
        for header in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            assert ask(process, "/-/reload", method="POST", headers=header).status == 403, "another site's page asks"
        own = {"Origin": process.url, "Sec-Fetch-Site": "same-origin"}
        assert ask(process, "/-/reload", method="POST", headers=own).status == 500
        landing = ask(process, "/")
        assert "The last reload failed" in landing.text
        assert "there is no setting redis_url" in landing.text
        assert "canary" not in landing.text
        files.write("targets.toml", good)
        assert reload(process).status == 200
        page = ask(process, "/metrics")
        assert page.value("exporter_config_last_reload_successful") == 1
        assert page.value(name) > before.value(name)
        assert "The last reload failed" not in ask(process, "/").text


def test_the_settings_file_is_read_anew_by_signal_too_but_not_where_to_listen(files: Files) -> None:
    file = files.write("settings.toml", 'collect = "host"\nscrape_budget = 3\n')
    with exporters("--config", str(file)) as process:
        assert ask(process, "/metrics").value("exporter_scrape_budget_seconds") == 3
        files.write("settings.toml", 'collect = "host"\nscrape_budget = 2\n')
        process.process.send_signal(signal.SIGHUP)
        ends = time.monotonic() + 30
        while ask(process, "/metrics").value("exporter_scrape_budget_seconds") != 2:
            assert time.monotonic() < ends
            time.sleep(0.05)
        files.write("settings.toml", 'collect = "host"\notlp_endpoint = "http://127.0.0.1:9"\n')
        answer = reload(process)
        assert answer.status == 500
        assert "otlp_endpoint cannot change while the exporters run" in answer.text
        assert ask(process, "/metrics").value("exporter_scrape_budget_seconds") == 2
    assert [line for line in process.log if "exporters.reloaded" in line]


def status(process: Exporters, user: str = "", *, method: str = "GET", path: str = "/metrics") -> int:
    return fetched(process, user, method=method, path=path)[0]


def fetched(process: Exporters, user: str, *, method: str = "GET", path: str = "/metrics") -> tuple[int, str]:
    """Ask as this user, over TLS where the process has it."""
    request = Request(process.url + path, method=method)  # noqa: S310  # our own address
    if user:
        request.add_header("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
    context = ssl._create_unverified_context()  # noqa: S323  # whose certificate it is, is looked at below
    try:
        with urlopen(request, timeout=10, context=context if process.url.startswith("https") else None) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_users_are_read_anew_and_a_bad_file_lets_nobody_new_in(files: Files) -> None:
    web_config = files.protect(ann="first")
    with exporters("--collect", "host", "--web.config.file", str(web_config)) as process:
        assert [status(process, user) for user in ("ann:first", "bob:second", "")] == [200, 401, 401]
        assert status(process, method="POST", path="/-/reload") == 401
        assert [status(process, path=path) for path in ("/", "/sd", "/cardinality", "/probe?target=x")] == [401] * 4
        assert status(process, path="/-/healthy") == 200
        files.protect(bob="second")
        assert status(process, "ann:first", method="POST", path="/-/reload") == 200
        assert [status(process, user) for user in ("ann:first", "bob:second", "")] == [401, 200, 401]
        files.write("web.yml", f"basic_auth_users: {{eve: {CANARY!r}}}")
        code, text = fetched(process, "bob:second", method="POST", path="/-/reload")
        assert code == 500
        assert "'eve' has no bcrypt hash" in text
        assert "canary" not in text
        assert [status(process, user) for user in ("bob:second", f"eve:{CANARY}", "")] == [200, 401, 401]


def seen_certificate(process: Exporters) -> bytes:
    host, _, port = process.url.partition("://")[2].partition(":")
    context = ssl._create_unverified_context()  # noqa: S323  # to look at it is what this is for
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain) as secured:
        found = secured.getpeercert(binary_form=True)
        assert found is not None
        return found


def test_the_certificate_is_read_anew_while_callers_come_in(files: Files) -> None:
    first = files.certificate()
    web_config = files.protect(tls=True, ann="first")
    with exporters("--collect", "host", "--web-config", str(web_config)) as process:
        process.url = process.url.replace("http://", "https://")
        assert seen_certificate(process) == first
        second = files.certificate()
        assert seen_certificate(process) == first, "not before it is told to"
        with ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(status, process, "ann:first") for _ in range(30)]
            assert status(process, "ann:first", method="POST", path="/-/reload") == 200
            assert {caller.result() for caller in callers} == {200}, "nobody was refused"
        assert seen_certificate(process) == second
        files.write("cert.pem", "broken")
        code, text = fetched(process, "ann:first", method="POST", path="/-/reload")
        assert code == 500
        assert "cannot load certificate or key" in text
        assert seen_certificate(process) == second
        files.protect(ann="first")
        assert status(process, "ann:first", method="POST", path="/-/reload") == 200
        process.url = process.url.replace("https://", "http://")
        assert status(process, "ann:first") == 200, "TLS can be taken away, if somebody wants that"


URIS = (
    f"redis://user:{CANARY}@127.0.0.1:1",
    f"redis://:{CANARY}@127.0.0.1:1",
    f"mongodb://user:{CANARY}@127.0.0.1:1/?replicaSet=rs0",
    f"http://user:{CANARY}@127.0.0.1:1",
    f"redis://127.0.0.1:1?password={CANARY}",
    f"user:{CANARY}@127.0.0.1:1",
)
FLAGS = ("--redis", "--mongodb", "--probe", "--listen", "--collect", "--nonsense", "--config", "--targets")


@pytest.mark.parametrize("flag", [*FLAGS, "--web.config.file"])
def test_no_flag_tells_a_password(flag: str) -> None:
    told = [refused(flag, uri) for uri in URIS]
    assert [text for text in told if "canary" in text] == []
    assert [text for text in told if "Traceback" in text] == []


def refused(*flags: str) -> str:
    """Call the command line in this process: it is wrong use, and ends before anything runs."""
    written = io.StringIO()
    listen = () if "--listen" in flags else ("--listen", "127.0.0.1:0")
    with redirect_stderr(written), redirect_stdout(written), suppress(SystemExit):
        main((*listen, *flags))
    return written.getvalue()


@pytest.fixture
def guarded(files: Files) -> Iterator[tuple[Exporters, Files]]:
    """Run the exporters with the canary wherever a password belongs."""
    word = files.write("password", CANARY)
    names = f'redis_username = "exporters"\nredis_password_file = "{word}"\n'
    mongodb = f'mongodb_uri = "mongodb://127.0.0.1:1/"\nmongodb_username = "x"\nmongodb_password_file = "{word}"\n'
    targets = files.write("targets.toml", f'[one]\nredis_uri = "redis://127.0.0.1:1"\n{names}[two]\n{mongodb}')
    settings = files.write("settings.toml", f'collect = "redis"\nredis_uri = "redis://127.0.0.1:1"\n{names}')
    flags = ("--config", str(settings), "--targets", str(targets))
    with exporters(*flags, environment={"EXPORTERS_LOG_LEVEL": "debug"}) as process:
        yield process, files


def test_no_page_log_or_error_tells_a_password(guarded: tuple[Exporters, Files]) -> None:
    process, files = guarded
    paths: tuple[str, ...] = (
        "/metrics",
        "/probe?target=one",
        "/probe?target=two",
        "/probe",
        f"/probe?target={quote(CANARY)}",
        "/sd",
    )
    paths += (
        "/cardinality",
        "/cardinality?format=json",
        "/",
        f"/metrics?collect[]={quote(CANARY)}",
        f"/{quote(CANARY)}",
    )
    told = [ask(process, path, headers=waits(1)).text for path in paths]
    bad_files = {
        "targets.toml": [f'[a]\nredis_uri = "{uri}"\n' for uri in URIS]
        + [f'[a]\nredis_password = "{CANARY}"', f'["u:{CANARY}@h"]\nx = 1', f'a = "{CANARY}', f'"://u:{CANARY}@h" = 1'],
        "settings.toml": [f'probe_url = "{uri}"\n' for uri in URIS] + [f'redis_password = "{CANARY}"'],
    }
    for name, texts in bad_files.items():
        good = (files.directory / name).read_text(encoding="utf-8")
        for text in texts:
            files.write(name, text)
            answer = reload(process)
            assert answer.status == 500, text
            told += [answer.text, ask(process, "/").text]
        files.write(name, good)
    files.write("password", "")
    told.append(reload(process).text)
    assert "is empty" in told[-1]
    files.write("password", CANARY + "2")
    assert reload(process).status == 200
    told += [Path(f"/proc/{process.process.pid}/cmdline").read_text(encoding="utf-8"), *process.log]
    assert [text for text in told if "canary" in text] == []
