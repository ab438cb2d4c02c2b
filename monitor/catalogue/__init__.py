"""The catalogue: one source of promises. Everything else is derived from it and checked against it."""
