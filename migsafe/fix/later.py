"""Checks of old rows that are put off: NOT VALID now, and VALIDATE in a migration of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migsafe.fix import marks, python_calls
from migsafe.fix.limits import limited
from migsafe.fix.statements import (
    Alter,
    alter_table,
    before_statement,
    identifier,
    insert,
    named,
    words,
)
from migsafe.fix.target import Edit, Proposal, Refused, Target
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, Operation
from migsafe.model.schema import Check, ForeignKey, Table
from migsafe.sql.tokens import Token

_CALLS = {"create_foreign_key", "create_check_constraint"}
_PG = Dialect.POSTGRES
_PROOF_SINCE = 120000


def validate_later(target: Target) -> Proposal:
    """ADD FOREIGN KEY or CHECK .. NOT VALID, and a new migration that validates it."""
    edits: list[Edit] = []
    validations: list[str] = []
    for step in {step.id: step for _, step in target.guilty}.values():
        made, names, table = _not_valid(target, step)
        edits += made
        validations += [f"ALTER TABLE {table} VALIDATE CONSTRAINT {n}" for n in names]
    _require_nobody_relies_on_it(target)
    new = marks.next_file(target, _title("validate", validations), tuple(validations))
    edits += limited(target)  # without the scan it is the wait for the lock that counts
    return Proposal(f"NOT VALID, and validated by {new[0]}", tuple(edits), (new,))


def _title(verb: str, statements: Sequence[str]) -> str:
    last = statements[0].rpartition(" ")[2]
    kept = "".join(c if c.isalnum() else "_" for c in last.lower()).strip("_")
    more = f"_and_{len(statements) - 1}_more" if len(statements) > 1 else ""
    return f"{verb}_{kept}{more}"


def _require_nobody_relies_on_it(target: Target) -> None:
    """A later statement of the file that validates or drops constraints of these tables."""
    last = max(step.id for _, step in target.guilty)
    tables = {o.table for _, s in target.guilty for o in s.statement.operations or ()}
    for step in target.steps:
        for operation in step.statement.operations or () if step.id > last else ():
            if operation.table in tables and "constraint" in operation.kind.value:
                raise Refused(f"line {step.statement.span.line} changes constraints of it, too")


def _not_valid(target: Target, step: Step) -> tuple[list[Edit], tuple[str, ...], str]:
    """The edits of one statement, its constraints' names, and its table, as SQL."""
    (operation, *_) = step.statement.operations or ()
    table = step.before.table(operation.table)
    if table is None or table.partitioned:
        raise Refused("NOT VALID is not for partitioned tables, nor for what is not known")
    names = _new_names(table, step.after.table(operation.table))
    if target.migration.program:
        found = python_calls.script(target)
        call = found.call(step.statement.span)
        python_calls.method(call, _CALLS)
        python_calls.own_line(found, call)
        edits = [python_calls.with_keyword(found, call, "postgresql_not_valid=True")]
        return edits, _as_sql(names), _table_sql(operation)
    alter = alter_table(step, _PG)
    ends = [a[-1].end for a in alter.actions if _is_check(a)]
    if not ends or len(ends) != len(names):
        raise Refused("the constraint stands in a column's definition")
    at = target.offset(step)
    return [insert(target, at + end, " NOT VALID") for end in ends], _as_sql(names), alter.table


def _as_sql(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(identifier(n, _PG) for n in names)


def _table_sql(operation: Operation) -> str:
    return ".".join(identifier(part, _PG) for part in operation.table.split("."))


def _new_names(before: Table, after: Table | None) -> tuple[str, ...]:
    """The names of the new foreign keys and checks, as the server gives them."""
    if after is None:
        raise Refused("the table is not there after the statement")
    known = {c.name for c in _constraints(before)}
    new = [c for c in _constraints(after) if c.name not in known]
    if not new or not all(c.name and c.valid for c in new):
        raise Refused("the constraint has no name that is known")
    return tuple(c.name for c in new)


def _constraints(table: Table) -> tuple[ForeignKey | Check, ...]:
    return (*table.foreign_keys, *table.checks)


def _is_check(action: Sequence[Token]) -> bool:
    said = words(action)
    if said[:1] != ["ADD"]:
        return False
    rest = said[3:] if said[1:2] == ["CONSTRAINT"] else said[1:]
    return (rest[:2] == ["FOREIGN", "KEY"] or rest[:1] == ["CHECK"]) and said[-2:] != [
        "NOT",
        "VALID",
    ]


# -- SET NOT NULL ---------------------------------------------------------------------------------


def prove_not_null(target: Target) -> Proposal:
    """SET NOT NULL by a CHECK that is validated beside the queries.

    Since PostgreSQL 12 a valid CHECK that proves it spares SET NOT NULL its look at all rows
    (manual, ALTER TABLE, SET NOT NULL).
    """
    if target.version < _PROOF_SINCE:
        raise Refused("before PostgreSQL 12 a CHECK does not spare SET NOT NULL the scan")
    if len(target.guilty) != 1:
        raise Refused("several columns become NOT NULL: give each a migration of its own")
    ((_, step),) = target.guilty
    (operation, *more) = step.statement.operations or ()
    if more:
        raise Refused("the statement does more than to set NOT NULL")
    _require_last(target, step, operation)
    return _proved(target, step, operation)


def _require_last(target: Target, step: Step, operation: Operation) -> None:
    for later in target.steps:
        for other in later.statement.operations or () if later.id > step.id else ():
            if other.table == operation.table:
                raise Refused(f"line {later.statement.span.line} may rely on the NOT NULL")


def _proved(target: Target, step: Step, operation: Operation) -> Proposal:
    table = step.before.table(operation.table)
    column = identifier(operation.column, _PG)
    name = _free_name(table, f"{operation.table.rpartition('.')[2]}_{operation.column}_not_null")
    where, edits = _checked(target, step, operation, name)
    statements = (
        f"ALTER TABLE {where} VALIDATE CONSTRAINT {name}",
        f"SET {'LOCAL ' if marks.next_is_wrapped(target.history) else ''}lock_timeout = '2s'",
        f"ALTER TABLE {where} ALTER COLUMN {column} SET NOT NULL",
        f"ALTER TABLE {where} DROP CONSTRAINT {name}",
    )
    new = marks.next_file(target, _title("prove", statements[:1]), statements)
    undone = _undone(target, f"ALTER TABLE {where} DROP CONSTRAINT IF EXISTS {name}")
    return Proposal(f"a CHECK first, and NOT NULL by {new[0]}", (*edits, *undone), (new,))


def _free_name(table: Table | None, wanted: str) -> str:
    if table is None:
        raise Refused("the table is not known")
    if len(wanted) > 63 or any(c.name == wanted for c in table.checks):
        raise Refused("there is no name for the CHECK")
    return identifier(wanted, _PG)


def _checked(
    target: Target, step: Step, operation: Operation, name: str
) -> tuple[str, tuple[Edit, ...]]:
    """The table as SQL, and the statement that adds the CHECK in place of SET NOT NULL."""
    column = identifier(operation.column, _PG)
    if target.migration.program:
        return _table_sql(operation), (_check_call(target, step, operation, name),)
    alter = alter_table(step, _PG)
    if len(alter.actions) != 1 or words(alter.actions[0])[-3:] != ["SET", "NOT", "NULL"]:
        raise Refused("the statement does more than to set NOT NULL")
    return alter.table, (
        _check_action(target, step, alter, f"{name} CHECK ({column} IS NOT NULL)"),
    )


def _check_action(target: Target, step: Step, alter: Alter, check: str) -> Edit:
    at = target.offset(step)
    (action,) = alter.actions
    if not named(action[-4]):
        raise Refused("the column's name cannot be read")
    start, end = at + action[0].start, at + action[-1].end
    return Edit(target.migration.path, start, end, f"ADD CONSTRAINT {check} NOT VALID")


def _check_call(target: Target, step: Step, operation: Operation, name: str) -> Edit:
    found = python_calls.script(target)
    call = found.call(step.statement.span)
    python_calls.method(call, {"alter_column"})
    python_calls.own_line(found, call)
    given = {k.arg for k in call.keywords}
    if not given <= {"nullable", "existing_type", "existing_server_default", "existing_comment"}:
        raise Refused("the call does more than to set NOT NULL")
    if name.startswith('"') or "." in operation.table:
        raise Refused("the table's name needs quotes or a schema")
    column = identifier(operation.column, _PG).replace('"', '\\"')
    made = (
        f'op.create_check_constraint("{name}", "{operation.table}", "{column} IS NOT NULL",'
        " postgresql_not_valid=True)"
    )
    return Edit(found.path, found.start(call), found.end(call), made)


def _undone(target: Target, sql: str) -> Iterator[Edit]:
    """A downgrade takes back the CHECK, which stays if the second migration never ran."""
    if target.migration.program:
        edit = python_calls.execute_first(python_calls.script(target), "downgrade", sql)
        if edit is not None:
            yield edit
    elif target.migration.downgrade:
        first = target.migration.downgrade[0]
        path = first.span.path or target.migration.path
        text = target.read(path) or ""
        at = before_statement(text, first)
        yield Edit(path, at, at, f"{sql};\n")
