"""``python -m app check``: whether a database holds what this app promises. For restored copies, and for live ones.

::

    result     what a check answers
    stored     everything that MongoDB can find by itself: one aggregation each
    fields     patient fields, opened with the field key
    promised   bookings that were acknowledged, from the ledger
    command    flags, output, exit code
"""
