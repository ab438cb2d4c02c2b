"""What is wrong with one part of a file, before it is said where that stands."""

Problem = tuple[str, str, str]
"""Code, message and remedy, as of :class:`monitor.check.finding.Finding`."""
