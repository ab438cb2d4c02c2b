"""The configuration files of MongoDB, Redis and the edge, and ``monitor.toml``, written for one stack. Pure text."""

from __future__ import annotations

import json

from monitor.stack.credentials import redis_acl_file
from monitor.stack.layout import HOST, REPLICA_SET, Layout

OPLOG_MB = 512
CACHE_GB = 0.25
"""MongoDB's smallest cache: three members share one machine."""


def mongod_conf(layout: Layout, name: str) -> str:
    """Return a member's configuration."""
    return f"""\
# Written by `monitor up`; changed there, not here.
storage:
  dbPath: {json.dumps(str(layout.data / name))}
  wiredTiger:
    engineConfig:
      cacheSizeGB: {CACHE_GB}
net:
  bindIp: {HOST}
  port: {layout.port(name)}
  # A socket in /tmp would outlive a killed server, and clash between users.
  unixDomainSocket:
    enabled: false
security:
  authorization: enabled
  keyFile: {json.dumps(str(layout.mongodb_keyfile))}
replication:
  replSetName: {REPLICA_SET}
  oplogSizeMB: {OPLOG_MB}
systemLog:
  quiet: true
setParameter:
  # How long a member that is told to stop waits for others: the default of 15 s is for bigger sets.
  shutdownTimeoutMillisForSignaledShutdown: 1000
  # A frozen primary closes nothing: the members that copied from it notice only by this, and until they copy from its
  # successor no write reaches a majority. The default of 5 s, met twice, made bookings wait 12 s in a test.
  oplogNetworkTimeoutBufferSeconds: 1
"""


def redis_conf(layout: Layout) -> str:
    """Return Redis's configuration. It is a cache: a snapshot now and then is all that is kept."""
    return f"""\
# Written by `monitor up`; changed there, not here.
bind {HOST}
port {layout.port("redis")}
daemonize no
# A title would be written over the environment, by which `monitor down` finds what belongs to it.
set-proc-title no
dir {json.dumps(str(layout.data / "redis"))}
aclfile {json.dumps(str(redis_acl_file(layout)))}
save 300 1
maxmemory 128mb
maxmemory-policy volatile-lru
slowlog-log-slower-than 10000
latency-monitor-threshold 100
"""


def monitor_toml(layout: Layout, *, mongod: str, environment: str, catalogue: str | None) -> str:
    """Return the settings by which every ``monitor`` command finds this stack.

    The run directory itself is not among them: whoever reads this has found it.
    """
    values = {
        "environment": environment,
        "state_dir": str(layout.state.parent),
        "backup_store": str(layout.backups),
        "ledger_dir": str(layout.ledger),
        "prometheus_url": layout.url("prometheus"),
        "alertmanager_url": layout.url("alertmanager"),
        "edge_url": layout.url("edge"),
        "web_listen": layout.address("web"),
        "work_listen": layout.address("work"),
        "mongodb_uri": layout.mongodb_uri,
        "backup_username": "backup",
        "backup_password_file": str(layout.mongodb_password("backup")),
        "capture_username": "capture",
        "capture_password_file": str(layout.mongodb_password("capture")),
        "verify_username": "verify",
        "verify_password_file": str(layout.mongodb_password("verify")),
        "escrow_field_key_file": str(layout.escrowed_field_key),
        "erasure_signing_key_file": str(layout.erasure_signing_key),
        "erasure_verification_key_file": str(layout.erasure_verification_key),
        "redis_uri": layout.redis_uri,
        "redis_backup_username": "backup",
        "redis_backup_password_file": str(layout.redis_password("backup")),
        "mongod": mongod,
    }
    if catalogue is not None:
        values["catalogue"] = catalogue
    # A JSON string is a TOML basic string, but for code points that no path here has.
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "# Written by `monitor up`: where this stack is.\n" + "\n".join(lines) + "\n"
