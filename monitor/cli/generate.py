"""``monitor generate``: write everything that is derived from the catalogue, or say what is out of date."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import click

from monitor import clock
from monitor.catalogue.load import load
from monitor.catalogue.model import Catalogue
from monitor.check import warnings
from monitor.check.waivers import without_waived
from monitor.cli import Context, all_or_nothing, leave, pass_settings, uncollected
from monitor.errors import Exit, InputError
from monitor.render import kubernetes, metrics_page, outputs, runbooks, scrape_config
from monitor.render.yaml_text import GENERATED_BY

ENVIRONMENT = "compose"
"""Whose files are written unless --env says otherwise: those that are committed."""

SCRAPE_CONFIG = "deploy/prometheus.yml"
MOUNTED_RULES = "/etc/prometheus/rules/*.yml"
"""Where docker-compose.yml mounts rules/prometheus."""

OPERATOR = "operator"
FORMATS = ("files", OPERATOR)

FOLDERS: tuple[str, ...] = ("rules", "dashboards")
"""Wholly generated: a file there that carries our header and is not written any more is removed."""


@click.command("generate")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and list the files that differ.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="`operator` also writes objects for Kubernetes to operator/: PrometheusRule, ServiceMonitor, "
    "AlertmanagerConfig, and dashboards as ConfigMaps.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where to write to.")
@click.pass_context
@pass_settings
def command(context: Context, click_context: click.Context, *, check: bool, form: str, out: Path) -> None:
    """Write rules, their tests, Alertmanager's configuration, dashboards and runbook heads.

    For the environment `compose` unless --env names another: its files are the committed ones.
    """
    chosen = click_context.find_root().params.get("environment") or ENVIRONMENT
    with uncollected():
        catalogue = load(context.settings.catalogue, chosen)
        for finding in without_waived(warnings(catalogue), catalogue, clock.now().date())[0]:
            click.echo(f"warning: {finding}", err=True)
        files = everything(catalogue, out)
        folders = FOLDERS
        if form == OPERATOR:
            files, folders = files | kubernetes.objects(catalogue, files), (*FOLDERS, kubernetes.FOLDER)
        stale = _stale(out, files, folders)
        changed = [path for path, text in files.items() if _differs(out / path, text)]
        if check:
            for path in sorted([*changed, *stale]):
                click.echo(f"{path}: {'is not generated any more' if path in stale else 'differs'}")
            leave(Exit.PROMISE_BROKEN if changed or stale else Exit.GOOD)
        all_or_nothing.replace(
            {str(out / path): files[path] for path in changed}, remove=[out / path for path in stale]
        )
    click.echo(f"{len(files)} files are up to date in {out.resolve()}: {len(changed)} written, {len(stale)} removed")


def everything(catalogue: Catalogue, out: Path) -> dict[str, str]:
    """Every file, by path below ``out``; runbooks keep the prose that is already there."""
    files = outputs(catalogue)
    files[SCRAPE_CONFIG] = scrape_config(catalogue.environment, [MOUNTED_RULES])
    files[metrics_page.PATH] = metrics_page.metrics_page(catalogue)
    where_to_run = _read(out / runbooks.WHERE_TO_RUN) is not None
    for path, head in runbooks.heads(catalogue, where_to_run=where_to_run).items():
        files[path] = runbooks.page(head, _read(out / path))
    return dict(sorted(files.items()))


def _stale(out: Path, files: dict[str, str], folders: Iterable[str]) -> list[str]:
    strangers = (name for name in _below(out, folders) if name not in files and (out / name).is_file())
    return sorted(name for name in strangers if GENERATED_BY in (_read(out / name) or ""))


def _below(out: Path, folders: Iterable[str]) -> Iterator[str]:
    """What lies in some folders, by path below ``out``."""
    for folder, _, names in chain.from_iterable(os.walk(out / folder) for folder in folders):
        place = Path(folder).relative_to(out).as_posix()
        yield from (f"{place}/{name}" for name in names)


def _differs(path: Path, text: str) -> bool:
    """Whether a file has other bytes than this text, or is not there."""
    found = _bytes(path)
    return found is None or found != text.encode()


def _read(path: Path) -> str | None:
    """The text of a file; empty where it is none, ``None`` where there is no file."""
    found = _bytes(path)
    try:
        return None if found is None else found.decode()
    except UnicodeDecodeError:
        return ""


def _bytes(path: Path) -> bytes | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"cannot read {path}: it is no file: move it away, or choose another place by --out")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
