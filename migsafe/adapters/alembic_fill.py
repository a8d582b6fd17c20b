"""Complete what `op.alter_column` leaves unsaid from the columns that earlier calls declared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from migsafe.model.migration import Dialect, Kind, Migration, Operation, Statement
from migsafe.model.schema import Column, Schema, Table
from migsafe.schema.fold import fold


def completed(migrations: Iterable[Migration], dialect: Dialect) -> tuple[Migration, ...]:
    """The same migrations, with every altered column declared in full as far as it is known.

    On servers an operation says itself which aspect of a column it changes.
    """
    if dialect is not Dialect.SQLITE:
        return tuple(migrations)
    schema = Schema()
    made: list[Migration] = []
    for migration in migrations:
        statements: list[Statement] = []
        for statement in migration.statements:
            schema, read = _followed(schema, statement, dialect)
            statements.append(read)
        undone = tuple(_followed(schema, s, dialect)[1] for s in migration.downgrade)
        made.append(replace(migration, statements=tuple(statements), downgrade=undone))
    return tuple(made)


def _followed(schema: Schema, statement: Statement, dialect: Dialect) -> tuple[Schema, Statement]:
    if statement.origin != "call" or not statement.operations:
        return schema, statement
    read: list[Operation] = []
    for operation in statement.operations:
        whole = _filled(schema, operation)
        schema = fold(schema, whole, dialect)
        read.append(whole)
    return schema, replace(statement, operations=tuple(read))


def _filled(schema: Schema, operation: Operation) -> Operation:
    new = operation.definition
    if operation.kind is not Kind.ALTER_COLUMN or not isinstance(new, Table):
        return operation
    table = schema.table(operation.table)
    old = table.column(operation.column) if table else None
    if old is None:
        return replace(operation, value="")
    column = _merged(old, new.columns[0], operation.value.split(","))
    return replace(operation, value="", definition=replace(new, columns=(column,)))


def _merged(old: Column, new: Column, said: list[str]) -> Column:
    return replace(
        old,
        type=new.type if "type" in said else old.type,
        collation=new.collation if "type" in said else old.collation,
        not_null=new.not_null if "not_null" in said else old.not_null,
        default=new.default if "default" in said else old.default,
    )
