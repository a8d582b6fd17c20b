"""What can be done to an old database: one edit of a row, and how edits become a variation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migsafe.model.schema import Column, fold_name
from migsafe.model.variation import Ground, Variation
from migsafe.sampling.classes import Value, values
from migsafe.schema.rows import Rows
from migsafe.sql.tokens import quoted

_ROWS = 16
"""How many different rows of a table edits start from, evenly spread."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One statement on one table, and in words what it makes."""

    table: str
    sql: str
    words: str
    shrinks: bool = False
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One column that edits can reach; `rows` are the positions of the rows to start from."""

    rows: Rows
    column: Column
    values: tuple[Value, ...]
    positions: tuple[int, ...]

    def added(self, value: Value, at: int) -> Edit:
        """A row more, like the row number `at` but for this column."""
        table = self.rows.table.name
        sql = self.rows.clone({fold_name(self.column.name): value.sql}, at)
        return Edit(table, sql, self._words("a row", value), orphan=value.orphan)

    def changed(self, value: Value, at: int) -> Edit:
        """The row number `at` with another value in this column."""
        table = quoted(self.rows.table.name)
        which = f" WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {at})"
        return self._update(value, which, "a row")

    def everywhere(self, value: Value) -> Edit:
        """All rows with this value in the column."""
        return self._update(value, "", "all rows")

    def _update(self, value: Value, which: str, of: str) -> Edit:
        table, column = quoted(self.rows.table.name), quoted(self.column.name)
        sql = f"UPDATE {table} SET {column} = {value.sql}{which}"
        return Edit(self.rows.table.name, sql, self._words(of, value), orphan=value.orphan)

    def _words(self, of: str, value: Value) -> str:
        return f"{of} of {self.rows.table.name} whose {self.column.name} {value.words}"

    def twin(self, at: int) -> Edit:
        """A row more, like the row number `at` but for its keys."""
        table = self.rows.table.name
        words = f"two rows of {table} that are alike but for their key"
        return Edit(table, self.rows.clone({}, at), words)

    def gone(self, at: int) -> Edit:
        """Without the row number `at`."""
        name = self.rows.table.name
        table = quoted(name)
        sql = (
            f"DELETE FROM {table}"
            f" WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {at})"
        )
        return Edit(name, sql, f"one row of {name} missing", shrinks=True)


def places(ground: Ground) -> tuple[Place, ...]:
    """Every column of the ground's tables; those that statements name come first."""
    found = [p for name in ground.tables for p in _of_table(ground, name)]
    return tuple(sorted(found, key=lambda p: not _named(ground, p)))


def named(ground: Ground, found: Sequence[Place]) -> tuple[Place, ...]:
    """Those of the places that statements name."""
    return tuple(p for p in found if _named(ground, p))


def _named(ground: Ground, place: Place) -> bool:
    return (fold_name(place.rows.table.name), fold_name(place.column.name)) in ground.named


def _of_table(ground: Ground, name: str) -> list[Place]:
    table, count = ground.schema.table(name), ground.rows.get(fold_name(name), 0)
    if table is None or table.virtual or not count:
        return []
    rows = Rows(ground.schema, table)
    steps = min(count, _ROWS)
    positions = tuple(dict.fromkeys(number * count // steps for number in range(steps)))
    return [
        Place(rows, column, values(ground, rows, column), positions)
        for column in table.columns
        if not column.generated
    ]


def variation(ground: Ground, edits: Iterable[Edit]) -> Variation:
    """The edits one after the other, on tables that have rows."""
    edits = tuple(edits)
    first = [s for edit in edits for s in ground.first(edit.table)]
    return Variation(
        (*dict.fromkeys(first), *(e.sql for e in edits)),
        ", and ".join(dict.fromkeys(e.words for e in edits)),
        edits[0].table,
        shrinks=any(e.shrinks for e in edits),
        enforced=not any(e.orphan for e in edits),
        partly=True,
    )
