"""The schema of a replayed database, read once for all databases that have the same one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from migsafe.model.migration import Kind, Migration, Operation
from migsafe.model.schema import Schema, fold_name
from migsafe.schema.inspect import inspect

_LIMIT = 500
_known: dict[tuple[object, ...], Schema] = {}


def schema_of(
    database: sqlite3.Connection,
    name: str = "main",
    opened: Callable[[], sqlite3.Connection] | None = None,
) -> Schema:
    """The schema of the attached database `name`.

    Devices of one version mostly have the very same definitions, and reading them costs more than
    a small migration. `opened` gives a connection that has this database as its main one, where
    `name` is another; the caller of this function closes it.
    """
    query = f"SELECT type, name, tbl_name, sql FROM {name}.sqlite_master"
    key = tuple(database.execute(query))
    schema = _known.get(key)
    if schema is None:
        if len(_known) >= _LIMIT:
            _known.clear()
        schema = inspect(opened() if opened else database)
        _known[key] = schema
    return schema


def renamed(pending: tuple[Migration, ...], before: Schema) -> dict[str, str]:
    """Of tables that the migrations rename for good: the new name to the old one, folded.

    A rebuild ends with the old name, and is none.
    """
    origin = {key: key for key in before.tables}
    for operation in _operations(pending):
        table = fold_name(operation.table)
        if operation.kind is Kind.RENAME_TABLE and table in origin:
            origin[fold_name(operation.new_name)] = origin.pop(table)
        elif operation.kind is Kind.DROP_TABLE:
            origin.pop(table, None)
    return {new: old for new, old in origin.items() if new != old and new not in before.tables}


def _operations(pending: tuple[Migration, ...]) -> Iterator[Operation]:
    for migration in pending:
        for statement in migration.statements:
            yield from statement.operations or ()
