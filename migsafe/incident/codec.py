"""Frozen dataclasses to plain tables and back; a value that does not fit says where it stands."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, IntEnum
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from migsafe.incident.toml_text import Path

_Class = TypeVar("_Class")
_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    datetime.date: "a date (2026-02-28)",
    datetime.datetime: "a date and time (2026-02-28T18:00:00Z)",
}


class Misfit(Exception):
    """A value that does not fit: where it stands, and one sentence about it."""

    def __init__(self, path: Path, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
        self.sentence = sentence


# -- out ------------------------------------------------------------------------------------------


def to_table(value: object) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, as plain values and tables."""
    assert is_dataclass(value)
    table = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if content != _default(field):
            table[field.name] = _plain(content)
    return table


def _default(field: Field[Any]) -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default  # MISSING equals nothing: a field without a default is always written


def _plain(value: object) -> object:
    if is_dataclass(value):
        return to_table(value)
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


# -- in -------------------------------------------------------------------------------------------


def from_table(kind: type[_Class], table: Mapping[str, Any], path: Path = ()) -> _Class:
    """The dataclass that a table describes. Raises Misfit for an unknown, missing or wrong key."""
    hints = get_type_hints(kind)
    for key in table:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise Misfit((*path, key), f"unknown key {_shown((*path, key))}{hint}")
    for field in fields(kind):  # type: ignore[arg-type]
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and field.name not in table:
            raise Misfit(path, f"{_shown((*path, field.name))} is missing")
    return kind(**{k: _value(hints[k], v, (*path, k)) for k, v in table.items()})


def _value(kind: Any, value: object, path: Path) -> object:
    if get_origin(kind) is UnionType:
        kind = next(k for k in get_args(kind) if k is not type(None))
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise Misfit(path, f"{_shown(path)} must be a list")
        item = get_args(kind)[0]
        return tuple(_value(item, v, (*path, n)) for n, v in enumerate(value))
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise Misfit(path, f"{_shown(path)} must be a table")
        return from_table(kind, value, path)  # type: ignore[arg-type]
    if issubclass(kind, Enum):
        return _member(kind, value, path)
    return _scalar(kind, value, path)


def _member(kind: type[Enum], value: object, path: Path) -> Enum:
    names = {str(member): member for member in kind}
    if not isinstance(value, str) or value not in names:
        order = reversed(names) if issubclass(kind, IntEnum) else names
        raise Misfit(path, f"{_shown(path)} is {value!r}, expected one of {', '.join(order)}")
    return names[value]


def _scalar(kind: type, value: object, path: Path) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise Misfit(path, f"{_shown(path)} must be {_NAMES[kind]}")
    if isinstance(value, datetime.datetime):
        return utc(value, path)
    return value


def utc(time: datetime.datetime, path: Path = ()) -> datetime.datetime:
    """A time without a zone is UTC already: the record knows no other."""
    if time.tzinfo is None:
        return time.replace(tzinfo=datetime.UTC)
    try:
        return time.astimezone(datetime.UTC)
    except OverflowError:
        raise Misfit(path, f"{_shown(path)} is outside the calendar") from None


def _shown(path: Path) -> str:
    """actions[2].due: entries count from 1 where people read."""
    text = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path)
    return text.removeprefix(".")
