"""One made-up change of an old database: make it, migrate it, and look at what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from migsafe.engines import sqlite as engine
from migsafe.errors import ReplayAborted
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.model.variation import Variation
from migsafe.replay import checks, launch
from migsafe.replay.lineage import Lineage
from migsafe.replay.plan import Plan
from migsafe.replay.run import Attempt, Hook, migrated, nothing
from migsafe.replay.schemas import renamed, schema_of

TELLING = {
    "raised", "integrity", "foreign-keys", "rows-lost", "links-lost", "became-null", "values-cut",
    "launch-query", "invariant",
}  # fmt: skip
"""The kinds of observation that a made-up row can prove."""


@dataclass(slots=True)
class Found:
    """What made-up rows showed: the failures, how many were tried, whether all of them were."""

    observations: list[Observation] = field(default_factory=list)
    tried: int = 0
    complete: bool = True


def told(placed: Sequence[Observation], variation: Variation) -> Iterator[Observation]:
    """What is worth telling of what a variation showed: no loss that a statement asks for."""
    for seen in placed:
        if not seen.deliberate:
            yield replace(_at_culprit(seen), made=variation.shape)


def _at_culprit(seen: Observation) -> Observation:
    """No row of the user's breaks this invariant: the statement that could is what to look at."""
    if seen.culprit is None or seen.place is None:
        return seen
    return replace(seen, place=seen.culprit, detail="", name=f"{seen.place.path}:{seen.place.line}")


def varied(data: bytes, variation: Variation, *, enforce: bool) -> bytes | None:
    """The changed database; None where the old schema refuses the change."""
    with closing(engine.clone(data)) as database:
        on = enforce or variation.enforced
        database.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")
        before = database.total_changes
        for statement in variation.statements:
            try:
                database.execute(statement)
            except sqlite3.Error:
                if not variation.partly:
                    return None
        if database.total_changes == before:
            return None
        return database.serialize()


def observed(
    plan: Plan,
    made: Sample,
    pending: tuple[Migration, ...],
    variation: Variation,
    hook: Hook = nothing,
) -> list[Observation]:
    """What the checks see of the changed database after its migration.

    Nothing where this replay cannot tell: a made-up row may hold what only the app can compare.
    """
    try:
        with migrated(plan, made.data, pending, before=hook) as landed:
            attempt = landed[1]
            if attempt.raised is not None:
                kind = "too-slow" if attempt.raised.slow else "raised"
                return [Observation(kind, attempt.raised.place, error=attempt.raised.message)]
            return list(_looked(plan, made, pending, landed, variation))
    except ReplayAborted:
        return []


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
