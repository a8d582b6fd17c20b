"""What an operation makes of one table: its columns and constraints."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from migsafe.model.migration import Dialect, Operation
from migsafe.model.schema import Column, Table, fold_name
from migsafe.schema.names import mentioned

Change = Callable[[Table, Operation, Dialect], Table | None]
"""A changed table; None where the engine would refuse the statement."""


def added(table: Table, operation: Operation, _: Dialect) -> Table | None:
    """The table with one more column, and the constraints written beside it."""
    new = operation.definition
    if not isinstance(new, Table) or not new.columns:
        return replace(table, complete=False)
    if table.column(new.columns[0].name) is not None:
        return None
    return _joined(replace(table, columns=(*table.columns, *new.columns)), new)


def _joined(table: Table, extra: Table) -> Table:
    return replace(
        table,
        uniques=(*table.uniques, *(u for u in extra.uniques if u not in table.uniques)),
        foreign_keys=(
            *table.foreign_keys,
            *(f for f in extra.foreign_keys if f not in table.foreign_keys),
        ),
        checks=(*table.checks, *(c for c in extra.checks if c not in table.checks)),
        autoincrement=table.autoincrement or extra.autoincrement,
    )


def dropped(table: Table, operation: Operation, dialect: Dialect) -> Table | None:
    """The table without a column and without what was said about it alone.

    SQLite refuses a column of a key or UNIQUE clause (lang_altertable.html#altertabdropcol);
    the others drop such constraints with it.
    """
    name = fold_name(operation.column)
    column = table.column(name)
    if column is None:
        return None
    uses = any(_has(u.columns, name) for u in table.uniques)
    if dialect is Dialect.SQLITE and (column.primary_key or uses or len(table.columns) == 1):
        return None
    columns = tuple(c for c in table.columns if c is not column)
    if column.primary_key:
        columns = tuple(replace(c, primary_key=0) for c in columns)
    return replace(
        table,
        columns=columns,
        uniques=tuple(u for u in table.uniques if not _has(u.columns, name)),
        foreign_keys=tuple(f for f in table.foreign_keys if not _has(f.columns, name)),
        checks=tuple(c for c in table.checks if not mentioned(c.expression, name)),
        key_name="" if column.primary_key else table.key_name,
    )


def _has(columns: Collection[str], name: str) -> bool:
    return any(fold_name(c) == name for c in columns)


def altered(table: Table, operation: Operation, _: Dialect) -> Table | None:
    """The table with one column declared anew (its place in the primary key stays)."""
    new = operation.definition
    if not isinstance(new, Table) or not new.columns:
        return replace(table, complete=False)
    column = new.columns[0]
    old = table.column(column.name)
    if old is None:
        return None if table.complete else _joined(_appended(table, column), new)
    key = column.primary_key or old.primary_key
    column = replace(column, primary_key=key)
    columns = tuple(column if c is old else c for c in table.columns)
    return _joined(replace(table, columns=columns), new)


def _appended(table: Table, column: Column) -> Table:
    return replace(table, columns=(*table.columns, column))


def with_constraint(table: Table, operation: Operation, _: Dialect) -> Table | None:
    """The table with one more constraint, or with a primary key."""
    new = operation.definition
    if not isinstance(new, Table):
        return replace(table, complete=False)
    table = _joined(table, new)
    keys = {fold_name(c.name): c.primary_key for c in new.columns if c.primary_key}
    if not keys:
        return table
    columns = tuple(replace(c, primary_key=keys.get(fold_name(c.name), 0)) for c in table.columns)
    return replace(table, columns=columns)


def without_constraint(table: Table, operation: Operation, _: Dialect) -> Table | None:
    """The table without the constraint of that name, or without the only one on those columns.

    A constraint without a name is found under the one PostgreSQL gives it.
    """
    gone = _Gone(table, operation)
    changed = replace(
        table,
        uniques=tuple(u for u in table.uniques if not gone(u.name, u.columns, "key")),
        foreign_keys=tuple(f for f in table.foreign_keys if not gone(f.name, f.columns, "fkey")),
        checks=tuple(c for c in table.checks if not gone(c.name, (), "check")),
    )
    if changed == table and gone.name in {"primary", f"{fold_name(table.name)}_pkey"}:
        return replace(table, columns=tuple(replace(c, primary_key=0) for c in table.columns))
    return changed if changed != table else replace(table, complete=False)


class _Gone:
    """Says which constraint a DROP CONSTRAINT means."""

    def __init__(self, table: Table, operation: Operation) -> None:
        self.name = fold_name(operation.name)
        self._table = fold_name(table.name)
        self._columns = tuple(map(fold_name, operation.columns))

    def __call__(self, name: str, columns: tuple[str, ...], suffix: str) -> bool:
        if name:
            return fold_name(name) == self.name
        folded = tuple(map(fold_name, columns))
        if self._columns and folded == self._columns:
            return True
        return bool(self.name) and self.name == "_".join((self._table, *folded, suffix))
