"""``monitor check``: find promises that cannot hold."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.addresses import check_url
from monitor.catalogue.load import load
from monitor.check import findings, live_findings, missing_series
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.runbook_pages import pages
from monitor.errors import Exit
from monitor.render.runbooks import FOLDER
from monitor.sources.prometheus import Prometheus


@click.command("check")
@click.option(
    "--prometheus",
    "url",
    metavar="URL",
    help="Ask this live Prometheus as well (as prometheus_username, if that is set): is every metric there, does every "
    "selector match, does it keep samples long enough?",
)
@click.option(
    "--runbooks",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"The pages to check (default: {FOLDER}/ where there is one).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@pass_settings
def command(context: Context, url: str | None, runbooks: Path | None, *, as_json: bool) -> None:
    """Find promises that cannot hold: unknown metrics, dead routes, alerts that never fire or were never tested.

    Exits 1 when there are findings.
    """
    settings = context.settings
    if url is not None:
        check_url("--prometheus", url)
    catalogue = load(settings.catalogue, settings.environment)
    found = list(findings(catalogue, pages(runbooks or Path(FOLDER))))
    if url is not None:
        with Prometheus(url, login=settings.prometheus_login()) as prometheus:
            found += missing_series(catalogue, prometheus.instant)
            retention = prometheus.retention()
            found += live_findings(catalogue, prometheus.instant, retention)
        if retention is None:
            click.echo("monitor: how long this Prometheus keeps samples is not known: it does not say", err=True)
    if as_json:
        print_json({"findings": [finding.to_json() for finding in found]})
    else:
        for finding in found:
            click.echo(str(finding))
        if not found:
            click.echo(
                f"{len(catalogue.slos)} SLOs and {sum(len(g.rules) for g in catalogue.alerts)} alerts: no findings"
            )
    leave(Exit.PROMISE_BROKEN if found else Exit.GOOD)
