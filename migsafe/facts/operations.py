"""Rows about operations: what they do, which columns they list, what fills each column."""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.facts import states
from migsafe.facts.conditions import condition_rows
from migsafe.facts.routines import listed, routine_rows
from migsafe.model.evidence import Effect, Step
from migsafe.model.migration import Assignment, Dialect, Kind, Operation
from migsafe.model.schema import Column, Index, Schema, Table, fold_name
from migsafe.sql.tokens import quoted

Row = tuple[object, ...]
_DEFINES_COLUMN = {Kind.ADD_COLUMN, Kind.ALTER_COLUMN}


def operation_rows(
    steps: tuple[Step, ...], dialect: Dialect = Dialect.SQLITE, past: int = 0
) -> dict[str, list[Row]]:
    """The rows of operation and of all tables that tell more of one operation.

    `past` operations have their rows already.
    """
    ends = _ends(steps)
    rows: dict[str, list[Row]] = {
        "effect": [],
        "operation": [],
        "operation_column": [],
        "assignment": [],
        "operation_source": [],
        "condition_flaw": [],
        "routine_step": [],
    }
    made: set[str] = set()
    revision = ""
    for step in steps:
        if step.revision != revision:
            revision, made = step.revision, set()
        until = step.id if step.transaction is None else ends[step.transaction]
        for at, operation in enumerate(step.statement.operations or ()):
            number = past + len(rows["operation"]) + 1
            effects = (e for e in step.effects if e.operation == at)
            rows["effect"] += [_effect(e, number, step, until, made) for e in effects]
            _add(rows, number, step, operation, made, dialect)
            _remember(operation, made)
    return rows


def _ends(steps: tuple[Step, ...]) -> dict[int, int]:
    """The last statement of each transaction."""
    return {s.transaction: s.id for s in steps if s.transaction is not None}


def _effect(effect: Effect, number: int, step: Step, until: int, made: set[str]) -> Row:
    return (
        number,
        step.id,
        effect.table,
        effect.lock,
        effect.blocks_reads,
        effect.blocks_writes,
        effect.rewrites,
        effect.scans,
        effect.rebuilds_index,
        effect.algorithm,
        effect.why,
        effect.source,
        until,
        step.statement.fresh or fold_name(effect.table) in made,
    )


def _add(
    rows: dict[str, list[Row]],
    number: int,
    step: Step,
    operation: Operation,
    made: set[str],
    dialect: Dialect,
) -> None:
    fills = tuple(_assignments(step, operation))
    rows["operation"].append(
        (*_operation(number, step, operation, made), _new_rows(operation, fills, dialect))
    )
    rows["operation_column"] += ((number, *row) for row in _columns(operation))
    rows["assignment"] += ((number, step.id, *row) for row in fills)
    rows["operation_source"] += ((number, table) for table in operation.sources)
    rows["routine_step"] += routine_rows(number, step.id, operation)
    rows["condition_flaw"] += condition_rows(number, step.id, operation, dialect)


def _remember(operation: Operation, made: set[str]) -> None:
    if operation.kind is Kind.CREATE_TABLE:
        made.add(fold_name(operation.table))
    if operation.kind is Kind.CREATE_VIEW:
        made.add(fold_name(operation.name))
    if operation.kind is Kind.RENAME_TABLE and fold_name(operation.table) in made:
        made.add(fold_name(operation.new_name))


def _operation(number: int, step: Step, operation: Operation, made: set[str]) -> Row:
    definition = operation.definition
    column = _defined_column(operation)
    unique = definition.unique if isinstance(definition, Index) else None
    if column and isinstance(definition, Table):
        unique = bool(definition.uniques)
    return (
        number,
        step.id,
        operation.kind.value,
        operation.table,
        operation.column,
        operation.name,
        operation.new_name,
        column.type if column else None,
        column.not_null if column else None,
        column.default if column else None,
        unique,
        column.primary_key > 0 if column else None,
        bool(column.generated) if column else None,
        operation.if_exists,
        operation.if_not_exists,
        operation.temporary,
        definition.where or None if isinstance(definition, Index) else operation.where,
        operation.value,
        operation.conflict,
        " ".join(operation.narrowing),
        _existed(step.before, operation.table),
        step.statement.fresh or fold_name(operation.table) in made,
        operation.line or step.statement.span.line,
        _other_table(operation),
        *(word in operation.options for word in _MARKS),
        listed(operation.options),
    )


_MARKS = ("concurrently", "not valid", "cascade", "nested")


def _other_table(operation: Operation) -> str:
    if operation.kind in {Kind.ATTACH_PARTITION, Kind.DETACH_PARTITION}:
        return operation.name
    definition = operation.definition
    if not isinstance(definition, Table):
        return ""
    if definition.partition_of:
        return definition.partition_of
    return definition.foreign_keys[0].ref_table if definition.foreign_keys else ""


def _defined_column(operation: Operation) -> Column | None:
    definition = operation.definition
    if operation.kind in _DEFINES_COLUMN and isinstance(definition, Table) and definition.columns:
        return definition.columns[0]
    return None


def _existed(schema: Schema, table: str) -> bool | None:
    """Three-valued: an incomplete schema cannot say that a table is missing."""
    if not table:
        return None
    known = states.find_table(schema, table)
    if known is not None:
        return True
    return False if schema.complete else None


def _columns(operation: Operation) -> Iterator[Row]:
    definition = operation.definition
    if isinstance(definition, Index):
        for at, term in enumerate(definition.columns, 1):
            yield at, term.name, term.expression, term.collation
        return
    names = operation.columns
    if operation.kind is Kind.CREATE_TABLE and isinstance(definition, Table):
        names = tuple(c.name for c in definition.columns)
    for at, name in enumerate(names, 1):
        yield at, name, False, ""


def _assignments(step: Step, operation: Operation) -> Iterator[Row]:
    settable = _settable(step.before, operation.table)
    by_place = operation.kind is Kind.INSERT and not operation.columns
    named = settable if by_place else operation.columns
    for at, assignment in enumerate(_spread(step, operation), 1):
        if assignment.kind == "star" and not assignment.source_column:
            named = ()  # a star of unknown width: nothing after it has a known place
        name = named[at - 1] if at <= len(named) else assignment.column
        yield (
            at,
            operation.table,
            name,
            not by_place,
            assignment.expression,
            assignment.kind,
            assignment.source_table,
            assignment.source_column,
            assignment.guarded,
        )


def _settable(schema: Schema, name: str) -> tuple[str, ...]:
    table = states.find_table(schema, name)
    if table is None or not table.complete:
        return ()
    return tuple(c.name for c in table.columns if not c.generated)


def _spread(step: Step, operation: Operation) -> tuple[Assignment, ...]:
    """The assignments, with `SELECT *` from one known table spread into its columns."""
    fills = operation.assignments
    if len(fills) != 1 or fills[0].kind != "star" or len(operation.sources) != 1:
        return fills
    source = states.find_table(step.before, operation.sources[0])
    if source is None or not source.complete or source.virtual:
        return fills
    return tuple(
        Assignment("", c.name, "star", source.name, c.name, c.not_null) for c in source.columns
    )


def _new_rows(operation: Operation, fills: tuple[Row, ...], dialect: Dialect) -> str:
    """`q("a", "b") AS (SELECT ...)`, where every column of the query is known by name."""
    names = [str(f[2]) for f in fills]
    unknown = not all(names) or len({n.lower() for n in names}) != len(names)
    if not operation.query or unknown or any(f[5] == "parameter" for f in fills):
        return ""
    if len(fills) == 1 and fills[0][5] == "star" and not fills[0][7]:
        return ""
    listed = ", ".join(quoted(n, dialect) for n in names)
    return f"q({listed}) AS ({operation.query})"
