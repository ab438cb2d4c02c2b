"""What ``monitor backup verify`` consists of, one step a module; data flows from the first to the last.

::

    wish, picking     what is asked for, and what that means in a store
    choice            which backup, restored to which second, by chance        pure
    escrow            the keys that it is opened with
    way               the slices that lead to that second, without a gap
    trust             whether the store is the one that was written
    copy              restored, compared with the manifest, replayed, whole
    newest            the newest write that the copy speaks of
    promises          who was erased stays erased; the application's own check
    facts, history    a backup in numbers, and those before it                 facts: pure
    plausibility      one against the others                                   pure
    prediction        how long a restore of production takes                   pure
    findings          what is known so far; becomes the verdict
    run               the order of all that

The exact proof against the live source is a package of its own: ``monitor.backup.exact``.
"""
