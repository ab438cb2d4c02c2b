"""Backups that are proven: taken, stored, restored and compared."""
