"""The way back of the migrations in focus: what their downgrades do, and what they leave behind."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from migsafe.model.evidence import Downgrade, Step
from migsafe.model.migration import Dialect, History, Kind, Migration, Statement
from migsafe.model.schema import Change, Schema
from migsafe.schema.diff import diff
from migsafe.schema.fold import fold
from migsafe.sql.parse import operations

_UNKNOWN = {Kind.OPAQUE, Kind.UNREAD, Kind.BLOCK, Kind.CALL}
"""What may change the schema, or what a name means, without saying how."""


def downgrades(
    history: History, steps: tuple[Step, ...], focus: Collection[str]
) -> Iterator[Downgrade]:
    """The downgrades of the migrations in focus that have one and did something."""
    first: dict[str, Step] = {}
    last: dict[str, Step] = {}
    unclear = set()
    for step in steps:
        first.setdefault(step.revision, step)
        last[step.revision] = step
        if _unclear(step.statement):
            unclear.add(step.revision)
    for migration in history.migrations:
        name = migration.revision
        if name in focus and name in last and migration.downgrade:
            statements = _read(migration, history.dialect)
            certain = name not in unclear and not any(map(_unclear, statements))
            before, after = first[name].before, last[name].after
            left = _left(before, after, statements, history.dialect) if certain else ()
            yield Downgrade(name, statements, left)


def _unclear(statement: Statement) -> bool:
    """May the statement do more, or less, than its operations say?"""
    return statement.conditional or any(
        o.kind in _UNKNOWN or "nested" in o.options or o.name == "search_path"
        for o in statement.operations or ()
    )


def _read(migration: Migration, dialect: Dialect) -> tuple[Statement, ...]:
    return tuple(
        s
        if s.operations is not None
        else replace(s, operations=operations(s.sql, dialect, s.span.line))
        for s in migration.downgrade
    )


def _left(
    before: Schema, after: Schema, statements: tuple[Statement, ...], dialect: Dialect
) -> tuple[Change, ...]:
    """How the schema differs from what it was, once the migration went up and down again."""
    schema = after
    for statement in statements:
        for operation in statement.operations or ():
            schema = fold(schema, operation, dialect)
    known = before.complete and schema.complete
    return diff(before, schema) if known else ()
