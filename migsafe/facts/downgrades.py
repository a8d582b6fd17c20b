"""Rows about the way back: what downgrades do, what they leave, and what refuses to go back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migsafe.facts.routines import listed
from migsafe.model.evidence import Downgrade, Evidence
from migsafe.model.migration import Operation, Statement
from migsafe.model.schema import Index, Table

Row = tuple[object, ...]


def downgrade_rows(evidence: Evidence, numbers: Mapping[str, int]) -> dict[str, list[Row]]:
    """The rows of the tables about the way back, for the migrations in focus."""
    rows: dict[str, list[Row]] = {"downgrade_operation": [], "downgrade_change": [], "one_way": []}
    for back in evidence.downgrades:
        number = numbers[back.revision]
        rows["downgrade_operation"] += _operations(back, number)
        rows["downgrade_change"] += (
            (number, c.what, c.how, c.table, c.name, c.aspect, c.before, c.after) for c in back.left
        )
    rows["one_way"] += (
        (numbers[m.revision], m.path, line, why)
        for m in evidence.history.migrations
        if m.revision in evidence.focus
        for line, why in m.one_way
    )
    return rows


def _operations(back: Downgrade, number: int) -> Iterator[Row]:
    position = 0
    for statement in back.statements:
        for operation in statement.operations or ():
            position += 1
            yield (number, position, *_operation(statement, operation))


def _operation(statement: Statement, operation: Operation) -> Row:
    definition = operation.definition
    table = definition if isinstance(definition, Table) else None
    column = table.columns[0] if table and len(table.columns) == 1 else None
    unique = bool(table and table.uniques) or (isinstance(definition, Index) and definition.unique)
    return (
        statement.span.path,
        operation.line or statement.span.line,
        operation.kind.value,
        operation.table,
        operation.column,
        operation.name,
        operation.new_name,
        column.type if column else None,
        column.not_null if column else None,
        column.default if column else None,
        unique,
        operation.if_exists,
        operation.where,
        operation.value,
        listed(operation.options),
    )
