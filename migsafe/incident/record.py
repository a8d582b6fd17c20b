"""The record as the front matter of a page, and back; what is wrong there is named by its line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from migsafe.errors import ConfigError
from migsafe.incident import toml_text
from migsafe.incident.codec import Misfit, from_table, to_table
from migsafe.model.incident import Incident

_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class BrokenRecord(ConfigError):
    """The front matter of an incident's page cannot be read."""


def read(text: str, *, file: str, first_line: int = 1) -> Incident:
    """The record that this TOML describes; `first_line` is where it starts in its file.

    Raises BrokenRecord, with the file and the line.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers too long, lists too deep
        line, sentence = _located(error, text)
        place = f"{file}:{line + first_line - 1}"
        raise BrokenRecord(f"the record is not valid TOML: {sentence}", place=place) from error
    try:
        return checked(from_table(Incident, table))
    except Misfit as error:
        line = toml_text.line_of(error.path, toml_text.places(text)) + first_line - 1
        raise BrokenRecord(error.sentence, place=f"{file}:{line}") from error


def _located(error: Exception, text: str) -> tuple[int, str]:
    found = _LINE.search(str(error))
    line = int(found[1]) if found else text.rstrip().count("\n") + 1
    sentence = str(error).partition(" (at ")[0]
    return line, sentence[:1].lower() + sentence[1:]


_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def checked(record: Incident) -> Incident:
    """The same record. Raises Misfit where two of its values do not go together."""
    for key, value in (("hazard", record.hazard), ("slug", record.slug)):
        if not _NAME.fullmatch(value):
            raise Misfit((key,), f"{key} is {value!r}, expected lower-case words-with-dashes")
    for number, why in enumerate(record.why):
        if not 0 <= why.follows <= number:
            raise Misfit(
                ("why", number, "follows"),
                f"why[{number + 1}].follows must be the number of an answer above it, or 0",
            )
    impact = record.impact
    for key in ("share", "low", "high"):
        part = getattr(impact, key)
        if part is not None and not 0 <= part <= 1:
            raise Misfit(("impact", key), f"impact.{key} must be from 0 to 1")
    return record


def write(record: Incident, before: str = "") -> str:
    """The record as TOML. Comments of the text that stood there `before` are kept."""
    table: dict[str, Any] = to_table(record)
    comments: dict[toml_text.Path, tuple[str, ...]] = {}
    for place in toml_text.places(before):
        path = _kept_place(place.path, table) if place.comments else ()
        comments[path] = comments.get(path, ()) + place.comments
    return toml_text.write(table, comments)


def _kept_place(path: toml_text.Path, table: dict[str, Any]) -> toml_text.Path:
    """The path itself if it is still written, else the nearest table around it."""
    while path and not _exists(path, table):
        path = path[:-1]
    return path


def _exists(path: toml_text.Path, table: object) -> bool:
    for part in path:
        try:
            table = table[part]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return False
    return not isinstance(table, list)
