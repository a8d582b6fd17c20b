"""The steps of a SELECT: each WITH table, each table of the FROM, each condition."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from migsafe.rules.trace import trace


@pytest.fixture
def facts() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(
            "CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 1), (2, 4), (3, 9);"
            "CREATE TABLE b (x, z); INSERT INTO b VALUES (2, 'two'), (3, 'three');"
        )
        yield database


def told(facts, select):
    return [(step.depth, step.text, step.rows) for step in trace(facts, select)]


def test_the_tables_of_the_from_come_one_by_one(facts):
    select = (
        "SELECT * FROM a JOIN b ON b.x = a.x LEFT JOIN b c ON c.x = 7 WHERE a.x > 2 AND b.z = 'no'"
    )
    assert told(facts, select) == [
        (0, "FROM a", 3),
        (0, "JOIN b ON b.x = a.x", 2),
        (0, "LEFT JOIN b c ON c.x = 7", 2),
        (0, "WHERE a.x > 2", 1),
        (0, "AND b.z = 'no'", 0),
        (0, "the whole SELECT", 0),
    ]


def test_a_comma_is_a_join(facts):
    assert told(facts, "SELECT 1 FROM a, b WHERE a.x = b.x") == [
        (0, "FROM a", 3),
        (0, ", b", 6),
        (0, "WHERE a.x = b.x", 2),
        (0, "the whole SELECT", 2),
    ]


def test_between_and_or_and_brackets_are_not_taken_apart(facts):
    select = "SELECT x FROM a WHERE x BETWEEN 1 AND 2 AND (x = 1 AND y = 4 OR x = 2) GROUP BY x"
    assert told(facts, select) == [
        (0, "FROM a", 3),
        (0, "WHERE x BETWEEN 1 AND 2", 2),
        (0, "AND (x = 1 AND y = 4 OR x = 2)", 1),
        (0, "the whole SELECT", 1),
    ]
    assert told(facts, "SELECT x FROM a WHERE x = 1 OR y = 4 AND x = 3")[1] == (
        0, "WHERE x = 1 OR y = 4 AND x = 3", 1,
    )  # fmt: skip


def test_a_with_table_is_opened_only_where_it_is_empty(facts):
    select = (
        "WITH big AS (SELECT * FROM a WHERE x > 1), none(q) AS (SELECT x FROM big WHERE y > 100)"
        " SELECT * FROM none JOIN big ON q = x"
    )
    assert told(facts, select) == [
        (0, "WITH big", 2),
        (1, "FROM big", 2),
        (1, "WHERE y > 100", 0),
        (1, "the whole SELECT", 0),
        (0, "WITH none", 0),
        (0, "FROM none", 0),
        (0, "JOIN big ON q = x", 0),
        (0, "the whole SELECT", 0),
    ]


def test_several_selects(facts):
    select = "SELECT x FROM a WHERE x > 5 UNION ALL SELECT x FROM b EXCEPT SELECT 3"
    assert told(facts, select) == [
        (1, "FROM a", 3),
        (1, "WHERE x > 5", 0),
        (1, "the whole SELECT", 0),
        (0, "SELECT 1 of 3", 0),
        (0, "SELECT 2 of 3", 2),
        (0, "SELECT 3 of 3", 1),
        (0, "all of them", 1),
    ]


def test_what_cannot_be_counted_is_said_so(facts):
    assert told(facts, "SELECT x FROM nowhere WHERE x = 1")[-1] == (0, "the whole SELECT", None)
    assert told(facts, "SELECT 1") == [(0, "the whole SELECT", 1)]
    assert [s.rows for s in trace(facts, "DELETE FROM a")][-1] is None
    assert facts.execute("SELECT count(*) FROM a").fetchone() == (3,)
    numbers = "SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4"
    recursive = f"WITH RECURSIVE n(i) AS ({numbers}) SELECT * FROM n"
    assert told(facts, recursive) == [
        (0, "WITH n", 4),
        (0, "FROM n", 4),
        (0, "the whole SELECT", 4),
    ]
