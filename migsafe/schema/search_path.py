"""Names without a schema, where PostgreSQL's search_path is not the default one."""

from __future__ import annotations

from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Index, Schema, Sequence, Table, Trigger, UserType, View, fold_name

_CREATES = {
    Kind.CREATE_TABLE,
    Kind.CREATE_VIEW,
    Kind.CREATE_TYPE,
    Kind.CREATE_SEQUENCE,
    Kind.CREATE_FUNCTION,
}
_NAMED = {
    Kind.DROP_INDEX, Kind.DROP_VIEW, Kind.DROP_TYPE, Kind.DROP_SEQUENCE, Kind.ALTER_TYPE,
    Kind.ALTER_SEQUENCE, Kind.RENAME_INDEX, Kind.RENAME_VIEW, Kind.REFRESH_VIEW,
    Kind.ATTACH_PARTITION, Kind.DETACH_PARTITION,
}  # fmt: skip
"""Operations whose `name` is an object of a schema."""


def resolved(operation: Operation, schema: Schema, path: tuple[str, ...]) -> Operation:
    """The operation with its names as they mean under this search_path (manual, 5.10.3).

    New objects go into the path's first schema; others are looked up along it. `path` () is the
    default: public, whose objects are written without a schema.
    """
    if not path:
        return operation
    if operation.kind in _CREATES:
        return _created(operation, schema, path)
    table = _found(operation.table, schema, path)
    changes: dict[str, object] = {"table": table}
    if operation.kind in _NAMED:
        changes["name"] = _found(operation.name, schema, path)
    space = table.rpartition(".")[0]
    renames = operation.kind in {Kind.RENAME_TABLE, Kind.RENAME_VIEW, Kind.RENAME_INDEX}
    if renames and space and "." not in operation.new_name:
        changes["new_name"] = f"{space}.{operation.new_name}"
    changes["definition"] = _definition(operation.definition, table, schema, path)
    changes["sources"] = tuple(_found(s, schema, path) for s in operation.sources)
    changes["references"] = tuple(
        replace(r, table=_found(r.table, schema, path)) for r in operation.references
    )
    return replace(operation, **changes)  # type: ignore[arg-type]


def _created(operation: Operation, schema: Schema, path: tuple[str, ...]) -> Operation:
    space = path[0]
    name = operation.table or operation.name
    full = name if "." in name or operation.temporary else f"{space}.{name}".removeprefix("public.")
    made = operation.definition
    if isinstance(made, Table | View | UserType | Sequence):
        made = replace(made, name=full)
    definition = _definition(made, full, schema, path)
    changed = replace(operation, definition=definition)
    sources = tuple(_found(s, schema, path) for s in operation.sources)
    changed = replace(changed, sources=sources)
    return replace(changed, table=full) if operation.table else replace(changed, name=full)


def _definition(
    made: Table | Index | Trigger | View | UserType | Sequence | None,
    table: str,
    schema: Schema,
    path: tuple[str, ...],
) -> Table | Index | Trigger | View | UserType | Sequence | None:
    if isinstance(made, Table):
        keys = tuple(
            replace(f, ref_table=_found(f.ref_table, schema, path)) for f in made.foreign_keys
        )
        parent = _found(made.partition_of, schema, path)
        return replace(made, name=table, foreign_keys=keys, partition_of=parent)
    if isinstance(made, Index | Trigger):
        return replace(made, table=table)
    if isinstance(made, View):
        return replace(made, mentions=tuple(_found(m, schema, path) for m in made.mentions))
    return made


def _found(name: str, schema: Schema, path: tuple[str, ...]) -> str:
    """The name with the first schema of the path that has it; the path's first where none has."""
    if not name or "." in name:
        return name
    kinds = (schema.tables, schema.views, schema.indexes, schema.types, schema.sequences)
    for space in path:
        full = f"{space}.{name}".removeprefix("public.")
        if any(fold_name(full) in objects for objects in kinds):
            return full
    return f"{path[0]}.{name}".removeprefix("public.")
