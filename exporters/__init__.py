"""Reads systems and exposes their metrics. Knows nothing of SLOs."""
