"""Endpoints are protected as a Prometheus server's are: same file, same hashes, real HTTP and TLS."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from telemetry import webconfig


@asynccontextmanager
async def served(config: webconfig.WebConfig) -> AsyncIterator[str]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application(middlewares=[webconfig.require_users(config)])
    app.router.add_get("/metrics", hello)
    app.router.add_get("/-/healthy", hello)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=config.ssl_context).start()
    try:
        yield f"{'https' if config.ssl_context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def written(folder: Path, text: str) -> Path:
    file = folder / "web-config.yml"
    file.write_text(text, encoding="utf-8")
    return file


async def test_only_users_with_the_right_password_come_in(tmp_path: Path) -> None:
    hashed = webconfig.hash_password("correct horse", cost=4)
    config = webconfig.load(written(tmp_path, f'basic_auth_users: {{prometheus: "{hashed.replace("$2b$", "$2y$")}"}}'))
    async with served(config) as url, ClientSession() as session:
        for auth, status in (
            ("", 401),
            (encode_basic_auth("prometheus", "wrong"), 401),
            (encode_basic_auth("somebody", "correct horse"), 401),
            (encode_basic_auth("prometheus", "correct horse"), 200),
            (encode_basic_auth("prometheus", "correct horse"), 200),
            (encode_basic_auth("prometheus", "wrong"), 401),
        ):
            async with session.get(f"{url}/metrics", headers={"Authorization": auth}) as answer:
                assert answer.status == status, auth
        async with session.get(f"{url}/metrics", headers={"Authorization": "Bearer x"}) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
        async with session.get(f"{url}/-/healthy") as answer:
            assert answer.status == 200, "whoever restarts processes needs no password"


async def test_without_a_file_everybody_comes_in() -> None:
    async with served(webconfig.load(None)) as url, ClientSession() as session, session.get(f"{url}/metrics") as answer:
        assert answer.status == 200


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 1"
    )
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem"


async def test_tls_is_spoken_with_the_certificate_of_the_file(tmp_path: Path, certificate: Path) -> None:
    config = webconfig.load(written(tmp_path, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}"))
    trust = ssl.create_default_context(cafile=str(certificate))
    async with served(config) as url, ClientSession() as session, session.get(f"{url}/metrics", ssl=trust) as answer:
        assert url.startswith("https")
        assert answer.status == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("basic_auth_users: {prometheus: plain}", "bcrypt"),
        ("basic_auth_users: [prometheus]", "basic_auth_users"),
        ("tls_server_config: {cert_file: missing.pem, key_file: missing.pem}", "certificate or key"),
        ("tls_server_config: {cert: cert.pem}", r"tls_server_config\.cert is not supported"),
        ("http_server_config: {http2: true}", "http_server_config is not supported"),
        ("- a list", "mapping"),
        ("a: [", "not YAML"),
        (f"a: {'9' * 5000}", "not YAML"),
        ("a: 2026-99-99", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("tls_server_config: {min_version: [1]}", r"min_version: \[1\] is none of"),
        ("tls_server_config: {min_version: {a: 1}}", "min_version"),
        ('tls_server_config: {cert_file: "\\0", key_file: a}', "certificate or key"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_field(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(webconfig.WebConfigError, match=says) as raised:
        webconfig.load(written(tmp_path, text))
    assert "web-config.yml" in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(webconfig.WebConfigError, match="cannot read"):
        webconfig.load(tmp_path / "absent.yml")
