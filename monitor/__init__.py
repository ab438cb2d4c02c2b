"""Turns a catalogue of promises into rules, dashboards, runbooks, drills, backups and reports."""
