"""Rows that a table's declaration takes, as SQL: like one that is there, or out of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migsafe.model.migration import Dialect
from migsafe.model.schema import Column, ForeignKey, Schema, Table, fold_name
from migsafe.sql.tokens import NUMBER, STRING, quoted, tokenize


@dataclass(frozen=True, slots=True)
class Rows:
    """Makes statements that add rows to one table of a schema (SQLite)."""

    schema: Schema
    table: Table

    # -- what the declaration says ----------------------------------------------------------------

    def foreign(self, column: str) -> ForeignKey | None:
        """The foreign key that consists of this column alone."""
        key = [fold_name(column)]
        return next(
            (f for f in self.table.foreign_keys if [fold_name(c) for c in f.columns] == key), None
        )

    def keys(self) -> Iterator[tuple[str, ...]]:
        """The columns of every primary key, UNIQUE clause and unique index."""
        if self.table.primary_key:
            yield self.table.primary_key
        for unique in self.table.uniques:
            yield unique.columns
        for index in self.schema.indexes.values():
            plain = not any(term.expression for term in index.columns)
            if index.unique and plain and fold_name(index.table) == fold_name(self.table.name):
                yield tuple(term.name for term in index.columns)

    def listed(self, column: Column) -> list[str]:
        """The literals of the CHECKs that name the column, of its own kind."""
        name = column.name.lower()
        checks = [c.expression for c in self.table.checks if name in c.expression.lower()]
        text = is_text(column)
        return [
            token.text
            for check in checks
            for token in tokenize(check, Dialect.SQLITE)
            if token.kind == (STRING if text else NUMBER)
        ]

    # -- a row like another -----------------------------------------------------------------------

    def clone(self, changed: Mapping[str, str], at: int = 0) -> str:
        """INSERT a copy of the row number `at` with fresh keys and these columns (folded) changed.

        A changed column's SQL is an expression over the copied row.
        """
        fresh = {**self._fresh(set(changed)), **changed}
        columns = [c for c in self.table.columns if not c.generated]
        values = (fresh.get(fold_name(c.name), quoted(c.name)) for c in columns)
        name = quoted(self.table.name)
        order = "" if self.table.without_rowid else " ORDER BY rowid"
        offset = f" OFFSET {at}" if at else ""
        return (
            f"INSERT INTO {name} ({', '.join(quoted(c.name) for c in columns)})"
            f" SELECT {', '.join(values)} FROM {name}{order} LIMIT 1{offset}"
        )

    def _fresh(self, kept: set[str]) -> dict[str, str]:
        """Per unique key one column that gets a value of its own."""
        fresh: dict[str, str] = {}
        for key in self.keys():
            names = [fold_name(n) for n in key]
            if any(n in fresh or n in kept for n in names if len(names) > 1 or n in kept):
                continue
            free = [n for n in names if not self.foreign(n)] or names
            column = self.table.column(free[-1])
            if column is not None:
                fresh[free[-1]] = self._new(column)
        return fresh

    def _new(self, column: Column) -> str:
        name, table = quoted(column.name), quoted(self.table.name)
        if is_text(column):
            return f"{name} || '-made'"
        return f"(SELECT coalesce(max({name}), 0) + 1 FROM {table})"

    # -- values -----------------------------------------------------------------------------------

    def another(self, column: Column) -> str:
        """What another row has in the column."""
        name, table = quoted(column.name), quoted(self.table.name)
        return f"(SELECT o.{name} FROM {table} AS o WHERE o.{name} IS NOT {table}.{name} LIMIT 1)"

    def parent_key(self, column: Column, at: int = 0) -> str | None:
        """What the row number `at` of the column's parent is known by; None without a parent."""
        name = fold_name(column.name)
        for foreign in self.table.foreign_keys:
            own = [fold_name(c) for c in foreign.columns]
            if name in own:
                return self._key_of_parent(foreign, own.index(name), at)
        return None

    def _key_of_parent(self, foreign: ForeignKey, position: int, at: int) -> str:
        parent = self.schema.table(foreign.ref_table)
        names = foreign.ref_columns or (parent.primary_key if parent else ())
        name = quoted(names[position]) if position < len(names) else "rowid"
        offset = f" OFFSET {at} % (SELECT max(1, count(*)) FROM {quoted(foreign.ref_table)})"
        return f"(SELECT {name} FROM {quoted(foreign.ref_table)} LIMIT 1{offset if at else ''})"

    def orphan(self, column: Column) -> str:
        """A reference to a row that is not there."""
        if is_text(column):
            return "'no-such-row'"
        return f"(SELECT coalesce(max({quoted(column.name)}), 0) + 1000003 FROM " + (
            f"{quoted(self.table.name)})"
        )


def demanded(column: Column) -> bool:
    """Must an INSERT name the column?"""
    return column.not_null and column.default is None and not column.generated


def is_text(column: Column) -> bool:
    """Does the declared type take texts as they are? (datatype3.html, section 3.1)"""
    kind = column.type.upper()
    if "INT" in kind:
        return False
    return not kind or any(word in kind for word in ("CHAR", "CLOB", "TEXT", "BLOB", "JSON"))
