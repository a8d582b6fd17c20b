"""History -> Evidence: the schema before and after every statement, and the connection's state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from migsafe.analyse.reading import read
from migsafe.analyse.rehearsal import rehearsed
from migsafe.model.evidence import Evidence, Step
from migsafe.model.migration import Dialect, History, Kind, Migration, Operation, Statement
from migsafe.model.schema import Schema, fold_name
from migsafe.schema.diff import diff
from migsafe.schema.fold import fold

_ROWS = {Kind.INSERT, Kind.UPDATE, Kind.DELETE}


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
    opened_by: str = ""  # the savepoint that opened the transaction, where one did

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
        elif kind in {Kind.SAVEPOINT, Kind.RELEASE}:
            self._mark(operation)
        elif kind is Kind.PRAGMA and fold_name(operation.name) == "foreign_keys":
            self._switch(operation.value)

    def _mark(self, operation: Operation) -> None:
        # Outside a transaction a savepoint opens one, and its release ends it
        # (lang_savepoint.html).
        name = fold_name(operation.name)
        if operation.kind is Kind.SAVEPOINT and not self.in_transaction:
            self.in_transaction, self.opened_by = True, name
        elif operation.kind is Kind.RELEASE and self.opened_by == name:
            self.in_transaction, self.opened_by = False, ""

    def _switch(self, value: str) -> None:
        # A no-op while a transaction is open (pragma.html#pragma_foreign_keys).
        if value and not self.in_transaction:
            self.foreign_keys = value.strip("'\"").lower() in {"1", "on", "yes", "true"}


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
    if runner.on_error == "stop":
        steps = rehearsed(history, steps)
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
                placed.features or (),
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
