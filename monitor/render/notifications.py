"""The template file of notifications: what a person reads on a phone's lock screen, and when it is opened. Pure."""

from __future__ import annotations

import json
from importlib.resources import files

from monitor.catalogue.model import Environment
from monitor.render.yaml_text import GENERATED_BY

FILE = "notifications.tmpl"
"""Beside alertmanager.yml, which names it by this."""
PATH = f"rules/{FILE}"

_HEAD = f"{{{{/* {GENERATED_BY} from the catalogue. Do not edit: change the catalogue and generate again. */}}}}\n"
_CONSOLE = "@CONSOLE@"
_ENVIRONMENT = "@ENVIRONMENT@"


def notification_templates(environment: Environment) -> str:
    """The whole file, with the console's address in its links and the environment that need not be named.

    Times are UTC: Alertmanager learned other zones in 0.28 only, and where its machine has no time zones a template
    that asks for one sends nothing at all.
    """
    text = (files("monitor.render") / "templates" / FILE).read_text(encoding="utf-8")
    # An address holds no braces or quotes (``monitor.catalogue.plain``), so nothing in it can be a template.
    text = text.replace(_CONSOLE, environment.console_url.rstrip("/"))
    # A JSON string is one of Go's.
    return _HEAD + text.replace(_ENVIRONMENT, json.dumps(environment.name, ensure_ascii=False))
