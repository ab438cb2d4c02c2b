"""What Alertmanager takes as settings of a receiver, so that what is generated loads, and holds no secret. Pure.

Only settings that are one text: those are what ``contacts.yaml`` can say. Tried with amtool on 0.25 and 0.33.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from monitor.catalogue import templates

CONSOLE = "console"
"""The receiver that is always there; its address is the environment's ``webhook_url``."""

HTTP = {
    "username": ("basic_auth", "username"),
    "password_file": ("basic_auth", "password_file"),
    "credentials_file": ("authorization", "credentials_file"),
    "ca_file": ("tls_config", "ca_file"),
}
"""Settings by which a webhook knows Alertmanager, or Alertmanager the webhook: where each stands in ``http_config``."""

FLAGS = {"true": True, "false": False}

_HOST_AND_PORT = re.compile(r"(?:\[[^]\s]+\]|[^][:\s]+):[^][:\s]+")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f]|%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """``needs`` lists sets of settings, of each of which exactly one must be given."""

    needs: tuple[tuple[str, ...], ...]
    may: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    """Settings that would put a secret into a committed file; each has a ``_file`` form unless that is not known."""
    urls: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    """Settings that are ``"true"`` or ``"false"``."""


_KINDS = {
    "webhook": _Kind(
        needs=(("url", "url_file"),),
        may=frozenset(HTTP),
        secret=frozenset({"password", "credentials"}),
        urls=frozenset({"url"}),
    ),
    "email": _Kind(
        needs=(("to",), ("from",), ("smarthost",)),
        may=frozenset({"hello", "auth_username", "auth_identity", "auth_password_file", "html", "text"})
        | {"require_tls"},
        secret=frozenset({"auth_password", "auth_secret"}),
        flags=frozenset({"require_tls"}),
    ),
    "slack": _Kind(
        needs=(("api_url_file",),),
        may=frozenset(
            {"channel", "username", "color", "title", "title_link", "pretext", "text", "footer", "fallback"}
            | {"callback_id", "icon_emoji", "icon_url", "image_url", "thumb_url"}
        ),
        secret=frozenset({"api_url"}),
    ),
    "pagerduty": _Kind(
        needs=(("routing_key_file", "service_key_file"),),
        may=frozenset({"url", "client", "client_url", "description", "severity", "class", "component", "group"}),
        secret=frozenset({"routing_key", "service_key"}),
        urls=frozenset({"url"}),
    ),
    "msteams": _Kind(
        needs=(("webhook_url_file",),),
        may=frozenset({"title", "text"}),
        secret=frozenset({"webhook_url"}),
    ),
}


def is_flag(kind: str, setting: str) -> bool:
    """Whether Alertmanager wants true or false here, and no text."""
    return setting in _KINDS[kind].flags


def problems(name: str, kind: str, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a receiver's settings: ``(setting, message)`` each, the setting empty for all of them."""
    rules = _AT_THE_CONSOLE if name == CONSOLE else _KINDS[kind]
    for group in rules.needs:
        given = [setting for setting in group if settings.get(setting)]
        if not given:
            yield group[0], f"is missing: a receiver of kind {kind} needs {' or '.join(group)}"
        elif len(given) > 1:
            yield given[1], f"is given beside {given[0]}: keep one"
    yield from _login(settings)
    known = rules.may.union(*rules.needs)
    for setting, value in settings.items():
        if name == CONSOLE and setting in {"url", "url_file"}:
            yield setting, "is not for the console, which is reached at the environment's webhook_url"
        else:
            yield from ((setting, message) for message in _wrong(kind, setting, value, rules, known))


_AT_THE_CONSOLE = replace(_KINDS["webhook"], needs=())


def _login(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Say what is wrong with how a webhook knows Alertmanager: by user and password, or by a token."""
    for one, other in (("username", "password_file"), ("password_file", "username")):
        if settings.get(one) and not settings.get(other):
            yield other, f"is missing: {one} is of no use without it"
    if settings.get("credentials_file") and settings.get("username"):
        yield "credentials_file", "is given beside username: Alertmanager sends one of them, keep it"


def _wrong(kind: str, setting: str, value: str, rules: _Kind, known: frozenset[str]) -> Iterator[str]:
    if setting in rules.secret:
        yield _instead(setting, known)
    elif setting not in known:
        yield f"is not a setting of kind {kind}: use one of {', '.join(sorted(known))}"
    elif setting in HTTP:
        if not value.strip():
            yield "must not be empty"
    elif setting in rules.flags and value not in FLAGS:
        yield 'must be "true" or "false", in quotes'
    elif setting in rules.urls:
        yield from _url(value)
    elif setting == "smarthost" and not _HOST_AND_PORT.fullmatch(value):
        yield "is no host with its port, such as mail.example:587"
    elif not setting.endswith("_file"):
        yield from _template(value)


def _template(value: str) -> Iterator[str]:
    """Alertmanager takes any text when it starts, and sends nothing when it cannot read one as a template."""
    try:
        templates.check(value, templates.ALERTMANAGER)
    except ValueError as error:
        yield str(error)


def _instead(setting: str, known: frozenset[str]) -> str:
    file = f"{setting}_file"
    way = f"write the path of a file that holds it as {file}" if file in known else "Alertmanager has no file for it"
    return f"would put a secret into a generated file: {way}"


def _url(value: str) -> Iterator[str]:
    try:
        address = urlsplit(value)
        _ = address.port
    except ValueError:
        yield "is not an address such as https://pager.example/hook"
        return
    if address.scheme not in {"http", "https"} or not address.netloc or _NOT_IN_URLS.search(value):
        yield "is not an address such as https://pager.example/hook"
    elif "@" in address.netloc:
        yield "has a password in it, which would stand in a generated file: use username and password_file"
