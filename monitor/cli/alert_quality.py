"""``monitor alert quality``: which alerts woke people, which of them somebody acted on, which never fired."""

from __future__ import annotations

import click

from monitor import clock
from monitor.catalogue import durations
from monitor.catalogue.load import load
from monitor.cli import Context, pass_settings, print_json
from monitor.cli.alert_route import columns
from monitor.compliance.alert_quality import LONGEST_PERIOD, AlertQuality, QualityReport, alert_quality
from monitor.errors import InputError
from monitor.render.rules import all_alerts
from monitor.store import Store
from monitor.store_actions import Actions
from monitor.store_alerts import Alerts
from monitor.store_suppressed import Suppressions
from monitor.web import words

COLUMNS = (
    *("ALERT", "SEVERITY", "FIRED", "A WEEK", "ACTED ON", "FLAPS"),
    *("TAKEN AFTER", "OVER AFTER", "SILENCED", "UNHEARD"),
)


@click.command("quality")
@click.option("--period", default="30d", show_default=True, help="How far back to look: 7d, 30d, 90d.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_settings
def command(context: Context, period: str, *, as_json: bool) -> None:
    """Show pages a week, and of each alert how often somebody acted on it, flaps and times; what never fired.

    From what this monitor received and what people did in its console; drills are not counted.
    """
    try:
        span = durations.parse(period)
    except ValueError as error:
        raise InputError(f"--period {period}: write a span such as 30d") from error
    if not 0 < span.total_seconds() <= LONGEST_PERIOD.total_seconds():
        raise InputError(f"--period {period}: say more than nothing and at most {durations.text(LONGEST_PERIOD)}")
    catalogue = load(context.settings.catalogue, context.settings.environment)
    known = {rule.name: rule.severity.value for rule in all_alerts(catalogue)}
    end = clock.now()
    with Store.open(context.settings.state, wait_s=0) as store:
        episodes, actions = Alerts(store).between(end - span, end), Actions(store).between(end - span, end)
        suppressed, began = Suppressions(store).between(end - span, end), store.began() or end
    report = alert_quality(episodes, actions, known, start=end - span, end=end, suppressed=suppressed, began=began)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)


def _print(report: QualityReport) -> None:
    since = clock.to_rfc3339(report.since.replace(microsecond=0))
    before = "" if report.since == report.start else ", before which nothing is known"
    click.echo(f"{report.pages_per_week:.1f} pages a week since {since}{before}")
    if report.alerts:
        for line in columns([COLUMNS, *map(_row, report.alerts)]):
            click.echo(line)
    click.echo(f"never fired: {', '.join(report.never_fired) or 'none'}")


def _row(one: AlertQuality) -> tuple[str, ...]:
    took, lasted = (
        "-" if each is None else clock.humanize(each) for each in (one.acknowledged_after, one.resolved_after)
    )
    acted, silenced = ("-" if each is None else words.whole_percent(each) for each in (one.acted_on, one.silenced))
    return (
        words.harmless(one.alert),
        words.harmless(one.severity),
        str(one.fired),
        f"{one.per_week:.1f}",
        acted,
        str(one.flaps),
        took,
        lasted,
        silenced,
        str(one.unheard),
    )
