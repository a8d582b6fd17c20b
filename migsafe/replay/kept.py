"""Which values are proven to be those of before, so that no other check has to look at them.

The proof is one pass over the join of old and new rows: as many equal pairs as the old table has
rows say that no row is gone and that no value is another one. Columns are counted one by one only
where that fails. Values are compared as they are stored (BINARY, without affinity): a text of the
same bytes is as readable as it was, and a value fits an unchanged column as well as it did.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from migsafe.model.schema import Table, fold_name
from migsafe.replay.declared import rowid_alias
from migsafe.replay.values import AT_ONCE, Pair, differs, joined
from migsafe.sql.tokens import quoted


@dataclass(frozen=True, slots=True)
class Kept:
    """The columns of new tables in which every value is the one that its row had before.

    A table may have lost rows, but each row that it has was there, under the same key.
    """

    _was: dict[str, dict[str, str]] = field(default_factory=dict)  # table, new column: old one

    def holds(self, table: Table, column: str) -> bool:
        """Is every value of this new column one that its row had before?"""
        return fold_name(column) in self._was.get(fold_name(table.name), {})

    def in_place(self, table: Table, column: str) -> bool:
        """Does that hold, and did the column have the same name?"""
        name = fold_name(column)
        return self._was.get(fold_name(table.name), {}).get(name) == name

    def note(self, database: sqlite3.Connection, both: Pair, was: int, now: int) -> bool:
        """Compare a table of `was` rows with what became of it, `now` rows.

        True where every old row is there with every value it had. Needs the old data attached as
        `old`.
        """
        if len(both.columns) > AT_ONCE:
            return False
        equal = _equal(database, both)
        if equal == now:
            names = (*both.columns, *both.keys)
        else:
            names = tuple(_unchanged(database, both, now)) if now <= was else ()
        self._was[fold_name(both.new.name)] = {fold_name(n): fold_name(o) for o, n in names}
        return equal == was


def _equal(database: sqlite3.Connection, both: Pair) -> int:
    """How many old rows are there with the same values: no two of them are the same new row."""
    same = _same(both.columns)
    query = f"SELECT count(*) {joined(both)} WHERE {_one_to_one(both)} AND {same}"
    return int(database.execute(query).fetchone()[0])


def _one_to_one(both: Pair) -> str:
    """SQL without which a key of a coarser collation could join two old rows with one new row."""
    integers = rowid_alias(both.old) and rowid_alias(both.new)
    return "1" if integers else _same(both.keys)


def _same(columns: tuple[tuple[str, str], ...]) -> str:
    return " AND ".join(f"NOT ({_differs(o, n)})" for o, n in columns) or "1"


def _differs(old: str, new: str) -> str:
    return differs(f"o.{quoted(old)}", f"n.{quoted(new)}")


def _unchanged(database: sqlite3.Connection, both: Pair, now: int) -> Iterator[tuple[str, str]]:
    """The columns without a difference, where each of the `now` rows has an old one beside it."""
    totals = "".join(f", total({_differs(o, n)})" for o, n in both.columns)
    query = f"SELECT count(*){totals} {joined(both)} WHERE {_one_to_one(both)}"
    pairs, *different = database.execute(query).fetchone()
    if pairs == now:
        yield from both.keys
        yield from (c for c, n in zip(both.columns, different, strict=True) if not n)
