"""Business figures: what patients do, what the practice can offer them, and how soon. Counts, and nobody's name.

They are aggregated in MongoDB, on a secondary where there is one, each by an index that the app keeps and that is
named in the query: where it is missing the figure is missing, instead of a scan that bookings wait for. Each query has
its own clock (``query.py``): windows every 30 s, whole collections every 5 min once they are large, and no query may
take more than 2 % of its server's time, however much there is to read. All stand still while MongoDB has more work
than it can do.

Figures are rounded so that small ones point at nobody; ``cells.py`` says how, and ``families.py`` what each one is.
"""

from __future__ import annotations

from exporters.business.collector import BusinessCollector

__all__ = ["BusinessCollector"]
