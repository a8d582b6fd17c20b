"""Storage that is full, a database that is locked or read-only: does the next start finish?

A migration that meets such an obstacle must stop, and start again when the obstacle is gone. It
does not come back where it had already kept half of its work, and loses what it was to do where
its runner ignores errors.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.engines.sqlite_memory import collation_names, stub_collations
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.replay.interrupted import (
    Goal,
    Point,
    contents,
    difference,
    fleeting,
    relaunched,
    row_counts,
    rows_lost,
    short,
)
from migsafe.replay.plan import Plan
from migsafe.replay.run import Raised, Sent, run_sql
from migsafe.replay.schemas import schema_of

_MOST_BYTES = 16_000_000  # larger samples are not copied again for this
_TELLING_BYTES = 1_000_000  # below, nobody runs out of storage for a copy of it
_TELLING_FACTOR = 2
_OBSTACLE = re.compile(r"disk is full|database is locked|readonly database")

_HOLDS = {
    "while another connection reads": "BEGIN; SELECT * FROM sqlite_master",
    "while another connection writes": "BEGIN IMMEDIATE",
}


@dataclass(frozen=True, slots=True)
class _Undisturbed:
    """What the undisturbed run gave; `before` are the old rows, `gone` those that it removed."""

    goal: Goal
    before: dict[str, int]
    gone: int


@dataclass(slots=True)
class _Pages:
    """The size of the database in the course of a run, in pages."""

    peak: int
    at: Place | None = None

    def after(self, database: sqlite3.Connection, sent: Sent) -> None:
        pages = _pages(database)
        if pages > self.peak:
            self.peak, self.at = pages, sent.place


@dataclass(frozen=True, slots=True)
class _Blocked:
    """The database after a launch that met the obstacle, and what the next launch has to run."""

    kind: str
    when: str
    data: bytes
    left: tuple[Migration, ...]
    raised: Raised  # what the obstacle stopped
    stopped: bool  # did the launch end there?


def check(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> list[Observation]:
    """What the obstacles lead to: at most one observation of each kind.

    For SQL histories; the undisturbed run must have come through. Kinds: `storage-full`, `locked`
    (also for a read-only file; only where full storage did no harm), and `storage-peak` for a
    migration that needs a multiple of a large database's storage.
    """
    if len(sample.data) > _MOST_BYTES:
        return []
    with closing(engine.clone(sample.data)) as database:
        old = _pages(database)
        before = row_counts(database, schema_of(database))
        pages = _Pages(old)
        values = not fleeting(database, pending)
        collations = collation_names(_stored(database))
        run_sql(plan, database, pending, after=pages.after)
        data = database.serialize()
    goal = Goal(contents(data, values), values)
    undisturbed = _Undisturbed(goal, before, rows_lost(data, before))
    found = list(_peak(sample, old, pages))
    for obstacles in (
        _full(plan, sample.data, pending, (old, pages.peak)),
        _held(plan, sample.data, pending, collations),
    ):
        harm = list(_harm(plan, sample, pending, undisturbed, obstacles))
        if harm:
            return [*found, max(harm, key=lambda o: o.affected)]
    return found


def _pages(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA page_count").fetchone()[0])


def _stored(database: sqlite3.Connection) -> str:
    """The old schema's own SQL."""
    stored = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return "\n".join(str(sql) for (sql,) in stored)


def _peak(sample: Sample, old: int, pages: _Pages) -> Iterator[Observation]:
    factor = pages.peak / max(old, 1)
    size = len(sample.data)
    if round(factor, 1) >= _TELLING_FACTOR and size >= _TELLING_BYTES:
        detail = (
            f"at its largest the database takes {factor:.1f} times the storage that it took before:"
            f" {size * factor / 1e6:.1f} MB instead of {size / 1e6:.1f} MB"
        )
        yield Observation("storage-peak", pages.at, affected=pages.peak, total=old, detail=detail)


# -- obstacles --------------------------------------------------------------------------------


def _full(
    plan: Plan, data: bytes, pending: tuple[Migration, ...], pages: tuple[int, int]
) -> Iterator[_Blocked]:
    """Storage for only a part of what the migration needs (pragma.html#pragma_max_page_count)."""
    old, peak = pages
    for room in sorted({old, (old + peak) // 2, peak - 1}):
        if not old <= room < peak:
            continue
        with closing(engine.clone(data)) as database:
            database.execute(f"PRAGMA max_page_count = {room}")
            blocked = _stopped(plan, database, pending)
            if blocked:
                kept = database.serialize()
                yield replace(blocked, kind="storage-full", when="with full storage", data=kept)


def _held(
    plan: Plan, data: bytes, pending: tuple[Migration, ...], collations: set[str]
) -> Iterator[_Blocked]:
    """Locks of another connection (lockingv3.html), and a file that may only be read."""
    for when, hold in (*_HOLDS.items(), ("while the file is read-only", "")):
        with TemporaryDirectory(prefix="migsafe-") as folder:
            path = Path(folder) / "sample.db"
            engine.write_clone(data, path)
            blocked = _beside(plan, path, pending, hold, collations)
            if blocked:
                yield replace(blocked, kind="locked", when=when, data=path.read_bytes())


def _beside(
    plan: Plan, path: Path, pending: tuple[Migration, ...], hold: str, collations: set[str]
) -> _Blocked | None:
    """One launch on the file, which another connection holds, or which is opened for reading."""
    uri = f"{path.as_uri()}?mode={'rw' if hold else 'ro'}"
    with (
        closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)) as database,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        stub_collations(database, collations)
        cursors = [other.execute(sql) for sql in hold.split("; ") if sql]
        for cursor in cursors:
            cursor.fetchone()  # a SELECT takes its lock when it is stepped
        return _stopped(plan, database, pending)


def _stopped(
    plan: Plan, database: sqlite3.Connection, pending: tuple[Migration, ...]
) -> _Blocked | None:
    """One launch: where the obstacle stopped it, None where it was not in the way."""
    met: list[Raised] = []
    left: tuple[Migration, ...] = ()
    for at, migration in enumerate(pending):
        attempt = run_sql(plan, database, (migration,))
        met += [r for r in attempt.ignored if _OBSTACLE.search(r.message)]
        if attempt.raised:
            met += [attempt.raised]
            left = pending[at:]
            break
    if not met:
        return None
    return _Blocked("", "", b"", left, met[0], stopped=bool(left))


# -- what became of it ------------------------------------------------------------------------


def _harm(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    undisturbed: _Undisturbed,
    obstacles: Iterator[_Blocked],
) -> Iterator[Observation]:
    """The obstacles after which the next launch does not end where the undisturbed one did."""
    seen = {(sample.data, pending)}  # a launch that left nothing behind
    for blocked in obstacles:
        if (blocked.data, blocked.left) in seen:
            continue
        seen.add((blocked.data, blocked.left))
        sent = Sent(blocked.raised.sql, blocked.raised.place)
        end, _ = relaunched(plan, Point(blocked.data, sent, blocked.left), pending)
        error = end.raised.message if end.raised else difference(end.data, undisturbed.goal)
        if error:
            lost = max(rows_lost(end.data, undisturbed.before) - undisturbed.gone, 0)
            yield Observation(
                blocked.kind,
                blocked.raised.place,
                affected=lost,
                total=sum(undisturbed.before.values()),
                error=error,
                detail=_told(blocked, error, lost),
            )


def _told(blocked: _Blocked, error: str, lost: int) -> str:
    text = f"{blocked.when} {short(blocked.raised.sql)} fails"
    text += ", and the next start ends in" if blocked.stopped else " unnoticed, with this result"
    text = f"{text}: {error}"
    return f"{text}; {lost} old rows are in no table any more" if lost else text
