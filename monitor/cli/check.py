"""``monitor check``: find promises that cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from monitor import clock
from monitor.addresses import check_url
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.check import Finding, findings, live_findings, missing_jobs, missing_series
from monitor.check.holidays import past_holidays
from monitor.check.live import UNASKED
from monitor.check.waivers import Looked, stale, without_waived
from monitor.cli import Context, folders, leave, pass_settings, print_json, uncollected
from monitor.cli.dashboards_live import heard
from monitor.cli.folders import DASHBOARDS
from monitor.errors import Exit, Unavailable
from monitor.render.runbooks import FOLDER
from monitor.settings import Settings
from monitor.sources.prometheus import Prometheus


@click.command("check")
@click.option(
    "--prometheus",
    "url",
    metavar="URL",
    help="Ask this live Prometheus as well (as prometheus_username, if that is set): is every metric there, does every "
    "selector match, does it keep samples long enough; has every panel data, and are its queries cheap?",
)
@click.option(
    "--runbooks",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"The pages to check (default: {FOLDER}/ where there is one).",
)
@click.option(
    "--dashboards",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Grafana dashboards to check, any JSON (default: {DASHBOARDS}/, for the bundled catalogue).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@pass_settings
def command(
    context: Context, url: str | None, runbooks: Path | None, dashboards: Path | None, *, as_json: bool
) -> None:
    """Find promises that cannot hold: unknown metrics, dead routes, alerts that never fire or were never tested.

    Exits 1 when there are findings; 3 when the only one is that Prometheus could not be asked.
    """
    settings = context.settings
    if url is not None:
        check_url("--prometheus", url)
    with uncollected():
        catalogue = load(settings.catalogue, settings.environment)
        pages = folders.runbooks(runbooks)
        boards = _boards(settings, dashboards)
        found = list(findings(catalogue, pages, boards))
    if url is not None:
        found += _live(settings, catalogue, url, boards or {}, pages or {})
    today = clock.now().date()
    found += past_holidays(catalogue, today)
    answered = url is not None and all(finding.code != UNASKED for finding in found)
    looked = Looked(files=(*(pages or ()), *(boards or ())), live=answered)
    told, waived = without_waived(found, catalogue, today)
    told = (*told, *stale(catalogue, waived, today, looked))
    if as_json:
        print_json(
            {"findings": [finding.to_json() for finding in told], "waived": [finding.to_json() for finding in waived]}
        )
    else:
        for finding in told:
            click.echo(str(finding))
        if not told:
            shown = "" if boards is None else f" and {len(boards)} dashboards"
            click.echo(f"{_counted(catalogue)}{shown}: no findings" + (f" ({len(waived)} waived)" if waived else ""))
    leave(_exit(told))


def _counted(catalogue: Catalogue) -> str:
    return f"{len(catalogue.slos)} SLOs, {sum(len(group.rules) for group in catalogue.alerts)} alerts"


def _exit(told: Sequence[Finding]) -> Exit:
    if all(finding.code == UNASKED for finding in told):
        return Exit.UNKNOWN if told else Exit.GOOD
    return Exit.PROMISE_BROKEN


def _boards(settings: Settings, folder: Path | None) -> dict[str, str] | None:
    """The dashboards to check; those that lie around are only held against the catalogue that they were made from."""
    if folder is not None:
        return folders.named_dashboards(folder)
    return None if settings.catalogue else folders.dashboards(Path(DASHBOARDS))


def _live(
    settings: Settings, catalogue: Catalogue, url: str, boards: dict[str, str], pages: dict[str, str]
) -> Iterator[Finding]:
    """What a live server tells; where it does not, or no longer, that as well. What else was found is no less true."""
    try:
        with Prometheus(url, login=settings.prometheus_login(), named="--prometheus") as prometheus:
            yield from missing_series(catalogue, prometheus.instant)
            yield from missing_jobs(catalogue, prometheus.instant)
            retention = prometheus.retention()
            if retention is None:
                click.echo("monitor: how long this Prometheus keeps samples is not known: it does not say", err=True)
            yield from live_findings(catalogue, prometheus.instant, retention)
            yield from heard(prometheus, catalogue, boards, pages).findings
    except Unavailable as error:
        remedy = "until then only what is written is checked"
        yield Finding(file="--prometheus", line=0, code=UNASKED, message=str(error), remedy=remedy)
