"""``monitor serve``."""

from __future__ import annotations

import os
from importlib.metadata import version

import click
from aiohttp import web

from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings
from monitor.cli.listening import listening
from monitor.store import Store
from monitor.web import make_app
from telemetry import logs
from telemetry import settings as telemetry_settings

STORE_WAIT_S = 60
"""``work`` or ``up`` makes the store; they may be starting at this very moment."""


log = logs.get_logger()


@click.command()
@pass_settings
def command(context: Context) -> None:
    """Serve the console, the API and the alert receiver."""
    settings = context.settings
    logs.configure("web", level=telemetry_settings.from_environment(os.environ, "MONITOR_").log_level)
    catalogue = load(settings.catalogue, settings.environment)
    where = listening("web_listen", settings.web_listen, settings.web_config_file)
    with Store.open(settings.state, wait_s=STORE_WAIT_S) as store:
        log.info(
            "web.started",
            address=where.address,
            version=version("appointment-sre"),
            tls=where.protection.ssl_context is not None,
            users=bool(where.protection.users),
        )
        web.run_app(
            make_app(settings, store, catalogue, protection=where.protection),
            sock=where.sockets,
            ssl_context=where.protection.ssl_context,
            print=None,
            access_log=None,
            shutdown_timeout=5,
        )
