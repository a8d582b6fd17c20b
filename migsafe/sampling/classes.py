"""The classes of values that old columns hold, as SQL over the row that is there, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migsafe.model.schema import Column
from migsafe.model.variation import Ground
from migsafe.schema.rows import Rows, is_text
from migsafe.sql.tokens import quoted

_LITERALS = 12

_LONG = "replace(hex(zeroblob(2000)), '00', 'long ')"

_TEXTS = (
    ("''", "is empty"),
    ("'   '", "is blank"),
    ("{c} || ' '", "ends in a space"),
    ("' ' || {c}", "begins with a space"),
    ("upper({c})", "is in upper case"),
    ("lower({c})", "is in lower case"),
    ("{c} || 'e' || char(769)", "has a combining accent"),
    ("'Ünïcödé, 日本 ' || char(128512)", "is not ASCII"),
    (_LONG, "is very long"),
    ("'00' || {c}", "has leading zeros"),
    ("'12'", "is a whole number as text"),
    ("'1.50'", "is a fraction as text"),
    ("'-7'", "is a negative number as text"),
    ("'1e999'", "is a number too large as text"),
    ("'NULL'", "is the word NULL"),
    ("'it''s \"so\"'", "has quotes"),
    ("'a' || char(10) || 'b'", "has a line break"),
    ("'a' || char(0) || 'b'", "has a NUL character"),
    ("'100%_'", "has wildcards"),
    ("'a,b;c|d'", "is packed with separators"),
    ("',a,,'", "is packed with empty parts"),
    ("'a'", "has no separator"),
    ("'[]'", "is an empty JSON array"),
    ("'{{\"a\":'", "is broken JSON"),
    ('\'{{"a": {{"b": [1, null]}}}}\'', "is nested JSON"),
    ("'null'", "is a JSON null"),
    ("CAST(x'61ff' AS TEXT)", "is not valid UTF-8"),
    ("x'00ff'", "is a blob"),
)
_DATES = (
    ("'2024-02-30'", "is a day that does not exist"),
    ("'31/12/2024'", "is a date in another order"),
    ("'2024-01-01T00:00:00Z'", "is a moment in UTC"),
    ("'2024-01-01 00:00:00.123'", "is a moment with milliseconds"),
    ("'1704067200000'", "is a moment in milliseconds"),
    ("'0000-00-00'", "is a date of zeros"),
)
_NUMBERS = (
    ("0", "is 0"),
    ("-1", "is -1"),
    ("2", "is 2"),
    ("-abs({c})", "is negative"),
    ("{c} * 1000", "is a thousand times as large"),
    ("2147483648", "is beyond 32 bits"),
    ("9223372036854775807", "is the largest integer"),
    ("-9223372036854775807 - 1", "is the smallest integer"),
    ("{c} + 0.5", "is a fraction"),
    ("9e999", "is infinite"),
    ("''", "is an empty text"),
    ("'text'", "is a text"),
    ("x'00ff'", "is a blob"),
)
_KEYS = (("0", "is 0"), ("-1", "is -1"), ("2147483648", "is beyond 32 bits"))
"""Numbers that are given as keys. None at the end of all integers: no app gets that far."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value for one column as SQL over the row itself; `words` go behind the column's name."""

    sql: str
    words: str
    orphan: bool = False


def values(ground: Ground, rows: Rows, column: Column) -> tuple[Value, ...]:
    """Every class of value that is worth a try in the column, the plainest first."""
    return tuple(_values(ground, rows, column))


def _values(ground: Ground, rows: Rows, column: Column) -> Iterator[Value]:
    if not column.not_null and not column.primary_key:
        yield Value("NULL", "is NULL")
    yield Value(rows.another(column), "is that of another row")
    if rows.parent_key(column) is not None:
        if ground.orphans:
            yield Value(rows.orphan(column), "points to no row", orphan=True)
        return
    for sql, words in _of_kind(column):
        yield Value(sql.format(c=quoted(column.name)), words)
    if column.primary_key:
        return  # a key that the migration seeds is its own: no old row will have chosen it
    for literal in ground.literals[:_LITERALS]:
        if literal.startswith("'") == is_text(column):
            yield Value(literal, f"is {literal}")


def _of_kind(column: Column) -> Iterator[tuple[str, str]]:
    name = f"{column.name} {column.type}".upper()
    if any(word in name for word in ("DATE", "TIME", "_AT")):
        yield from _DATES
    if is_text(column):
        yield from _TEXTS
    else:
        yield from _KEYS if column.primary_key else _NUMBERS
