"""What is not trusted may read, for a while; what takes too long is stopped."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.engines import sqlite as engine
from migsafe.errors import MigsafeError
from migsafe.model.migration import Assignment, Dialect, Kind, Operation
from migsafe.sql.parse import operations

ENDLESS = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(engine.clone(b"")) as connection:
        connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b REFERENCES t)")
        connection.execute("INSERT INTO t VALUES (1, 2)")
        connection.execute("CREATE VIRTUAL TABLE f USING fts5(x)")
        connection.execute("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)")
        yield connection


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a, upper(b) FROM t",
        "SELECT name FROM pragma_table_info('t')",
        "SELECT name FROM pragma_table_xinfo('t')",
        "SELECT * FROM pragma_foreign_key_list('t')",
        "SELECT * FROM pragma_foreign_key_check",
        "SELECT name FROM pragma_table_list",
        "SELECT * FROM t, pragma_index_list('t') AS i, pragma_index_info(i.name)",
        "SELECT value FROM json_each('[1, 2]')",
        "SELECT x FROM f WHERE f MATCH 'word'",
        "SELECT id FROM r WHERE x0 > 1",
        "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 9) SELECT x FROM c",
        "SELECT sql FROM sqlite_master",
    ],
)
def test_reading_is_allowed_as_the_first_use_of_a_connection(
    database: sqlite3.Connection, query: str
) -> None:
    with closing(engine.clone(database.serialize())) as fresh:
        expected = database.execute(query).fetchall()
        with engine.read_only(fresh):
            assert fresh.execute(query).fetchall() == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("INSERT INTO t VALUES (2, 2)", "tries to write"),
        ("INSERT INTO t VALUES (2, 2) RETURNING a", "tries to write"),
        ("UPDATE t SET b = 1", "tries to write"),
        ("DELETE FROM t", "tries to write"),
        ("DROP TABLE t", "tries to write"),
        ("CREATE TEMP TABLE x (a)", "tries to write"),
        ("CREATE TEMP VIEW x AS SELECT 1", "tries to write"),
        ("UPDATE sqlite_master SET sql = ''", "tries to write"),
        ("INSERT INTO r_node VALUES (9, x'00')", "tries to write"),
        ("DELETE FROM f_data", "tries to write"),
        ("BEGIN", "tries to write"),
        ("SAVEPOINT s", "tries to write"),
        ("REINDEX", "tries to write"),
        ("ANALYZE", "tries to write"),
        ("ATTACH ':memory:' AS x", "attach or detach"),
        ("ATTACH '{file}' AS x", "attach or detach"),
        ("VACUUM", "attach or detach"),
        ("VACUUM INTO '{file}'", "attach or detach"),
        ("PRAGMA user_version = 4", "PRAGMA user_version"),
        ("PRAGMA writable_schema = ON", "PRAGMA writable_schema"),
        ("PRAGMA query_only = OFF", "PRAGMA query_only"),
        ("SELECT * FROM pragma_journal_mode", "PRAGMA journal_mode"),
        ("SELECT load_extension('x')", "calls load_extension"),
        ("SELECT fts3_tokenizer('simple')", "calls fts3_tokenizer"),
    ],
)
def test_anything_but_reading_is_refused_in_a_sentence(
    database: sqlite3.Connection, query: str, words: str, tmp_path: Path
) -> None:
    database.execute("PRAGMA writable_schema = ON")
    before, file = database.serialize(), tmp_path / "x.db"
    with pytest.raises(MigsafeError, match=words), engine.read_only(database):
        database.execute(query.format(file=file)).fetchall()
    assert database.serialize() == before
    assert not database.in_transaction
    assert not file.exists()


def test_an_endless_query_is_stopped(database: sqlite3.Connection) -> None:
    longer = pytest.raises(MigsafeError, match=r"longer than 0\.05 s")
    with longer, engine.read_only(database, 0.05):
        database.execute(ENDLESS).fetchall()


def test_a_statement_prepared_before_is_judged_again(database: sqlite3.Connection) -> None:
    sql = "INSERT INTO t (b) VALUES (1)"
    database.execute(sql)
    with pytest.raises(MigsafeError), engine.read_only(database):
        database.execute(sql)


def test_values_are_bounded(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.DataError), engine.read_only(database):
        database.execute("SELECT zeroblob(20000000)").fetchall()
    assert database.execute("SELECT length(zeroblob(20000000))").fetchone() == (20000000,)


def test_other_errors_pass_through(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such"), engine.read_only(database):
        database.execute("SELECT * FROM absent")
    with pytest.raises(KeyError), engine.read_only(database):
        raise KeyError


def test_afterwards_the_connection_is_as_it_was(database: sqlite3.Connection) -> None:
    with engine.read_only(database):
        database.execute("SELECT 1").fetchall()
    database.execute("INSERT INTO t VALUES (5, 5)")
    assert database.execute("PRAGMA query_only").fetchone() == (0,)
    database.execute("PRAGMA query_only = ON")
    with engine.read_only(database):
        database.execute("SELECT 1").fetchall()
    assert database.execute("PRAGMA query_only").fetchone() == (1,)


# -- stopping ----------------------------------------------------------------------------------


def test_a_statement_is_stopped_when_its_time_is_over(database: sqlite3.Connection) -> None:
    with pytest.raises(engine.TooSlow), engine.stop_after(database, 0.05):
        database.execute(ENDLESS).fetchall()
    assert database.execute("SELECT a FROM t").fetchall() == [(1,)]


def test_it_is_told_even_where_the_interruption_was_caught(database: sqlite3.Connection) -> None:
    with (
        pytest.raises(engine.TooSlow),
        engine.stop_after(database, 0.05),
        pytest.raises(sqlite3.OperationalError, match="interrupted"),
    ):
        database.execute(ENDLESS).fetchall()


def test_errors_in_time_pass_through(database: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such"), engine.stop_after(database, 60):
        database.execute("SELECT * FROM absent")


def test_the_outer_clock_goes_on_after_an_inner_one(database: sqlite3.Connection) -> None:
    def read_then_hang() -> None:
        with engine.read_only(database):
            database.execute("SELECT 1").fetchall()
        database.execute(ENDLESS).fetchall()

    with pytest.raises(engine.TooSlow), engine.stop_after(database, 0.1):
        read_then_hang()


# -- reaching outside --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '' AS x",
        "ATTACH DATABASE ':memory:' AS x",
        "VACUUM",
        "VACUUM main",
        "PRAGMA journal_mode = WAL",
        "PRAGMA temp_store = 2",
        "CREATE TABLE t (a)",
        "INSERT INTO t (a) SELECT b FROM u",
    ],
)
def test_what_stays_inside_may_run(sql: str) -> None:
    assert [engine.outside(o) for o in operations(sql, Dialect.SQLITE)] == [None]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("ATTACH '/tmp/other.db' AS x", "ATTACH opens another file"),
        ("ATTACH DATABASE ? AS x", "ATTACH opens another file"),
        ("VACUUM INTO '/tmp/other.db'", "VACUUM INTO writes another file"),
        ("PRAGMA temp_store_directory = '/tmp'", "PRAGMA temp_store_directory moves files"),
    ],
)
def test_what_reaches_outside_is_told_in_a_sentence(sql: str, words: str) -> None:
    (operation,) = operations(sql, Dialect.SQLITE)
    assert words in (engine.outside(operation) or "")


def test_a_call_that_reaches_outside_is_found() -> None:
    call = Assignment("a", "writefile('x', b)", "expression")
    reason = engine.outside(Operation(Kind.UPDATE, table="t", assignments=(call,)))
    assert reason == "writefile() reaches outside the database: a replay does not run it"


def test_work_is_counted_alike_each_time_and_can_be_bounded(database):
    query = ENDLESS.replace("FROM c)", "FROM c WHERE x < 50000)")
    spent = []
    for _ in range(2):
        before = engine.looks()
        with engine.stop_after(database, 60.0):
            database.execute(query).fetchone()
        spent.append(engine.looks() - before)
    assert spent[0] == spent[1] > 100
    with pytest.raises(engine.TooSlow), engine.stop_after(database, 60.0, spent[0] // 2):
        database.execute(query).fetchone()
    assert database.execute(query).fetchone() == (50000,)
