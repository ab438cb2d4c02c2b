"""What Redis answers becomes samples; what is odd in it is left out."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from exporters.readings import OTHER, Readings
from exporters.reasons import Reason
from exporters.redis import families as f
from exporters.redis import info, modes, replication
from exporters.redis.commands import Commands, Errors
from exporters.redis.config import Config
from exporters.redis.denials import Denials
from exporters.redis.server import FIRST, Server
from exporters.redis.wire import Command, Refusal
from tests.readings import Found, shown
from tests.unit import redis_infos as texts


def parsed(text: str) -> info.Info:
    return info.parse(text.replace("\n", "\r\n"))


def read(text: str) -> Found:
    found, readings = parsed(text), Readings(f.METRICS)
    info.write(found, info.Numbers(), readings)
    Commands().write(found.commands, readings)
    Errors().write(found.errors, readings)
    replication.write(found, readings)
    modes.write_sentinel(found, readings)
    return shown(readings)


@pytest.mark.parametrize("version", texts.ALL)
def test_every_version_tells_what_it_knows(version: str) -> None:
    found = read(texts.ALL[version])
    assert found["redis_memory_used_bytes",] == 1_048_576
    assert found["redis_total_system_memory_bytes",] == 16_777_216_000
    assert found["redis_latest_fork_seconds",] == pytest.approx(0.0015)
    assert found["redis_cpu_sys_seconds_total",] == 0.5
    assert found["redis_commands_total", "get"] == 7
    assert found["redis_commands_duration_seconds_total", "get"] == 2
    assert found["redis_replication_lag_bytes", "10.0.0.2:6379"] == 100
    assert found["redis_replica_full_resyncs_total",] == 1
    assert found["redis_aof_last_bgrewrite_status",] == 1
    assert ("redis_rdb_last_bgsave_duration_seconds",) not in found, "-1 is never"


def test_what_a_version_lacks_is_absent() -> None:
    old, new = read(texts.V5_0), read(texts.V7_4)
    assert ("redis_commands_failed_calls_total", "get") not in old
    assert new["redis_commands_failed_calls_total", "get"] == 2
    assert new["redis_commands_rejected_calls_total", "get"] == 1
    assert ("redis_max_clients",) not in old
    assert new["redis_max_clients",] == 10_000
    assert new["redis_acl_access_denied_cmd_total",] == 2
    assert new["redis_client_output_buffer_limit_disconnections_total",] == 6
    assert new["redis_eviction_exceeded_seconds_total",] == 0.25
    assert new["redis_errors_total", "WRONGPASS"] == 4
    assert new["redis_module_info", "bf", "20609"] == 1


def test_a_fork_is_told_by_the_version_that_it_behaves_like() -> None:
    assert parsed(texts.VALKEY_8).version == (7, 2)
    assert parsed("redis_version:255.255.255").version == (255, 255), "what is built from the unstable branch"
    assert parsed("redis_version:").version == (0, 0)


RECORDED = {path.stem: path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("redis_recorded/*.info")}
"""``INFO default commandstats`` of real servers in which the same few commands were called."""


@pytest.mark.parametrize("server", ["redis-8.0.6", "valkey-9.1.2"])
def test_newer_servers_tell_all_that_redis_7_tells(server: str) -> None:
    found, expected = read(RECORDED[server]), read(RECORDED["redis-7.0.15"])
    assert {key[0] for key in expected} <= {key[0] for key in found}
    assert found["redis_db_keys", "db0"] == 1
    assert found["redis_db_keys_expiring", "db0"] == 1
    assert (found["redis_keyspace_hits_total",], found["redis_keyspace_misses_total",]) == (1, 1)
    assert found["redis_commands_total", "get"] == 2
    assert (found["redis_errors_total", "ERR"], found["redis_errors_total", "WRONGTYPE"]) == (1, 1)
    assert found["redis_commands_failed_calls_total", "lpush"] == 1
    assert found["redis_aof_enabled",] == 1
    modes_told = {key[3] for key in found if key[0] == "redis_instance_info"}
    assert modes_told == {"standalone"}, "Valkey calls it server_mode"


def test_a_sentinel_of_valkeys_is_one() -> None:
    sentinel = read("redis_version:7.2.4\nserver_name:valkey\nserver_mode:sentinel\nconnected_clients:2")
    assert not [key for key in sentinel if key[0] == "redis_db_keys"]
    told = Server(parsed("redis_version:7.2.4\nserver_mode:sentinel"))
    assert told.questions() == (("SENTINEL", "MASTERS"),)


def test_one_info_series_says_what_runs_there() -> None:
    found = read(texts.V7_0)
    labels = ("master", "7.0.15", "standalone", "Linux 4.19.0 x86_64", "noeviction", "6379", "a" * 40, "1", "bbbb")
    assert found["redis_instance_info", *labels] == 1


def test_used_databases_are_shown_and_the_first_one_always() -> None:
    found = read(texts.V7_4)
    assert {key[1]: value for key, value in found.items() if key[0] == "redis_db_keys"} == {"db0": 0, "db3": 5}
    assert found["redis_db_avg_ttl_seconds", "db3"] == 1.5
    assert {key[1] for key in read(texts.V8_0) if key[0] == "redis_db_keys"} == {"db0", "db3"}


@pytest.mark.parametrize("text", ["", "nan", "-nan", "inf", "ok", "1,2"])
def test_what_is_no_finite_number_is_nothing(text: str) -> None:
    assert info.number(text) is None


def test_whole_numbers_stay_whole() -> None:
    assert info.number("9007199254740993") == 9_007_199_254_740_993, "more than a float can hold"
    assert repr(info.number("-12")) == "-12"
    assert info.number(str(2**64 - 1)) == 2**64 - 1
    assert [info.number(sign + "9" * 5_000) for sign in ("", "-")] == [None, None], "more than any float can hold"
    assert repr(info.number("-" + "9" * 40)) == "-1e+40"


@pytest.mark.parametrize("text", ["", "garbage", "redis_version", ":::\r\n=:=", "cmdstat_:=", "cmdstat_x:calls=a,b=c"])
def test_garbage_in_info_is_left_out(text: str) -> None:
    assert {key for key in read(text) if key[0].startswith("redis_commands")} == set()


def test_the_start_is_told_by_redis_own_clock_and_stands() -> None:
    first = parsed(texts.V7_0)
    assert info.start_time(first, now=0) == 1_795_371_095
    assert info.start_time(parsed(texts.V5_0), now=1_795_371_195.4) == 1_795_371_095, "by our clock"
    assert info.start_time(parsed("redis_version:7.0.15"), now=1) is None
    server = Server(first)
    assert server.started_at(first) == 1_795_371_095
    later = parsed(texts.V7_0.replace("1795371194900000", "1795371195300000"))
    assert server.started_at(later) == 1_795_371_095, "half a second is rounding"


def latency(text: str, *replies: object) -> Found:
    commands, readings = Commands(), Readings(f.METRICS)
    commands.write(parsed(text).commands, readings)
    commands.write_latency(list(replies), readings)
    return {key[1:]: value for key, value in shown(readings).items() if key[0] == f.LATENCY.name}


def test_latencies_have_the_same_edges_whatever_redis_shows() -> None:
    found = latency(texts.V7_0, "get", ["calls", 7, "histogram_usec", [1, 2, 33, 3, 67_633, 6, 1_073_741, 7]])
    edges = ["1.6e-05", "6.6e-05", "0.000264", "0.001056", "0.004227", "0.033816", "0.270532", "+Inf"]
    assert [found["_bucket", "get", edge] for edge in edges] == [2, 3, 3, 3, 3, 3, 6, 7]
    assert found["_count", "get"] == 7
    assert found["_sum", "get"] == 2, "from commandstats"


def test_a_bound_may_be_rounded_another_way() -> None:
    for bound in (1_055, 1_056, 1_057, 1_080):
        found = latency(texts.V7_0, "get", ["calls", 7, "histogram_usec", [bound, 7]])
        assert found["_bucket", "get", "0.001056"] == 7
        assert found["_bucket", "get", "0.000264"] == 0


@pytest.mark.parametrize(("command", "seconds"), [("client|no-evict", 37e-6), ("ft.search", 90e-6)])
def test_bars_dashes_and_dots_are_part_of_a_name(command: str, seconds: float) -> None:
    assert read(texts.V7_0)["redis_commands_duration_seconds_total", command] == pytest.approx(seconds)
    found = latency(texts.V7_0, command, ["calls", 2, "histogram_usec", [1, 2]])
    assert found["_sum", command] == pytest.approx(seconds)


def test_a_command_that_was_not_called_again_is_not_worked_out_again_but_a_called_one_is() -> None:
    commands = Commands()
    for calls in (1, 1, 2):
        readings = Readings(f.METRICS)
        commands.write({"get": f"calls={calls},usec={calls},usec_per_call=1"}, readings)
        commands.write_latency(["get", ["calls", calls, "histogram_usec", [1, calls]]], readings)
        found = shown(readings)
        assert found["redis_commands_total", "get"] == calls
        assert found[f.LATENCY.name, "_count", "get"] == calls
    readings = Readings(f.METRICS)
    commands.write({}, readings)
    assert shown(readings) == {}, "after CONFIG RESETSTAT"


def changed(text: str, choose: random.Random) -> str:
    """Return INFO as it might be a moment later: other figures, now and then other lines."""
    lines = text.split("\r\n")
    for place in choose.sample(range(len(lines)), 12):
        line = lines[place]
        lines[place] = re.sub(r"(?<=[:=])\d+", lambda found: str(int(found[0]) + 1), line)
        if choose.random() < 0.1:
            lines[place] = choose.choice(["", line.partition(":")[0], f"new_{place}:1", "cmdstat_new:calls=x", "a:b=c"])
        if choose.random() < 0.05:
            lines.insert(place, choose.choice(lines))
    return "\r\n".join(lines)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_read_again_is_what_would_be_read_for_the_first_time(seed: int) -> None:
    choose = random.Random(seed)
    text = (texts.V7_4 if seed % 2 else texts.V5_0).replace("\n", "\r\n")
    reader, commands, numbers = info.Reader(), Commands(), info.Numbers()
    for _ in range(40):
        found, kept, fresh = reader.read(text), Readings(f.METRICS), Readings(f.METRICS)
        assert found == info.parse(text)
        names = [name for name, value in found.commands.items() if "calls=x" not in value and "," in value]
        replies = [
            part for name in names for part in (name, ["calls", seed, "histogram_usec", [choose.choice([1, 9]), seed]])
        ]
        for readings, one, two in ((kept, commands, numbers), (fresh, Commands(), info.Numbers())):
            info.write(found, two, readings)
            one.write(found.commands, readings)
        assert kept.series == fresh.series
        commands.write_latency(replies, kept)
        assert len(kept.series[f.LATENCY.name][0]) == 10 * len(names)
        text = changed(text, choose)


def test_a_page_that_is_still_being_written_keeps_its_figures() -> None:
    commands, numbers, pages = Commands(), info.Numbers(), []
    for calls in (1, 2):
        readings = Readings(f.METRICS)
        numbers.write({"connected_clients": str(calls)}, readings)
        commands.write({"get": f"calls={calls},usec=1,usec_per_call=1,rejected_calls=0,failed_calls=0"}, readings)
        commands.write_latency(["get", ["calls", calls, "histogram_usec", [1, calls]]], readings)
        pages.append(readings)
    for calls, page in enumerate(pages, 1):
        found = shown(page)
        assert found["redis_connected_clients",] == calls
        assert found["redis_commands_total", "get"] == calls
        assert found[f.LATENCY.name, "_count", "get"] == calls
    assert pages[0].series["redis_commands_total"][0] is pages[1].series["redis_commands_total"][0]


@pytest.mark.parametrize("cap", [1, 3, 25])
def test_more_commands_than_the_budget_has_room_for_are_summed_up(cap: int) -> None:
    commands = Commands()
    for calls in (1, 2):
        readings = Readings(f.METRICS, cap=cap)
        commands.write({f"c{number}": f"calls={calls},usec=1" for number in range(30)}, readings)
        replies = [[f"c{number}", ["calls", calls, "histogram_usec", [1, calls]]] for number in range(30)]
        commands.write_latency([part for reply in replies for part in reply], readings)
        found = shown(readings)
        assert found["redis_commands_total", OTHER] == (30 - cap) * calls
        counts = [value for key, value in found.items() if key[:2] == (f.LATENCY.name, "_count")]
        assert sum(counts) == 30 * calls


def test_the_configuration_is_read_again_when_it_changes() -> None:
    config, found = Config(), []
    for limit in ("100", "100", "200"):
        readings = Readings(f.METRICS)
        config.write([["maxmemory", limit, "save", "", "slowlog-log-slower-than", "5000"], ["odd"]], readings)
        assert readings.partial == [Reason.MALFORMED]
        assert shown(readings)["redis_slowlog_threshold_seconds",] == 0.005
        found.append(shown(readings)["redis_config_maxmemory",])
    assert found == [100, 100, 200]
    readings = Readings(f.METRICS)
    config.write([], readings)
    assert shown(readings) == {}, "denied by now"


def test_only_errors_of_redis_own_kind_keep_their_name() -> None:
    errors, readings = Errors(), Readings(f.METRICS)
    errors.write(
        {"ERR": "count=2", "Mrs": "count=3", "X" * 40: "count=4", "NO-GO": "count=5", "WRONGTYPE": "count="}, readings
    )
    assert shown(readings) == {("redis_errors_total", "ERR"): 2, ("redis_errors_total", OTHER): 12}


def test_too_many_errors_are_summed_up_and_no_counter_falls() -> None:
    errors, last = Errors(), 0.0
    for scrape in range(1, 4):
        readings = Readings(f.METRICS)
        errors.write({f"E{number}": f"count={scrape}" for number in range(100)}, readings)
        found = shown(readings)
        assert len(found) == 65
        assert found["redis_errors_total", OTHER] == 36 * scrape > last
        last = found["redis_errors_total", OTHER]


def test_a_replica_that_is_being_sent_everything_has_no_lag_yet() -> None:
    found = read(texts.V7_0.replace("state=online,offset=900", "state=send_bulk,offset=0"))
    assert ("redis_replication_lag_bytes", "10.0.0.2:6379") not in found
    assert found["redis_replica_online", "10.0.0.2:6379"] == 0
    assert found["redis_connected_slave_lag_seconds", "10.0.0.2", "6379"] == 1


def test_replicas_behind_one_address_are_one_series_of_the_worst_and_are_counted() -> None:
    first, address = "slave0:ip=10.0.0.2,port=6379,state=online,offset=900,lag=1", "10.0.0.2:6379"
    second = "slave1:ip=10.0.0.2,port=6379,state=online,offset=700,lag=0"
    third = "slave2:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0"
    readings = Readings(f.METRICS)
    replication.write(parsed(texts.V7_0.replace(first, f"{first}\n{second}\n{third}")), readings)
    assert all(len(keys) == len(set(keys)) for keys, _ in readings.series.values())
    assert shown(readings) == {
        ("redis_replica_connections", address): 3,
        ("redis_replica_online", address): 0,
        ("redis_replication_lag_bytes", address): 300,
        ("redis_connected_slave_lag_seconds", "10.0.0.2", "6379"): 1,
        ("redis_connected_slave_offset_bytes", "10.0.0.2", "6379"): 0,
    }


def test_a_replica_tells_its_link_and_position() -> None:
    found = read(texts.REPLICA)
    assert found["redis_master_link_up",] == 0
    assert found["redis_master_last_io_seconds_ago",] == -1
    assert found["redis_slave_repl_offset",] == 950
    assert found["redis_slave_info", "10.0.0.1", "6379", "1"] == 1


def test_a_failover_renames_no_series_of_a_replica() -> None:
    before, after = (read(texts.REPLICA.replace("10.0.0.1", host)) for host in ("10.0.0.1", "10.0.0.9"))
    assert {key[0] for key in before.keys() ^ after.keys()} == {"redis_slave_info"}


def test_an_address_with_colons_is_put_in_brackets() -> None:
    assert ("redis_replica_online", "[fe80::1]:6379") in read(texts.V7_0.replace("ip=10.0.0.2", "ip=fe80::1"))


def test_a_sentinel_tells_states_as_values_and_the_address_apart() -> None:
    found = read(texts.SENTINEL)
    states = [found["redis_sentinel_master_status", "cache", state] for state in ("ok", "sdown", "odown")]
    assert states == [0, 1, 0]
    assert found["redis_sentinel_master_info", "cache", "10.0.0.1:6379"] == 1
    assert found["redis_sentinel_master_sentinels", "cache"] == 3
    assert found["redis_sentinel_masters",] == 1
    assert ("redis_db_keys", "db0") not in found
    readings = Readings(f.METRICS)
    modes.write_quorum([["name", "cache", "quorum", "2"]], readings)
    assert shown(readings) == {("redis_sentinel_master_quorum", "cache"): 2}


def names(commands: tuple[Command, ...]) -> list[str]:
    return [" ".join(command[:2]) for command in commands]


def test_a_server_is_asked_what_its_version_and_mode_know() -> None:
    new = ["CONFIG GET", "SLOWLOG LEN", "SLOWLOG GET", "LATENCY LATEST", "LATENCY HISTOGRAM"]
    for text in (texts.V7_0, texts.V8_0, texts.VALKEY_8):
        server = Server(parsed(text))
        assert names(server.questions()) == new
        assert server.info == ("INFO", "default", "commandstats")
    old = Server(parsed(texts.V6_2))
    assert names(old.questions()) == ["CONFIG GET"] * 8 + ["SLOWLOG LEN", "SLOWLOG GET", "LATENCY LATEST"]
    assert old.info == FIRST
    assert names(Server(parsed(texts.SENTINEL)).questions()) == ["SENTINEL MASTERS"]
    cluster = Server(parsed(texts.V7_0.replace("cluster_enabled:0", "cluster_enabled:1")))
    assert names(cluster.questions()) == [*new, "CLUSTER INFO"]


def test_what_is_unknown_is_not_asked_again_and_what_is_denied_only_later(monkeypatch: pytest.MonkeyPatch) -> None:
    server, moment = Server(parsed(texts.V7_0)), 1_000.0
    monkeypatch.setattr("exporters.redis.denials.time.monotonic", lambda: moment)
    server.refused(("LATENCY", "LATEST"), Refusal("ERR unknown command 'LATENCY'"))
    server.refused(("SLOWLOG", "LEN"), Refusal("NOPERM this user has no permissions"))
    assert names(server.questions()) == ["CONFIG GET", "SLOWLOG GET", "LATENCY HISTOGRAM"]
    assert server.denials
    moment += 61
    assert "SLOWLOG LEN" in names(server.questions())
    assert "LATENCY LATEST" not in names(server.questions())
    server.allowed(("SLOWLOG", "LEN"))
    assert not server.denials


def test_a_day_of_missing_rights_is_some_thirty_denials(monkeypatch: pytest.MonkeyPatch) -> None:
    denials, moment, asked = Denials(), 1_000.0, []
    monkeypatch.setattr("exporters.redis.denials.time.monotonic", lambda: moment)
    for _ in range(24 * 240):
        denials.over(1)
        if not denials.pauses("slowlog|len"):
            asked.append(moment)
            denials.denied("slowlog|len")
        moment += 15
    assert len(asked) < 32
    assert asked[1] - asked[0] == 60
    assert asked[-1] - asked[-2] == 3_600
    denials.over(2)
    assert not denials, "another connection may have other rights"


def test_another_run_is_another_server() -> None:
    server = Server(parsed(texts.V7_0))
    assert server.is_still(parsed(texts.V7_0))
    assert not server.is_still(parsed(texts.V7_0.replace("run_id:a", "run_id:b")))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NOAUTH Authentication required.", Reason.AUTH),
        ("WRONGPASS invalid username-password pair or user is disabled.", Reason.AUTH),
        ("NOPERM User x has no permissions to run the 'info' command", Reason.DENIED),
        ("ERR max number of clients reached", Reason.REFUSED),
        ("BUSY Redis is busy running a script.", Reason.BUSY),
        ("ERR unknown command", Reason.ERROR),
    ],
)
def test_a_refusal_has_a_closed_reason(text: str, reason: Reason) -> None:
    assert Refusal(text).reason is reason
