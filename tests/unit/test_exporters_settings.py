"""Wrong use ends with exit code 2 and one clear message, and no password is ever shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exporters.__main__ import main
from exporters.collectors import COLLECTORS, METRICS, choose
from exporters.settings import Settings, SettingsError, load, read_password

MONGODB = "mongodb://127.0.0.1:27017,127.0.0.1:27018/?replicaSet=rs0"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--redis", "redis://user:hunter2@127.0.0.1:6379/0"), "redis_uri carries a user or password"),
        (("--mongodb", "mongodb://user:hunter2@127.0.0.1:27017"), "EXPORTERS_MONGODB_USERNAME"),
        (("--probe", "http://user:hunter2@127.0.0.1:8000"), "probe_url carries"),
        (("--probe", "ftp://127.0.0.1"), "http:// or https://"),
        (("--listen", "0.0.0.0:9400"), "reachable from other machines"),
        (("--listen", "0.0.0.0:9400", "--web-config", "/dev/null"), "names no basic_auth_users"),
        (("--web-config", "/nonexistent.yml"), "cannot read /nonexistent.yml"),
        (("--listen", "9400"), "host:port"),
        (("--collect", "mongodb"), "needs --mongodb"),
        (("--collect", "host,postgres"), "names postgres; there are mongodb, redis, host, business, blackbox"),
        (("--config", "/nonexistent.toml"), "cannot read settings"),
        (("--nonsense", "redis://user:hunter2@host"), "unrecognized arguments"),
        (("--mongodb", "postgres://127.0.0.1"), "mongodb_uri is not usable"),
        (("--redis", "127.0.0.1:6379"), "redis_uri is not usable"),
    ],
)
def test_wrong_use_ends_with_exit_code_2(flags: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(("--listen", "127.0.0.1:0", *flags) if "--listen" not in flags else flags)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert says in told
    assert "hunter2" not in told
    assert "Traceback" not in told


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "exporters.toml"
    file.write_text('listen = "127.0.0.1:1"\ndatabase = "file"\nscrape_budget = 2\n', encoding="utf-8")
    environ = {"EXPORTERS_CONFIG": str(file), "EXPORTERS_LISTEN": "127.0.0.1:2", "EXPORTERS_DATABASE": "environment"}
    found = load({"listen": "127.0.0.1:3", "mongodb_uri": None}, environ)
    assert (found.listen, found.database, found.scrape_budget) == ("127.0.0.1:3", "environment", 2.0)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "exporters.toml"
    file.write_text('lissten = "127.0.0.1:1"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="lissten"):
        load({"config": str(file)}, {})


def test_without_a_choice_each_collector_that_has_something_to_read_runs() -> None:
    assert [kind.name for kind in choose(Settings())] == ["host"]
    assert [kind.name for kind in choose(Settings(mongodb_uri=MONGODB))] == ["mongodb", "host", "business"]
    everything = Settings(mongodb_uri=MONGODB, redis_uri="redis://127.0.0.1", probe_url="http://127.0.0.1")
    assert choose(everything) == COLLECTORS


def test_a_password_file_must_hold_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "good").write_text("secret\n", encoding="utf-8")
    assert read_password(tmp_path / "good") == "secret"
    assert read_password(None) is None
    with pytest.raises(SettingsError, match="is empty"):
        read_password(tmp_path / "empty")
    with pytest.raises(SettingsError, match="cannot read"):
        read_password(tmp_path / "absent")


def test_the_committed_declarations_are_what_the_code_declares(capsys: pytest.CaptureFixture[str]) -> None:
    main(("--metrics",))
    printed = capsys.readouterr().out
    committed = Path(__file__).parents[2] / "monitor" / "catalogue" / "metrics" / "exporters.json"
    assert printed == committed.read_text(encoding="utf-8"), "run: python -m exporters --metrics"
    assert [row["name"] for row in json.loads(printed)["metrics"]] == sorted(metric.name for metric in METRICS)


def test_no_two_families_are_one_in_openmetrics() -> None:
    taken: dict[str, str] = {}
    for metric in METRICS:
        stem = metric.name.removesuffix("_total")
        suffixes = {"counter": ("", "_total", "_created"), "histogram": ("", "_bucket", "_count", "_sum", "_created")}
        for name in (stem + suffix for suffix in suffixes.get(metric.type, ("",))):
            assert taken.setdefault(name, metric.name) == metric.name
