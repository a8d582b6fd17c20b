"""The launch: what the new version's first queries and the project's invariants say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect
from migsafe.model.outcome import Observation
from migsafe.replay.plan import LaunchPlan, Query
from migsafe.replay.run import told
from migsafe.sql.tokens import PARAMETER, tokenize

SECONDS = 10.0
"""A launch query or invariant that takes longer is stopped; a start that long is no start."""


def check(database: sqlite3.Connection, old: bytes, plan: LaunchPlan) -> Iterator[Observation]:
    """Run the launch queries on the migrated database, then the invariants."""
    database.execute(f"PRAGMA foreign_keys = {'ON' if plan.foreign_keys else 'OFF'}")
    for query in plan.queries:
        error = run(database, query)
        if error:
            yield Observation(
                "launch-query", query.place, error=error, detail=_before(old, query, error)
            )
    for query in plan.invariants:
        yield from _invariant(database, query)
    if database.in_transaction:
        database.execute("ROLLBACK")


def run(database: sqlite3.Connection, query: Query) -> str:
    """The query's error, "" where it runs; every row is read, as the app would."""
    try:
        with engine.stop_after(database, SECONDS):
            for _ in asked(database, query.sql):
                pass
    except engine.TooSlow:
        return f"not done after {SECONDS:g} s"
    except sqlite3.Error as error:
        return told(error, database, query.sql)
    return ""


class _Named(dict[str, object]):
    """Every named parameter has the same value."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __missing__(self, key: str) -> object:
        return self._value


_NEEDED = re.compile(r"uses (\d+), and there are \d+ supplied")
_OTHERS = (1, "a")
"""What is tried where NULL is refused: by LIMIT, by a column that is NOT NULL."""


def asked(database: sqlite3.Connection, sql: str) -> sqlite3.Cursor:
    """The statement as an app prepares it, with parameters whose values nobody knows here.

    They are NULL, as parameters without a value are (c3ref/bind_blob.html). Where a constraint or
    a type refuses that, other values are tried; what refuses them all is the error that is raised.
    """
    marks = [t.text for t in tokenize(sql, Dialect.SQLITE) if t.kind == PARAMETER]
    if not marks:
        return database.execute(sql)
    named = any(mark[0] != "?" for mark in marks)
    count = 0 if named else _positions(database, sql)
    try:
        return database.execute(sql, _Named(None) if named else (None,) * count)
    except sqlite3.IntegrityError:
        for value in _OTHERS:
            with suppress(sqlite3.Error):
                return database.execute(sql, _Named(value) if named else (value,) * count)
        raise


def _positions(database: sqlite3.Connection, sql: str) -> int:
    """How many values the statement needs: `?7` alone needs seven (lang_expr.html#varparam)."""
    try:
        database.execute(sql)  # refused before it runs
    except sqlite3.ProgrammingError as error:
        needed = _NEEDED.search(str(error))
        if needed is not None:
            return int(needed[1])
    return 0


def _before(old: bytes, query: Query, error: str) -> str:
    with closing(engine.clone(old)) as database:
        if run(database, query) == error:
            return "it fails on the old database in the same way: nothing brings what it needs"
    return ""


def _invariant(database: sqlite3.Connection, query: Query) -> Iterator[Observation]:
    count, error = violations(database, query)
    if error:
        yield Observation("invariant", query.place, error=error)
    elif count:
        yield Observation("invariant", query.place, affected=count, total=count)


def violations(database: sqlite3.Connection, query: Query) -> tuple[int, str]:
    """How many rows an invariant returns (0: it holds), or why it cannot be asked."""
    try:
        with engine.stop_after(database, SECONDS):
            return sum(1 for _ in asked(database, query.sql)), ""
    except engine.TooSlow:
        return 0, f"not done after {SECONDS:g} s"
    except sqlite3.Error as error:
        return 0, told(error, database, query.sql)
