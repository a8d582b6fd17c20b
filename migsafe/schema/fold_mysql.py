"""What MySQL and MariaDB do beyond what every engine does with an operation.

They name keys and foreign keys that have no name, make an index for a foreign key without one, keep
index names for each table, and let MODIFY and ADD say where a column stands (MySQL manual: CREATE
TABLE Statement, FOREIGN KEY Constraints, ALTER TABLE Statement).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import (
    ForeignKey,
    Index,
    IndexColumn,
    Schema,
    Table,
    Unique,
    fold_name,
)
from migsafe.schema import fold_mysql_tables as tables

Step = Callable[[Schema, Operation], Schema]
"""What every engine does with an operation."""

_TEMPORARY = "temp."


def fold(schema: Schema, operation: Operation, step: Step) -> Schema:
    """The schema after the operation; the very same object where nothing changed."""
    own = _OWN.get(operation.kind)
    return step(schema, operation) if own is None else own(schema, operation, step)


def _key(schema: Schema, name: str) -> str:
    short = fold_name(name)
    return _TEMPORARY + short if _TEMPORARY + short in schema.tables else short


def _table(schema: Schema, name: str) -> Table | None:
    return schema.tables.get(_key(schema, name))


def _put(schema: Schema, table: Table) -> Schema:
    key = _key(schema, table.name)
    if schema.tables.get(key) == table:
        return schema
    return replace(schema, tables={**schema.tables, key: table})


def _indexes(schema: Schema, table: str) -> Iterator[tuple[str, Index]]:
    """The indexes of a table with their keys."""
    short = fold_name(table)
    return ((k, i) for k, i in schema.indexes.items() if fold_name(i.table) == short)


def _index(schema: Schema, table: str, name: str) -> tuple[str, Index] | None:
    short = fold_name(name)
    return next((p for p in _indexes(schema, table) if fold_name(p[1].name) == short), None)


def _without(schema: Schema, keys: Iterable[str]) -> Schema:
    gone = set(keys)
    if not gone:
        return schema
    return replace(schema, indexes={k: i for k, i in schema.indexes.items() if k not in gone})


# -- names that are not written -------------------------------------------------------------------


def _taken(schema: Schema, table: Table) -> set[str]:
    """The folded names of a table's keys."""
    names = {fold_name(i.name) for _, i in _indexes(schema, table.name)}
    return names | {fold_name(u.name) for u in table.uniques}


def _free(first: str, taken: set[str]) -> str:
    """The name of a key without one: its first column's, with a number where that is taken."""
    name, number = first, 2
    while fold_name(name) in taken or fold_name(name) == "primary":
        name = f"{first}_{number}"
        number += 1
    return name


def _named(new: Table, taken: set[str], keys: Sequence[ForeignKey]) -> Table:
    """The table with a name for each key and foreign key; `keys` are those there before."""
    uniques = []
    for unique in new.uniques:
        named = unique if unique.name else replace(unique, name=_free(unique.columns[0], taken))
        taken.add(fold_name(named.name))
        uniques.append(named)
    short = new.name.rpartition(".")[2]
    number = max((_number(k.name, short) for k in keys), default=0)
    found = []
    for key in new.foreign_keys:
        number += not key.name
        found.append(key if key.name else replace(key, name=f"{short}_ibfk_{number}"))
    return replace(new, uniques=tuple(uniques), foreign_keys=tuple(found))


def _number(name: str, table: str) -> int:
    """The number in a name that InnoDB made, 0 in others."""
    start = f"{fold_name(table)}_ibfk_"
    tail = fold_name(name).removeprefix(start) if fold_name(name).startswith(start) else ""
    return int(tail) if tail.isdigit() else 0


# -- indexes of foreign keys ----------------------------------------------------------------------


def _covers(columns: Sequence[str], wanted: Sequence[str]) -> bool:
    return list(map(fold_name, columns))[: len(wanted)] == list(map(fold_name, wanted))


def _plain(index: Index) -> tuple[str, ...]:
    """The whole columns that an index begins with."""
    if index.method not in {"", "hash"}:
        return ()
    names: list[str] = []
    for term in index.columns:
        if term.expression or term.length:
            break
        names.append(term.name)
    return tuple(names)


def _with_keys(schema: Schema, name: str, written: Sequence[ForeignKey]) -> Schema:
    """The schema with an index for each of these foreign keys that no key of the table serves.

    `written` are the keys as the statement says them. A longer implicit index serves, too; another
    one makes place for the new.
    """
    for key in written:
        table = _table(schema, name)
        if table is None or _served(schema, table, key.columns):
            continue
        schema = _relieved(schema, name, key.columns)
        label = key.name or _free(key.columns[0], _taken(schema, table))
        terms = tuple(IndexColumn(c) for c in key.columns)
        schema = _added(schema, Index(label, table.name, terms, implicit=True))
    return schema


def _served(schema: Schema, table: Table, columns: Sequence[str]) -> bool:
    keys = [table.primary_key, *(u.columns for u in table.uniques)]
    for _, index in _indexes(schema, table.name):
        if not index.implicit or len(index.columns) > len(columns):
            keys.append(_plain(index))
    return any(_covers(key, columns) for key in keys)


def _added(schema: Schema, index: Index) -> Schema:
    hidden = _key(schema, index.table).startswith(_TEMPORARY)
    key = (_TEMPORARY if hidden else "") + fold_name(index.name)
    if key in schema.indexes:
        key = f"{fold_name(index.table)}.{fold_name(index.name)}"
    return replace(schema, indexes={**schema.indexes, key: index})


def _relieved(schema: Schema, table: str, columns: Sequence[str]) -> Schema:
    """The schema without the implicit indexes that a new key makes needless."""
    gone = [
        key
        for key, index in _indexes(schema, table)
        if index.implicit and _covers(columns, _plain(index))
    ]
    return _without(schema, gone)


# -- tables ---------------------------------------------------------------------------------------


def _create_table(schema: Schema, operation: Operation, step: Step) -> Schema:
    if operation.option("like") is not None:
        return _like(schema, operation, step)
    new = operation.definition
    if not isinstance(new, Table):
        return step(schema, operation)
    made = tables.keyed(_named(new, set(), ()))
    after = step(schema, replace(operation, definition=made))
    if after is schema or _table(after, made.name) is not made:
        return after
    return _with_keys(after, made.name, new.foreign_keys)


def _like(schema: Schema, operation: Operation, step: Step) -> Schema:
    source = _table(schema, operation.sources[0])
    if source is None:
        return step(schema, operation)
    made = replace(source, name=operation.table, foreign_keys=(), temporary=operation.temporary)
    after = step(schema, replace(operation, definition=made))
    if after is schema or _table(after, made.name) is not made:
        return after
    for _, index in list(_indexes(schema, source.name)):
        after = _added(after, replace(index, table=made.name, implicit=False))
    return after


def _rename_table(schema: Schema, operation: Operation, step: Step) -> Schema:
    if operation.if_exists and _table(schema, operation.table) is None:
        return schema
    after = step(schema, operation)
    table = _table(after, operation.new_name)
    if after is schema or table is None:
        return after
    old, new = (n.rpartition(".")[2] for n in (operation.table, operation.new_name))
    keys = tuple(
        replace(k, name=f"{new}_ibfk_{number}") if (number := _number(k.name, old)) else k
        for k in table.foreign_keys
    )
    after = _put(after, replace(table, foreign_keys=keys))
    own = f"{fold_name(operation.table)}."
    if not any(key.startswith(own) for key in after.indexes):
        return after
    rekeyed = {
        f"{fold_name(table.name)}.{fold_name(i.name)}" if k.startswith(own) else k: i
        for k, i in after.indexes.items()
    }
    return replace(after, indexes=rekeyed)


def _table_option(schema: Schema, operation: Operation, step: Step) -> Schema:
    table = _table(schema, operation.table)
    return _put(schema, tables.with_option(table, operation)) if table else schema


# -- columns --------------------------------------------------------------------------------------


def _add_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    return _declared(schema, operation, step)


def _alter_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    if operation.option("whole") is not None:
        return _declared(schema, operation, step)
    table = _table(schema, operation.table)
    if table is None or operation.value not in tables.PARTIAL:
        return step(schema, operation)
    return _put(schema, tables.with_default(table, operation))


def _declared(schema: Schema, operation: Operation, step: Step) -> Schema:
    """ADD and MODIFY: a column with its keys, and where it stands."""
    new = operation.definition
    if not isinstance(new, Table):
        return step(schema, operation)
    old = _table(schema, operation.table)
    known = old or Table(operation.table)
    made = _named(new, _taken(schema, known), known.foreign_keys)
    made = replace(made, columns=tuple(map(tables.never_null, made.columns)))
    after = step(schema, replace(operation, definition=made))
    table = _table(after, operation.table)
    if after is schema or table is None:
        return after
    after = _put(after, tables.placed(tables.keyed(table), operation))
    for unique in made.uniques:
        after = _relieved(after, operation.table, unique.columns)
    return _with_keys(after, operation.table, new.foreign_keys)


def _drop_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    """Keys lose the column, and go with their last one (manual, ALTER TABLE Statement)."""
    table = _table(schema, operation.table)
    column = table.column(operation.column) if table else None
    if table is None or column is None:
        return step(schema, operation)
    name = fold_name(operation.column)
    if any(name in map(fold_name, k.columns) for k in table.foreign_keys):
        return schema  # refused
    kept = tables.without_column(table, column)
    indexes = dict(schema.indexes)
    for key, index in _indexes(schema, operation.table):
        terms = tuple(t for t in index.columns if t.expression or fold_name(t.name) != name)
        indexes[key] = replace(index, columns=terms)
        if not terms:
            del indexes[key]
    after = _put(replace(schema, indexes=indexes), kept)
    for index in [i for _, i in _indexes(after, operation.table) if not i.implicit]:
        after = _relieved(after, operation.table, _plain(index))
    return after


# -- keys and constraints -------------------------------------------------------------------------


def _create_index(schema: Schema, operation: Operation, step: Step) -> Schema:
    index = operation.definition
    table = _table(schema, operation.table)
    if not isinstance(index, Index) or not index.columns:
        return step(schema, operation)
    columns = _plain(index)
    relieved = _relieved(schema, operation.table, columns)
    taken = _taken(relieved, table or Table(operation.table))
    if fold_name(index.name) in taken:
        return schema  # refused, or IF NOT EXISTS
    if not index.name:
        first = index.columns[0]
        label = "functional_index" if first.expression else first.name
        index = replace(index, name=_free(label, taken))
    schema = relieved
    if index.unique and _is_clause(index):
        made = Table(operation.table, uniques=(Unique(columns, index.name),), complete=False)
        return step(schema, replace(operation, kind=Kind.ADD_CONSTRAINT, definition=made))
    return step(schema, replace(operation, name=index.name, definition=index))


def _is_clause(index: Index) -> bool:
    """Is this what the model calls a UNIQUE clause: over whole columns, in ascending order?"""
    return not any(c.expression or c.length or c.descending for c in index.columns)


def _drop_index(schema: Schema, operation: Operation, step: Step) -> Schema:
    table = _table(schema, operation.table)
    held = _index(schema, operation.table, operation.name)
    if held is not None:
        return _without(schema, [held[0]])
    if table is None:
        return step(schema, operation)
    if fold_name(operation.name) == "primary":
        return _put(schema, tables.without_primary_key(table))
    name = fold_name(operation.name)
    left = tuple(u for u in table.uniques if fold_name(u.name) != name)
    if len(left) < len(table.uniques):
        return _put(schema, replace(table, uniques=left))
    missed = not operation.if_exists and not table.complete
    return replace(schema, complete=False) if missed and schema.complete else schema


def _rename_index(schema: Schema, operation: Operation, step: Step) -> Schema:
    held = _index(schema, operation.table, operation.name)
    if held is not None:
        renamed = replace(held[1], name=operation.new_name, implicit=False)
        return _added(_without(schema, [held[0]]), renamed)
    table = _table(schema, operation.table)
    if table is None:
        return schema
    old = fold_name(operation.name)
    uniques = tuple(
        replace(u, name=operation.new_name) if fold_name(u.name) == old else u
        for u in table.uniques
    )
    return _put(schema, replace(table, uniques=uniques))


def _add_constraint(schema: Schema, operation: Operation, step: Step) -> Schema:
    new = operation.definition
    if not isinstance(new, Table):
        return step(schema, operation)
    known = _table(schema, operation.table) or Table(operation.table)
    if not _constraint_names(known).isdisjoint(_constraint_names(new)):
        return schema
    relieved = schema
    for columns in (new.primary_key, *(u.columns for u in new.uniques)):
        relieved = _relieved(relieved, operation.table, columns) if columns else relieved
    taken = _taken(relieved, known)
    if any(fold_name(u.name) in taken for u in new.uniques if u.name):
        return schema
    made = _named(new, taken, known.foreign_keys)
    after = step(relieved, replace(operation, definition=made))
    table = _table(after, operation.table)
    if after is schema or table is None:
        return after
    after = _put(after, tables.keyed(table))
    return _with_keys(after, operation.table, new.foreign_keys)


def _constraint_names(table: Table) -> set[str]:
    """The folded names of foreign keys and checks, which share one space of names."""
    names = [k.name for k in table.foreign_keys] + [c.name for c in table.checks]
    return {fold_name(n) for n in names if n}


def _drop_constraint(schema: Schema, operation: Operation, step: Step) -> Schema:
    table = _table(schema, operation.table)
    if table is None:
        return step(schema, operation)
    changed = tables.without_constraint(table, operation)
    return schema if changed is None else _put(schema, changed)


def _alter_constraint(schema: Schema, operation: Operation, step: Step) -> Schema:
    table = _table(schema, operation.table)
    return _put(schema, tables.with_enforcement(table, operation)) if table else schema


_OWN: dict[Kind, Callable[[Schema, Operation, Step], Schema]] = {
    Kind.CREATE_TABLE: _create_table,
    Kind.RENAME_TABLE: _rename_table,
    Kind.TABLE_OPTION: _table_option,
    Kind.ADD_COLUMN: _add_column,
    Kind.ALTER_COLUMN: _alter_column,
    Kind.DROP_COLUMN: _drop_column,
    Kind.CREATE_INDEX: _create_index,
    Kind.DROP_INDEX: _drop_index,
    Kind.RENAME_INDEX: _rename_index,
    Kind.ADD_CONSTRAINT: _add_constraint,
    Kind.DROP_CONSTRAINT: _drop_constraint,
    Kind.ALTER_CONSTRAINT: _alter_constraint,
}
