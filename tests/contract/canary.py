"""What a patient may look like on the way out, and the search for it.

A value is searched for as it is and in every dress that software gives to text: URL-encoded, JSON-escaped, hexadecimal,
base64 at each of its three alignments, and hashed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A person who does not exist; every value is unlike anything else that a log may hold."""

    name: str = "Leokadia Quetschenreuther-Müß"
    email: str = "leokadia.quetschenreuther@canary.example"
    birth_date: str = "1961-07-23"
    card: str = "4929 1178 3350 6021"
    password: str = field(default="Zwölf-Boxkämpfer-jagen", repr=False)

    def values(self) -> Mapping[str, tuple[str, ...]]:
        """Every spelling that would give the person away, by what it is."""
        year, month, day = self.birth_date.split("-")
        return {
            "name": (self.name, *self.name.split(), self.name.split("-")[0].split()[1]),
            "e-mail": (self.email, self.email.split("@")[0]),
            "birth date": (self.birth_date, f"{day}.{month}.{year}", f"{month}/{day}/{year}", year + month + day),
            "card": (self.card, self.card.replace(" ", "")),
            "password": (self.password,),
        }


def leaks(patient: Patient, sinks: Mapping[str, bytes]) -> list[str]:
    """Say which value was found in which sink, in which dress; never the value itself."""
    found = []
    for sink, content in sinks.items():
        lowered = content.lower()
        for what, spellings in patient.values().items():
            dresses = {
                dress
                for spelling in spellings
                for dress, form in forms(spelling)
                if form in content or form.lower() in lowered
            }
            found += [f"{what} in {sink} ({dress})" for dress in sorted(dresses)]
    return found


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield each dress of a text with its name."""
    for variant in {text, text.lower(), text.upper()}:
        raw = variant.encode()
        yield "raw", raw
        yield "latin-1", variant.encode("latin-1", errors="replace")
        yield "UTF-16", variant.encode("utf-16-le")
        yield "URL-encoded", quote(variant, safe="").encode()
        yield "URL-encoded", quote_plus(variant).encode()
        yield "JSON-escaped", json.dumps(variant)[1:-1].encode()
        yield "repr", repr(variant)[1:-1].encode()
        yield "hex", raw.hex().encode()
        for shift in range(3):
            yield from (("base64", part) for part in _base64_inside(raw, shift))
        for name in ("sha256", "sha1", "md5"):
            digest = hashlib.new(name, raw, usedforsecurity=False)
            yield name, digest.hexdigest().encode()
            yield name, base64.b64encode(digest.digest()).rstrip(b"=")


def _base64_inside(raw: bytes, shift: int) -> Iterator[bytes]:
    """The characters that stand for ``raw`` wherever in a longer encoded text it begins."""
    padded = b"\0" * shift + raw
    whole = len(padded) - len(padded) % 3
    first = (0, 2, 3)[shift]
    encoded = base64.b64encode(padded[:whole])[first:]
    if len(encoded) >= 8:  # fewer would be found by chance
        yield encoded
        yield encoded.replace(b"+", b"-").replace(b"/", b"_")
