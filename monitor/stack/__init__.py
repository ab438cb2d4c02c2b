"""The components of the embedded stack, and what may be done to them. One implementation for `up`, drills and tests."""
