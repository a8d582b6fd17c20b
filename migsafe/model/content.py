"""The rows of a small database as values, whichever engine holds them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

Value = None | bool | int | float | Decimal | str | bytes
"""One value. Text that is not valid UTF-8 is a `str` with surrogates (PEP 383)."""

Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of one table in a stable order; `columns` name the values of each row.

    `fixed` are columns whose values mean something to the engine or the migration's runner.
    """

    table: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    fixed: frozenset[str] = frozenset()

    def column(self, name: str) -> tuple[Value, ...]:
        """The values of one column, row by row."""
        at = self.columns.index(name)
        return tuple(row[at] for row in self.rows)
