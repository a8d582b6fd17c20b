"""Rows about conditions that do not do what they seem to."""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.sql.conditions import flaws

Row = tuple[object, ...]
_MOVES_ROWS = {Kind.INSERT, Kind.UPDATE, Kind.DELETE}


def condition_rows(
    number: int, statement: int, operation: Operation, dialect: Dialect
) -> Iterator[Row]:
    """The rows of condition_flaw for one operation."""
    if operation.kind not in _MOVES_ROWS:
        return
    for part, text in _parts(operation):
        for flaw in flaws(text, dialect):
            yield number, statement, part, flaw.kind, flaw.text, flaw.table, flaw.column


def _parts(operation: Operation) -> Iterator[tuple[str, str]]:
    yield "where", operation.where or ""
    yield "query", operation.query or ""
    if operation.kind is Kind.UPDATE:
        yield from (("assignment", a.expression) for a in operation.assignments)
