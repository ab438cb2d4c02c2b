"""Joins promises with declared metrics, routes, runbooks and tests."""
