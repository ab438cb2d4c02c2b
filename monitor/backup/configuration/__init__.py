"""Configuration and state: everything but the data that a lost site needs to be built again.

::

    model        files, what was not to be had, artifacts; the manifest
    files        the catalogue, what is generated from it, named files and directories
    servers      what MongoDB says of itself, and the application's wrapped data keys
    own          the monitor's own SQLite, by its online backup
    artifacts    which wheels (by digest) and images these files run with
    secrecy      which files hold secrets
    archive      all of it into a depot, and out of it again
    recorded     gathered, kept and remembered
"""

from __future__ import annotations

from monitor.backup.configuration.archive import extract, load, newest, save
from monitor.backup.configuration.gathering import gather
from monitor.backup.configuration.model import Configuration, Gathered

__all__ = ["Configuration", "Gathered", "extract", "gather", "load", "newest", "save"]
