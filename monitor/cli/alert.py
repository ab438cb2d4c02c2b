"""``monitor alert``: where alerts go, whether each has what people need, and what a team's own Alertmanager needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.catalogue.naming import is_label
from monitor.catalogue.strict_yaml import read_text
from monitor.check import explained_words, routes
from monitor.check.coverage import Coverage, coverage
from monitor.check.explained import explain
from monitor.check.finding import Finding
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.cli.runbook_pages import pages
from monitor.errors import CatalogueError, Exit, Fault, InputError
from monitor.render.alertmanager import alertmanager_config, subtree
from monitor.render.notifications import FILE, notification_templates
from monitor.render.runbooks import FOLDER
from monitor.render.yaml_text import document
from monitor.routing.config import Config, read
from monitor.routing.reach import Reach, reaches

COLUMNS = ("ALERT", "HEARD", "OWNER", "HEARD BY", "RUNBOOK", "TESTS", "PANEL", "HOLES")


@click.group()
def command() -> None:
    """Say where alerts go and why; show whether each has owner, runbook, tests and panel."""


@command.command("list")
@click.option(
    "--runbooks",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"The pages to look at (default: {FOLDER}/ in this directory).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table and the holes as JSON.")
@pass_settings
def list_(context: Context, runbooks: Path | None, *, as_json: bool) -> None:
    """Show every alert with its owner, who hears of it and when, runbook, tests and panel.

    Exits 1 when one of them is missing, or when a route or an inhibition cannot work as it is written.
    """
    catalogue = load(context.settings.catalogue, context.settings.environment)
    folder = runbooks or Path(FOLDER)
    written = pages(folder)
    if written is None and runbooks:
        raise InputError(f"alert list: there is no directory {folder}: give the one that holds the runbooks")
    if written is None:
        click.echo(
            f"monitor: there is no directory {folder} here, so no alert has a runbook: give --runbooks", err=True
        )
    found = coverage(catalogue, written or {})
    if as_json:
        alerts = [row.to_json() for row in found.rows]
        print_json({"alerts": alerts, "holes": [hole.to_json() for hole in found.holes]})
    else:
        for line in _table(found):
            click.echo(line)
    leave(Exit.PROMISE_BROKEN if found.holes else Exit.GOOD)


@command.command("route")
@click.argument("labels", nargs=-1, metavar="[LABEL=VALUE]...")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="Any alertmanager.yml, in place of the one that the catalogue becomes.",
)
@click.option("--at", "at_text", metavar="TIME", help="When (RFC 3339; by the clinic's clocks without a zone). Now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def route(
    context: Context, labels: tuple[str, ...], config_file: Path | None, at_text: str | None, *, as_json: bool
) -> None:
    """Explain where an alert with these labels goes: each route tried, who is told, what mutes it.

    The labels that the catalogue gives an alert of that name need not be written. Exits 0 if some person hears of it
    then, and 1 if nobody does. Without labels every route is judged instead: exits 1 if no alert can reach one of them,
    or if it is always muted.
    """
    catalogue = None if config_file else load(context.settings.catalogue, context.settings.environment)
    config, name = _config(catalogue, config_file)
    zone = catalogue.recovery.time_zone if catalogue and catalogue.recovery else "UTC"
    if not labels:
        _judge_routes(config, name, as_json=as_json)
    at = _time(at_text, zone)
    answer = explain(config, _labels(labels), at, catalogue)
    if as_json:
        print_json(answer.to_json())
    else:
        for line in explained_words.lines(answer, zone):
            click.echo(line)
    leave(Exit.GOOD if answer.heard_by else Exit.PROMISE_BROKEN)


@command.command("config")
@click.option("--subtree", "only_ours", is_flag=True, help="Only what a team's own Alertmanager has to add.")
@click.option("--templates", is_flag=True, help=f"Print {FILE}, which the configuration names.")
@pass_settings
def config(context: Context, *, only_ours: bool, templates: bool) -> None:
    """Print Alertmanager's configuration for an environment, or what to add to one that is there already."""
    catalogue = load(context.settings.catalogue, context.settings.environment)
    if templates:
        click.echo(notification_templates(catalogue.environment), nl=False)
    elif only_ours:
        click.echo(_HOW_TO_ADD + document(subtree(catalogue)), nl=False)
    else:
        click.echo(alertmanager_config(catalogue), nl=False)


_HOW_TO_ADD = f"""\
# What to add to the Alertmanager that is there already:
#   1. templates:       add {FILE} (`monitor alert config --templates` prints it) beside your configuration.
#   2. route.routes:    put the one route below before yours. It takes the catalogue's alerts and no others, so your
#                       routes, grouping and receivers stay as they are.
#   3. inhibit_rules, time_intervals, receivers: append these entries to your lists. Their names are those of the teams
#                       in contacts.yaml; should one be yours already, rename the team.
# Then: amtool check-config, and `monitor alert route --config YOURS` to see that no route is dead.
"""


def _config(catalogue: Catalogue | None, file: Path | None) -> tuple[Config, str]:
    if file is None:
        assert catalogue is not None
        return routes.rendered(catalogue), routes.CONTACTS.file
    text = read_text(file, str(file))
    if isinstance(text, Fault):
        raise CatalogueError((text,))
    return read(text, str(file)), str(file)


def _labels(given: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not is_label(name):
            raise InputError(f"alert route: {text!r} is no label with its value: write it like severity=critical")
        if name in found:
            raise InputError(f"alert route: the label {name} is given twice: keep one")
        found[name] = value
    return found


def _time(text: str | None, zone: str) -> datetime:
    if text is None:
        return clock.now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"alert route: --at {text!r} is no time such as 2026-11-26T22:00 or 2026-11-26T22:00:00Z"
        raise InputError(message) from error
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))


def _judge_routes(config: Config, name: str, *, as_json: bool) -> None:
    judged = reaches(config.route)
    found = [*(routes.dead_route(reach, name) for reach in routes.dead(judged)), *routes.muted(config, name)]
    if as_json:
        print_json({"routes": [_reach_json(reach) for reach in judged], "holes": [hole.to_json() for hole in found]})
    else:
        for line in _reach_lines(judged, found):
            click.echo(line)
    leave(Exit.PROMISE_BROKEN if found else Exit.GOOD)


def _reach_json(reach: Reach) -> dict[str, object]:
    return {
        "route": reach.route.path,
        "line": reach.route.line,
        "receiver": reach.route.receiver,
        "dead": reach.dead,
        "example": dict(reach.example) if reach.example is not None else None,
        "shadowed_by": [other.path for other in reach.shadowed_by],
    }


def _reach_lines(judged: tuple[Reach, ...], found: list[Finding]) -> list[str]:
    rows = [("ROUTE", "LINE", "RECEIVER", "REACHED BY")]
    rows += [(each.route.path, str(each.route.line), each.route.receiver, _example(each)) for each in judged]
    return [*_columns(rows), "", *(map(str, found) if found else ["Every route can be reached."])]


def _example(reach: Reach) -> str:
    if reach.dead:
        return "no alert"
    if reach.example is None:
        return "(too involved to say)"
    return " ".join(f"{name}={value}" for name, value in reach.example.items()) or "any that the routes before it leave"


def _table(found: Coverage) -> list[str]:
    rows = [COLUMNS]
    for row in found.rows:
        name = f"{row.alert} ({len(row.slos)} SLOs)" if row.slos else row.alert
        page = "no" if {"no-runbook", "empty-runbook"} & set(row.holes) else "yes"
        panel = f"{row.dashboard}: {row.panel}" if row.panel else "-"
        heard = ", ".join(row.heard_by) or "-"
        tested = "yes" if row.tested else "no"
        rows.append((name, row.attention.value, row.team, heard, page, tested, panel, ", ".join(row.holes) or "-"))
    count = f"{len(found.rows)} alerts: " + (f"{len(found.holes)} holes" if found.holes else "no holes")
    return [*_columns(rows), "", *map(str, found.holes), count]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
