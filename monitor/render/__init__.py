"""Pure: catalogue in, text out: rules, Alertmanager's configuration, dashboards, runbooks, reports."""
