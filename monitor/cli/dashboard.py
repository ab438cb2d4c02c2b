"""``monitor dashboard``: draw dashboards without Grafana, and say what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from monitor import clock
from monitor.addresses import check_url
from monitor.catalogue import durations
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.cli import Context, all_or_nothing, folders, pass_settings, print_json
from monitor.cli.dashboards_live import heard
from monitor.cli.folders import DASHBOARDS as FOLDER
from monitor.errors import InputError
from monitor.render.dashboard_page import page
from monitor.render.dashboards import boards
from monitor.render.dashboards_model import Board
from monitor.render.dashboards_window import span_of
from monitor.settings import Settings
from monitor.sources.panels import ask
from monitor.sources.prometheus import Prometheus

QUERY_TIMEOUT_S = 30.0
"""A week of a busy service takes longer than a console may wait."""


@click.group()
def command() -> None:
    """Draw dashboards without Grafana; list them with what they cost."""


_url = click.option(
    "--prometheus", "url", metavar="URL", help="The Prometheus to ask (default: prometheus_url of the settings)."
)


@command.command("draw")
@click.argument("uids", nargs=-1, metavar="[UID]...")
@_url
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("drawn"), show_default=True, help="Folder."
)
@click.option("--span", help="How far back (6h, 7d); default: as far as each dashboard opens with.")
@click.option("--set", "chosen", multiple=True, metavar="VARIABLE=VALUE", help="A choice: member=mongo-1:27017.")
@click.option("--open-rows", is_flag=True, help="Show closed rows opened.")
@pass_settings
def draw(
    context: Context,
    uids: tuple[str, ...],
    url: str | None,
    out: Path,
    span: str | None,
    chosen: tuple[str, ...],
    *,
    open_rows: bool,
) -> None:
    """Draw dashboards (all, unless some are named) as HTML pages that need nothing else: on call without Grafana."""
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    wanted, back = _named(catalogue, uids), _span(span)
    values = dict(_pair(one, wanted) for one in chosen)
    files = {}
    with _connect(settings, url) as prometheus:
        for board in wanted:
            length = back or span_of(board.span)
            now = clock.now().replace(microsecond=0)
            answers = ask(prometheus, board, now, length, catalogue.environment.scrape_interval, values)
            files[str(out / f"{board.uid}.html")] = page(board, catalogue, answers, opened=open_rows)
    all_or_nothing.replace(files)
    for file in files:
        click.echo(f"wrote {file}", err=True)


@command.command("list")
@_url
@click.option(
    "--dashboards",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(FOLDER),
    show_default=True,
    help="Grafana dashboards, any JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def list_command(context: Context, url: str | None, dashboards: Path, *, as_json: bool) -> None:
    """List dashboards with what opening them costs: queries at once and in all, slowest time, samples read."""
    settings = context.settings
    catalogue = load(settings.catalogue, settings.environment)
    files = folders.named_dashboards(dashboards)
    with _connect(settings, url) as prometheus:
        costs = heard(prometheus, catalogue, files, {}).costs
    if as_json:
        fields = ("uid", "queries", "shown", "p95_seconds", "samples")
        print_json({"dashboards": [{name: getattr(cost, name) for name in fields} for cost in costs]})
        return
    click.echo(f"{'DASHBOARD':<12} {'QUERIES':>8} {'AT ONCE':>8} {'P95':>8} {'SAMPLES':>12}")
    for cost in costs:
        time = f"{cost.p95_seconds * 1000:.0f} ms"
        click.echo(f"{cost.uid:<12} {cost.queries:>8} {cost.shown:>8} {time:>8} {cost.samples:>12,}")


def _connect(settings: Settings, url: str | None) -> Prometheus:
    login = settings.prometheus_login()
    if url is None:
        return Prometheus(settings.prometheus_url, QUERY_TIMEOUT_S, login=login)
    check_url("--prometheus", url)
    return Prometheus(url, QUERY_TIMEOUT_S, login=login, named="--prometheus")


def _named(catalogue: Catalogue, uids: Sequence[str]) -> list[Board]:
    known = {board.uid: board for board in boards(catalogue)}
    if unknown := [uid for uid in uids if uid not in known]:
        raise InputError(f"there is no dashboard {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[uid] for uid in uids] or list(known.values())


def _span(text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        span = durations.parse(text)
    except ValueError as error:
        raise InputError(f"--span {text}: {error}") from error
    if span <= timedelta(minutes=1):
        raise InputError(f"--span {text}: at least two minutes are needed for a graph")
    return span


def _pair(text: str, wanted: Sequence[Board]) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name or not value:
        raise InputError(f"--set {text}: write VARIABLE=VALUE")
    known = sorted({variable.name for board in wanted for variable in board.variables})
    if name not in known:
        raise InputError(f"--set {text}: these dashboards have no variable {name!r}; they have: {', '.join(known)}")
    # It stands in quotes in every query.
    return name, value.replace("\\", "\\\\").replace('"', '\\"')
