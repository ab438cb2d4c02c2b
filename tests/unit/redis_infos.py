"""INFO texts of several versions.

All are written after the documented shapes of their versions: which fields there are, how they are called, and how
commandstats and keyspace look. The fields of 7.0 are held against a real server by the contract tests.
"""

from __future__ import annotations

V5_0 = """# Server
redis_version:5.0.14
redis_mode:standalone
os:Linux 4.19.0 x86_64
process_id:1
run_id:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
tcp_port:6379
uptime_in_seconds:100

# Clients
connected_clients:3
client_recent_max_input_buffer:2
client_recent_max_output_buffer:0
blocked_clients:0

# Memory
used_memory:1048576
total_system_memory:16777216000
maxmemory:0
maxmemory_policy:noeviction
mem_fragmentation_ratio:1.25

# Persistence
loading:0
rdb_last_bgsave_status:ok
rdb_last_bgsave_time_sec:-1
aof_enabled:0
aof_last_bgrewrite_status:ok
aof_last_write_status:ok

# Stats
total_connections_received:7
total_commands_processed:40
sync_full:1
keyspace_hits:5
latest_fork_usec:1500

# Replication
role:master
connected_slaves:1
slave0:ip=10.0.0.2,port=6379,state=online,offset=900,lag=1
master_replid:bbbb
master_repl_offset:1000

# CPU
used_cpu_sys:0.500000
used_cpu_user:0.250000

# Commandstats
cmdstat_get:calls=7,usec=2000000,usec_per_call=285714.28
cmdstat_info:calls=1,usec=50,usec_per_call=50.00

# Cluster
cluster_enabled:0

# Keyspace
db0:keys=5,expires=2,avg_ttl=1500
"""

V6_2 = (
    V5_0.replace("redis_version:5.0.14", "redis_version:6.2.14")
    .replace("uptime_in_seconds:100", "server_time_usec:1795371194900000\nuptime_in_seconds:100")
    .replace("connected_clients:3", "connected_clients:3\ncluster_connections:0\nmaxclients:10000\ntracking_clients:0")
    .replace("keyspace_hits:5", "keyspace_hits:5\ntotal_error_replies:4\nunexpected_error_replies:0")
    .replace("usec_per_call=285714.28", "usec_per_call=285714.28,rejected_calls=1,failed_calls=2")
    .replace(
        "# Cluster", "# Modules\nmodule:name=bf,ver=20609,api=1,filters=0,usedby=[],using=[],options=[]\n\n# Cluster"
    )
    .replace("# Cluster", "# Errorstats\nerrorstat_WRONGPASS:count=4\n\n# Cluster")
)

V7_0 = (
    V6_2.replace("redis_version:6.2.14", "redis_version:7.0.15")
    .replace("keyspace_hits:5", "keyspace_hits:5\nevicted_clients:0\ntotal_eviction_exceeded_time:250")
    .replace(
        "cmdstat_info",
        "cmdstat_client|no-evict:calls=50,usec=37,usec_per_call=0.74,rejected_calls=0,failed_calls=0\n"
        "cmdstat_ft.search:calls=2,usec=90,usec_per_call=45.00,rejected_calls=0,failed_calls=0\ncmdstat_info",
    )
    .replace("# Cluster", "# Latencystats\nlatency_percentiles_usec_get:p50=1.003,p99=2.007,p99.9=4.015\n\n# Cluster")
)

V7_4 = (
    V7_0.replace("redis_version:7.0.15", "redis_version:7.4.1")
    .replace("keyspace_hits:5", "keyspace_hits:5\nacl_access_denied_auth:1\nacl_access_denied_cmd:2\n"
             "acl_access_denied_key:3\nacl_access_denied_channel:0\nclient_query_buffer_limit_disconnections:0\n"
             "client_output_buffer_limit_disconnections:6\ninstantaneous_input_kbps:-nan")
    .replace("db0:keys=5,expires=2,avg_ttl=1500", "db3:keys=5,expires=2,avg_ttl=1500,subexpiry=0")
)  # fmt: skip

V8_0 = V7_4.replace("redis_version:7.4.1", "redis_version:8.0.2").replace(
    "# Keyspace", "# Keysizes\ndb0_distrib_strings_sizes:1=2,8=1\n\n# Keyspace"
)

VALKEY_8 = V7_4.replace("redis_version:7.4.1", "redis_version:7.2.4\nserver_name:valkey\nvalkey_version:8.1.0").replace(
    "redis_mode:standalone", "redis_mode:standalone\nserver_mode:standalone"
)

REPLICA = V7_0.replace(
    "role:master\nconnected_slaves:1\nslave0:ip=10.0.0.2,port=6379,state=online,offset=900,lag=1",
    "role:slave\nmaster_host:10.0.0.1\nmaster_port:6379\nmaster_link_status:down\nmaster_last_io_seconds_ago:-1\n"
    "master_sync_in_progress:0\nslave_read_repl_offset:950\nslave_repl_offset:950\nslave_priority:100\n"
    "slave_read_only:1\nconnected_slaves:0",
)

SENTINEL = """# Server
redis_version:7.0.15
redis_mode:sentinel
run_id:cccccccccccccccccccccccccccccccccccccccc
server_time_usec:1795371194900000
uptime_in_seconds:100

# Sentinel
sentinel_masters:1
sentinel_tilt:0
sentinel_tilt_since_seconds:-1
sentinel_running_scripts:0
sentinel_scripts_queue_length:0
sentinel_simulate_failure_flags:0
master0:name=cache,status=sdown,address=10.0.0.1:6379,slaves=2,sentinels=3
"""

ALL = {"5.0": V5_0, "6.2": V6_2, "7.0": V7_0, "7.4": V7_4, "8.0": V8_0, "valkey 8": VALKEY_8}
