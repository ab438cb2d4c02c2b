"""``monitor backup roles``: the least-privilege roles of backup, capture, verification and restore."""

from __future__ import annotations

import json
from pathlib import Path

import click

from monitor.backup import roles
from monitor.cli import print_json
from monitor.cli.backup_shared import json_option
from monitor.errors import InputError
from monitor.settings import read_secret
from monitor.sources.mongodb import connect, hosts
from monitor.sources.mongodb_roles import ROLES

USERNAME = "admin"


@click.command("roles")
@click.option(
    "--print", "printed", is_flag=True, help="Show the roles, as commands, and the lines of Redis's ACL file."
)
@click.option("--apply", "applied", is_flag=True, help="Make them, or bring them up to date.")
@click.option("--mongodb", "uri", metavar="URI", help="The replica set, without user and password (with --apply).")
@click.option("--username", default=USERNAME, show_default=True, help="Who may manage users there.")
@click.option("--password-file", type=click.Path(path_type=Path), help="That user's password.")
@click.option(
    "--users",
    "folder",
    type=click.Path(path_type=Path),
    help="Make users too: a directory with files monitor-backup, monitor-capture, monitor-verify, monitor-restore "
    "with the password of each; those that are not there are left out.",
)
@json_option
def command(
    *,
    printed: bool,
    applied: bool,
    uri: str | None,
    username: str,
    password_file: Path | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Show or make what backup, capture, verification and restore may, and nothing more."""
    if printed == applied:
        raise InputError("give --print or --apply")
    passwords = _passwords(folder)
    if printed:
        _print(passwords.get(roles.REDIS_USER), as_json=as_json)
        return
    if uri is None or "@" in uri:
        raise InputError("--apply needs --mongodb URI, without user and password: they come from --username and a file")
    password = read_secret(password_file, "password") if password_file else ""
    with connect(uri, username if password else "", password) as client:
        done = roles.apply(client, hosts(uri), passwords)
    if as_json:
        print_json(done)
        return
    for name, what in done.items():
        click.echo(f"{what} {name}")


def _print(password: str | None, *, as_json: bool) -> None:
    lines = roles.redis_lines(password)
    if as_json:
        commands = {role.name: {"purpose": role.purpose} | role.definition() for role in ROLES}
        print_json({"mongodb": commands, "redis": list(lines)})
        return
    for role in ROLES:
        click.echo(f"// {role.name}: {role.purpose}")
        # JSON is what mongosh reads as well.
        told = json.dumps({"createRole": role.name} | role.definition(), indent=2)
        click.echo(f"db.getSiblingDB('admin').runCommand({told})\n")
    click.echo("# Redis, in its ACL file:")
    click.echo("\n".join(lines))


def _passwords(folder: Path | None) -> dict[str, str]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise InputError(f"--users {folder}: there is no such directory")
    files = {user: folder / user for user in roles.USERS.values()}
    return {user: read_secret(file, user.replace("-", "_")) for user, file in files.items() if file.exists()}
