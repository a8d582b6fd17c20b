"""Launch queries run on every row, with parameters whose values nobody knows."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from migsafe.model.outcome import Place
from migsafe.replay.launch import asked, check, run
from migsafe.replay.plan import LaunchPlan, Query

SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, n INTEGER);
INSERT INTO t VALUES (1, '{}', 5), (2, '[', NULL);
"""
PLACE = Place("launch.sql", 1)


@pytest.fixture
def said(database):
    """The error of a query on two rows, the second of which holds broken JSON."""

    def ask(sql: str) -> str:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.deserialize(database(SCRIPT))
            return run(connection, Query(sql, PLACE))

    return ask


def test_a_query_is_run_on_every_row_and_not_only_prepared(said):
    assert said("EXPLAIN SELECT json_extract(a, '$.x') FROM t") == ""
    assert said("SELECT json_extract(a, '$.x') FROM t") == "malformed JSON"
    assert said("SELECT json_extract(a, '$.x') FROM t ORDER BY id LIMIT 1") == ""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t WHERE id = ?",
        "SELECT a FROM t WHERE id = ?2",
        "SELECT a FROM t WHERE id = :id AND a = :a",
        "SELECT a FROM t WHERE id = @id OR a = $a",
        "SELECT a FROM t LIMIT ? OFFSET ?",
        "SELECT a FROM t LIMIT :most",
        "INSERT INTO t (a, n) VALUES (?, ?)",
        "INSERT INTO t (a, n) VALUES (:a, :n)",
        "UPDATE t SET a = ? WHERE id = ?",
        "DELETE FROM t WHERE id IN (?, ?, ?)",
        "SELECT a FROM t WHERE a = 'what?' AND n = ? -- really?",
    ],
)
def test_parameters_are_given_a_value_that_fits(said, sql):
    assert said(sql) == ""


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT gone FROM t WHERE id = ?", "no such column: gone"),
        ("SELECT a FROM gone LIMIT :n", "no such table: gone"),
        ("INSERT INTO t (id) VALUES (?)", "NOT NULL constraint failed: t.a"),
        ("SELECT json_extract(a, '$.x') FROM t WHERE n IS ?", "malformed JSON"),
    ],
)
def test_what_fails_whatever_they_are_is_an_error(said, sql, error):
    assert said(sql) == error


def test_a_parameter_is_null_where_that_goes(database):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(database(SCRIPT))
        assert asked(connection, "SELECT ?, ?3").fetchall() == [(None, None)]
        assert asked(connection, "SELECT a FROM t LIMIT ?").fetchall() == [("{}",)]


def test_several_statements_of_a_file_are_run_one_after_the_other(database):
    data = database(SCRIPT)
    plan = LaunchPlan(
        queries=(
            Query("CREATE TEMP TABLE seen AS SELECT id FROM t WHERE n = ?", PLACE),
            Query("INSERT INTO seen VALUES (:id)", PLACE),
            Query("SELECT id FROM seen WHERE id = ?", PLACE),
        )
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(data)
        assert list(check(connection, data, plan)) == []
