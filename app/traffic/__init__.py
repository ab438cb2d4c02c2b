"""Simulated patients: what they do at the edge, and the ledger of what they were told."""
