"""Rehearsals that break the real thing, measure, and put it back."""
