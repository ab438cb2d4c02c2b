"""The scheduled jobs: `monitor work`."""
