"""``monitor serve``."""

from __future__ import annotations

import os

import click
from aiohttp import web

from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings
from monitor.cli.listening import listen_address
from monitor.store import Store
from monitor.web import make_app
from telemetry import logs
from telemetry import settings as telemetry_settings

STORE_WAIT_S = 60
"""``work`` or ``up`` makes the store; they may be starting at this very moment."""


@click.command()
@pass_settings
def command(context: Context) -> None:
    """Serve the console, the API and the alert receiver."""
    settings = context.settings
    logs.configure("web", level=telemetry_settings.from_environment(os.environ, "MONITOR_").log_level)
    catalogue = load(settings.catalogue, settings.environment)
    host, port = listen_address("web_listen", settings.web_listen)
    with Store.open(settings.state, wait_s=STORE_WAIT_S) as store:
        app = make_app(settings, store, catalogue)
        web.run_app(app, host=host, port=port, print=None, access_log=None, shutdown_timeout=5, handle_signals=True)
