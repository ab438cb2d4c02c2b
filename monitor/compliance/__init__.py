"""What cli, web and work all ask: where each SLO stands, and what goes into a report."""
