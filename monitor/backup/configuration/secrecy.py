"""Which files hold what opens something: a private key, a password, a token. Pure.

It errs to the safe side: a file that only looks so is kept out of a store that is not sealed, and the command says so.
"""

from __future__ import annotations

import re

_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_ASSIGNED = re.compile(
    rb"""(?ix) ^[\s"'-]* [\w.-]* (?:password|passwd|secret|token|api_?key|routing_key|service_key) ["']? \s* [:=] \s*
    ["']? (?P<value>[^\s"'#{},\[\]]+)""",
    re.MULTILINE,
)
_LOGIN = re.compile(rb"\w+://[^\s/:@\"']+:[^\s/@\"'$]+@")
_HARMLESS = re.compile(rb"(?i)(?:/.*|\$.*|<.*>|null|none|true|false|~|\d+|.*_file)\Z")
"""Where a secret would stand, but: a path, a variable, a placeholder, nothing."""


def holds_secret(content: bytes) -> bool:
    """Whether a file looks as if it held a secret."""
    if _PRIVATE_KEY.search(content) or _LOGIN.search(content):
        return True
    return any(not _HARMLESS.match(found["value"]) for found in _ASSIGNED.finditer(content))
