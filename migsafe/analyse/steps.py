"""History -> Evidence: the schema before and after every statement, and the connection's state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from migsafe.analyse.downgrades import downgrades
from migsafe.analyse.reading import read
from migsafe.analyse.rehearsal import Rehearsal, begun, rehearsed, rehearsed_on
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
    bases = bases or {}
    walk = _Walk(history, runner, settings.get("engine_oldest", ""))
    walk.schema = bases.get(None, walk.schema)
    steps = tuple(walk.through(history.migrations, bases))
    if runner.on_error == "stop":
        steps = rehearsed(history, steps)
    back = tuple(downgrades(history, steps, focus))
    return Evidence(history, steps, frozenset(focus), dict(settings), downgrades=back)


@dataclass(frozen=True, slots=True)
class Reached:
    """What the first `migrations` of a history leave to those that follow.

    `rehearsal` None: nothing more can be rehearsed.
    """

    migrations: int
    statements: int
    schema: Schema
    session: Session
    functions: Mapping[str, str]
    rehearsal: Rehearsal | None


def follow(
    history: History, runner: Runner, version: str, past: Reached | None, until: int
) -> tuple[tuple[Step, ...], Reached]:
    """The steps from where `past` ends (None: the beginning) up to the migration number `until`.

    Only these migrations are read. `version` is the oldest engine's. `past` is used up.
    """
    start = past.migrations if past else 0
    part = read(replace(history, migrations=history.migrations[start:until])).migrations
    walk = _Walk(history, runner, version, past)
    steps = tuple(walk.through(part, {}))
    rehearsal = past.rehearsal if past else begun(history, stops=runner.on_error == "stop")
    steps, rehearsal = rehearsed_on(steps, rehearsal)
    functions = walk.server.functions
    return steps, Reached(until, walk.number, walk.schema, walk.session, functions, rehearsal)


def continued(
    history: History,
    focus: Collection[str],
    runner: Runner,
    settings: Mapping[str, str],
    past: Reached,
) -> Evidence:
    """The evidence of `analyse` without the steps before `past`, none of which is in focus."""
    version = settings.get("engine_oldest", "")
    steps, _ = follow(history, runner, version, past, len(history.migrations))
    back = tuple(downgrades(history, steps, focus))
    return Evidence(history, steps, frozenset(focus), dict(settings), downgrades=back)


class _Walk:
    """Goes through migrations, from the first one or from where another walk ended."""

    def __init__(
        self, history: History, runner: Runner, version: str, past: Reached | None = None
    ) -> None:
        self._history = history
        self._runner = runner
        self._after_code = {step.before for step in history.code}
        self.server = Server(history, version, past.functions if past else {})
        self.session = past.session if past else Session(history.dialect, runner.foreign_keys)
        self.schema = past.schema if past else Schema()
        self.number = past.statements if past else 0

    def through(
        self, migrations: Iterable[Migration], bases: Mapping[str | None, Schema]
    ) -> Iterator[Step]:
        """Each statement with the schema before and after it."""
        for migration in migrations:
            if migration.revision in self._after_code:
                self.schema = doubted(self.schema)
            self.session.enter(
                wrapped(self._history, migration, self._runner),
                late=self._history.begins_with_rows,
                joined=self._history.one_transaction,
            )
            for position, statement in enumerate(migration.statements, 1):
                yield self._step(migration, position, statement)
            if not self.schema.complete and migration.revision in bases:
                self.schema = bases[migration.revision]

    def _step(self, migration: Migration, position: int, statement: Statement) -> Step:
        session, before = self.session, self.schema
        self.number += 1
        placed = replace(
            _resolved(statement, before, session.path),
            in_transaction=session.prepare(statement),
            foreign_keys=session.foreign_keys,
        )
        self.schema = _folded(before, placed, self._history.dialect)
        step = Step(
            self.number,
            migration.revision,
            position,
            placed,
            before,
            self.schema,
            diff(before, self.schema) if before is not self.schema else (),
            placed.features or (),
            effects=self.server.effects(before, placed),
            transaction=session.transaction,
            lock_timeout=session.timeout("lock"),
            statement_timeout=session.timeout("statement"),
        )
        for operation in placed.operations or ():
            session.run(operation)
        return step


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
