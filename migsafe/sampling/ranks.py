"""Other values in the same order, where order is all that a failure hangs on."""

from __future__ import annotations

from dataclasses import replace
from string import ascii_lowercase

from migsafe.model.content import Content, Value
from migsafe.sampling.numbers import Drawn

_STEP = 7  # between the numbers of two neighbours


def ranked(content: Content, column: str, drawn: Drawn) -> Content:
    """The rows with small numbers and letters in that column, equal and ordered as they were.

    Text keeps its length where that is long enough; NULL and what is empty stay.
    """
    at = content.columns.index(column)
    found = _ranks(content.column(column), drawn)
    rows = tuple((*row[:at], found.get(_key(row[at]), row[at]), *row[at + 1 :])
                 for row in content.rows)  # fmt: skip
    return replace(content, rows=rows)


def _key(value: Value) -> tuple[type, Value]:
    return type(value), value


def _ranks(values: tuple[Value, ...], drawn: Drawn) -> dict[tuple[type, Value], Value]:
    start = 1 + drawn.number("rank", len(values), _STEP)
    texts = sorted({v for v in values if isinstance(v, str) and v})
    whole = sorted({v for v in values if isinstance(v, int) and not isinstance(v, bool)})
    width = _width(len(texts))
    found: dict[tuple[type, Value], Value] = {}
    for rank, text in enumerate(texts):
        found[_key(text)] = _letters(rank, width).ljust(len(text), "x")
    for rank, number in enumerate(whole):
        found[_key(number)] = start + rank * _STEP
    return found


def _width(count: int) -> int:
    width = 1
    while len(ascii_lowercase) ** width < count:
        width += 1
    return width


def _letters(rank: int, width: int) -> str:
    base = len(ascii_lowercase)
    return "".join(ascii_lowercase[rank // base**at % base] for at in reversed(range(width)))
