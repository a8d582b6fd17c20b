"""What PostgreSQL does beyond what every engine does with an operation.

It names constraints and sequences that have no name, drops what depends on a dropped object with
CASCADE and refuses without it, keeps types, sequences and partitions, and changes a column in one
respect at a time (manual, part VI, SQL Commands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import (
    Column,
    Index,
    Schema,
    Sequence,
    Table,
    Unique,
    View,
    fold_name,
)
from migsafe.schema import fold_postgres_objects as objects
from migsafe.schema import fold_postgres_tables as tables
from migsafe.schema.fold_postgres_parts import (
    cascades,
    known,
    put,
    referring,
    relations,
    together,
    views_on,
    without,
    without_links,
    without_owned,
    without_views,
)
from migsafe.schema.names import mentioned

Step = Callable[[Schema, Operation], Schema]
"""What every engine does with an operation."""

T = TypeVar("T")


def fold(schema: Schema, operation: Operation, step: Step) -> Schema:
    """The schema after the operation; the very same object where nothing changed."""
    own = _OWN.get(operation.kind)
    return step(schema, operation) if own is None else own(schema, operation, step)


# -- tables ---------------------------------------------------------------------------------------


def _create_table(schema: Schema, operation: Operation, step: Step) -> Schema:
    made = operation.definition
    if not isinstance(made, Table):
        return step(schema, operation)
    if fold_name(made.name) in schema.tables and (operation.if_not_exists or schema.complete):
        return schema
    parents = [made.partition_of] if made.partition_of else list(made.inherits)
    if parents:
        above = [schema.table(p) or Table(p, complete=False) for p in parents]
        made = tables.inherited(made, above)
    made = tables.named(tables.without_doubles(made), Table(made.name), relations(schema))
    after = step(schema, replace(operation, definition=made))
    return after if after is schema else _with_sequences(after, made, made.columns)


def _with_sequences(schema: Schema, table: Table, columns: Iterable[Column]) -> Schema:
    """With the sequences of serial columns; an identity's is a part of its column."""
    serial = [c for c in columns if c.identity == "serial"]
    if not serial:
        return schema
    found = dict(schema.sequences)
    taken = relations(schema)
    for column in serial:
        space, dot, short = table.name.rpartition(".")
        name = space + dot + tables.chosen((short, column.name, "seq"), taken)
        found[fold_name(name)] = Sequence(name, owner=f"{table.name}.{column.name}")
    same = len(found) == len(schema.sequences)
    return schema if same else replace(schema, sequences=found)


def _drop_table(schema: Schema, operation: Operation, step: Step) -> Schema:
    gone = fold_name(operation.table)
    others = referring(schema, gone)
    views = views_on(schema, {gone})
    holding = {fold_name(t.name) for t in others} | views
    if holding - together(operation) and not cascades(operation) and schema.complete:
        return schema
    after = step(schema, operation)
    if after is schema or gone in after.tables:
        return after
    for other in others:
        kept = tuple(f for f in other.foreign_keys if fold_name(f.ref_table) != gone)
        after = put(after, replace(other, foreign_keys=kept))
    partitions = [t.name for t in after.tables.values() if fold_name(t.partition_of) == gone]
    for name in partitions:
        after = _drop_table(after, replace(operation, table=name), step)
    return without_views(without_owned(after, gone, ""), views)


def _rename_table(schema: Schema, operation: Operation, step: Step) -> Schema:
    old, new = fold_name(operation.table), operation.new_name
    if old not in schema.tables and old in schema.views:
        return fold(schema, replace(operation, kind=Kind.RENAME_VIEW), step)
    after = step(schema, operation)
    if after is schema:
        return schema
    if "set schema" in operation.options:
        after = _moved(after, operation.table, new)
    owned = {
        k: replace(s, owner=new + s.owner[len(operation.table) :])
        for k, s in after.sequences.items()
        if fold_name(s.owner).startswith(f"{old}.")
    }
    children = {
        k: replace(t, partition_of=new)
        for k, t in after.tables.items()
        if fold_name(t.partition_of) == old
    }
    if not owned and not children:
        return after
    return replace(
        after, sequences={**after.sequences, **owned}, tables={**after.tables, **children}
    )


def _moved(schema: Schema, old: str, new: str) -> Schema:
    """The indexes and sequences of a table go with it into another schema."""
    indexes = {
        k: replace(i, name=_beside(new, i.name)) if fold_name(i.table) == fold_name(new) else i
        for k, i in schema.indexes.items()
    }
    sequences = {
        k: replace(s, name=_beside(new, s.name))
        if fold_name(s.owner).startswith(f"{fold_name(old)}.")
        else s
        for k, s in schema.sequences.items()
    }
    return replace(
        schema,
        indexes={fold_name(i.name): i for i in indexes.values()},
        sequences={fold_name(s.name): s for s in sequences.values()},
    )


def _beside(table: str, name: str) -> str:
    """The name in the schema of that table."""
    space, dot, _ = table.rpartition(".")
    return space + dot + name.rpartition(".")[2]


def _attach(schema: Schema, operation: Operation, _: Step) -> Schema:
    schema, child = known(schema, operation.name)
    parent = operation.table if operation.kind is Kind.ATTACH_PARTITION else ""
    checked = "concurrently" in operation.options  # then it keeps its bounds as a CHECK
    known_whole = child.complete and not checked
    return put(schema, replace(child, partition_of=parent, complete=known_whole))


def _alter_index(schema: Schema, operation: Operation, step: Step) -> Schema:
    """A partition's index that joins its parent's counts no longer for itself."""
    if operation.value != "attach partition":
        return step(schema, operation)
    joined = fold_name(operation.new_name)
    return replace(schema, indexes=without(schema.indexes, [joined]))


def _table_option(schema: Schema, operation: Operation, step: Step) -> Schema:
    if operation.name != "logged" or schema.table(operation.table) is None:
        return step(schema, operation)
    schema, table = known(schema, operation.table)
    if table.partitioned:
        return schema  # it holds no rows of its own: without effect
    return put(schema, replace(table, unlogged=operation.value == "unlogged"))


# -- columns --------------------------------------------------------------------------------------


def _add_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    new = operation.definition
    if not isinstance(new, Table) or not new.columns:
        return step(schema, operation)
    known = schema.table(operation.table)
    if known is None and operation.if_exists:
        return schema
    taken = relations(schema) if new.primary_key or new.uniques else set()
    made = tables.named(new, known or Table(operation.table), taken)
    after = step(schema, replace(operation, definition=made))
    table = after.table(operation.table)
    if after is schema or table is None:
        return after
    if made.primary_key:
        after = put(after, replace(table, key_name=made.key_name))
    after = _with_sequences(after, table, made.columns)
    return _to_children(after, operation, step)


def _to_children(schema: Schema, operation: Operation, step: Step) -> Schema:
    """The same change to the partitions of the table."""
    parent = fold_name(operation.table)
    for name in [t.name for t in schema.tables.values() if fold_name(t.partition_of) == parent]:
        schema = fold(schema, replace(operation, table=name), step)
    return schema


def _drop_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    table = schema.table(operation.table)
    if table is None or table.column(operation.column) is None:
        return step(schema, operation)
    key, column = fold_name(table.name), fold_name(operation.column)
    views = {
        k for k in views_on(schema, {key}) if _may_read(schema.views[k], table, operation.column)
    }
    others = [
        t
        for t in referring(schema, key)
        if any(fold_name(f.ref_table) == key and _to(f.ref_columns, column) for f in t.foreign_keys)
    ]
    if (views or others) and not cascades(operation) and schema.complete:
        return schema
    for other in others:
        kept = tuple(
            f
            for f in other.foreign_keys
            if fold_name(f.ref_table) != key or not _to(f.ref_columns, column)
        )
        schema = put(schema, replace(other, foreign_keys=kept))
    used = {k for k, i in schema.indexes.items() if _covers(i, key, operation.column)}
    schema = replace(schema, indexes=without(schema.indexes, used)) if used else schema
    after = step(schema, operation)
    after = without_views(without_owned(after, key, column), views)
    return _to_children(after, operation, step)


def _rename_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    after = step(schema, operation)
    table = after.table(operation.table)
    if after is schema or table is None or table.column(operation.new_name) is None:
        return after
    old = fold_name(f"{operation.table}.{operation.column}")
    owned = {
        k: replace(s, owner=f"{table.name}.{operation.new_name}")
        for k, s in after.sequences.items()
        if fold_name(s.owner) == old
    }
    return replace(after, sequences={**after.sequences, **owned}) if owned else after


def _may_read(view: View, table: Table, column: str) -> bool:
    return mentioned(view.select, column) and any(
        fold_name(m) == fold_name(table.name) for m in view.mentions
    )


def _to(columns: Iterable[str], name: str) -> bool:
    return any(fold_name(c) == name for c in columns)


def _covers(index: Index, table: str, column: str) -> bool:
    if fold_name(index.table) != table:
        return False
    short = fold_name(column)
    texts = [index.where, *(c.name for c in index.columns if c.expression)]
    plain = [c.name for c in index.columns if not c.expression]
    return _to((*plain, *index.include), short) or any(mentioned(t, column) for t in texts if t)


def _alter_column(schema: Schema, operation: Operation, step: Step) -> Schema:
    if not operation.value:
        return step(schema, operation)
    if schema.table(operation.table) is None and operation.if_exists:
        return schema
    schema, table = known(schema, operation.table)
    changed = tables.altered(table, operation)
    after = schema if changed == table else put(schema, changed)
    return _to_children(after, operation, step) if changed != table else after


# -- constraints and indexes ----------------------------------------------------------------------


def _add_constraint(schema: Schema, operation: Operation, _: Step) -> Schema:
    new = operation.definition
    if not isinstance(new, Table):
        return replace(schema, complete=False)
    if schema.table(operation.table) is None and operation.if_exists:
        return schema
    schema, table = known(schema, operation.table)
    using = operation.option("using index")
    if using is not None:
        return _constraint_from_index(schema, table, operation, using)
    made = tables.named(replace(new, name=table.name), table, relations(schema))
    return put(schema, tables.with_constraint(table, made))


def _constraint_from_index(schema: Schema, table: Table, operation: Operation, name: str) -> Schema:
    """The index becomes the constraint's and takes its name."""
    index = schema.indexes.get(fold_name(name))
    if index is None:
        return put(schema, replace(table, complete=False))
    schema = replace(schema, indexes=without(schema.indexes, [fold_name(name)]))
    columns = tuple(c.name for c in index.columns)
    named = operation.name or index.name
    if "primary key" not in operation.options:
        return put(schema, replace(table, uniques=(*table.uniques, Unique(columns, named))))
    keys = tuple(Column(c, primary_key=at) for at, c in enumerate(columns, 1))
    return put(schema, tables.with_constraint(table, Table(table.name, keys, key_name=named)))


def _drop_constraint(schema: Schema, operation: Operation, _: Step) -> Schema:
    table = schema.table(operation.table)
    if table is None:
        return schema if operation.if_exists else known(schema, operation.table)[0]
    changed = tables.without_constraint(table, operation.name)
    if changed is not None:
        after = put(schema, changed)
        return without_links(after, table, changed) if cascades(operation) else after
    return schema if operation.if_exists else put(schema, replace(table, complete=False))


def _on_table(change: Callable[[Table, Operation], Table]) -> Callable[..., Schema]:
    def own(schema: Schema, operation: Operation, _: Step) -> Schema:
        schema, table = known(schema, operation.table)
        changed = change(table, operation)
        return schema if changed == table else put(schema, changed)

    return own


def _create_index(schema: Schema, operation: Operation, step: Step) -> Schema:
    index = operation.definition
    if not isinstance(index, Index):
        return step(schema, operation)
    if not index.name:
        short = index.table.rpartition(".")[2]
        taken = relations(schema)
        index = replace(index, name=tables.chosen((short, tables.index_words(index), "idx"), taken))
    space = index.table.rpartition(".")[0]
    if space and "." not in index.name:
        index = replace(index, name=f"{space}.{index.name}")
    return step(schema, replace(operation, name=index.name, definition=index))


def _drop_index(schema: Schema, operation: Operation, step: Step) -> Schema:
    """Foreign keys that need the index go with it under CASCADE, and hold it without."""
    index = schema.indexes.get(fold_name(operation.name))
    after = step(schema, operation)
    table = schema.table(index.table) if index is not None else None
    if index is None or table is None or not index.unique or index.where:
        return after
    columns = tuple(c.name for c in index.columns)
    keyed = replace(table, uniques=(*table.uniques, Unique(columns)))
    beside = [i for i in after.indexes.values() if fold_name(i.table) == fold_name(table.name)]
    others = [Unique(tuple(c.name for c in i.columns)) for i in beside if i.unique and not i.where]
    left = replace(table, uniques=(*table.uniques, *others))
    unlinked = without_links(after, keyed, left)
    if unlinked is after or cascades(operation):
        return unlinked
    return schema if schema.complete else after


def _rename_index(schema: Schema, operation: Operation, _: Step) -> Schema:
    old = fold_name(operation.name)
    index = schema.indexes.get(old)
    if index is not None:
        kept = without(schema.indexes, [old])
        new = replace(index, name=operation.new_name)
        return replace(schema, indexes={**kept, fold_name(operation.new_name): new})
    for table in schema.tables.values():
        if old in tables.constraint_names(table):
            changed = tables.renamed_constraint(table, operation.name, operation.new_name)
            return put(schema, changed)
    return schema if operation.if_exists else replace(schema, complete=False)


# -- types -----------------------------------------------------------------------------------------


def _drop_type(schema: Schema, operation: Operation, _: Step) -> Schema:
    key = fold_name(operation.name)
    if key not in schema.types:
        return schema if operation.if_exists else replace(schema, complete=False)
    used = [
        (t, c)
        for t in schema.tables.values()
        for c in t.columns
        if fold_name(c.type).removesuffix("[]") == key
    ]
    if used and not cascades(operation) and schema.complete:
        return schema
    after = replace(schema, types=without(schema.types, [key]))
    for table, column in used:
        drop = Operation(
            Kind.DROP_COLUMN, table=table.name, column=column.name, options=("cascade",)
        )
        after = _drop_column(after, drop, _plain_drop)
    return after


def _plain_drop(schema: Schema, operation: Operation) -> Schema:
    table = schema.table(operation.table)
    if table is None:
        return schema
    columns = tuple(c for c in table.columns if fold_name(c.name) != fold_name(operation.column))
    return put(schema, replace(table, columns=columns))


_OWN: dict[Kind, Callable[[Schema, Operation, Step], Schema]] = {
    Kind.CREATE_TABLE: _create_table,
    Kind.DROP_TABLE: _drop_table,
    Kind.RENAME_TABLE: _rename_table,
    Kind.ATTACH_PARTITION: _attach,
    Kind.DETACH_PARTITION: _attach,
    Kind.TABLE_OPTION: _table_option,
    Kind.ADD_COLUMN: _add_column,
    Kind.DROP_COLUMN: _drop_column,
    Kind.RENAME_COLUMN: _rename_column,
    Kind.ALTER_COLUMN: _alter_column,
    Kind.ADD_CONSTRAINT: _add_constraint,
    Kind.DROP_CONSTRAINT: _drop_constraint,
    Kind.VALIDATE_CONSTRAINT: _on_table(lambda t, o: tables.validated(t, o.name)),
    Kind.RENAME_CONSTRAINT: _on_table(
        lambda t, o: tables.renamed_constraint(t, o.name, o.new_name)
    ),
    Kind.CREATE_INDEX: _create_index,
    Kind.DROP_INDEX: _drop_index,
    Kind.ALTER_INDEX: _alter_index,
    Kind.RENAME_INDEX: _rename_index,
    Kind.DROP_TYPE: _drop_type,
    **objects.STEPS,
}
