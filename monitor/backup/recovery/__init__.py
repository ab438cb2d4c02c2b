"""Restores to any instant that was captured: a base backup, and the oplog from its recovery point on.

::

    bases     the backups that are there, and one of them as a plain directory, every byte checked
    plan      which of them, which slices, or in one sentence why not
    target    what is restored into: is it empty, is it production, is it told to be overwritten
    progress  how far a restore is, kept in its target, so that one that was broken off can be gone on with
    run       data, oplog, indexes, and forgetting whoever asked for it
"""
