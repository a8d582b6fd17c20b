"""Minimising a failing database of 3,000 rows, against one replay of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Comparison, compare
from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.sample import Sample
from migsafe.replay import fleet
from migsafe.replay.case import replay
from migsafe.replay.minimise import minimise
from migsafe.replay.plan import Plan
from migsafe.sql.split import split

ROWS = 3000
SCHEMA = "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, name TEXT, age INTEGER);"
CHANGE = """\
CREATE TABLE new (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT, age INTEGER);
INSERT INTO new SELECT id, email, name, age FROM person;
DROP TABLE person;
ALTER TABLE new RENAME TO person;
"""


def _plan() -> Plan:
    steps = (
        Migration("1", "m/1.sql"),
        Migration("2", "m/2.sql", ("1",), statements=split(CHANGE, Dialect.SQLITE, "m/2.sql")),
    )
    history = read(History(Dialect.SQLITE, "numbered", steps))
    return Plan(history, {"1": True, "2": True})


def _failing() -> bytes:
    """A database with one row that the migration does not take."""
    with closing(engine.clone(b"")) as database:
        database.execute(SCHEMA)
        rows = ((i, f"p{i}@example.com", f"name {i}", i % 90) for i in range(1, ROWS + 1))
        database.executemany("INSERT INTO person VALUES (?, ?, ?, ?)", rows)
        database.execute("UPDATE person SET email = NULL WHERE id = 1234")
        return database.serialize()


def minimising(_: Path) -> Iterator[Comparison]:
    """In one process: from 3,000 rows to the guilty one."""
    plan, sample = _plan(), Sample("old.db", "1", _failing(), "")
    (failure,) = fleet.group((sample,), replay(plan, sample))
    found = minimise(plan, sample, failure)
    assert (found.total, found.finished) == (1, True)
    yield compare(
        f"minimise a failing database of {ROWS:,} rows ({found.replays} replays)",
        "< 1 s",
        ("one replay of it", lambda: replay(plan, sample)),
        lambda: minimise(plan, sample, failure),
    )
