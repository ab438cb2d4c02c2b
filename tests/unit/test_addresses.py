"""What an address may look like, and that no message repeats one that may hold a password."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from monitor.addresses import check_database_uri, check_url, is_loopback, listen_address, place
from monitor.cli import main
from monitor.errors import Exit, SettingsError

WRONG_URLS = (
    *("http://me:s3cret@127.0.0.1:9090", "http://s3cret@127.0.0.1", "me:s3cret@127.0.0.1:9090", "http:/me:s3cret@host"),
    *(
        "http://127.0.0.1:99999",
        "http://127.0.0.1:s3cret",
        "http://[::1",
        "http://",
        "//127.0.0.1:9090",
        "127.0.0.1:9090",
    ),
    *(
        "file:///s3cret",
        "http://127.0.0.1/?token=s3cret",
        "http://127.0.0.1:9090 s3cret",
        "",
        "http://\ud800/",
        "s3cret",
    ),
)


@pytest.mark.parametrize("url", WRONG_URLS)
def test_what_is_no_url_of_a_server_is_refused_by_name_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^prometheus_url ") as caught:
        check_url("prometheus_url", url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", WRONG_URLS)
def test_check_says_so_in_one_sentence(url: str) -> None:
    found = CliRunner().invoke(main, ["check", "--prometheus", url])
    assert found.exit_code == Exit.WRONG_INPUT
    assert found.stderr.startswith("monitor: --prometheus ")
    assert found.stderr.count("\n") == 1
    assert "s3cret" not in found.output


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("http://[::1]:9090/", "http://[::1]:9090"),
        ("https://metrics.example.org/prometheus/s3cret", "https://metrics.example.org"),
        ("http://prometheus_1:9090", "http://prometheus_1:9090"),
        ("HTTP://Prometheus:9090", "http://prometheus:9090"),
    ],
)
def test_of_a_url_its_scheme_host_and_port_are_shown(url: str, shown: str) -> None:
    check_url("prometheus_url", url)
    assert place(url) == shown


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("mongodb_uri", "mongodb://[bad"),
        ("mongodb_uri", "mongodb://a:99999/"),
        ("mongodb_uri", "mongodb://a:27017,/?replicaSet=rs0"),
        ("mongodb_uri", "mongodb://"),
        ("mongodb_uri", "127.0.0.1:27017"),
        ("mongodb_uri", "http://a"),
        ("redis_uri", "redis://[bad"),
        ("redis_uri", "127.0.0.1"),
        ("mongodb_uri", "mongodb://me:s3cret@[bad"),
        ("redis_uri", "redis://:s3cret@cache:6379/0"),
        ("redis_uri", "redis://cache:6379/0?pass%77ord=s3cret"),
        ("mongodb_uri", "mongodb://a/?tls=true&tlsCertificateKeyFilePassword=s3cret"),
        ("mongodb_uri", "mongodb://a/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret"),
    ],
)
def test_a_wrong_uri_is_refused_by_name_and_not_repeated(name: str, uri: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} ") as caught:
        check_database_uri(name, uri)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("mongodb_uri", "mongodb://a:27017,b:27017,[::1]:27018/?replicaSet=rs0"),
        ("mongodb_uri", "mongodb+srv://cluster.example.org/?tls=true"),
        ("mongodb_uri", "mongodb://a?replicaSet=rs0"),
        ("redis_uri", "rediss://cache:6380/0"),
    ],
)
def test_a_uri_of_any_usual_form_is_taken(name: str, uri: str) -> None:
    check_database_uri(name, uri)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.9.10", "::1", "localhost")),
        *((host, False) for host in ("127.evil.com", "127.0.0.1.example.org", "127.1", "192.0.2.1", "::", "")),
    ],
)
def test_only_this_machine_is_this_machine(host: str, here: bool) -> None:  # noqa: FBT001  # a parameter of the table
    assert is_loopback(host) is here


@pytest.mark.parametrize("address", ["9500", "127.0.0.1", ":9500", "127.0.0.1:", "a:x", "a:99999", "a:" + "9" * 5000])
def test_an_address_to_listen_on_needs_host_and_port(address: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        listen_address("web_listen", address)


def test_an_ipv6_host_loses_its_brackets() -> None:
    assert listen_address("web_listen", "[::1]:9500") == ("::1", 9500)
