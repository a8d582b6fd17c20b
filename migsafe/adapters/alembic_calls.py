"""`op.*` calls with literal arguments -> operations (Alembic's "Operation Reference", ops.html)."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from migsafe.adapters.alembic_columns import (
    Arguments,
    Unreadable,
    arguments,
    column_of,
    default_index,
    default_of,
    index_column,
    table_of,
    type_of,
    with_actions,
)
from migsafe.adapters.alembic_text import UNKNOWN, Scope, TableName, literal
from migsafe.model.migration import Assignment, Dialect, Kind, Operation
from migsafe.model.schema import Check, Column, ForeignKey, Index, Table, Unique

Made = tuple[Operation, ...]


def opaque(why: str, line: int = 0) -> Operation:
    """What stands for code that cannot be read, and why it cannot."""
    return Operation(Kind.OPAQUE, value=why, line=line)


@dataclass(frozen=True, slots=True)
class BatchTable:
    """The table of `op.batch_alter_table(...)`, and the schema given for it."""

    name: str
    schema: str = ""


def operations(
    node: ast.Call, name: str, table: BatchTable | None, scope: Scope, dialect: Dialect
) -> Made:
    """What `op.<name>(...)` does, or `batch_op.<name>(...)` on `table`; opaque where unclear."""
    known = _CALLS.get(name)
    if known is None:
        return (opaque(f"op.{name} is not read", node.lineno),)
    parameters, read = known
    if table is not None:
        parameters = tuple(p for p in parameters if p not in {"table_name", "source_table"})
    given = arguments(node, parameters, scope)
    if table is not None:
        given = replace(given, named={**_placed(table, node), **given.named})
    try:
        if dialect is not Dialect.SQLITE and name not in _EVERYWHERE:
            return _on_server(node, name, given, dialect)
        return tuple(replace(o, line=node.lineno) for o in read(given))
    except Unreadable as error:
        return (opaque(f"op.{name}: {error}", node.lineno),)


def _placed(table: BatchTable, node: ast.Call) -> dict[str, ast.expr]:
    name = ast.copy_location(ast.Constant(table.name), node)
    schema = ast.copy_location(ast.Constant(table.schema), node)
    return {"table_name": name, "source_table": name, "schema": schema, "source_schema": schema}


def _on_server(node: ast.Call, name: str, given: Arguments, dialect: Dialect) -> Made:
    from migsafe.adapters import alembic_ddl  # noqa: PLC0415 - SQLite needs none of it

    made = alembic_ddl.written(name, given, dialect, node.lineno)
    return (opaque(f"op.{name} is not read", node.lineno),) if made is None else made


def _create_table(given: Arguments) -> Made:
    name = given.text("table_name")
    table, indexes = table_of(name, given.rest, given.scope)
    table = replace(table, autoincrement=given.flag("sqlite_autoincrement"))
    exists = given.flag("if_not_exists")
    made = Operation(Kind.CREATE_TABLE, name, definition=table, if_not_exists=exists)
    return (made, *map(_index_operation, indexes))


def _index_operation(index: Index) -> Operation:
    return Operation(Kind.CREATE_INDEX, index.table, name=index.name, definition=index)


def _drop_table(given: Arguments) -> Made:
    exists = given.flag("if_exists")
    return (Operation(Kind.DROP_TABLE, given.text("table_name"), if_exists=exists),)


def _rename_table(given: Arguments) -> Made:
    old, new = given.text("old_table_name"), given.text("new_table_name")
    return (Operation(Kind.RENAME_TABLE, old, new_name=new),)


def _add_column(given: Arguments) -> Made:
    table = given.text("table_name")
    declared = column_of(given.node("column"), given.scope)
    definition = Table(
        table,
        (declared.column,),
        declared.uniques,
        declared.foreign_keys,
        declared.checks,
        complete=False,
    )
    made = Operation(
        Kind.ADD_COLUMN,
        table,
        declared.column.name,
        definition=definition,
        if_not_exists=given.flag("if_not_exists"),
    )
    index = (_index_operation(default_index(table, declared)),) if declared.index else ()
    return (made, *index)


def _drop_column(given: Arguments) -> Made:
    table, column = given.text("table_name"), given.text("column_name")
    return (Operation(Kind.DROP_COLUMN, table, column, if_exists=given.flag("if_exists")),)


def _alter_column(given: Arguments) -> Made:
    """A rename, and the column declared anew.

    `value` lists the aspects that the call itself speaks of: `completed` fills in the others.
    """
    table, name = given.text("table_name"), given.text("column_name")
    new = given.text("new_column_name") if given.found("new_column_name") else name
    made: list[Operation] = []
    if new != name:
        made.append(Operation(Kind.RENAME_COLUMN, table, name, new_name=new))
    said = _aspects(given)
    if said:
        definition = Table(table, (_altered(given, new),), complete=False)
        value = ",".join(said)
        made.append(Operation(Kind.ALTER_COLUMN, table, new, definition=definition, value=value))
    return tuple(made)


def _aspects(given: Arguments) -> list[str]:
    said = []
    if given.found("type_") is not None:
        said.append("type")
    if given.found("nullable") is not None:
        said.append("not_null")
    if given.found("server_default", False) is not False:
        said.append("default")
    return said


def _altered(given: Arguments, name: str) -> Column:
    kind = given.node("type_") or given.node("existing_type")
    nullable = given.found("nullable", given.found("existing_nullable"))
    default = given.node("server_default")
    if given.found("server_default", False) is False:
        default = given.node("existing_server_default")
    written, collation = type_of(kind, given.scope)
    if default is not None and literal(default, given.scope) is False:
        default = None
    return Column(
        name, written, nullable is False, default_of(default, given.scope), collation=collation
    )


def _create_index(given: Arguments) -> Made:
    table, columns = given.text("table_name"), given.node("columns")
    if not isinstance(columns, (ast.List, ast.Tuple)):
        raise Unreadable("the columns are not a literal list")
    index = Index(
        given.maybe("index_name"),
        table,
        tuple(index_column(c, given.scope) for c in columns.elts),
        unique=given.flag("unique"),
        where=given.maybe("sqlite_where") or given.maybe("postgresql_where"),
    )
    exists = given.flag("if_not_exists")
    return (replace(_index_operation(index), if_not_exists=exists),)


def _drop_index(given: Arguments) -> Made:
    name, table = given.text("index_name"), given.maybe("table_name")
    return (Operation(Kind.DROP_INDEX, table, name=name, if_exists=given.flag("if_exists")),)


def _constraint(given: Arguments, table: Table, columns: tuple[str, ...]) -> Made:
    name = given.maybe("constraint_name")
    kind = Kind.ADD_CONSTRAINT
    return (Operation(kind, table.name, name=name, definition=table, columns=columns),)


def _create_unique_constraint(given: Arguments) -> Made:
    columns = given.texts("columns")
    unique = Unique(columns, given.maybe("constraint_name"))
    table = Table(given.text("table_name"), uniques=(unique,), complete=False)
    return _constraint(given, table, columns)


def _create_foreign_key(given: Arguments) -> Made:
    columns, target = given.texts("local_cols"), given.text("referent_table")
    targets = tuple(f"{target}.{c}" for c in given.texts("remote_cols"))
    key: ForeignKey = with_actions(columns, targets, given)
    table = Table(given.text("source_table"), foreign_keys=(key,), complete=False)
    return _constraint(given, table, columns)


def _create_check_constraint(given: Arguments) -> Made:
    check = Check(given.maybe("condition") or "?", given.maybe("constraint_name"))
    table = Table(given.text("table_name"), checks=(check,), complete=False)
    return _constraint(given, table, ())


def _create_primary_key(given: Arguments) -> Made:
    columns = given.texts("columns")
    keyed = tuple(Column(c, primary_key=i) for i, c in enumerate(columns, 1))
    return _constraint(given, Table(given.text("table_name"), keyed, complete=False), columns)


def _drop_constraint(given: Arguments) -> Made:
    table = given.text("table_name")
    return (Operation(Kind.DROP_CONSTRAINT, table, name=given.text("constraint_name")),)


def _bulk_insert(given: Arguments) -> Made:
    node = given.node("table")
    table = given.scope.names.get(node.id) if isinstance(node, ast.Name) else None
    if isinstance(node, ast.Call) and node.args:
        found = literal(node.args[0], given.scope)
        table = TableName(found) if isinstance(found, str) else None
    if not isinstance(table, TableName):
        raise Unreadable("the table is not written out")
    filled = _filled(given.node("rows"), given.scope)
    columns = tuple(a.column for a in filled)
    return (Operation(Kind.INSERT, table.name, columns=columns, assignments=filled),)


def _filled(rows: ast.expr | None, scope: Scope) -> tuple[Assignment, ...]:
    """What the rows of a literal list have in common, column by column."""
    if not isinstance(rows, (ast.List, ast.Tuple)) or not rows.elts:
        return ()
    found: dict[str, Assignment] = {}
    for row in rows.elts:
        if not isinstance(row, ast.Dict):
            return ()
        for key, node in zip(row.keys, row.values, strict=True):
            name = literal(key, scope)
            if isinstance(name, str) and _is_worse(found.get(name), node, scope):
                found[name] = _assignment(name, node, scope)
    return tuple(found.values())


def _is_worse(known: Assignment | None, node: ast.expr, scope: Scope) -> bool:
    return known is None or (known.guarded and not _assignment("", node, scope).guarded)


def _assignment(name: str, node: ast.expr, scope: Scope) -> Assignment:
    found = literal(node, scope)
    if found is UNKNOWN:
        return Assignment(name, scope.segment(node), "parameter")
    kind = "null" if found is None else "literal"
    return Assignment(name, scope.segment(node), kind, guarded=found is not None)


def _nothing(_: Arguments) -> Made:
    return ()


def _unheard_of(_: Arguments) -> Made:
    raise Unreadable("SQLite has no such constraint")


_EVERYWHERE = {"bulk_insert"}  # what means the same in every dialect
_CALLS: dict[str, tuple[tuple[str, ...], Callable[[Arguments], Made]]] = {
    "create_table": (("table_name",), _create_table),
    "drop_table": (("table_name",), _drop_table),
    "rename_table": (("old_table_name", "new_table_name"), _rename_table),
    "add_column": (("table_name", "column"), _add_column),
    "drop_column": (("table_name", "column_name"), _drop_column),
    "alter_column": (("table_name", "column_name"), _alter_column),
    "create_index": (("index_name", "table_name", "columns"), _create_index),
    "drop_index": (("index_name", "table_name"), _drop_index),
    "create_unique_constraint": (
        ("constraint_name", "table_name", "columns"), _create_unique_constraint
    ),
    "create_foreign_key": (
        ("constraint_name", "source_table", "referent_table", "local_cols", "remote_cols"),
        _create_foreign_key,
    ),
    "create_check_constraint": (
        ("constraint_name", "table_name", "condition"), _create_check_constraint
    ),
    "create_primary_key": (("constraint_name", "table_name", "columns"), _create_primary_key),
    "create_exclude_constraint": (("constraint_name", "table_name"), _unheard_of),
    "drop_constraint": (("constraint_name", "table_name", "type_"), _drop_constraint),
    "bulk_insert": (("table", "rows"), _bulk_insert),
    "create_table_comment": (("table_name", "comment"), _nothing),
    "drop_table_comment": (("table_name",), _nothing),
}  # fmt: skip
