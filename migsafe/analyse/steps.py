"""History -> Evidence: the schema before and after every statement, and the connection's state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from migsafe.analyse.reading import read
from migsafe.analyse.rehearsal import rehearsed
from migsafe.analyse.server import Server
from migsafe.analyse.session import Session
from migsafe.model.evidence import Evidence, Step
from migsafe.model.migration import Dialect, History, Migration, Statement
from migsafe.model.schema import Schema
from migsafe.schema.diff import diff
from migsafe.schema.fold import doubted, fold
from migsafe.schema.search_path import resolved


@dataclass(frozen=True, slots=True)
class Runner:
    """How the project runs its migrations, as far as analysis must know.

    `transaction` None: as the history says; `on_error` stop or continue.
    """

    transaction: bool | None = None
    foreign_keys: bool = False
    on_error: str = "stop"


def analyse(
    history: History,
    focus: Collection[str],
    runner: Runner,
    settings: Mapping[str, str],
    bases: Mapping[str | None, Schema] | None = None,
) -> Evidence:
    """Fold the whole history and record each statement's effect.

    `focus` are the revisions that findings are reported on. `bases` are schemas known from
    samples, by the revision they have (None: before the first migration): they fill in what a
    history that does not start from nothing cannot tell.
    """
    history = read(history)
    server = Server(history, settings.get("engine_oldest", ""))
    steps = tuple(_steps(history, runner, bases or {}, server))
    if runner.on_error == "stop":
        steps = rehearsed(history, steps)
    return Evidence(history, steps, frozenset(focus), dict(settings))


def _steps(
    history: History, runner: Runner, bases: Mapping[str | None, Schema], server: Server
) -> Iterator[Step]:
    schema = bases.get(None, Schema())
    session = Session(history.dialect, runner.foreign_keys)
    number = 0
    after_code = {step.before for step in history.code}
    for migration in history.migrations:
        if migration.revision in after_code:
            schema = doubted(schema)
        session.enter(
            wrapped(history, migration, runner),
            late=history.begins_with_rows,
            joined=history.one_transaction,
        )
        for position, statement in enumerate(migration.statements, 1):
            number += 1
            placed = replace(
                _resolved(statement, schema, session.path),
                in_transaction=session.prepare(statement),
                foreign_keys=session.foreign_keys,
            )
            before, schema = schema, _folded(schema, placed, history.dialect)
            step = Step(
                number,
                migration.revision,
                position,
                placed,
                before,
                schema,
                diff(before, schema) if before is not schema else (),
                placed.features or (),
                effects=server.effects(before, placed),
                transaction=session.transaction,
                lock_timeout=session.timeout("lock"),
                statement_timeout=session.timeout("statement"),
            )
            for operation in placed.operations or ():
                session.run(operation)
            yield step
        if not schema.complete and migration.revision in bases:
            schema = bases[migration.revision]


def wrapped(history: History, migration: Migration, runner: Runner) -> bool:
    """Does the runner wrap this migration in a transaction?"""
    if migration.transactional is not None:
        return migration.transactional
    return history.transactional if runner.transaction is None else runner.transaction


def _resolved(statement: Statement, schema: Schema, path: tuple[str, ...]) -> Statement:
    """The statement with each name as the search_path has it mean."""
    if not path or not statement.operations:
        return statement
    return replace(
        statement, operations=tuple(resolved(o, schema, path) for o in statement.operations)
    )


def _folded(schema: Schema, statement: Statement, dialect: Dialect) -> Schema:
    for operation in statement.operations or ():
        schema = fold(schema, operation, dialect)
    return schema
