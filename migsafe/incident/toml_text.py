"""TOML as text: writing a table, and finding what stands on which line of one.

The standard library reads TOML and does not write it; and it drops comments and line numbers, which
people who edit a record want back.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""Where a value stands: ("actions", 1, "due"); entries of a list of tables count from 0."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\f": "\\f", "\r": "\\r", "\t": "\\t"}
_HEADER = re.compile(r"\s*(?P<brackets>\[\[?)\s*(?P<name>[\w.-]+)\s*\]")
_KEY = re.compile(r"\s*(?P<key>[\w.-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Place:
    """A key or a table's header: its line (from 1) and the comments above and beside it."""

    path: Path
    line: int
    comments: tuple[str, ...] = ()


# -- writing ------------------------------------------------------------------------------------


def write(table: Mapping[str, Any], comments: Mapping[Path, tuple[str, ...]] | None = None) -> str:
    """The table as TOML: plain values first, then tables, then lists of tables.

    Comments stand above what they belong to; those of the path () come last.
    """
    known = comments or {}
    return "".join(f"{line}\n" for line in (*_table(table, (), known), *known.get((), ())))


def _table(
    table: Mapping[str, Any], path: Path, comments: Mapping[Path, tuple[str, ...]]
) -> Iterator[str]:
    inner = {k: v for k, v in table.items() if _is_table(v) or _is_tables(v)}
    for key, value in table.items():
        if key not in inner:
            yield from comments.get((*path, key), ())
            yield f"{key} = {value_text(value)}"
    for key, value in inner.items():
        one = _is_table(value)
        for number, entry in enumerate([value] if one else value):
            place = (*path, key) if one else (*path, key, number)
            name = ".".join(p for p in (*path, key) if isinstance(p, str))
            yield ""
            yield from comments.get(place, ())
            yield f"[{name}]" if one else f"[[{name}]]"
            yield from _table(entry, place, comments)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(map(_is_table, value))


def value_text(value: object) -> str:
    """One plain value or a list of them. A text of several lines stays readable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(value_text(v) for v in value)}]"
    return _text(str(value))


def _text(text: str) -> str:
    lines = text.split("\n")
    if len(lines) == 1 or "+++" in lines:
        return f'"{_escaped(text)}"'.replace("\n", "\\n")
    return f'"""\n{_escaped(text)}"""'


def _escaped(text: str) -> str:
    return "".join(_character(c) for c in text)


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    control = character != "\n" and (ord(character) < 0x20 or ord(character) == 0x7F)
    return f"\\u{ord(character):04x}" if control else character


# -- what stands where ----------------------------------------------------------------------------


def places(text: str) -> Iterator[Place]:
    """The keys and headers of a TOML text in order; comments at its end have the path ()."""
    at: Path = ()
    counts: dict[str, int] = {}
    waiting: list[str] = []
    for number, line, comment in _logical_lines(text):
        waiting += [comment] if comment else []
        found = _HEADER.match(line) or _KEY.match(line)
        if found is None:
            continue
        if "name" in found.re.groupindex:
            at = path = _header(found, counts)
        else:
            path = (*at, *found["key"].split("."))
        yield Place(path, number, tuple(waiting))
        waiting = []
    if waiting:
        yield Place((), text.count("\n") + 1, tuple(waiting))


def _header(found: re.Match[str], counts: dict[str, int]) -> Path:
    names = tuple(found["name"].split("."))
    if found["brackets"] == "[":
        return names
    number = counts[found["name"]] = counts.get(found["name"], -1) + 1
    return (*names, number)


_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"""+|\'\'\'.*?\'\'\'+|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\n|.', re.S
)


def _logical_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """(number, line without its comment, comment); a text over several lines counts as one."""
    number, start, line, comment = 1, 1, "", ""
    for piece in (m[0] for m in _PIECE.finditer(text)):
        number += piece.count("\n")
        if piece == "\n":
            yield start, line, comment
            start, line, comment = number, "", ""
        elif piece.startswith("#"):
            comment = piece
        else:
            line += piece
    yield start, line, comment


def line_of(path: Path, known: Iterable[Place]) -> int:
    """The line of a path or of the first thing in it, else of the table around it, else 1."""
    lines: dict[Path, int] = {}
    for place in known:
        for length in range(1, len(place.path) + 1):
            lines.setdefault(place.path[:length], place.line)
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
