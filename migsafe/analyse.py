"""History -> Evidence: every statement read, and the schema known before and after each one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from migsafe.engines import sqlite as engine
from migsafe.model.evidence import Evidence, Step
from migsafe.model.migration import Dialect, Feature, History, Kind, Migration, Operation, Statement
from migsafe.model.schema import Schema, fold_name
from migsafe.schema.diff import diff
from migsafe.schema.fold import fold
from migsafe.sql.features import features
from migsafe.sql.parse import operations

_REHEARSAL_SECONDS = 2.0
_ROWS = {Kind.INSERT, Kind.UPDATE, Kind.DELETE}
_MISSING = re.compile(r"no such (?:table|column|index|view|trigger): (?:\w+\.)?(\S+)")
_OF_ROWS = ("constraint failed", "datatype mismatch", "JSON", "no such function", "no such module")
"""Errors that depend on rows or on how SQLite was built: they prove nothing about a migration."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How the project runs its migrations, as far as analysis must know.

    `transaction` None: as the history says; `on_error` stop or continue.
    """

    transaction: bool | None = None
    foreign_keys: bool = False
    on_error: str = "stop"


@dataclass(slots=True)
class _Session:
    """The state of the connection that the migrations run on, followed statement by statement."""

    foreign_keys: bool | None
    in_transaction: bool = False
    begins_with_rows: bool = False

    def enter(self, wrapped: bool, *, late: bool) -> None:
        self.in_transaction = wrapped and not late
        self.begins_with_rows = wrapped and late

    def prepare(self, statement: Statement) -> bool:
        """Is a transaction open when the statement runs?"""
        if statement.in_transaction is not None:
            return statement.in_transaction
        kinds = {o.kind for o in statement.operations or ()}
        if self.begins_with_rows and kinds & _ROWS:
            self.in_transaction = True
        return self.in_transaction

    def run(self, operation: Operation) -> None:
        kind = operation.kind
        if kind is Kind.BEGIN:
            self.in_transaction = True
        elif kind in {Kind.COMMIT, Kind.ROLLBACK} and not operation.name:
            self.in_transaction = False
        elif kind is Kind.PRAGMA and fold_name(operation.name) == "foreign_keys":
            self._switch(operation.value)

    def _switch(self, value: str) -> None:
        # A no-op while a transaction is open (pragma.html#pragma_foreign_keys).
        if value and not self.in_transaction:
            self.foreign_keys = value.strip("'\"").lower() in {"1", "on", "yes", "true"}


def read(history: History) -> History:
    """The same history with the operations of every SQL statement read."""
    dialect = history.dialect
    return replace(history, migrations=tuple(_read(m, dialect) for m in history.migrations))


def _read(migration: Migration, dialect: Dialect) -> Migration:
    if all(s.operations is not None for s in migration.statements):
        return migration
    return replace(
        migration, statements=tuple(_read_statement(s, dialect) for s in migration.statements)
    )


def _read_statement(statement: Statement, dialect: Dialect) -> Statement:
    if statement.operations is not None:
        return statement
    return replace(statement, operations=operations(statement.sql, dialect, statement.span.line))


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
    steps = tuple(_steps(history, runner, bases or {}))
    if _can_rehearse(history, runner):
        steps = _Rehearsal().run(steps)
    return Evidence(history, steps, frozenset(focus), dict(settings))


def _steps(history: History, runner: Runner, bases: Mapping[str | None, Schema]) -> Iterator[Step]:
    schema = bases.get(None, Schema())
    session = _Session(runner.foreign_keys)
    number = 0
    for migration in history.migrations:
        session.enter(wrapped(history, migration, runner), late=history.begins_with_rows)
        for position, statement in enumerate(migration.statements, 1):
            number += 1
            placed = replace(
                statement,
                in_transaction=session.prepare(statement),
                foreign_keys=session.foreign_keys,
            )
            before, schema = schema, _folded(schema, placed, history.dialect)
            for operation in placed.operations or ():
                session.run(operation)
            yield Step(
                number,
                migration.revision,
                position,
                placed,
                before,
                schema,
                diff(before, schema) if before is not schema else (),
                _features(placed, history.dialect),
            )
        if not schema.complete and migration.revision in bases:
            schema = bases[migration.revision]


def wrapped(history: History, migration: Migration, runner: Runner) -> bool:
    """Does the runner wrap this migration in a transaction?"""
    if migration.transactional is not None:
        return migration.transactional
    return history.transactional if runner.transaction is None else runner.transaction


def _folded(schema: Schema, statement: Statement, dialect: Dialect) -> Schema:
    for operation in statement.operations or ():
        schema = fold(schema, operation, dialect)
    return schema


def _features(statement: Statement, dialect: Dialect) -> tuple[Feature, ...]:
    if statement.origin != "sql":
        return ()
    line = statement.span.line
    return tuple(replace(f, line=line + f.line) for f in features(statement.sql, dialect))


def _can_rehearse(history: History, runner: Runner) -> bool:
    return (
        history.dialect is Dialect.SQLITE
        and runner.on_error == "stop"
        and not any(m.program for m in history.migrations)
    )


@dataclass(slots=True)
class _Rehearsal:
    """Runs the statements on an empty in-memory database, to learn which ones cannot run at all.

    It ends at the first statement that fails for what it says (what follows would only be a
    consequence), and where the history names a table that it never made: it then starts in the
    middle, and an empty database proves nothing.
    """

    known: set[str] = field(default_factory=set)

    def run(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if not steps or not steps[0].before.complete or steps[0].before.tables:
            return steps
        with closing(engine.clone(engine.empty())) as database:
            for at, step in enumerate(steps):
                message = self._try(database, step)
                if message is None:
                    return steps
                if message:
                    return (*steps[:at], replace(step, error=message), *steps[at + 1 :])
        return steps

    def _try(self, database: sqlite3.Connection, step: Step) -> str | None:
        """ "" for a statement that ran, its error, or None where the rehearsal must end."""
        if any(engine.outside(o) for o in step.statement.operations or ()):
            return None
        try:
            with engine.stop_after(database, _REHEARSAL_SECONDS):
                database.execute(step.statement.sql).fetchall()
        except sqlite3.Error as error:
            return self._judge(step, str(error))
        except engine.TooSlow:
            return None
        self._learn(step)
        return ""

    def _learn(self, step: Step) -> None:
        for change in step.changes:
            if change.what in {"table", "view"}:
                self.known.add(fold_name(change.table or change.name))

    def _judge(self, step: Step, message: str) -> str | None:
        if any(words in message for words in _OF_ROWS):
            return ""
        if not step.after.complete:
            return None
        missing = _MISSING.search(message)
        if missing and "no such table" in message:
            return message if fold_name(missing.group(1)) in self.known else None
        return message
