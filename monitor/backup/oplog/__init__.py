"""Continuous recovery points: what a replica set's oplog says, kept in slices, and replayed up to any instant.

::

    point, slices, chain      how instants are written, what a slice is, which slices reach from X to Y    pure
    source                    reads a member's oplog up to the majority commit point
    shelf                     the slices of one replica set in a depot
    capture, owner            writes slices, for as long as `monitor work` runs; remembers the newest outside
    entries, transactions, steps, indexes      what an entry of the oplog means                            pure
    apply, replay             does it again, on another server
"""
