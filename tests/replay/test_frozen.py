"""Chance and the clock on a connection of a replay."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from migsafe.replay import frozen

NOON = "2026-02-03 12:00:00"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        yield database


def drawn() -> list[object]:
    with closing(sqlite3.connect(":memory:")) as database:
        frozen.freeze(database, NOON)
        return list(database.execute("SELECT random(), random(), hex(randomblob(4))").fetchone())


def test_every_sample_sees_the_same_chance_and_no_launch_sees_another_ones():
    frozen.begin()
    first, second = drawn(), drawn()
    frozen.begin()
    assert [drawn(), drawn()] == [first, second]
    assert len({*first, *second}) == 6


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("datetime('now')", NOON),
        ("date('NOW', '-3 days')", "2026-01-31"),
        ("time()", "12:00:00"),
        ("strftime('%Y')", "2026"),
        ("unixepoch() - unixepoch('2026-02-03')", 43200),
        ("date('2020-02-28', '+1 day')", "2020-02-29"),
        ("date('nonsense')", None),
    ],
)
def test_it_is_noon(connection, expression, value):
    frozen.freeze(connection, NOON, "SELECT datetime('now')")
    assert connection.execute(f"SELECT {expression}").fetchone() == (value,)


def test_a_default_and_an_index_of_the_old_schema(connection):
    connection.execute("CREATE TABLE t (at TEXT DEFAULT (datetime('now')), day AS (date(at)))")
    connection.execute("CREATE INDEX by_year ON t (strftime('%Y', at))")
    frozen.freeze(connection, NOON)
    connection.execute("INSERT INTO t DEFAULT VALUES")
    assert connection.execute("SELECT at, day FROM t").fetchall() == [(NOON, "2026-02-03")]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_clock_stays_as_it_is_where_nobody_asks_for_it(connection):
    connection.execute("CREATE TABLE t (at TEXT)")
    frozen.freeze(connection, NOON, "SELECT date(at) FROM t")
    assert connection.execute("SELECT datetime('now')").fetchone() != (NOON,)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("SELECT strftime('%s', at)", False),
        ("SELECT strftime( '%s' )", True),
        ("UPDATE t SET a = julianday ()", True),
        ("SELECT 'nowhere', updated()", False),
    ],
)
def test_what_reads_the_clock(text, reads):
    assert frozen.reads_clock(text) is reads
