"""The schema of a replayed database, read once for all databases that have the same one."""

from __future__ import annotations

import sqlite3
from collections import Counter
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
    """Of tables that have another name for good: the new name to the old one, folded.

    They are renamed, or copied whole into a new table and dropped. A rebuild ends with the old
    name, and is none.
    """
    origin = {key: key for key in before.tables}
    copied = _copied_whole(pending, before)
    for operation in _operations(pending):
        table = fold_name(operation.table)
        if operation.kind is Kind.RENAME_TABLE and table in origin:
            origin[fold_name(operation.new_name)] = origin.pop(table)
        elif operation.kind is Kind.RENAME_TABLE and table in copied:
            copied[fold_name(operation.new_name)] = copied.pop(table)
        elif operation.kind is Kind.DROP_TABLE:
            origin.pop(table, None)
            copied.pop(table, None)
    gone = before.tables.keys() - set(origin.values())
    origin |= {new: old for new, old in copied.items() if old in gone and new not in origin}
    return {new: old for new, old in origin.items() if new != old and new not in before.tables}


def _copied_whole(pending: tuple[Migration, ...], before: Schema) -> dict[str, str]:
    """The tables that take every row of one old table, which feeds no other, and no other rows."""
    sources: dict[str, set[str]] = {}
    whole: set[str] = set()
    for operation in _operations(pending):
        if operation.kind is Kind.INSERT and operation.sources:
            target = fold_name(operation.table)
            sources.setdefault(target, set()).update(map(fold_name, operation.sources))
            if not operation.narrowing:
                whole.add(target)
    fed = Counter(name for names in sources.values() for name in names)
    return {
        target: source
        for target, (source, *others) in ((t, sorted(names)) for t, names in sources.items())
        if target in whole and not others and fed[source] == 1
        if source in before.tables and target not in before.tables
    }


def _operations(pending: tuple[Migration, ...]) -> Iterator[Operation]:
    for migration in pending:
        for statement in migration.statements:
            yield from statement.operations or ()
