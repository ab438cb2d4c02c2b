"""Files of this machine: the catalogue, what is generated from it, and whatever the settings name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from monitor.backup.configuration.model import Missing, Part
from monitor.backup.configuration.secrecy import holds_secret
from monitor.catalogue.load import load
from monitor.errors import MonitorError
from monitor.render import outputs
from monitor.settings import Settings

LARGEST = 64 * 1024 * 1024
"""A larger file is data, not configuration."""
CHECKOUT = Path(__file__).parents[3]
OF_A_CHECKOUT = ("docker-compose.yml", "deploy", "requirements.lock", "requirements-dev.lock", "pyproject.toml")
"""What a checkout of this project holds beside the packages, and a wheel does not."""
_LEFT_OUT = frozenset({"__pycache__", ".git", ".terraform", "node_modules"})

Found = Iterator[Part | Missing]


def local(settings: Settings) -> Found:
    """The catalogue, generated files, the settings' own file, the checkout's deployment, named files."""
    yield from _catalogue(settings)
    run_dir = settings.run_dir
    for name in ("generated", "monitor.toml"):
        if (run_dir / name).exists():
            yield from tree(f"run/{name}", run_dir / name)
    for name in OF_A_CHECKOUT:
        if (CHECKOUT / name).exists():
            yield from tree(f"deploy/{name}", CHECKOUT / name)
    for number, path in enumerate(settings.configuration_files):
        yield from tree(f"files/{number}/{path.name}", path)
    for number, path in enumerate(settings.state_files):
        for found in tree(f"state/{number}/{path.name}", path):
            # Terraform writes every password that it has made into its state.
            yield Part(name=found.name, content=found.content, secret=True) if isinstance(found, Part) else found


def _catalogue(settings: Settings) -> Found:
    directory = settings.catalogue or CHECKOUT / "monitor" / "catalogue"
    yield from tree("catalogue", directory)
    try:
        texts = outputs(load(settings.catalogue, settings.environment))
    except MonitorError as error:
        yield Missing(name="generated", reason=f"the catalogue cannot be rendered: {str(error)[:200]}")
        return
    for name, text in texts.items():
        yield _part(f"generated/{name}", text.encode())


def tree(name: str, path: Path) -> Found:
    """A file, or everything below a directory; links are not followed, special files are none."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            # What the settings name may be a link: it is meant by who named it.
            mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            yield _file(name, path)
            return
        if not stat.S_ISDIR(mode):
            yield Missing(name=name, reason="it is neither a file nor a directory")
            return
    except OSError as error:
        yield Missing(name=name, reason=f"{path}: {error.strerror}")
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for file in sorted(files):
            below = Path(folder) / file
            if not below.is_symlink() and below.suffix != ".pyc":
                yield _file(f"{name}/{below.relative_to(path).as_posix()}", below)


def _file(name: str, path: Path) -> Part | Missing:
    try:
        # Not waiting: a named pipe would hold us up for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Missing(name=name, reason="it is no file")
            content = file.read(LARGEST + 1)
    except OSError as error:
        return Missing(name=name, reason=f"{path}: {error.strerror}")
    if len(content) > LARGEST:
        return Missing(name=name, reason=f"it has more than {LARGEST} bytes: that is data, not configuration")
    return _part(name, content)


def _part(name: str, content: bytes) -> Part:
    return Part(name=name, content=content, secret=holds_secret(content))
