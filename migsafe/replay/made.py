"""Replay made-up old data: what the samples do not show, and the old schema allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Kind, Migration, Operation
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema, fold_name
from migsafe.replay import checks, launch
from migsafe.replay.lineage import Lineage
from migsafe.replay.locate import locate
from migsafe.replay.plan import Plan
from migsafe.replay.run import Attempt, Hook, migrated, nothing
from migsafe.replay.schemas import renamed, schema_of
from migsafe.replay.variations import Variation, literals_of, variations
from migsafe.sql.parse import mentioned

_SQL = 400
"""How many variations of a sample of up to _BYTES; larger samples get fewer, as they cost more."""

_PROGRAM = 16
"""The same for program code, which costs a hundred times more to start."""

_BYTES = 200_000
_LEAST = 20
_TELLING = {
    "raised", "integrity", "foreign-keys", "rows-lost", "links-lost", "became-null", "values-cut",
    "launch-query", "invariant",
}  # fmt: skip

Fingerprint = tuple[str, str, int, str, str, str, str]


@dataclass(slots=True)
class Found:
    """What made-up rows showed: the failures, how many variations ran, whether all of them did."""

    observations: list[Observation] = field(default_factory=list)
    tried: int = 0
    complete: bool = True


def explore(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: Sequence[Observation],
    before: Hook = nothing,
) -> Found:
    """Vary the sample, migrate each variation, and keep what fails in a way not seen yet.

    `before` is called before every statement of every variation.
    """
    found = Found()
    seen: set[Fingerprint] = {o.fingerprint for o in known}
    limit = _limit(plan, sample)
    slow = False
    for variation in _variations(plan, sample, pending):
        if found.tried >= limit or slow:
            found.complete = False
            break
        data = _varied(sample.data, variation, enforce=plan.launch.foreign_keys)
        if data is None:
            continue
        found.tried += 1
        made = replace(sample, data=data)
        shown = _observed(plan, made, pending, variation, before)
        slow = any(o.kind == "too-slow" for o in shown)  # what follows would be as slow
        fresh = [o for o in shown if _new(o, seen)]
        if fresh:
            placed = locate(plan, made, pending, fresh)
            seen.update(o.fingerprint for o in (*fresh, *placed))
            found.observations += _told(placed, variation)
    return found


def _limit(plan: Plan, sample: Sample) -> int:
    if plan.runner is not None:
        return _PROGRAM
    return max(_LEAST, _SQL * _BYTES // max(len(sample.data), _BYTES))


def _new(seen: Observation, known: set[Fingerprint]) -> bool:
    return seen.kind in _TELLING and seen.fingerprint not in known


def _told(placed: Sequence[Observation], variation: Variation) -> Iterator[Observation]:
    for seen in placed:
        if not seen.deliberate:
            yield replace(_at_culprit(seen), made=variation.shape)


def _at_culprit(seen: Observation) -> Observation:
    """No row of the user's breaks this invariant: the statement that could is what to look at."""
    if seen.culprit is None or seen.place is None:
        return seen
    return replace(seen, place=seen.culprit, detail="", name=f"{seen.place.path}:{seen.place.line}")


# -- which variations -----------------------------------------------------------------------------


def _variations(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> Iterator[Variation]:
    with closing(engine.clone(sample.data)) as old:
        schema = schema_of(old)
        tables, named = _touched(plan, schema, pending)
        yield from variations(
            schema,
            tables,
            named,
            literals_of(_texts(plan, pending)),
            _asking(old),
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
    if any(o.kind in {Kind.OPAQUE, Kind.UNREAD} for o in operations):
        names.update(dict.fromkeys(schema.tables))
    version = {fold_name(t) for t in plan.history.version_tables}
    known = [n for n in names if n in schema.tables and n not in version]
    return known, [*named, *_copied(schema, operations)]


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


# -- replay ---------------------------------------------------------------------------------------


def _varied(data: bytes, variation: Variation, *, enforce: bool) -> bytes | None:
    """The changed database; None where the old schema refuses the change."""
    with closing(engine.clone(data)) as database:
        database.execute(f"PRAGMA foreign_keys = {'ON' if enforce else 'OFF'}")
        before = database.total_changes
        try:
            for statement in variation.statements:
                database.execute(statement)
        except sqlite3.Error:
            return None
        if database.total_changes == before:
            return None
        return database.serialize()


def _observed(
    plan: Plan,
    made: Sample,
    pending: tuple[Migration, ...],
    variation: Variation,
    hook: Hook,
) -> list[Observation]:
    with migrated(plan, made.data, pending, before=hook) as landed:
        attempt = landed[1]
        if attempt.raised is not None:
            kind = "too-slow" if attempt.raised.slow else "raised"
            return [Observation(kind, attempt.raised.place, error=attempt.raised.message)]
        return list(_looked(plan, made, pending, landed, variation))


def _looked(
    plan: Plan,
    made: Sample,
    pending: tuple[Migration, ...],
    landed: tuple[sqlite3.Connection, Attempt],
    variation: Variation,
) -> Iterator[Observation]:
    database, attempt = landed
    with closing(engine.clone(made.data)) as old:
        before = schema_of(old)
        broken = set() if variation.shrinks else _broken_before(plan, old)
    origin = renamed(pending, before)
    with engine.attached_old(database, made.data):
        lineage = Lineage(pending, None if plan.runner is None else attempt.ran)
        yield from checks.rows(database, before, schema_of(database), origin, lineage)
    yield from checks.integrity(made.data, database, origin)
    yield from checks.foreign_keys(made.data, database, origin)
    for seen in launch.check(database, made.data, plan.launch):
        if seen.kind == "invariant" and (variation.shrinks or seen.place in broken):
            continue
        yield seen


def _broken_before(plan: Plan, old: sqlite3.Connection) -> set[Place]:
    """The invariants that the made-up row itself breaks, before any migration."""
    return {query.place for query in plan.launch.invariants if launch.violations(old, query)[0]}
