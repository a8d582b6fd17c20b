"""Replay made-up old data: what the samples do not show, and the old schema allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Kind, Migration, Operation
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema, fold_name
from migsafe.model.variation import Ground, Variation
from migsafe.replay import explored, first_rows
from migsafe.replay.locate import locate
from migsafe.replay.plan import Plan
from migsafe.replay.run import Hook, migrated, nothing
from migsafe.replay.schemas import schema_of
from migsafe.replay.trial import TELLING, Found, observed, told, varied
from migsafe.replay.variations import literals_of, variations
from migsafe.sql.parse import mentioned
from migsafe.sql.tokens import quoted

_SQL = 400
"""How many variations of a sample of up to _BYTES; larger samples get fewer, as they cost more."""

_PROGRAM = 16
"""The same for program code, which costs a hundred times more to start."""

_BYTES = 200_000
_STATEMENTS = 80_000
"""How many statements all variations together may run: a long ladder gets fewer of them."""

_LEAST = 20

Fingerprint = tuple[str, str, int, str, str, str, str]


def explore(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: Sequence[Observation],
    before: Hook = nothing,
) -> Found:
    """Vary the sample, migrate each variation, and keep what fails in a way not seen yet.

    `before` is called before every statement of every variation. Where the plan has an explorer,
    it goes on from there. Where no samples are configured, what the older migrations build stands
    for an old database, and rows are made up for the newest one.
    """
    sample, pending = _start(plan, sample, pending)
    with closing(engine.clone(sample.data)) as old:
        ground = _ground(plan, old, pending)
        found = _listed(plan, sample, pending, known, (ground, old, before))
    if plan.explorer is not None:
        shown = (*known, *found.observations)
        more = explored.explore(plan, sample, pending, shown, ground)
        found.observations += more.observations
        found.tried += more.tried
    return found


def again(plan: Plan, sample: Sample, seen: Observation) -> tuple[Sample, Variation] | None:
    """The sample with the made-up rows that showed the observation, and how they were made.

    None where it cannot be repeated. The sample that comes back may be at a later version, where
    no samples are configured (see `explore`).
    """
    sample, pending = _start(plan, sample, plan.history.pending(sample.revision))
    with closing(engine.clone(sample.data)) as old:
        ground = _ground(plan, old, pending)
        listed = (v for v in variations(ground, _asking(old)) if v.shape == seen.made)
        more = explored.again(plan, sample, pending, ground)
        for variation in chain(listed, (v for v in more if v.shape == seen.made)):
            data = varied(sample.data, variation, enforce=plan.launch.foreign_keys)
            made = replace(sample, data=data or b"")
            if data and shows(plan, made, pending, variation, seen):
                return made, variation
    return None


def shows(
    plan: Plan,
    made: Sample,
    pending: tuple[Migration, ...],
    variation: Variation,
    seen: Observation,
) -> bool:
    """Does a database with made-up rows give the observation?"""
    shown = observed(plan, made, pending, variation)
    placed = told(locate(plan, made, pending, shown), variation)
    return any(o.fingerprint == seen.fingerprint for o in placed)


def _start(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...]
) -> tuple[Sample, tuple[Migration, ...]]:
    if sample.path != plan.stands_in or plan.runner is not None or len(pending) < 2:
        return sample, pending
    with migrated(plan, sample.data, pending[:-1]) as (database, attempt):
        if attempt.raised is not None:
            return sample, pending
        built = replace(sample, revision=pending[-2].revision, data=database.serialize())
    return built, pending[-1:]


def _listed(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: Sequence[Observation],
    on: tuple[Ground, sqlite3.Connection, Hook],
) -> Found:
    ground, old, before = on
    found = Found()
    seen: set[Fingerprint] = {o.fingerprint for o in known}
    limit = _limit(plan, sample, pending)
    slow = False
    for variation in variations(ground, _asking(old)):
        if found.tried >= limit or slow:
            found.complete = False
            break
        data = varied(sample.data, variation, enforce=plan.launch.foreign_keys)
        if data is None:
            continue
        found.tried += 1
        made = replace(sample, data=data)
        shown = observed(plan, made, pending, variation, before)
        slow = any(o.kind == "too-slow" for o in shown)  # what follows would be as slow
        fresh = [o for o in shown if _new(o, seen)]
        if fresh:
            placed = locate(plan, made, pending, fresh)
            seen.update(o.fingerprint for o in (*fresh, *placed))
            found.observations += told(placed, variation)
    return found


def _limit(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> int:
    if plan.runner is not None:
        return _PROGRAM
    length = sum(len(migration.statements) for migration in pending)
    by_size = _SQL * _BYTES // max(len(sample.data), _BYTES)
    return max(_LEAST, min(by_size, _STATEMENTS // max(length, 1)))


def _new(seen: Observation, known: set[Fingerprint]) -> bool:
    return seen.kind in TELLING and seen.fingerprint not in known


# -- the ground -----------------------------------------------------------------------------------


def _ground(plan: Plan, old: sqlite3.Connection, pending: tuple[Migration, ...]) -> Ground:
    """What there is to vary. The tables that are empty get their first rows in `old` itself."""
    schema = schema_of(old)
    tables, named = _touched(plan, schema, pending)
    first = first_rows.fill(old, schema, tables)
    ask = _asking(old)
    counts = {t: ask(f"SELECT count(*) FROM {quoted(t)}") for t in tables}
    return Ground(
        schema,
        tuple(tables),
        frozenset((fold_name(t), fold_name(c)) for t, c in named),
        literals_of(_texts(plan, pending)),
        {fold_name(t): n for t, n in counts.items() if isinstance(n, int)},
        first,
        orphans=not plan.launch.foreign_keys,
    )


def _asking(database: sqlite3.Connection) -> Callable[[str], object]:
    def ask(query: str) -> object:
        try:
            row = database.execute(query).fetchone()
        except sqlite3.Error:
            return None
        return row[0] if row else None

    return ask


def _texts(plan: Plan, pending: tuple[Migration, ...]) -> Iterator[str]:
    for migration in pending:
        for statement in migration.statements:
            kinds = {o.kind for o in statement.operations or ()}
            if kinds & {Kind.INSERT, Kind.UPDATE, Kind.DELETE}:
                yield statement.sql
    yield from (q.sql for q in plan.launch.invariants)


def _touched(
    plan: Plan, schema: Schema, pending: tuple[Migration, ...]
) -> tuple[list[str], list[tuple[str, str]]]:
    """The old tables that something names, and the columns that statements name."""
    operations = [o for m in pending for s in m.statements for o in s.operations or ()]
    names: dict[str, None] = {}
    named: list[tuple[str, str]] = []
    for operation in operations:
        names.update(dict.fromkeys(_tables(operation)))
        named += [(r.table, r.column) for r in operation.references if r.column]
    for query in (*plan.launch.invariants, *plan.launch.queries):
        names.update(dict.fromkeys(mentioned(query.sql)))
    if any(_hides_tables(o) for o in operations):
        names.update(dict.fromkeys(schema.tables))
    version = {fold_name(t) for t in plan.history.version_tables}
    known = [n for n in names if n in schema.tables and n not in version]
    return known, [*named, *_copied(schema, operations)]


def _hides_tables(operation: Operation) -> bool:
    """Which tables are meant cannot be read, or is a value: PRAGMA writable_schema."""
    catalogue = fold_name(operation.table) in {"sqlite_master", "sqlite_schema"}
    return catalogue or operation.kind in {Kind.OPAQUE, Kind.UNREAD}


def _tables(operation: Operation) -> Iterator[str]:
    yield fold_name(operation.table)
    yield from map(fold_name, operation.sources)
    yield from (fold_name(r.table) for r in operation.references)


def _copied(schema: Schema, operations: Sequence[Operation]) -> Iterator[tuple[str, str]]:
    """The columns that a star or an index names without a reference of its own."""
    for operation in operations:
        if any(a.kind == "star" for a in operation.assignments):
            for source in operation.sources:
                table = schema.table(source)
                yield from ((source, c.name) for c in (table.columns if table else ()))
        columns = getattr(operation.definition, "columns", ())
        yield from ((operation.table, c.name) for c in columns)
