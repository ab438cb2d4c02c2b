"""Turns what a TOML file, the environment or flags say into settings, and names all that is wrong with it at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from cattrs import Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn

from exporters.secrets import Password, masked

_T = TypeVar("_T")


class SettingsError(Exception):
    """A setting is missing, unknown, malformed or unsafe; the process ends with exit code 2, a reload with status 500.

    Its text is for people, one line per fault, and holds no secret even where one was typed into the wrong place.
    """

    def __init__(self, text: str) -> None:
        super().__init__(masked(text))


def read_toml(file: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        SettingsError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read settings from {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error


def structure(values: Mapping[str, Any], kind: type[_T]) -> _T:
    """Build settings of a kind.

    Raises:
        SettingsError: something is unknown, malformed or unsafe; every fault is named.
    """
    converter = Converter(forbid_extra_keys=True)
    for path_type in (Path, Path | None):
        converter.register_structure_hook(path_type, lambda value, _: Path(_text(value)))
    for text_type in (str, str | None):
        converter.register_structure_hook(text_type, lambda value, _: _text(value))
    converter.register_structure_hook(Password | None, lambda value, _: value)
    converter.register_structure_hook(bool, lambda value, _: _true(value))
    hook = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)
    try:
        return hook({name: _joined(value) for name, value in values.items()}, kind)
    except SettingsError:
        raise
    except Exception as error:
        if own := _settings_error(error):
            raise own from None
        faults = transform_error(error, path="", format_exception=_in_words)
        raise SettingsError("\n".join(sorted(map(_field_first, faults)))) from error


def _joined(value: object) -> object:
    """TOML has lists where flags have commas; both will do."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str | Path):
        raise TypeError
    return str(value)


def _true(value: object) -> bool:
    """``bool("false")`` would be true."""
    return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]


def _in_words(error: BaseException, kind: type | None) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        return f"there is no setting {', '.join(sorted(error.extra_fields))}"
    wanted = {int: "a whole number", float: "a number", bool: "true or false"}
    return f"should be {wanted.get(kind, 'text') if kind is not None else 'text'}"


def _field_first(fault: str) -> str:
    what, _, where = fault.rpartition(" @ ")
    return f"{where.lstrip('.')} {what}".strip()


def _settings_error(error: BaseException) -> SettingsError | None:
    if isinstance(error, SettingsError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := _settings_error(inner))), None)
    return None
