"""Receivers as they are written: what Alertmanager takes, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.catalogue.load import load
from monitor.errors import CatalogueError
from tests.catalogue_files import codes, lay_out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_out(tmp_path)


CONTACTS = """\
teams:
  - {{name: sre, critical: [pager], warning: [console]}}
receivers:
  - {{name: console, kind: webhook, settings: {{}}}}
  - {{name: pager, kind: {kind}, settings: {{{settings}}}}}
"""


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("webhook", "url: http://pager:1/hook"),
        ("webhook", "url_file: /run/secrets/hook"),
        ("webhook", "url: http://pager:1/hook, username: alertmanager, password_file: /run/secrets/hook"),
        ("webhook", "url: 'https://pager:1/hook', credentials_file: /run/secrets/token, ca_file: /etc/ssl/own.pem"),
        ("email", "to: a@b, from: c@d, smarthost: 'mail:25', auth_username: u, auth_password_file: /run/secrets/mail"),
        ("email", "to: a@b, from: c@d, smarthost: 'mail:25', require_tls: 'false'"),
        ("email", "to: a@b, from: c@d, smarthost: '[::1]:25'"),
        ("slack", "api_url_file: /run/secrets/slack, channel: alerts"),
        ("slack", "api_url_file: a, title: '{{ range .Alerts }}{{ .Labels.x | toUpper }}{{ end }}'"),
        ("pagerduty", "routing_key_file: /run/secrets/key, severity: critical"),
        ("pagerduty", "service_key_file: /run/secrets/key"),
        ("msteams", "webhook_url_file: /run/secrets/teams"),
    ],
)
def test_a_receiver_of_each_kind_is_taken(root: Path, kind: str, settings: str) -> None:
    (root / "contacts.yaml").write_text(CONTACTS.format(kind=kind, settings=settings))

    assert load(root, "local").contacts.receivers[1].kind == kind


@pytest.mark.parametrize(
    ("kind", "settings", "wrong"),
    [
        ("pagerduty", "routing_key_file: a, wibble: x", ["wibble"]),
        ("pagerduty", "routing_key: SECRET", ["routing_key", "routing_key_file"]),
        ("pagerduty", "routing_key_file: a, service_key_file: b", ["service_key_file"]),
        ("pagerduty", "routing_key_file: a, url: nowhere", ["url"]),
        ("slack", "api_url: 'https://hooks.slack.example/SECRET'", ["api_url", "api_url_file"]),
        ("slack", "", ["api_url_file"]),
        ("msteams", "webhook_url: 'https://example.org/SECRET'", ["webhook_url", "webhook_url_file"]),
        ("email", "to: a@b, auth_password: SECRET", ["auth_password", "from", "smarthost"]),
        ("email", "to: a@b, from: c@d, smarthost: 'x:1', auth_secret: SECRET", ["auth_secret"]),
        ("email", "to: a@b, from: c@d, smarthost: 'x:1', require_tls: sometimes", ["require_tls"]),
        ("webhook", "", ["url"]),
        ("webhook", "url: 'http://u:SECRET@pager/'", ["url"]),
        ("webhook", "url: 'ftp://pager/'", ["url"]),
        ("webhook", "url: 'http://[pager/'", ["url"]),
        ("webhook", "url: http://pager, url_file: x", ["url_file"]),
        ("webhook", "url: http://pager, username: u, password: SECRET", ["password", "password_file"]),
        ("webhook", "url: http://pager, credentials: SECRET", ["credentials"]),
        ("webhook", "url: http://pager, username: u", ["password_file"]),
        ("webhook", "url: http://pager, password_file: p", ["username"]),
        ("webhook", "url: http://pager, ca_file: ' '", ["ca_file"]),
        ("webhook", "url: http://pager, username: u, password_file: p, credentials_file: c", ["credentials_file"]),
        ("webhook", "url: 'http://pager:port'", ["url"]),
        ("webhook", "url: 'http://pager/%zz'", ["url"]),
        ("webhook", 'url: "http://pager/\\n"', ["url"]),
        ("email", "to: a@b, from: c@d, smarthost: mail", ["smarthost"]),
        ("email", "to: a@b, from: c@d, smarthost: '::1:25'", ["smarthost"]),
        ("slack", "api_url_file: a, title: '{{ .Status'", ["title"]),
        ("slack", "api_url_file: a, title: '{{ nothing . }}'", ["title"]),
    ],
)
def test_settings_that_alertmanager_refuses_or_that_are_secrets_are_faults(
    root: Path, kind: str, settings: str, wrong: list[str]
) -> None:
    (root / "contacts.yaml").write_text(CONTACTS.format(kind=kind, settings=settings))

    with pytest.raises(CatalogueError) as caught:
        load(root, "local")

    assert sorted(fault.path for fault in caught.value.faults) == [f"receivers[1].settings.{name}" for name in wrong]
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ("a: b", ["a"]),
        ("url: http://elsewhere", ["url"]),
        ("url_file: x", ["url_file"]),
        ("password: SECRET, username: u", ["password", "password_file"]),
    ],
)
def test_the_consoles_own_receiver_takes_a_login_and_nothing_else(root: Path, settings: str, wrong: list[str]) -> None:
    contacts = CONTACTS.format(kind="webhook", settings="url: http://pager:1")
    (root / "contacts.yaml").write_text(contacts.replace("settings: {}", f"settings: {{{settings}}}"))

    assert sorted(path for _, _, path in codes(root)) == [f"receivers[0].settings.{name}" for name in wrong]


def test_no_team_is_without_a_name(root: Path) -> None:
    contacts = CONTACTS.format(kind="webhook", settings="url: http://pager:1")
    (root / "contacts.yaml").write_text(contacts.replace("name: sre", "name: ''"))

    assert [path for _, _, path in codes(root)] == ["teams[0].name"]
