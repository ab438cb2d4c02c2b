"""``monitor serve``: the console, the API and the receiver of alerts.

It holds no database credentials and no backup keys, and can stop nothing: it reads the store and Prometheus, and
writes what Alertmanager tells it.
"""

from monitor.web.app import make_app

__all__ = ["make_app"]
