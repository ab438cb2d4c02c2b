"""An address may carry a login, as with other exporters; nobody gets to see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contract.exporters_process import exporters
from tests.contract.exporters_redis import Server, redis_server

PASSWORD = "canary-9/b@c%d"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # The default user may do nothing but be asked whether Redis is there.
    rules = (f'user exporters on ">{PASSWORD}" ~* +@all', "user default on nopass -@all +ping")
    with redis_server(tmp_path_factory.mktemp("redis"), *rules) as started:
        yield started


@pytest.mark.parametrize("form", ["--redis {}", "--redis={}"])
def test_a_login_on_the_command_line_works_and_is_gone_from_it(server: Server, form: str) -> None:
    uri = f"redis://exporters:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}"
    with exporters("--collect", "redis", *form.format(uri).split(" ")) as process:
        page = process.get()
        told = [page.body, process.get("/").body, *process.log]
        line = Path(f"/proc/{process.process.pid}/cmdline").read_text(encoding="utf-8").split("\0")

    assert page.value("redis_up") == 1
    assert any("a file is the better place" in text for text in process.log)
    assert not [text for text in (*told, *line) if "canary" in text]
    assert line[1:3] == ["-m", "exporters"]
    assert "--collect" in line


def test_a_wrong_login_is_told_by_its_reason_alone(server: Server) -> None:
    address = f"redis://exporters:canary@127.0.0.1:{server.port}"
    with exporters("--collect", "redis", environment={"EXPORTERS_REDIS_URI": address}) as process:
        page = process.get()

    assert page.value("redis_up") == 0
    assert page.value("redis_up_reason", reason="auth") == 1
    assert not [text for text in (page.body, *process.log) if "canary" in text]
