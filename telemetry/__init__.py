"""How any of our processes emits signals: metric declarations, logs, traces, DogStatsD, the privacy allow-list."""
