"""``monitor alert route``: where an alert goes and why, and whether every route of a configuration can be reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from monitor.check.configuration import unfit_configuration
from monitor.check.explained import explain
from monitor.check.finding import Finding
from monitor.cli import Context, leave, pass_settings, print_json
from monitor.errors import CatalogueError, Exit, Fault, InputError
from monitor.routing.config import Config, read
from monitor.routing.matcher_texts import is_plain
from monitor.routing.reach import Reach, reaches


@click.command("route")
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
def command(
    context: Context, labels: tuple[str, ...], config_file: Path | None, at_text: str | None, *, as_json: bool
) -> None:
    """Explain where an alert with these labels goes: each route tried, who is told, what mutes it.

    The labels that the catalogue gives an alert of that name need not be written. Exits 0 if some person hears of it
    then, and 1 if nobody does. Without labels every route is judged instead: exits 1 if no alert can reach one of them,
    or if it is always muted, or at no time though the route above it is.
    """
    catalogue = None if config_file else load(context.settings.catalogue, context.settings.environment)
    config, name = _config(catalogue, config_file)
    zone = catalogue.recovery.time_zone if catalogue and catalogue.recovery else "UTC"
    if not labels:
        _judge_routes(config, name, as_json=as_json)
    at = _time(at_text, zone)
    try:
        answer = explain(config, _labels(labels, is_plain if config_file else is_label), at, catalogue)
    except ValueError as error:
        raise InputError(f"alert route: {error}") from error
    if as_json:
        print_json(answer.to_json())
    else:
        for line in explained_words.lines(answer, zone):
            click.echo(line)
    leave(Exit.GOOD if answer.heard_by else Exit.PROMISE_BROKEN)


def _config(catalogue: Catalogue | None, file: Path | None) -> tuple[Config, str]:
    if file is None:
        assert catalogue is not None
        return routes.rendered(catalogue), routes.CONTACTS.file
    text = read_text(file, str(file))
    if isinstance(text, Fault):
        raise CatalogueError((text,))
    return read(text, str(file)), str(file)


def _labels(given: tuple[str, ...], is_name: Callable[[str], bool]) -> dict[str, str]:
    """Labels as they were given. The catalogue has those of Latin letters; others may have any."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not is_name(name):
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
    found = list(unfit_configuration(config, judged, name))
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
    return [*columns(rows), "", *(map(str, found) if found else ["Every route can be reached."])]


def _example(reach: Reach) -> str:
    if reach.dead:
        return "no alert"
    if reach.example is None:
        return "(too involved to say)"
    return " ".join(f"{name}={value}" for name, value in reach.example.items()) or "any that the routes before it leave"


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines whose cells stand below each other."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
