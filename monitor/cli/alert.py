"""``monitor alert``: where alerts go, whether each has what people need, and what a team's own Alertmanager needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.check.coverage import Coverage, coverage
from monitor.check.finding import Finding
from monitor.check.waivers import Waived, without_waived
from monitor.cli import Context, alert_quality, alert_route, folders, leave, pass_settings, print_json
from monitor.cli.alert_route import columns
from monitor.errors import Exit
from monitor.render.alertmanager import alertmanager_config, subtree
from monitor.render.notifications import FILE, notification_templates
from monitor.render.runbooks import FOLDER
from monitor.render.yaml_text import document

COLUMNS = ("ALERT", "HEARD", "OWNER", "HEARD BY", "RUNBOOK", "TESTS", "PANEL", "HOLES")


@click.group()
def command() -> None:
    """Say where alerts go and why; show whether each has owner, runbook, tests and panel."""


command.add_command(alert_route.command)
command.add_command(alert_quality.command)


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
    written = folders.runbooks(runbooks)
    if written is None:
        click.echo(
            f"monitor: there is no directory {FOLDER} here, so no alert has a runbook: give --runbooks", err=True
        )
    found = coverage(catalogue, written or {})
    holes, waived = without_waived(found.holes, catalogue, clock.now().date())
    if as_json:
        alerts, missing = [row.to_json() for row in found.rows], [hole.to_json() for hole in holes]
        print_json({"alerts": alerts, "holes": missing, "waived": [one.to_json() for one in waived]})
    else:
        for line in _table(found, holes, waived):
            click.echo(line)
    leave(Exit.PROMISE_BROKEN if holes else Exit.GOOD)


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
#                       in contacts.yaml; should one be yours already, rename the team. The names console, watchdog,
#                       drills, working-hours and holidays may be changed here, wherever they stand.
#   4. Where the console has users (its web_config_file), Alertmanager needs one of them: username and password_file in
#                       the settings of the receiver console in contacts.yaml, or the console answers 401.
# Then: amtool check-config, and `monitor alert route --config YOURS` to see that no route is dead.
"""


def _table(found: Coverage, holes: Sequence[Finding], waived: Sequence[Waived]) -> list[str]:
    rows = [COLUMNS]
    for row in found.rows:
        name = f"{row.alert} ({len(row.slos)} SLOs)" if row.slos else row.alert
        page = "no" if {"no-runbook", "empty-runbook"} & set(row.holes) else "yes"
        panel = f"{row.dashboard}: {row.panel}" if row.panel else "-"
        heard = ", ".join(row.heard_by) or "-"
        tested = "yes" if row.tested else "no"
        rows.append((name, row.attention.value, row.team, heard, page, tested, panel, ", ".join(row.holes) or "-"))
    count = f"{len(found.rows)} alerts: " + (f"{len(holes)} holes" if holes else "no holes")
    return [*columns(rows), "", *map(str, holes), count + (f" ({len(waived)} waived)" if waived else "")]
