"""Rows for the tables that are empty in a sample: several, of different classes, parents first."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from migsafe.model.schema import Column, Schema, Table, fold_name
from migsafe.schema.rows import Rows, demanded, is_text
from migsafe.sql.tokens import quoted

_TRIES = 12
"""How many combinations of values are tried before a row of one class is given up."""

_FULL = 3
"""How many rows with a value in every column follow the row with nothing but what is demanded."""

_DAY, _MOMENT = "'2024-01-0{n}'", "'2024-01-0{n} 10:00:00'"
_PLAIN = (
    ("BOOL", "{n} % 2"),
    ("JSON", "'{{\"a\": {n}}}'"),
    ("DATETIME", _MOMENT),
    ("TIMESTAMP", _MOMENT),
    ("DATE", _DAY),
    ("BLOB", "x'0{n}'"),
    *((word, "{n} + 0.5") for word in ("REAL", "FLOA", "DOUB")),
)
"""A plain value number n of a type whose name has this word; else a text or a number."""


def fill(
    database: sqlite3.Connection, schema: Schema, tables: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Fill the empty ones of these tables, and the empty parents that they need, in place.

    Gives per table (folded) the statements that fill it, its parents' first. What the schema
    refuses is left out: its constraints and triggers decide, foreign keys are enforced.
    """
    filler = _Filler(database, schema)
    database.execute("PRAGMA foreign_keys = ON")
    for name in tables:
        filler.fill(name, ())
    return {name: rows for name, rows in filler.done.items() if rows}


class _Filler:
    """Fills tables of one database; `done` holds the statements that came through."""

    def __init__(self, database: sqlite3.Connection, schema: Schema) -> None:
        self._database = database
        self._schema = schema
        self.done: dict[str, tuple[str, ...]] = {}

    def fill(self, name: str, above: tuple[str, ...]) -> None:
        key = fold_name(name)
        table = self._schema.table(name)
        if key in self.done or key in above or table is None or table.virtual:
            return
        if self._has_rows(table):
            return
        parents = dict.fromkeys(fold_name(f.ref_table) for f in table.foreign_keys)
        for parent in parents:
            self.fill(parent, (*above, key))
        rows = Rows(self._schema, table)
        first = [s for parent in parents for s in self.done.get(parent, ())]
        own = [s for n in range(_FULL + 1) for s in self._one(_candidates(rows, n))]
        self.done[key] = tuple(dict.fromkeys((*first, *own))) if own else ()

    def _has_rows(self, table: Table) -> bool:
        try:
            found = self._database.execute(f"SELECT 1 FROM {quoted(table.name)} LIMIT 1").fetchone()
        except sqlite3.Error:
            return True
        return found is not None

    def _one(self, candidates: Iterable[str]) -> Iterator[str]:
        """The first of the statements that the database takes."""
        for sql in itertools.islice(candidates, _TRIES):
            try:
                self._database.execute(sql)
            except sqlite3.Error:
                continue
            yield sql
            return


def _candidates(rows: Rows, number: int) -> Iterator[str]:
    """Statements for the row of this number: 0 has what is demanded, others have all columns."""
    columns = [c for c in rows.table.columns if _given(rows, c, number)]
    choices = [_choices(rows, c, number) for c in columns]
    names = ", ".join(quoted(c.name) for c in columns)
    for values in itertools.product(*choices):
        row = f"({names}) VALUES ({', '.join(values)})" if columns else "DEFAULT VALUES"
        yield f"INSERT INTO {quoted(rows.table.name)} {row}"


def _given(rows: Rows, column: Column, number: int) -> bool:
    if number == 0:
        return demanded(column) or rows.parent_key(column) is not None
    counted = column.primary_key == 1 and len(rows.table.primary_key) == 1
    return not column.generated and not (counted and column.type.upper() == "INTEGER")


def _choices(rows: Rows, column: Column, number: int) -> list[str]:
    reference = rows.parent_key(column, number)
    if reference is not None:
        return [reference]
    listed = rows.listed(column)
    turned = listed[number % len(listed) :] + listed[: number % len(listed)] if listed else []
    return [*turned[:3], _plain(column, number + 1)]


def _plain(column: Column, number: int) -> str:
    kind = column.type.upper()
    form = next((form for word, form in _PLAIN if word in kind), None)
    if form is None:
        form = "'made {n}'" if is_text(column) else "{n}"
    return form.format(n=number)
