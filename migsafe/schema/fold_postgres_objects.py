"""PostgreSQL's views, types, sequences and schemas, as statements make, change and drop them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Schema, Sequence, UserType, fold_name
from migsafe.schema.fold_postgres_parts import (
    cascades,
    put,
    together,
    views_on,
    without,
    without_views,
)

Step = Callable[[Schema, Operation], Schema]
T = TypeVar("T")


def _drop_view(schema: Schema, operation: Operation, step: Step) -> Schema:
    above = views_on(schema, {fold_name(operation.name)})
    if above - together(operation) and not cascades(operation) and schema.complete:
        return schema
    return without_views(step(schema, operation), above)


def _rename_view(schema: Schema, operation: Operation, _: Step) -> Schema:
    old = fold_name(operation.name or operation.table)
    view = schema.views.get(old)
    if view is None:
        return schema if operation.if_exists else replace(schema, complete=False)
    new = replace(view, name=operation.new_name)
    views = {**without(schema.views, [old]), fold_name(operation.new_name): new}
    indexes = {
        k: replace(i, table=operation.new_name) if fold_name(i.table) == old else i
        for k, i in schema.indexes.items()
    }
    return replace(schema, views=views, indexes=indexes)


def _create_type(schema: Schema, operation: Operation, _: Step) -> Schema:
    made = operation.definition
    key = fold_name(operation.name)
    if not isinstance(made, UserType) or (key in schema.types and schema.complete):
        return schema
    return replace(schema, types={**schema.types, key: made})


def _alter_type(schema: Schema, operation: Operation, _: Step) -> Schema:
    key = fold_name(operation.name)
    made = schema.types.get(key)
    if made is None:
        return schema
    if operation.value == "rename":
        kept = without(schema.types, [key])
        new = replace(made, name=operation.new_name)
        renamed = replace(schema, types={**kept, fold_name(operation.new_name): new})
        return _retyped(renamed, made.name, operation.new_name)
    changed = _relabelled(made, operation)
    return schema if changed == made else replace(schema, types={**schema.types, key: changed})


def _retyped(schema: Schema, old: str, new: str) -> Schema:
    """Columns follow the new name of their type."""
    for table in schema.tables.values():
        if any(fold_name(c.type) == fold_name(old) for c in table.columns):
            columns = tuple(
                replace(c, type=new) if fold_name(c.type) == fold_name(old) else c
                for c in table.columns
            )
            schema = put(schema, replace(table, columns=columns))
    return schema


def _relabelled(made: UserType, operation: Operation) -> UserType:
    label = operation.option("label")
    if label is None:
        return _domain(made, operation)
    labels = list(made.labels)
    if operation.value == "rename value":
        old = operation.option("old")
        return replace(made, labels=tuple(label if n == old else n for n in labels))
    if label in labels:
        return made
    before, after = operation.option("before"), operation.option("after")
    at = len(labels)
    if before in labels:
        at = labels.index(str(before))
    elif after in labels:
        at = labels.index(str(after)) + 1
    return replace(made, labels=(*labels[:at], label, *labels[at:]))


def _domain(made: UserType, operation: Operation) -> UserType:
    if operation.value == "set not null":
        return replace(made, not_null=True)
    return replace(made, not_null=False) if operation.value == "drop not null" else made


def _create_sequence(schema: Schema, operation: Operation, _: Step) -> Schema:
    made = operation.definition
    key = fold_name(operation.name)
    if not isinstance(made, Sequence) or (key in schema.sequences and schema.complete):
        return schema
    return replace(schema, sequences={**schema.sequences, key: made})


def _alter_sequence(schema: Schema, operation: Operation, _: Step) -> Schema:
    key = fold_name(operation.name)
    old = schema.sequences.get(key)
    if old is None:
        return schema
    if operation.value == "rename":
        new = replace(old, name=operation.new_name)
        kept = without(schema.sequences, [key])
        return replace(schema, sequences={**kept, fold_name(operation.new_name): new})
    made = operation.definition
    if not isinstance(made, Sequence) or "owned by" not in operation.value:
        return schema
    return replace(schema, sequences={**schema.sequences, key: replace(old, owner=made.owner)})


def _drop_sequence(schema: Schema, operation: Operation, _: Step) -> Schema:
    key = fold_name(operation.name)
    if key not in schema.sequences:
        return schema if operation.if_exists else replace(schema, complete=False)
    return replace(schema, sequences=without(schema.sequences, [key]))


def _drop_schema(schema: Schema, operation: Operation, _: Step) -> Schema:
    start = f"{fold_name(operation.name)}."

    def kept(objects: Mapping[str, T]) -> Mapping[str, T]:
        return without(objects, [k for k in objects if k.startswith(start)])

    inside = any(k.startswith(start) for k in (*schema.tables, *schema.views, *schema.types))
    if inside and not cascades(operation) and schema.complete:
        return schema
    return replace(
        schema,
        tables=kept(schema.tables),
        indexes=kept(schema.indexes),
        views=kept(schema.views),
        types=kept(schema.types),
        sequences=kept(schema.sequences),
    )


# -- triggers -------------------------------------------------------------------------------------


def _alter_other(schema: Schema, operation: Operation, _: Step) -> Schema:
    """ALTER TRIGGER .. RENAME TO; nothing else of it is kept."""
    trigger = schema.triggers.get(fold_name(operation.name))
    if operation.value != "trigger" or not operation.new_name or trigger is None:
        return schema
    kept = without(schema.triggers, [fold_name(operation.name)])
    new = replace(trigger, name=operation.new_name)
    return replace(schema, triggers={**kept, fold_name(operation.new_name): new})


def _drop_function(schema: Schema, operation: Operation, _: Step) -> Schema:
    """Triggers go with their function under CASCADE, and hold it without."""
    gone = fold_name(operation.name)
    using = [k for k, t in schema.triggers.items() if _called(t.body) == gone]
    if not using or not cascades(operation):
        return schema
    return replace(schema, triggers=without(schema.triggers, using))


def _called(body: str) -> str:
    """The function that a trigger executes, its name folded."""
    found = _EXECUTES.search(body)
    return fold_name(found[1].replace('"', "")).removeprefix("public.") if found else ""


_EXECUTES = re.compile(r"\bEXECUTE\s+(?:FUNCTION|PROCEDURE)\s+([^\s(]+)", re.I)


STEPS: dict[Kind, Callable[[Schema, Operation, Step], Schema]] = {
    Kind.DROP_VIEW: _drop_view,
    Kind.RENAME_VIEW: _rename_view,
    Kind.CREATE_TYPE: _create_type,
    Kind.ALTER_TYPE: _alter_type,
    Kind.CREATE_SEQUENCE: _create_sequence,
    Kind.ALTER_SEQUENCE: _alter_sequence,
    Kind.DROP_SEQUENCE: _drop_sequence,
    Kind.DROP_SCHEMA: _drop_schema,
    Kind.DROP_FUNCTION: _drop_function,
    Kind.ALTER_OTHER: _alter_other,
}
"""What each of these operations makes of the schema."""
