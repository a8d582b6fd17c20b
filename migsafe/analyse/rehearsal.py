"""Rehearse a history on an empty in-memory SQLite, to learn which statements cannot run at all.

What came through once is kept in the cache as a database, so that a long history is not run again
for each new migration.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace

from migsafe import store
from migsafe.engines.sqlite_guard import TooSlow, outside, stop_after
from migsafe.engines.sqlite_memory import clone, empty, version
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, History
from migsafe.model.schema import fold_name

_SECONDS = 2.0
_WORTH_A_CACHE = 20  # migrations
_KEPT = 2  # the database is kept after the last migrations, where new ones will follow
_MISSING = re.compile(r"no such (?:table|column|index|view|trigger): (?:\w+\.)?(\S+)")
_OF_ROWS = ("constraint failed", "datatype mismatch", "JSON", "no such function", "no such module")
"""Errors that depend on rows or on how SQLite was built: they prove nothing about a migration."""


def rehearsed(history: History, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps, the first one that cannot run on an empty database with its error.

    Nothing is said of histories in program code, or that start in the middle.
    """
    program = any(m.program for m in history.migrations)
    if history.dialect is not Dialect.SQLITE or program or not steps:
        return steps
    if not steps[0].before.complete or steps[0].before.tables:
        return steps
    chain = _chain(history, steps) if len(history.migrations) >= _WORTH_A_CACHE else {}
    return _Rehearsal(chain).run(steps)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How far a rehearsal has come: its database, and the tables and views it has seen made."""

    data: bytes
    known: frozenset[str] = frozenset()


def begun(history: History, *, stops: bool) -> Rehearsal | None:
    """The beginning; None where there is nothing to learn (`stops`: at a failing statement?)."""
    program = any(m.program for m in history.migrations)
    if history.dialect is not Dialect.SQLITE or program or not stops:
        return None
    return Rehearsal(_small())


def _small() -> bytes:
    """An empty database of the smallest pages: what is kept holds many tables and few rows."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute("PRAGMA page_size = 512")
        database.execute("PRAGMA user_version = 0")
        return database.serialize()


def rehearsed_on(
    steps: tuple[Step, ...], past: Rehearsal | None
) -> tuple[tuple[Step, ...], Rehearsal | None]:
    """The same for whole migrations that follow others, and how far that has come."""
    if past is None or not steps:
        return steps, past
    rehearsal = _Rehearsal({}, set(past.known))
    with closing(clone(past.data)) as database:
        steps, ended = rehearsal.through(database, steps, 0)
        if ended:
            return steps, None
        return steps, Rehearsal(database.serialize(), frozenset(rehearsal.known))


def _chain(history: History, steps: tuple[Step, ...]) -> dict[str, str]:
    """For each revision a digest of everything up to it, and of how it is run."""
    wrapped = {s.revision: s.statement.in_transaction for s in reversed(steps)}
    digest = hashlib.blake2b(version().encode(), digest_size=20)
    found = {}
    for migration in history.migrations:
        run = f"{migration.revision} {migration.digest} {wrapped.get(migration.revision)}"
        digest.update(run.encode())
        found[migration.revision] = "rehearsal " + digest.hexdigest()
    return found


@dataclass(slots=True)
class _Rehearsal:
    """Runs the statements one by one.

    It ends at the first statement that fails for what it says (what follows would only be a
    consequence), and where the history names a table that it never made: it then starts in the
    middle, and an empty database proves nothing.
    """

    chain: dict[str, str]
    known: set[str] = field(default_factory=set)

    def run(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        start, data = self._resumed(steps)
        with closing(clone(data)) as database:
            return self.through(database, steps, start)[0]

    def through(
        self, database: sqlite3.Connection, steps: tuple[Step, ...], start: int
    ) -> tuple[tuple[Step, ...], bool]:
        """The steps, rehearsed from `start` on, and whether the rehearsal had to end."""
        for at in range(start, len(steps)):
            _enter(database, steps, at)
            message = self._try(database, steps[at])
            if message is None:
                return steps, True
            if message:
                failed = replace(steps[at], error=message)
                return (*steps[:at], failed, *steps[at + 1 :]), True
            self._keep(database, steps, at)
        return steps, False

    def _resumed(self, steps: tuple[Step, ...]) -> tuple[int, bytes]:
        """Where to start, and the database there: after the longest part known to come through."""
        ends = {s.revision: at for at, s in enumerate(steps, 1)}
        for revision in list(ends)[: -_KEPT - 2 : -1] if self.chain else ():
            kept = store.load_value(self.chain[revision])
            if kept is not None:
                data, self.known = kept
                return ends[revision], data
        return 0, empty()

    def _keep(self, database: sqlite3.Connection, steps: tuple[Step, ...], at: int) -> None:
        if at + 1 < len(steps) and steps[at + 1].revision == steps[at].revision:
            return
        if database.in_transaction:
            database.execute("COMMIT")
        if not self.chain:
            return
        left = len({s.revision for s in steps[at + 1 :]})
        if left < _KEPT:
            store.save_value(self.chain[steps[at].revision], (database.serialize(), self.known))

    def _try(self, database: sqlite3.Connection, step: Step) -> str | None:
        """ "" for a statement that ran, its error, or None where the rehearsal must end."""
        if any(outside(o) for o in step.statement.operations or ()):
            return None
        try:
            with stop_after(database, _SECONDS):
                database.execute(step.statement.sql).fetchall()
        except sqlite3.Error as error:
            return self._judge(step, str(error))
        except TooSlow:
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
        if not step.before.complete:
            return None
        missing = _MISSING.search(message)
        if missing and "no such table" in message:
            return message if fold_name(missing.group(1)) in self.known else None
        return message


def _enter(database: sqlite3.Connection, steps: tuple[Step, ...], at: int) -> None:
    """Open the transaction that the runner wraps a migration in."""
    first = at == 0 or steps[at - 1].revision != steps[at].revision
    if first and steps[at].statement.in_transaction and not database.in_transaction:
        database.execute("BEGIN")
