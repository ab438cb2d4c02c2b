"""OpenSLO v1's rules, declared kind by kind, in two modes. A rule looks at a value and says all that is wrong with it.

Codes are the words that OpenSLO's go-sdk uses (``required``, ``one_of``, ``mutually_exclusive``), so that whoever knows
its answers knows ours. Where Go would fail to decode a file at all we say ``type`` or ``unknown_field``, and go on.
"""
