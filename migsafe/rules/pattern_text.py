"""Patterns as text: their metavariables, what stands in for them, and examples of them.

`$T` stands for a name, a type or an expression, `$...` for what may follow in a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from migsafe.errors import RuleInvalid
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Index, Table
from migsafe.sql.parse import operations, stopped_at
from migsafe.sql.tokens import quoted

METAVARIABLE = re.compile(r"\$(?P<name>[A-Z][A-Z0-9_]*(?![\w$])|\.\.\.)")
_SMALL = re.compile(r"\$[A-Za-z_]\w*")
REST = "..."
_COMBINATIONS = 400
_WORD = re.compile(r"mv_\w+_vm|987\d+")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a metavariable stands in the pattern, and what is in its place in the text."""

    start: int
    end: int
    pattern_start: int
    pattern_end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A pattern as the reader of a dialect takes it.

    `text` has a word in place of each metavariable; `words` maps these words, in lower case, to
    the metavariables' names (`...` for the rest of a list).
    """

    text: str
    words: Mapping[str, str]
    operations: tuple[Operation, ...]
    spots: tuple[Spot, ...] = ()


def names(pattern: str) -> tuple[str, ...]:
    """The metavariables of a pattern in their order, each once, without `$...`."""
    found = (m["name"] for m in METAVARIABLE.finditer(pattern))
    return tuple(dict.fromkeys(n for n in found if n != REST))


def read(pattern: str, dialect: Dialect) -> Reading:
    """Read the pattern as a statement of that dialect.

    Raises RuleInvalid, without a place, where it cannot be read; the hint shows where.
    """
    small = _SMALL.search(METAVARIABLE.sub(lambda m: " " * len(m.group()), pattern))
    if small:
        raise RuleInvalid(
            f"{small.group()} in the pattern is no metavariable",
            hint=f"capital letters make one: {small.group().upper()}",
        )
    body = pattern.strip().rstrip(";")
    for pieces in _substitutions(body):
        text, words, spots = _replaced(body, pieces)
        reading = Reading(text, words, operations(text, dialect), tuple(spots))
        if _is_read(reading):
            return reading
    raise _unread(body, dialect)


def _is_read(reading: Reading) -> bool:
    kinds = {o.kind for o in reading.operations}
    return bool(kinds) and not kinds & {Kind.UNREAD, Kind.OPAQUE}


def _substitutions(pattern: str) -> Iterator[tuple[str, ...]]:
    """What may stand in for the metavariables: names at first, then whatever else may be read."""
    found = list(METAVARIABLE.finditer(pattern))
    choices: list[tuple[str, ...]] = []
    for number, match in enumerate(found, 1):
        name = match["name"]
        if name == REST:
            word = f"mv_rest{number}_vm"
            choices.append(
                (word, f"'{word}'", f"{word} INT", f"{word} = {word}", f"SELECT {word};")
            )
        else:
            word = f"mv_{name.lower()}_vm"
            choices.append((word, f"'{word}'", str(9_870_001 + names(pattern).index(name))))
    yield tuple(c[0] for c in choices)
    every = sorted(product(*(range(len(c)) for c in choices)), key=lambda t: (sum(map(bool, t)), t))
    for picks in every[1:_COMBINATIONS]:
        yield tuple(c[i] for c, i in zip(choices, picks, strict=True))


def _replaced(pattern: str, pieces: tuple[str, ...]) -> tuple[str, dict[str, str], list[Spot]]:
    words: dict[str, str] = {}
    spots: list[Spot] = []
    text, done = "", 0
    for match, piece in zip(METAVARIABLE.finditer(pattern), pieces, strict=True):
        words[_WORD.search(piece).group()] = match["name"]  # type: ignore[union-attr]
        text += pattern[done : match.start()]
        spots.append(Spot(len(text), len(text) + len(piece), match.start(), match.end()))
        text += piece
        done = match.end()
    return text + pattern[done:], words, spots


def _unread(pattern: str, dialect: Dialect) -> RuleInvalid:
    text, words, spots = _replaced(pattern, next(_substitutions(pattern)))
    reason = operations(text, dialect)[0].value
    at = _original(spots, stopped_at(text, dialect))
    return RuleInvalid(
        f"the pattern cannot be read in {dialect}: {shown(reason, words)}",
        hint=f"it stops at the mark: {pattern[:at]}>>>{pattern[at:]}",
    )


def _original(spots: list[Spot], offset: int) -> int:
    """The offset in the pattern that stands for an offset in the text that was read."""
    for spot in reversed(spots):
        if offset >= spot.end:
            return spot.pattern_end + offset - spot.end
        if offset >= spot.start:
            return spot.pattern_start
    return offset


def shown(text: str, words: Mapping[str, str]) -> str:
    """A text of the reader with the metavariables back in their places."""
    for word, name in words.items():
        text = re.sub(f"'?{word}'?", f"${name}", text, flags=re.IGNORECASE)
    return text


# -- messages and examples ------------------------------------------------------------------------


def message(pattern: str) -> str:
    """A message that names what the metavariables stand for."""
    told = ", ".join(f"{n} = {{{n}}}" for n in names(pattern))
    said = "a statement of this shape has done harm before"
    return f"{said} ({told})" if told else said


_TYPES = {Dialect.SQLITE: "TEXT", Dialect.POSTGRES: "text", Dialect.MYSQL: "VARCHAR(40)"}
_EXAMPLES = ("note", "body", "label", "folder", "author", "place", "mark", "owner")


def example(pattern: str, dialect: Dialect) -> str:
    """A statement of plain words that the pattern fits.

    Raises RuleInvalid where the pattern cannot be read.
    """
    reading = read(pattern, dialect)
    order = names(pattern)
    text = reading.text
    for word, name in reading.words.items():
        value = "id" if name == REST else _EXAMPLES[order.index(name) % len(_EXAMPLES)]
        if word.isdecimal():
            value = "40"
        elif name.startswith("TYPE"):
            value = _TYPES[dialect]
        text = text.replace(word, value)
    return text


def fixture(
    hazard: str, kind: str, pattern: str, unless: tuple[str, ...], dialect: Dialect
) -> Iterator[tuple[str, str]]:
    """The migrations of a fail or pass fixture for a pattern: (file, text)."""
    statement = example(pattern, dialect)
    safe = example(unless[0], dialect) if unless else "SELECT 1"
    found = (*operations(statement, dialect), *operations(safe, dialect))
    tables = _tables(found, dialect)
    if tables:
        yield "0001_tables.sql", "".join(tables.values())
    if kind == "fail":
        yield "0002_change.sql", f"{statement}; -- expect: {hazard}\n"
    else:
        yield "0002_change.sql", f"{safe};\n"


def _tables(found: tuple[Operation, ...], dialect: Dialect) -> dict[str, str]:
    """CREATE TABLE for each table that these operations find in place."""
    columns: dict[str, list[str]] = {}
    for operation in found:
        if operation.kind not in {Kind.CREATE_TABLE, Kind.CREATE_TYPE}:
            for table in (operation.table, *_other_tables(operation)):
                if table:
                    columns.setdefault(table, [])
        if operation.table in columns:
            columns[operation.table] += _columns(operation)
    return {t: _create(t, dict.fromkeys(c), dialect) for t, c in columns.items()}


def _other_tables(operation: Operation) -> Iterator[str]:
    yield from operation.sources
    if isinstance(operation.definition, Table):
        yield from (k.ref_table for k in operation.definition.foreign_keys)


def _columns(operation: Operation) -> Iterator[str]:
    yield from (r.column for r in operation.references if r.table == operation.table and r.column)
    if operation.kind not in {Kind.ADD_COLUMN, Kind.CREATE_TABLE}:
        yield from filter(None, (operation.column, *operation.columns))
        yield from (a.column for a in operation.assignments if a.column)
    if isinstance(operation.definition, Index):
        yield from (c.name for c in operation.definition.columns if not c.expression)


def _create(table: str, columns: Mapping[str, None], dialect: Dialect) -> str:
    def name(text: str) -> str:
        plain = re.fullmatch(r"[^\W\d]\w*", text)
        return text if plain else ".".join(quoted(p, dialect) for p in text.split("."))

    others = "".join(f", {name(c)} {_TYPES[dialect]}" for c in columns if c.lower() != "id")
    return f"CREATE TABLE {name(table)} (id INTEGER PRIMARY KEY{others});\n"
