"""What probes make of answers and certificates, without a server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import string
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from exporters.blackbox.api import finds_something
from exporters.blackbox.certificate import ends
from exporters.blackbox.client import reason_of
from exporters.blackbox.door import Frontdoor
from exporters.blackbox.families import FAILURES, JOURNEY_METRICS, PHASES, PROBE_METRICS
from exporters.blackbox.journey import JourneyCollector, prober
from exporters.blackbox.page import NEEDED, page
from exporters.blackbox.timeline import Timeline
from exporters.lookup import is_literal
from exporters.readings import Readings
from exporters.reasons import Reason
from exporters.settings import Settings

KEY = ec.generate_private_key(ec.SECP256R1())


def der(until: datetime, *, name: str = "localhost") -> bytes:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(1960, 1, 1, tzinfo=UTC))
        .not_valid_after(until)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001  # hypothesis wants them without zone
    st.text(string.ascii_letters, min_size=1, max_size=60),
)
def test_the_end_of_a_certificate_is_read_as_by_a_library_that_knows_all_of_x509(until: datetime, name: str) -> None:
    moment = until.replace(microsecond=0, tzinfo=UTC)
    assert ends(der(moment, name=name)) == moment.timestamp()


@given(st.binary(max_size=300))
def test_bytes_that_are_no_certificate_are_an_error_that_is_expected(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"certificate|unpack|time data|format|codec"):
        ends(content)


GOOD = der(datetime(2031, 1, 1, tzinfo=UTC))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_broken_certificate_is_one_too(place: int, value: int) -> None:
    broken = bytearray(GOOD)
    broken[place] = value
    with contextlib.suppress(ValueError):
        assert isinstance(ends(bytes(broken)), float)


@pytest.mark.parametrize(
    ("error", "phase", "reason"),
    [
        (TimeoutError(), "processing", "timeout"),
        (TimeoutError(), "resolve", "dns"),
        (ssl.SSLCertVerificationError("x"), "", "tls"),
        (ConnectionResetError(), "tls", "tls"),
        (ConnectionRefusedError(), "connect", "refused"),
        (aiohttp.ServerDisconnectedError(), "processing", "refused"),
        (aiohttp.ClientPayloadError(), "transfer", "malformed"),
        (ValueError(), "processing", "malformed"),
        (asyncio.CancelledError(), "processing", "timeout"),
        (KeyError("somebody@example.org"), "", "error"),
    ],
)
def test_every_failure_has_a_word_from_the_list(error: BaseException, phase: str, reason: str) -> None:
    assert reason_of(error, phase) == reason
    assert reason in FAILURES


def test_phases_are_told_apart_and_nothing_is_noted_after_the_end() -> None:
    timeline = Timeline()
    for phase in PHASES:
        timeline.enter(phase)
    timeline.end()
    before = dict(timeline.seconds)
    timeline.enter("connect")
    timeline.end()
    assert timeline.seconds == before
    assert set(before) == set(PHASES)
    assert timeline.phase == "transfer", "how far it came"


def test_a_page_holds_what_a_patient_needs() -> None:
    whole = b"".join(NEEDED)
    assert page("").good(whole)
    assert not any(page("").good(whole.replace(part, b"")) for part in NEEDED)
    assert page("Grüezi").good("Grüezi mitenand".encode())


def test_a_search_finds_something() -> None:
    assert finds_something(b'{"resourceType": "Bundle", "entry": [{"resource": {"id": "a"}}]}')
    assert not finds_something(b'{"resourceType": "OperationOutcome"}')


@pytest.mark.parametrize(
    ("host", "literal"), [("127.0.0.1", True), ("::1", True), ("localhost", False), ("10", False), ("", False)]
)
def test_an_address_needs_no_resolver(host: str, literal: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_literal(host) == literal


def test_a_prober_is_the_same_after_a_restart_and_nobody_elses() -> None:
    one = Settings(probe_url="http://edge:8000", listen="127.0.0.1:9400")
    others = (
        Settings(probe_url="http://edge:8000", listen="127.0.0.1:9401"),
        Settings(probe_url="http://edge:8001", listen="127.0.0.1:9400"),
        Settings(probe_url="http://edge:8000", listen="127.0.0.1:9400", journey_prober="second"),
    )
    assert prober(one) == prober(one)
    assert len({prober(settings) for settings in (one, *others)}) == 4
    anywhere = Settings(probe_url="http://edge:8000", listen="127.0.0.1:0")
    assert prober(anywhere) != prober(anywhere)


def test_a_journey_needs_a_door_and_a_secret() -> None:
    assert JourneyCollector.missing(Settings()) == "--probe"
    assert JourneyCollector.missing(Settings(probe_url="http://x")) == "EXPORTERS_SYNTHETIC_SECRET_FILE"


async def test_a_journey_that_is_not_known_any_more_blames_no_step() -> None:
    collector = JourneyCollector(settings := Settings(probe_url="http://127.0.0.1:9"), b"", Frontdoor.open(settings))
    readings = Readings(collector.metrics)
    collector.lost(readings, Reason.TIMEOUT)
    assert not [name for name, (keys, _) in readings.series.items() if keys], "nothing was tried yet"
    collector._tried.set()
    collector.lost(readings, Reason.TIMEOUT)
    said = {name for name, (keys, _) in readings.series.items() if keys}
    assert said == {
        "probe_journey_success",
        "probe_journey_failure_reason",
        "probe_journey_last_success_timestamp_seconds",
        "probe_journey_runs_total",
        "probe_journey_step_failures_total",
    }
    assert readings.series["probe_journey_success"] == ([()], [0])


def test_declarations_say_source_and_cost() -> None:
    assert all(metric.source for metric in (*PROBE_METRICS, *JOURNEY_METRICS))
    assert {metric.cost for metric in PROBE_METRICS} == {"fast"}
    assert {metric.cost for metric in JOURNEY_METRICS} == {"slow"}
    assert timedelta(seconds=Settings().journey_interval) == timedelta(minutes=1)
