"""``python -m monitor``; with ``--metrics`` alone, print what the monitor's own processes expose, and exit."""

import sys

from monitor.cli import main
from monitor.metrics import METRICS
from telemetry.metric import declarations

if __name__ == "__main__":
    if sys.argv[1:] == ["--metrics"]:
        sys.stdout.write(declarations("monitor", METRICS))
    else:
        main(prog_name="monitor")
