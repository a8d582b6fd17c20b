"""The schema after one operation, computed without a database.

Every step shares what it does not touch, so that callers can compare with `is`. A statement that
the engine would refuse leaves the schema as it was. Where an operation needs something that no
earlier one made, that thing must come from outside the known history: it is put in as far as the
operation tells, and `Schema.complete` turns False.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Index, Schema, Table, Trigger, View, fold_name
from migsafe.schema import fold_columns, fold_rename

TEMPORARY = "temp."
"""The prefix of the keys of temporary objects."""

T = TypeVar("T")
Step = Callable[[Schema, Operation, Dialect], Schema]


def fold(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    """The schema after the operation; the very same object where nothing changed.

    Temporary objects are keyed `temp.` + name and win over others for a name without a schema
    (lang_naming.html). A table is renamed as SQLite 3.26 and later do it: foreign keys, triggers
    and views follow (lang_altertable.html). Never raises for an operation out of place.
    """
    if dialect is Dialect.MYSQL:
        from migsafe.schema import fold_mysql  # noqa: PLC0415 - each dialect on demand

        return fold_mysql.fold(schema, operation, lambda s, o: _stepped(s, o, dialect))
    if dialect is Dialect.POSTGRES:
        from migsafe.schema import fold_postgres  # noqa: PLC0415 - likewise

        return fold_postgres.fold(schema, operation, lambda s, o: _stepped(s, o, dialect))
    return _stepped(schema, operation, dialect)


def _stepped(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    step = _STEPS.get(operation.kind)
    return schema if step is None else step(schema, operation, dialect)


def doubted(schema: Schema) -> Schema:
    """The schema after something that nothing is known of: any table may have changed."""
    tables = {key: replace(table, complete=False) for key, table in schema.tables.items()}
    return replace(schema, tables=tables, complete=False)


def _opened(schema: Schema, *_: object) -> Schema:
    """The schema, known to have come in part from somewhere else."""
    return replace(schema, complete=False) if schema.complete else schema


def _key(objects: Mapping[str, object], name: str, temporary: bool = False) -> str:
    """Where the name is found: among the temporary objects first."""
    short = fold_name(name)
    hidden = TEMPORARY + short
    return hidden if temporary or hidden in objects else short


def _with(objects: Mapping[str, T], key: str, value: T) -> dict[str, T]:
    return {**objects, key: value}


def _without(objects: Mapping[str, T], *keys: str) -> dict[str, T]:
    return {k: v for k, v in objects.items() if k not in keys}


def _put(schema: Schema, key: str, table: Table) -> Schema:
    return replace(schema, tables=_with(schema.tables, key, table))


def _reached(schema: Schema, name: str) -> tuple[Schema, str]:
    """The schema in which the table of that name is known, if only by name, and its key."""
    key = _key(schema.tables, name)
    if key in schema.tables or fold_name(name).startswith("sqlite_"):
        return schema, key
    unknown = Table(name, complete=False)
    return replace(schema, tables=_with(schema.tables, key, unknown), complete=False), key


def _is_view(schema: Schema, name: str) -> bool:
    return _key(schema.views, name) in schema.views


def _taken(schema: Schema, key: str, *kinds: Mapping[str, object]) -> bool:
    """Would the engine refuse a new object of that name?

    Outside the known history anything may have been dropped: there the statement is believed.
    """
    return schema.complete and any(key in objects for objects in kinds)


# -- tables ------------------------------------------------------------------------------------


def _create_table(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    table = operation.definition
    if not isinstance(table, Table):
        return _opened(schema)
    hidden = operation.temporary or table.temporary
    key = TEMPORARY + fold_name(table.name) if hidden else fold_name(table.name)
    if operation.if_not_exists and key in schema.tables:
        return schema
    if _taken(schema, key, schema.tables, schema.views):
        return schema
    if dialect is not Dialect.MYSQL and _taken(schema, key, schema.indexes):
        return schema
    return _put(schema, key, table)


def _drop_table(schema: Schema, operation: Operation, _: Dialect) -> Schema:
    key = _key(schema.tables, operation.table)
    if key in schema.tables:
        return _forget(replace(schema, tables=_without(schema.tables, key)), key, operation.table)
    return _missing(schema, operation, operation.table)


def _forget(schema: Schema, key: str, name: str) -> Schema:
    """Without the indexes and triggers of a table or view that is gone."""
    hidden = key.startswith(TEMPORARY)
    short = fold_name(name)
    indexes = [
        k
        for k, index in schema.indexes.items()
        if fold_name(index.table) == short and k.startswith(TEMPORARY) == hidden
    ]
    triggers = [
        k
        for k, trigger in schema.triggers.items()
        if fold_name(trigger.table) == short and (k.startswith(TEMPORARY) or not hidden)
    ]
    if indexes:
        schema = replace(schema, indexes=_without(schema.indexes, *indexes))
    if triggers:
        schema = replace(schema, triggers=_without(schema.triggers, *triggers))
    return schema


def _missing(schema: Schema, operation: Operation, name: str) -> Schema:
    """After dropping what was never seen: it was not there, or somebody else made it."""
    quiet = operation.if_exists or fold_name(name).startswith("sqlite_")
    known = any(_key(kind, name) in kind for kind in (schema.tables, schema.views))
    return schema if quiet or known else _opened(schema)


def _rename_table(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    old, new = operation.table, operation.new_name
    if _key(schema.tables, old) not in schema.tables and _is_view(schema, old):
        return schema
    reached, key = _reached(schema, old)
    hidden = key.startswith(TEMPORARY)
    new_key = TEMPORARY + fold_name(new) if hidden else fold_name(new)
    others = _without(reached.tables, key)
    if key not in reached.tables or _taken(schema, new_key, others, schema.views):
        return schema
    return fold_rename.renamed_table(reached, key, new_key, new, dialect)


# -- columns and constraints -------------------------------------------------------------------


def _within(change: fold_columns.Change) -> Step:
    """A step that changes one table; None from `change` stands for a refused statement."""

    def step(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
        if _key(schema.tables, operation.table) not in schema.tables and (
            operation.if_exists or _is_view(schema, operation.table)
        ):
            return schema
        reached, key = _reached(schema, operation.table)
        table = reached.tables.get(key)
        changed = None if table is None else change(table, operation, dialect)
        if changed is None:
            return reached if reached is not schema else schema
        return reached if changed == table else _put(reached, key, changed)

    return step


def _drop_column(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    key = _key(schema.tables, operation.table)
    used = [
        k
        for k, index in schema.indexes.items()
        if _key(schema.tables, index.table) == key
        and any(fold_name(c.name) == fold_name(operation.column) for c in index.columns)
    ]
    if used and dialect is Dialect.SQLITE:
        return schema  # refused: lang_altertable.html#altertabdropcol
    after = _within(fold_columns.dropped)(schema, operation, dialect)
    if after is not schema and dialect is Dialect.SQLITE and key in schema.tables:
        after = fold_rename.without_column(after, key, operation.column)
    return replace(after, indexes=_without(after.indexes, *used)) if used else after


def _rename_column(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    if _key(schema.tables, operation.table) not in schema.tables and _is_view(
        schema, operation.table
    ):
        return schema
    reached, key = _reached(schema, operation.table)
    table = reached.tables.get(key)
    if table is None or _column_refused(table, operation):
        return reached
    return fold_rename.renamed_column(reached, key, operation.column, operation.new_name, dialect)


def _column_refused(table: Table, operation: Operation) -> bool:
    column, other = table.column(operation.column), table.column(operation.new_name)
    return (column is None and table.complete) or (other is not None and other is not column)


def _alter_column(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    new = operation.definition
    if isinstance(new, Table) and new.columns:
        name = new.columns[0].name
        if fold_name(name) != fold_name(operation.column):
            schema = _rename_column(schema, replace(operation, new_name=name), dialect)
    return _within(fold_columns.altered)(schema, operation, dialect)


# -- indexes -----------------------------------------------------------------------------------


def _create_index(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    index = operation.definition
    if not isinstance(index, Index):
        return _opened(schema)
    index = index if index.name else replace(index, name=_default_name(index))
    if not _is_view(schema, index.table):
        schema_with, table_key = _reached(schema, index.table)
    else:
        schema_with, table_key = schema, ""
    key = fold_name(index.name)
    if dialect is Dialect.MYSQL and key in schema.indexes:
        key = _own_key(index.table, index.name)
    if table_key.startswith(TEMPORARY):
        key = TEMPORARY + key
    exists = key in schema.indexes and (operation.if_not_exists or schema.complete)
    if exists or (dialect is not Dialect.MYSQL and _taken(schema, key, schema.tables)):
        return schema
    return replace(schema_with, indexes=_with(schema_with.indexes, key, index))


def _default_name(index: Index) -> str:
    """The name PostgreSQL gives an index made without one."""
    names = ("expr" if c.expression else c.name for c in index.columns)
    return "_".join((index.table, *names, "idx"))


def _own_key(table: str, name: str) -> str:
    """MySQL's index names are each table's own: a second one of that name is keyed with it."""
    return f"{fold_name(table)}.{fold_name(name)}"


def _drop_index(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    own = _own_key(operation.table, operation.name)
    key = own if own in schema.indexes else _key(schema.indexes, operation.name)
    if key in schema.indexes:
        return replace(schema, indexes=_without(schema.indexes, key))
    if dialect is Dialect.MYSQL and operation.table:
        return _within(fold_columns.without_constraint)(schema, operation, dialect)
    return schema if operation.if_exists else _opened(schema)


# -- triggers and views ------------------------------------------------------------------------


def _create_trigger(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    trigger = operation.definition
    if not isinstance(trigger, Trigger):
        return _opened(schema)
    reached, table_key = schema, ""
    if not _is_view(schema, trigger.table):
        reached, table_key = _reached(schema, trigger.table)
    hidden = operation.temporary or table_key.startswith(TEMPORARY)
    key = TEMPORARY + fold_name(trigger.name) if hidden else fold_name(trigger.name)
    if key in schema.triggers and (operation.if_not_exists or _fixed(schema, dialect)):
        return schema
    return replace(reached, triggers=_with(reached.triggers, key, trigger))


def _fixed(schema: Schema, dialect: Dialect) -> bool:
    """Does an object stay when another of its name is made? (Others have CREATE OR REPLACE.)"""
    return schema.complete and dialect is Dialect.SQLITE


def _drop_trigger(schema: Schema, operation: Operation, _: Dialect) -> Schema:
    key = _key(schema.triggers, operation.name)
    if key in schema.triggers:
        return replace(schema, triggers=_without(schema.triggers, key))
    return schema if operation.if_exists else _opened(schema)


def _create_view(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    view = operation.definition
    if not isinstance(view, View):
        return _opened(schema)
    key = TEMPORARY + fold_name(view.name) if operation.temporary else fold_name(view.name)
    if _taken(schema, key, schema.tables, schema.indexes):
        return schema
    if key in schema.views and (operation.if_not_exists or _fixed(schema, dialect)):
        return schema
    return replace(schema, views=_with(schema.views, key, view))


def _drop_view(schema: Schema, operation: Operation, _: Dialect) -> Schema:
    name = operation.name or operation.table
    key = _key(schema.views, name)
    if key in schema.views:
        return _forget(replace(schema, views=_without(schema.views, key)), key, name)
    return _missing(schema, operation, name)


_STEPS: dict[Kind, Step] = {
    Kind.CREATE_TABLE: _create_table,
    Kind.DROP_TABLE: _drop_table,
    Kind.RENAME_TABLE: _rename_table,
    Kind.ADD_COLUMN: _within(fold_columns.added),
    Kind.DROP_COLUMN: _drop_column,
    Kind.RENAME_COLUMN: _rename_column,
    Kind.ALTER_COLUMN: _alter_column,
    Kind.ADD_CONSTRAINT: _within(fold_columns.with_constraint),
    Kind.DROP_CONSTRAINT: _within(fold_columns.without_constraint),
    Kind.CREATE_INDEX: _create_index,
    Kind.DROP_INDEX: _drop_index,
    Kind.CREATE_TRIGGER: _create_trigger,
    Kind.DROP_TRIGGER: _drop_trigger,
    Kind.CREATE_VIEW: _create_view,
    Kind.DROP_VIEW: _drop_view,
    Kind.OPAQUE: _opened,
    Kind.UNREAD: _opened,
}
