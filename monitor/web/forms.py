"""Forms that change something: only our own pages may send them, and what they carry is checked before it is used.

A strange page can make a browser post a form to us, with the password that the browser remembers; it cannot read our
pages. So each form carries a token that only our pages show. Programs send JSON, which no strange page can.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from monitor.web import words
from telemetry.webconfig import USER

MAX_WHO, MAX_WHY = 80, 500
HOUR_S = 3600
VALID_HOURS = 12
"""How long a form may lie open on somebody's phone: a night."""


class FormTokens:
    """Makes and checks the tokens. They end with the process: a form from before a restart has to be loaded again."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def make(self, user: str) -> str:
        """The token of this hour."""
        return self._token(user, int(time.time()) // HOUR_S)

    def valid(self, token: str, user: str) -> bool:
        """Whether we gave this token to this user within the last hours."""
        hour = int(time.time()) // HOUR_S
        # Each is compared, so that the time it takes does not tell which one was nearly right.
        found = [hmac.compare_digest(token.encode(), self._token(user, hour - n).encode()) for n in range(VALID_HOURS)]
        return any(found)

    def _token(self, user: str, hour: int) -> str:
        return hmac.new(self._key, f"{hour}\0{user}".encode(), hashlib.sha256).hexdigest()


def user_of(request: web.Request) -> str:
    """Who is logged in; empty where the console has no users."""
    return str(request.get(USER, ""))


async def fields_of(request: web.Request, tokens: FormTokens) -> Mapping[str, list[str]]:
    """Read a form of ours.

    Raises:
        HTTPBadRequest: it holds what is no text.
        HTTPForbidden: no page of ours made it, or one from before a restart.
        HTTPUnsupportedMediaType: it is no form.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType(text="a form of this console is expected")
    try:
        form = await request.post()
    except (LookupError, UnicodeError) as error:
        raise web.HTTPBadRequest(text="the form is not text of the kind that it says") from error
    fields: dict[str, list[str]] = {}
    for name, value in form.items():
        fields.setdefault(name, []).append(str(value))
    if not tokens.valid(first(fields, "token"), user_of(request)):
        raise web.HTTPForbidden(
            text="This form is not of this console, or from before it was restarted: go back, reload, try again."
        )
    return fields


async def json_of(request: web.Request) -> Mapping[str, Any]:
    """Read a JSON object.

    Raises:
        HTTPBadRequest: it is none.
        HTTPUnsupportedMediaType: it does not say that it is JSON.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="the body must be sent as application/json")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text="the body is not JSON") from error
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body is not a JSON object")
    return body


def first(fields: Mapping[str, list[str]], name: str) -> str:
    """The first value of a field; empty where there is none."""
    return next(iter(fields.get(name, ())), "").strip()


def who_of(request: web.Request, given: str) -> str:
    """Who does this: whoever is logged in, else the name that was given.

    Raises:
        HTTPBadRequest: nobody.
    """
    return user_of(request) or text_of(given, "who", MAX_WHO)


def text_of(given: object, name: str, longest: int, *, needed: bool = True) -> str:
    """One line of text.

    Raises:
        HTTPBadRequest: it is missing, too long, or holds what cannot be stored.
    """
    text = " ".join(given.split()) if isinstance(given, str) else ""
    if needed and not text:
        raise web.HTTPBadRequest(text=f"{name} is missing: say it in a few words")
    if len(text) > longest:
        raise web.HTTPBadRequest(text=f"{name} has {len(text)} characters: at most {longest} are taken")
    if not words.is_harmless(text):
        raise web.HTTPBadRequest(text=f"{name} holds characters that cannot be shown")
    return text
