"""Running SQL migrations as an app's runner does: transactions, errors, time, what is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.errors import ReplayAborted
from migsafe.model.migration import Dialect, History, Migration
from migsafe.replay.plan import Plan
from migsafe.replay.run import Attempt, Sent, run_sql, told
from migsafe.sql.split import split

FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def plan(*texts: str, wrapped: bool = True, on_error: str = "stop", seconds: float = 60.0) -> Plan:
    migrations = tuple(
        Migration(str(n), f"m/{n}.sql", statements=split(text, Dialect.SQLITE, f"m/{n}.sql"))
        for n, text in enumerate(texts, 1)
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    each = dict.fromkeys((m.revision for m in migrations), wrapped)
    return Plan(history, each, on_error=on_error, seconds=seconds)


def attempt(made: Plan, script: str = "") -> tuple[Attempt, list[tuple[object, ...]]]:
    """Run everything on a database that `script` builds; the names of its tables afterwards."""
    with closing(engine.clone(engine.empty())) as database:
        database.executescript(script)
        result = run_sql(made, database, made.history.migrations)
        assert not database.in_transaction
        query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        return result, database.execute(query).fetchall()


def test_a_wrapped_migration_that_fails_is_rolled_back_whole():
    result, tables = attempt(plan("CREATE TABLE a (x);", "CREATE TABLE b (x);\nSELECT * FROM no;"))
    assert tables == [("a",)]
    assert result.raised is not None
    assert result.raised.message == "no such table: no"
    assert (result.raised.place.path, result.raised.place.line) == ("m/2.sql", 2)
    assert result.raised.sql == "SELECT * FROM no"


def test_text_that_a_stood_in_collation_cannot_be_given_ends_the_replay():
    rows = "CREATE TABLE a (x); INSERT INTO a VALUES (CAST(x'61FF' AS TEXT)), ('b');"
    with pytest.raises(ReplayAborted, match=r"m/1\.sql:1 orders text that is not valid UTF-8"):
        attempt(plan("CREATE INDEX i ON a (x COLLATE LOCALIZED);"), rows)


def test_without_a_transaction_the_first_half_stays():
    result, tables = attempt(plan("CREATE TABLE a (x);\nSELECT * FROM no;", wrapped=False))
    assert result.raised is not None
    assert tables == [("a",)]


def test_a_migration_may_bring_its_own_transaction():
    text = "BEGIN;\nCREATE TABLE a (x);\nCOMMIT;\nBEGIN;\nCREATE TABLE b (x);\n"
    result, tables = attempt(plan(text, wrapped=False))
    assert result.raised is None
    assert tables == [("a",), ("b",)]


def test_a_begin_within_a_transaction_fails_as_in_the_app():
    result, tables = attempt(plan("BEGIN;\nCREATE TABLE a (x);\nCOMMIT;"))
    assert result.raised is not None
    assert "within a transaction" in result.raised.message
    assert result.raised.place.line == 1
    assert tables == []


def test_an_app_that_goes_on_after_errors_keeps_them_in_order():
    text = "CREATE TABLE a (x);\nSELECT * FROM no;\nCREATE TABLE a (y);\nCREATE TABLE b (x);"
    result, tables = attempt(plan(text, on_error="continue"))
    assert result.raised is None
    assert [r.place.line for r in result.ignored] == [2, 3]
    assert tables == [("a",), ("b",)]


def test_a_deferred_key_fails_where_the_transaction_ends():
    script = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE c (p REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);"
    )
    made = replace(plan("INSERT INTO c VALUES (7);\nSELECT 1;"), foreign_keys=True)
    result, _ = attempt(made, script)
    assert result.raised is not None
    assert result.raised.message == ("FOREIGN KEY constraint failed (when the transaction ends)")
    assert result.raised.place.line == 2
    assert attempt(replace(made, foreign_keys=False), script)[0].raised is None


@pytest.mark.parametrize("text", [f"{FOREVER};", f"SELECT 1;\nCREATE TABLE a AS {FOREVER};"])
@pytest.mark.parametrize("on_error", ["stop", "continue"])
def test_a_migration_that_never_ends_is_stopped_and_rolled_back(text, on_error):
    made = plan("CREATE TABLE before (x);", text, "CREATE TABLE after (x);", on_error=on_error)
    result, tables = attempt(replace(made, seconds=0.05))
    assert result.raised is not None
    assert result.raised.slow
    assert result.raised.message == "not done after 0.05 s"
    assert result.raised.place.path == "m/2.sql"
    assert tables == [("before",)]


def test_each_migration_has_the_whole_time_and_the_clock_is_put_away():
    made = plan("CREATE TABLE a (x);", seconds=0.2)
    with closing(engine.clone(engine.empty())) as database:
        assert run_sql(made, database, made.history.migrations).raised is None
        long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000)"
        assert database.execute(f"{long} SELECT max(i) FROM n").fetchone() == (2_000_000,)


@pytest.mark.parametrize(
    "text",
    ["ATTACH 'x.db' AS x;", "VACUUM INTO 'x.db';", "PRAGMA temp_store_directory = '/x';"],
)
def test_what_reaches_outside_is_refused_and_said(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result, _ = attempt(plan(text, wrapped=False))
    assert result.raised is not None
    assert "a replay does not run it" in result.raised.message
    assert list(tmp_path.iterdir()) == []


def test_hooks_see_every_statement_with_its_place():
    made = plan("CREATE TABLE a (x);\nINSERT INTO a VALUES (1);", "SELECT * FROM no;")
    seen: list[tuple[str, str, int]] = []

    def before(_: sqlite3.Connection, sent: Sent) -> None:
        seen.append(("before", sent.place.path, sent.place.line))

    def after(_: sqlite3.Connection, sent: Sent) -> None:
        seen.append(("after", sent.place.path, sent.place.line))

    with closing(engine.clone(engine.empty())) as database:
        run_sql(made, database, made.history.migrations, before, after)
    assert seen == [
        ("before", "m/1.sql", 1),
        ("after", "m/1.sql", 1),
        ("before", "m/1.sql", 2),
        ("after", "m/1.sql", 2),
        ("before", "m/2.sql", 1),
    ]


def test_a_returning_clause_is_drained():
    made = plan("CREATE TABLE a (x);\nINSERT INTO a VALUES (1), (2), (3) RETURNING x;")
    with closing(engine.clone(engine.empty())) as database:
        assert run_sql(made, database, made.history.migrations).raised is None
        assert database.execute("SELECT count(*) FROM a").fetchone() == (3,)


def test_messages_lose_their_values():
    text = "Could not decode to UTF-8 column 'name' with text 'secret'"
    assert told(text, sql="SELECT name FROM t") == "Could not decode to UTF-8 column 'name'"
    unique = "UNIQUE constraint failed: gems.colour\n"
    assert told(unique, sql="INSERT INTO gems (colour)") == "UNIQUE constraint failed: gems.colour"
    assert told("bad JSON path: '$Zebra7'") == "bad JSON path: '$...'"
    assert told("no such table: ann@home.example") == "no such table: ..."
