"""Takes user and password out of an address, so that the address can be shown and the password cannot.

A file is the better place for a password: whoever may list processes reads command lines. But an address with both in
it is what other exporters take, so it is taken, parted at once, and put off the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from exporters.secrets import Password
from exporters.structure import SettingsError

SYSTEMS = ("mongodb", "redis")


def part(uri: str) -> tuple[str, str | None, Password | None]:
    """Part an address into itself without a login, the user and the password; what it lacks is ``None``.

    Raises:
        SettingsError: an ``@`` stands where only an unescaped password can have put it.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri, None, None
    end = min((place for mark in "/?#" if (place := rest.find(mark)) >= 0), default=len(rest))
    authority, behind = rest[:end], rest[end:]
    if "@" in behind.partition("?")[0]:
        raise SettingsError("percent-encode user and password (/ as %2F, @ as %40)")
    login, at, hosts = authority.rpartition("@")
    if not at:
        return uri, None, None
    user, colon, password = login.partition(":")
    return f"{scheme}://{hosts}{behind}", unquote(user) or None, Password(unquote(password)) if colon else None


def parted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings whose addresses hold no login; user and password stand in fields of their own.

    Raises:
        SettingsError: a login is given twice, or a password as a value of its own; every fault is named.
    """
    found, faults = dict(values), []
    for system in SYSTEMS:
        if f"{system}_password" in found:
            faults.append(
                f"there is no setting {system}_password: put it into a file, and that into {system}_password_file"
            )
            continue
        address = found.get(f"{system}_uri")
        if not isinstance(address, str):
            continue
        try:
            clean, user, password = part(address)
        except SettingsError as error:
            faults.append(f"{system}_uri: {error}")
            continue
        found[f"{system}_uri"] = clean
        for field, value, rival in (("username", user, "username"), ("password", password, "password_file")):
            if value is None:
                continue
            if found.get(f"{system}_{rival}"):
                faults.append(f"{system}_uri has a {field}, and {system}_{rival} is set too: keep one of them")
            found[f"{system}_{field}"] = value
    if faults:
        raise SettingsError("\n".join(faults))
    return found


def off_the_command_line(given: Mapping[str, Any], flags: Mapping[str, Sequence[str]], prefix: str) -> None:
    """Start this program anew, as the same process, with a login that was typed as an argument in its environment.

    The command line can be read by every user of the machine, the environment by ours alone. ``given`` is what the
    flags said, ``flags`` the spellings of each field's flag. Returns where there is nothing to hide.
    """
    moved = {name: given[name] for name in flags if isinstance(given.get(name), str) and "@" in given[name]}
    if not moved:
        return
    sys.stderr.write(
        f"exporters: {' and '.join(sorted(moved))} came with a login on the command line, where others can read it "
        "for a moment: a file is the better place for a password\n"
    )
    sys.stderr.flush()
    environ = os.environ | {f"{prefix}{name.upper()}": address for name, address in moved.items()}
    kept = _without({spelling for name in moved for spelling in flags[name]}, sys.orig_argv[1:])
    os.execve(sys.executable, [sys.executable, *kept], environ)  # noqa: S606  # this very program


def _without(spellings: set[str], arguments: Sequence[str]) -> list[str]:
    """Leave out some flags, each with its value: ``--flag value`` or ``--flag=value``."""
    kept: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument in spellings:
            next(left, None)
        elif argument.partition("=")[0] not in spellings:
            kept.append(argument)
    return kept
