"""``monitor second-channel``."""

from __future__ import annotations

import click

from monitor.catalogue.load import load
from monitor.cli import Context, leave, pass_settings
from monitor.errors import Exit
from monitor.sources.second_channel import open_channel
from monitor.store import Store
from monitor.work.alarm import note


@click.command(name="second-channel")
@pass_settings
def command(context: Context) -> None:
    """Send a test message to every address of the second channel; exit 1 if one does not take it."""
    settings = context.settings
    channel = open_channel(settings)
    environment = load(settings.catalogue, settings.environment).environment
    body = (
        f"This is a test (environment {environment.name}); there is nothing to do.\n"
        "You would hear in this way that alerts cannot arrive.\n"
    )
    delivery = channel.tell("Test of the second channel", body, resolved=True)
    with Store.open(settings.state) as store:
        note(store, channel, delivery)
    for number in delivery.failed:
        click.echo(f"address {number} did not take the message")
    click.echo(f"{delivery.taken} of {len(channel)} addresses took the message")
    leave(Exit.PROMISE_BROKEN if delivery.failed else Exit.GOOD)
