"""``monitor work``."""

from __future__ import annotations

import os
from importlib.metadata import version

import click
from aiohttp import web

from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings
from monitor.cli.listening import listening
from monitor.store import Store
from monitor.work import make_app
from telemetry import logs
from telemetry import settings as telemetry_settings

log = logs.get_logger()


@click.command()
@pass_settings
def command(context: Context) -> None:
    """Run the scheduled jobs: backups, verifications, reports, drills."""
    settings = context.settings
    logs.configure("work", level=telemetry_settings.from_environment(os.environ, "MONITOR_").log_level)
    catalogue = load(settings.catalogue, settings.environment)
    where = listening("work_listen", settings.work_listen, settings.web_config_file)
    with Store.migrate(settings.state) as store:
        log.info("work.started", address=where.address, version=version("appointment-sre"))
        web.run_app(
            make_app(settings, store, catalogue, protection=where.protection),
            sock=where.sockets,
            ssl_context=where.protection.ssl_context,
            print=None,
            access_log=None,
            shutdown_timeout=2,
        )
