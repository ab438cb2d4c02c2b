"""What a check has to say: where, what, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from monitor.catalogue.model import Place


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One promise that cannot hold as it is written. ``code`` is a stable kebab-case word."""

    file: str
    line: int
    code: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """One line for people."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}: {self.remedy} [{self.code}]"

    def to_json(self) -> dict[str, object]:
        """The fields, for programs."""
        return asdict(self)


def finding(place: Place, code: str, message: str, remedy: str) -> Finding:
    """A finding at a place of the catalogue."""
    return Finding(file=place.file, line=place.line, code=code, message=message, remedy=remedy)
