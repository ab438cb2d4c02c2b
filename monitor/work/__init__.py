"""``monitor work``: the scheduled jobs, and the metrics about what they (or anybody's commands) achieved."""

from monitor.work.app import make_app

__all__ = ["make_app"]
