"""Rows of a query as text: columns side by side, long values cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migsafe.report.text import printable

_WIDEST = 60
NULL = "null"


def grid(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """A head, a rule and a line for each row; whole columns of numbers stand to the right."""
    table = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in table), 1) for i, c in enumerate(columns)]
    right = [bool(rows) and all(_is_number(r[i]) for r in rows) for i in range(len(columns))]
    yield _line([printable(c) for c in columns], widths, right)
    yield "  ".join("-" * width for width in widths)
    for cells in table:
        yield _line(cells, widths, right)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = zip(cells, widths, right, strict=True)
    return "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in parts).rstrip()


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def _cell(value: object) -> str:
    if value is None:
        return NULL
    text = printable(" ".join(str(value).split()))
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
