"""INFO's text becomes samples; what is odd in it is left out."""

from __future__ import annotations

import pytest

from exporters.readings import Readings
from exporters.redis import families as f
from exporters.redis import info

INFO = """# Server\r
redis_version:7.0.15\r
redis_mode:standalone\r
os:Linux 6.1 x86_64\r
server_time_usec:1795371194900000\r
uptime_in_seconds:100\r
# Clients\r
connected_clients:3\r
# Memory\r
used_memory:1048576\r
mem_fragmentation_ratio:1.25\r
maxmemory_policy:allkeys-lru\r
# Persistence\r
rdb_last_bgsave_status:err\r
aof_last_write_status:ok\r
# Stats\r
latest_fork_usec:1500\r
used_cpu_sys:0.500000\r
keyspace_hits:9007199254740993\r
instantaneous_input_kbps:-nan\r
mem_fragmentation_bytes:-12\r
# Commandstats\r
cmdstat_client|no-evict:calls=50,usec=37,usec_per_call=0.74,rejected_calls=1,failed_calls=2\r
cmdstat_get:calls=7,usec=2000000,usec_per_call=1\r
# Errorstats\r
errorstat_WRONGPASS:count=4\r
# Keyspace\r
db3:keys=5,expires=2,avg_ttl=1500\r
"""


def read(text: str) -> dict[tuple[str, ...], float]:
    readings = Readings(f.METRICS)
    info.write(info.parse(text), readings)
    return {
        (name, *key): value
        for name, (keys, values) in readings.series.items()
        for key, value in zip(keys, values, strict=True)
    }


def test_numbers_keep_their_kind_and_get_base_units() -> None:
    found = read(INFO)
    assert found["redis_memory_used_bytes",] == 1_048_576
    assert found["redis_keyspace_hits_total",] == 9_007_199_254_740_993, "more than a float can hold"
    assert found["redis_latest_fork_seconds",] == pytest.approx(0.0015)
    assert found["redis_cpu_sys_seconds_total",] == 0.5
    assert found["redis_mem_fragmentation_bytes",] == -12


def test_words_become_flags_and_one_info_series() -> None:
    found = read(INFO)
    assert found["redis_rdb_last_bgsave_status",] == 0
    assert found["redis_aof_last_write_status",] == 1
    assert found["redis_instance_info", "", "7.0.15", "standalone", "Linux 6.1 x86_64", "allkeys-lru"] == 1


def test_commands_with_bars_and_dashes_are_counted_like_any_other() -> None:
    found = read(INFO)
    assert found["redis_commands_total", "client|no-evict"] == 50
    assert found["redis_commands_duration_seconds_total", "client|no-evict"] == pytest.approx(37e-6)
    assert found["redis_commands_failed_calls_total", "client|no-evict"] == 2
    assert found["redis_commands_rejected_calls_total", "client|no-evict"] == 1
    assert ("redis_commands_failed_calls_total", "get") not in found, "older versions do not count them"
    assert found["redis_errors_total", "WRONGPASS"] == 4


def test_used_databases_are_shown_and_the_first_one_always() -> None:
    found = read(INFO)
    assert {key[1]: value for key, value in found.items() if key[0] == "redis_db_keys"} == {"db0": 0, "db3": 5}
    assert found["redis_db_avg_ttl_seconds", "db3"] == 1.5


@pytest.mark.parametrize("text", ["", "nan", "-nan", "inf", "ok", "1,2"])
def test_what_is_no_finite_number_is_nothing(text: str) -> None:
    assert info.number(text) is None


def test_the_start_is_told_by_redis_own_clock() -> None:
    assert info.start_time(info.parse(INFO)) == 1_795_371_095
    assert info.start_time({}) is None
