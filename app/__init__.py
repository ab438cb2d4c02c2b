"""The monitored system: a healthcare appointment service on MongoDB and Redis. It knows nothing of the monitor."""

from importlib.metadata import version

__version__ = version("appointment-sre")
