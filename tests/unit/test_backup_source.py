"""Which member a backup reads from, and what is said when MongoDB refuses."""

from __future__ import annotations

import pytest
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from monitor.errors import InputError, MonitorError, Unavailable
from monitor.sources.mongodb import Member, choose_secondary, connect, hosts, member_uri, one_sentence, primary_name

SECRET = "hunter2"


def secondary(name: str, *, lag: float = 0, hidden: bool = False, priority: float = 1) -> Member:
    return Member(name=name, state="SECONDARY", lag_seconds=lag, hidden=hidden, priority=priority)


PRIMARY = Member(name="p:1", state="PRIMARY")


def test_a_hidden_member_is_preferred_then_low_priority_then_little_lag() -> None:
    plain, late, spare = secondary("a:1"), secondary("b:1", lag=5), secondary("c:1", priority=0, lag=9)
    hidden = secondary("d:1", hidden=True, priority=0, lag=20)
    assert choose_secondary([PRIMARY, plain, late, spare, hidden]) == hidden
    assert choose_secondary([PRIMARY, plain, late, spare]) == spare
    assert choose_secondary([PRIMARY, late, plain]) == plain


def test_members_that_are_late_down_or_busy_are_not_chosen() -> None:
    down = Member(name="a:1", state="SECONDARY", healthy=False)
    busy = Member(name="b:1", state="RECOVERING")
    assert choose_secondary([PRIMARY, down, busy, secondary("c:1", lag=61)]) is None


def test_the_primary_is_named_while_there_is_one() -> None:
    assert primary_name([secondary("a:1"), PRIMARY]) == "p:1"
    assert primary_name([secondary("a:1"), Member(name="p:1", state="PRIMARY", healthy=False)]) is None


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://a:1,b:2/?replicaSet=rs0", "mongodb://m:9/"),
        ("mongodb://a:1,b:2/?replicaSet=rs0&tls=true&tlsCAFile=/ca.pem", "mongodb://m:9/?tls=true&tlsCAFile=/ca.pem"),
        ("mongodb://a:1", "mongodb://m:9/"),
        ("mongodb://a:1/admin?authSource=x", "mongodb://m:9/admin?authSource=x"),
        ("mongodb+srv://cluster.example/?retryReads=false", "mongodb://m:9/?retryReads=false&tls=true"),
        ("mongodb+srv://cluster.example/?tls=false", "mongodb://m:9/?tls=false"),
    ],
)
def test_a_members_uri_keeps_how_to_talk_and_drops_whom_to_find(uri: str, expected: str) -> None:
    assert member_uri(uri, "m:9") == expected


def test_hosts_are_shown_without_user_and_password() -> None:
    assert hosts(f"mongodb://u:{SECRET}@a:1,b:2/x?y=z") == "a:1,b:2"


@pytest.mark.parametrize(
    ("raised", "expected", "said"),
    [
        (OperationFailure(SECRET, 18), Unavailable, "refused the user or password"),
        (OperationFailure(SECRET, 13), Unavailable, "grant backup, clusterMonitor, readAnyDatabase"),
        (OperationFailure(SECRET, 96, {"codeName": "Odd"}), Unavailable, r"error 96 \(Odd\)"),
        (ServerSelectionTimeoutError(SECRET), Unavailable, "does not answer"),
        (AutoReconnect(SECRET), Unavailable, "does not answer"),
        (ExecutionTimeout(SECRET), Unavailable, "did not finish in time"),
        (InvalidURI(SECRET), InputError, "write it as mongodb://"),
        (ConfigurationError(SECRET), InputError, "write it as mongodb://"),
        (PyMongoError(SECRET), Unavailable, "failed"),
    ],
)
def test_each_failure_is_one_sentence_of_ours(raised: PyMongoError, expected: type[MonitorError], said: str) -> None:
    with pytest.raises(expected, match=said) as caught, one_sentence("trying", "h:1"):
        raise raised
    text = str(caught.value)
    assert text.startswith("trying: ")
    assert "h:1" in text
    assert SECRET not in text
    assert "\n" not in text


def test_a_uri_that_is_none_is_wrong_input() -> None:
    with pytest.raises(InputError, match="no usable MongoDB URI"):
        connect("http://h:1", "u", SECRET)
