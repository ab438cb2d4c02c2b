"""Wrong use ends with exit code 2 and one clear message, and no password is ever shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from exporters.__main__ import main
from exporters.collectors import COLLECTORS, METRICS, choose
from exporters.settings import Settings, SettingsError, load, read_password
from exporters.structure import structure

MONGODB = "mongodb://127.0.0.1:27017,127.0.0.1:27018/?replicaSet=rs0"


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--redis", "redis://127.0.0.1:6379/0?password=hunter2"), "redis_uri carries a user or password"),
        (("--mongodb", "mongodb://127.0.0.1:27017/?password=hunter2"), "EXPORTERS_MONGODB_USERNAME"),
        (("--mongodb", "mongodb://user:hun/hunter2@127.0.0.1:27017"), "mongodb_uri: percent-encode"),
        (("--probe", "http://user:hunter2@127.0.0.1:8000"), "probe_url carries"),
        (("--probe", "ftp://127.0.0.1"), "http:// or https://"),
        (("--listen", "0.0.0.0:9400"), "reachable from other machines"),
        (("--listen", "127.evil.example:9400"), "reachable from other machines"),
        (("--listen", "0.0.0.0:9400", "--web-config", "/dev/null"), "names no basic_auth_users"),
        (("--web-config", "/nonexistent.yml"), "cannot read /nonexistent.yml"),
        (("--listen", "9400"), "host:port"),
        (("--collect", "mongodb"), "needs --mongodb"),
        (("--collect", "host,postgres"), "names postgres; there are default, all, mongodb, "),
        (("--config", "/nonexistent.toml"), "cannot read settings"),
        (("--nonsense", "redis://user:hunter2@host"), "unrecognized arguments"),
        (("--mongodb", "postgres://127.0.0.1"), "mongodb_uri is not usable"),
        (("--redis", "127.0.0.1:6379"), "redis_uri"),
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


EVERYTHING = Settings(
    mongodb_uri=MONGODB,
    redis_uri="redis://127.0.0.1",
    probe_url="http://127.0.0.1",
    synthetic_secret_file=Path("secret"),
)


def names(settings: Settings, *, local: bool = True) -> set[str]:
    return {kind.name for kind in choose(settings, local=local)}


def test_without_a_choice_each_collector_that_has_something_to_read_runs() -> None:
    assert {"host"} <= names(Settings()) < names(EVERYTHING)
    assert names(Settings(mongodb_uri=MONGODB)) >= {"mongodb", "host", "business"}
    assert names(Settings(mongodb_uri=MONGODB)).isdisjoint({"redis", "blackbox"})
    assert names(EVERYTHING) == {
        kind.name for kind in COLLECTORS if not kind.optional and kind.missing(EVERYTHING) is None
    }


def test_all_adds_the_optional_ones_and_a_name_adds_its_own() -> None:
    readable = {kind.name for kind in COLLECTORS if kind.missing(EVERYTHING) is None}
    assert names(replace(EVERYTHING, collect="all")) == readable
    for kind in COLLECTORS:
        if kind.optional and kind.missing(EVERYTHING) is None:
            assert names(replace(EVERYTHING, collect=kind.name)) == {kind.name}
            assert names(replace(EVERYTHING, collect=f"default, {kind.name}")) == names(EVERYTHING) | {kind.name}


def test_what_reads_this_machine_runs_for_a_target_only_where_it_is_named() -> None:
    target = Settings(redis_uri="redis://127.0.0.1")
    assert names(target) >= {"redis", "host"}
    assert names(target, local=False).isdisjoint(names(Settings()))
    assert names(replace(target, collect="all"), local=False).isdisjoint(names(Settings(collect="all")))
    assert names(replace(target, collect="host"), local=False) == {"host"}
    database = Settings(mongodb_uri=MONGODB)
    assert "business" not in names(database, local=False)
    assert "business" in names(replace(database, collect="default,business"), local=False)
    assert names(Settings(), local=False) == set()


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        Settings(
            listen="0.0.0.0:1", redis_uri="redis://u:hunter2@h", probe_url="ftp://x", scrape_budget=0, log_level="loud"
        )
    faults = str(told.value).splitlines()
    assert len(faults) == 5
    for field in ("listen", "redis_uri", "probe_url", "scrape_budget", "log_level"):
        assert any(fault.startswith(field) for fault in faults), field
    assert "hunter2" not in str(told.value)


def test_every_wrong_type_is_named_at_once_and_in_words() -> None:
    typed = {"lissten": "x", "scrape_budget": "soon", "redis_uri": 6379, "series_budget": [], "mongodb_uri": {}}
    with pytest.raises(SettingsError) as told:
        structure(typed, Settings)
    assert str(told.value).splitlines() == [
        "mongodb_uri should be text",
        "redis_uri should be text",
        "scrape_budget should be a number",
        "series_budget should be a whole number",
        "there is no setting lissten",
    ]
    assert structure({"collect": ["redis", "host"]}, Settings).chosen == ("redis", "host")


@pytest.mark.parametrize(
    "uri",
    [
        "redis://user:hunter2@host",
        "redis://:hunter2@host",
        "redis://host?password=hunter2",
        "redis://host?PASSWORD=hunter2",
        "redis://host?%70assword=hunter2",
        "mongodb://user:hunter2?x@host",
        "mongodb://host/?tlsCertificateKeyFilePassword=hunter2",
    ],
)
def test_no_address_may_hold_a_password_wherever_it_hides(uri: str) -> None:
    for field in ("redis_uri", "mongodb_uri", "probe_url"):
        with pytest.raises(SettingsError, match="carries a user or password") as told:
            structure({field: uri}, Settings)
        assert "hunter2" not in str(told.value)


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
    # Names that Percona's exporter chose; the page makes the counters among them something else in OpenMetrics.
    inherited = {metric.name for metric in METRICS if metric.name.startswith("mongodb_mongod_")}
    for metric in METRICS:
        if metric.name in inherited:
            continue
        stem = metric.name.removesuffix("_total")
        suffixes = {"counter": ("", "_total", "_created"), "histogram": ("", "_bucket", "_count", "_sum", "_created")}
        for name in (stem + suffix for suffix in suffixes.get(metric.type, ("",))):
            assert taken.setdefault(name, metric.name) == metric.name
