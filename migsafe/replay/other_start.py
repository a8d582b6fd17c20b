"""The other shape of an old version: installed fresh, where the sample was upgraded to it.

What a version's own installer made and what upgrades left behind should be the same; where it is
not, half of the users start from a schema that no sample shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Kind, Migration, Operation
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema, fold_name
from migsafe.replay.locate import locate
from migsafe.replay.plan import Plan
from migsafe.replay.run import migrated
from migsafe.replay.schemas import schema_of
from migsafe.schema.diff import diff

_TELLING = {
    "raised", "too-slow", "integrity", "foreign-keys", "rows-lost", "links-lost", "became-null",
    "values-cut", "values-changed", "drifted", "launch-query", "launch-insert",
}  # fmt: skip
"""Without rows, an invariant about certain rows proves nothing."""

Look = Callable[[Sample, tuple[Migration, ...]], list[Observation]]
"""Leads a database to the newest version and says what was seen."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a fresh install of the sample's version showed beyond the sample; `tried` replays."""

    observations: tuple[Observation, ...] = ()
    tried: int = 0


def check(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: tuple[Observation, ...],
    look: Look,
) -> Found:
    """Start from a fresh install of the sample's version, where its schema is another one."""
    start = fresh_install(plan, sample, pending)
    if start is None:
        return Found()
    seen = [o for o in look(start, pending) if o.kind in _TELLING]
    placed = locate(plan, start, pending, seen)
    shown = {o.fingerprint for o in known}
    made = made_of(sample)
    new = (o for o in placed if not o.deliberate and o.fingerprint not in shown)
    return Found(tuple(replace(o, made=made) for o in new), 1)


def made_of(sample: Sample) -> str:
    """How such a database is called, among those that are made up."""
    return f"a fresh install of {sample.revision} rather than an upgraded one"


def fresh_install(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> Sample | None:
    """What the history makes of an empty database; None where it is the sample's schema.

    None as well where the history does not begin with nothing, so that this is no install.
    """
    waiting = {m.revision for m in pending}
    done = tuple(m for m in plan.history.migrations if m.revision not in waiting)
    if not done:
        return None
    with migrated(plan, engine.empty(), done) as (database, attempt):
        if attempt.raised is not None or attempt.ignored:
            return None
        fresh = schema_of(database)
        data = database.serialize()
    with closing(engine.clone(sample.data)) as upgraded:
        old = schema_of(upgraded)
    if not _differ(plan, old, fresh) or _made_elsewhere(old, fresh) & set(_named(pending)):
        return None
    # The installer notes the version as the sample's upgrade did.
    version = sample.data[60:64]
    return replace(sample, data=data[:60] + version + data[64:])


def _differ(plan: Plan, old: Schema, fresh: Schema) -> bool:
    ignored = {fold_name(t) for t in plan.history.version_tables}
    return any(fold_name(c.table or c.name) not in ignored for c in diff(old, fresh))


def _made_elsewhere(old: Schema, fresh: Schema) -> set[str]:
    """Tables that no migration up to here made: another part of the app does."""
    return set(old.tables) - set(fresh.tables)


def _named(pending: tuple[Migration, ...]) -> Iterator[str]:
    for migration in pending:
        for statement in migration.statements:
            for operation in statement.operations or ():
                yield from _tables(operation)


def _tables(operation: Operation) -> Iterator[str]:
    if operation.kind is Kind.CREATE_TABLE and not operation.sources:
        return
    yield fold_name(operation.table)
    yield from map(fold_name, operation.sources)
    yield from (fold_name(r.table) for r in operation.references)
