"""The oldest SQLite that users run, as far as the one that runs here can play it.

A function that it lacks is refused wherever it stands: in the trigger that an old statement fires,
in a view that a launch query reads. A statement may have as many parameters as it takes there.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, Feature, Migration, Statement
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.replay import launch
from migsafe.replay.plan import OldEngine, Plan, Query
from migsafe.replay.run import Sent, migrated
from migsafe.sql.features import features, functions, number

_PARAMETERS = {False: 32_766, True: 999}
"""The default of SQLITE_MAX_VARIABLE_NUMBER since 3.32.0, and before (limits.html)."""
_MORE_PARAMETERS = "3.32.0"
_TOO_MANY = "too many SQL variables"
_OPERATORS = {"the -> and ->> operators": ("->", "->>")}
_DENIED = re.compile(r"not authorized to use function: (\S+)")


def old_engine(oldest: str | None, without: Collection[str]) -> OldEngine | None:
    """What the oldest engine lacks; None where users run what runs here.

    `oldest` is a version such as "3.31"; `without` names extensions that its build leaves out.
    """
    if oldest is None and not without:
        return None
    lacks = {
        name: why
        for name, feature in functions()
        if (why := _why_missing(feature, oldest, without))
    }
    few = oldest is not None and number(oldest) < number(_MORE_PARAMETERS)
    return OldEngine(oldest or "", frozenset(without), lacks, _PARAMETERS[few])


def _why_missing(feature: Feature, oldest: str | None, without: Collection[str]) -> str:
    if feature.extension and feature.extension in without:
        return f"it needs {feature.extension}, which the build that users run lacks"
    if oldest is not None and feature.since_number > number(oldest):
        return f"SQLite {feature.since} has it first, users still run {oldest}"
    return ""


@dataclass(slots=True)
class _Guard:
    """An authorizer that refuses functions (c3ref/set_authorizer.html).

    Not those that the text of the migration itself names: a rule tells them without running it.
    """

    engine: OldEngine
    told: Sequence[Statement] = ()
    named: frozenset[str] = frozenset()
    free: bool = False  # SQLite's own work: ALTER TABLE calls functions, some of them new

    def __call__(self, action: int, _: str | None, name: str | None, *__: object) -> int:
        if action != sqlite3.SQLITE_FUNCTION or self.free:
            return sqlite3.SQLITE_OK
        key = (name or "").lower()
        missing = key in self.engine.lacks and key not in self.named
        return sqlite3.SQLITE_DENY if missing else sqlite3.SQLITE_OK

    def before(self, database: sqlite3.Connection, sent: Sent) -> None:
        """Prepare the connection, whichever the runner uses, for one statement."""
        self.free = sent.sql.lstrip()[:6].upper() in {"ALTER ", "VACUUM"}
        self.named = frozenset(_named(self.told, sent.place))
        self.on(database)

    def on(self, database: sqlite3.Connection) -> None:
        """Play the old engine on this connection from now on."""
        database.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, self.engine.parameters)
        database.set_authorizer(self)


def _named(told: Sequence[Statement], place: Place) -> Iterator[str]:
    """The functions and operators in the text at a place of the migrations."""
    for statement in told:
        if statement.span.path == place.path and statement.span.covers(place.line):
            for feature in statement.features or ():
                yield feature.name.removesuffix("()")
                yield from _OPERATORS.get(feature.name, ())


def check(
    plan: Plan, sample: Sample, pending: Sequence[Migration], known: Collection[Observation]
) -> Iterator[Observation]:
    """Migrate the sample and run the launch queries on the oldest engine that users run.

    `known` is what was seen on today's engine: it is not told again.
    """
    if plan.engine is None:
        return
    told = [s for migration in pending for s in migration.statements if s.features]
    guard = _Guard(plan.engine, told)
    with migrated(plan, sample.data, tuple(pending), before=guard.before) as (database, attempt):
        if attempt.raised is not None:
            error = _translated(plan.engine, attempt.raised.message)
            yield Observation("raised", attempt.raised.place, error=error)
            return
        database.set_authorizer(None)
        data = database.serialize()
    failed = {o.place for o in known if o.kind == "launch-query"}
    queries = [q for q in plan.launch.queries if q.place not in failed]
    with closing(engine.clone(data)) as database:
        yield from _launch(database, plan, queries)


def _launch(
    database: sqlite3.Connection, plan: Plan, queries: Sequence[Query]
) -> Iterator[Observation]:
    assert plan.engine is not None
    database.execute(f"PRAGMA foreign_keys = {'ON' if plan.launch.foreign_keys else 'OFF'}")
    _Guard(plan.engine).on(database)
    for query in queries:
        error = _said(plan.engine, query) or _translated(plan.engine, launch.run(database, query))
        if error:
            yield Observation("launch-query", query.place, error=error)


def _said(old: OldEngine, query: Query) -> str:
    """What the query's own text needs, functions apart: RIGHT JOIN, upserts, RETURNING."""
    for feature in features(query.sql, Dialect.SQLITE):
        why = _why_missing(feature, old.oldest or None, old.without)
        if why and not feature.name.endswith("()"):
            return f"no {feature.name}: {why}"
    return ""


def _translated(old: OldEngine, message: str) -> str:
    denied = _DENIED.search(message)
    if denied:
        name = denied[1]
        return f"no such function: {name} ({old.lacks.get(name.lower(), 'not there')})"
    if message.startswith(_TOO_MANY):
        return (
            f"{_TOO_MANY} (SQLite takes {old.parameters:,} before {_MORE_PARAMETERS},"
            f" users still run {old.oldest})"
        )
    return message
