"""The only network clients: Prometheus, Alertmanager, MongoDB, Redis."""
