"""Full storage, locks and read-only files: the next start must finish what was begun."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.replay import interrupted, storage
from migsafe.replay.plan import Plan
from migsafe.sql.split import split

Database = Callable[[str], bytes]

OLD = """
CREATE TABLE track (id INTEGER PRIMARY KEY, title TEXT, seconds TEXT);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
INSERT INTO track SELECT i, printf('%.60c', 'x'), i FROM n;
"""
TINY = "CREATE TABLE alarm (id INTEGER PRIMARY KEY); INSERT INTO alarm VALUES (1), (2);"
COPY = """CREATE TABLE copy (id INTEGER PRIMARY KEY, title TEXT, seconds INTEGER);
INSERT INTO copy SELECT * FROM track;
"""
REBUILD = f"{COPY}DROP TABLE track;\nALTER TABLE copy RENAME TO track;\n"


def plan(
    *texts: str, wrapped: bool = True, on_error: str = "stop", sets_version: bool = False
) -> Plan:
    migrations = tuple(
        Migration(str(n), f"m/{n}.sql", (), statements=split(text, Dialect.SQLITE, f"m/{n}.sql"))
        for n, text in enumerate(texts, 1)
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    each = dict.fromkeys((m.revision for m in migrations), wrapped)
    return Plan(history, each, on_error=on_error, sets_version=sets_version)


def seen(made: Plan, data: bytes) -> list[Observation]:
    return storage.check(made, Sample("s.db", None, data, ""), made.history.migrations)


@pytest.mark.parametrize("script", [OLD, TINY, ""])
def test_a_wrapped_migration_starts_again(database: Database, script: str):
    text = "CREATE TABLE more (x);\nINSERT INTO more VALUES (1);\nPRAGMA user_version = 1;"
    assert seen(plan(text, "CREATE INDEX more_x ON more (x);"), database(script)) == []


def test_a_rebuild_in_one_transaction_starts_again(database: Database):
    assert seen(plan(REBUILD), database(OLD)) == []
    own = f"BEGIN IMMEDIATE;\n{REBUILD}COMMIT;\n"
    assert seen(plan(own, wrapped=False), database(OLD)) == []


def test_a_rebuild_outside_one_does_not(database: Database):
    (found,) = seen(plan(REBUILD, wrapped=False), database(OLD))
    assert (found.kind, found.affected) == ("storage-full", 0)
    assert found.place is not None
    assert (found.place.path, found.place.line) == ("m/1.sql", 2)
    assert found.error == "table copy already exists"
    assert found.detail == (
        "with full storage `INSERT INTO copy SELECT * FROM track` fails,"
        " and the next start ends in: table copy already exists"
    )


def test_a_migration_that_may_run_twice_starts_again_without_a_transaction(database: Database):
    text = "DROP TABLE IF EXISTS copy;\n" + COPY
    assert seen(plan(text, wrapped=False), database(OLD)) == []


def test_a_runner_that_ignores_errors_drops_rows_that_were_never_copied(database: Database):
    (found,) = seen(plan(REBUILD, on_error="continue"), database(OLD))
    assert (found.kind, found.affected, found.total) == ("storage-full", 500, 500)
    assert "fails unnoticed" in found.detail
    assert found.detail.endswith("500 old rows are in no table any more")


def test_rows_that_the_migration_means_to_delete_are_not_lost(database: Database):
    text = "DELETE FROM track;\nCREATE TABLE big (x);\nINSERT INTO big VALUES (zeroblob(99999));"
    (found,) = seen(plan(text, on_error="continue"), database(OLD))
    assert found.affected == 0


def test_a_runner_that_ignores_errors_never_does_what_a_lock_kept_from_it(database: Database):
    (found,) = seen(plan("UPDATE alarm SET id = id + 5;", on_error="continue"), database(TINY))
    assert found.kind == "locked"
    assert found.detail.startswith("while another connection writes `UPDATE alarm")
    assert found.error == "other rows or another schema than undisturbed: alarm"


def test_a_runner_that_stops_is_not_harmed_by_locks(database: Database):
    texts = ("UPDATE alarm SET id = id + 5;", "DELETE FROM alarm WHERE id = 6;")
    for wrapped in (True, False):
        assert seen(plan(*texts, wrapped=wrapped), database(TINY)) == []


@pytest.mark.parametrize(
    "value", ["hex(randomblob(8))", "datetime('now')", "CURRENT_TIMESTAMP", "random()"]
)
def test_values_that_are_never_the_same_are_no_difference(database: Database, value: str):
    made = plan("CREATE TABLE a (x);", f"UPDATE track SET title = {value};", COPY)
    assert seen(made, database(OLD)) == []
    sample = Sample("s.db", None, database(OLD), "")
    assert interrupted.check(made, sample, made.history.migrations)[0] == []


def test_a_large_database_that_doubles_is_told(database: Database):
    script = OLD + "INSERT INTO track VALUES (501, zeroblob(1100000), 1);"
    (found,) = seen(plan(REBUILD), database(script))
    assert found.kind == "storage-peak"
    assert (found.affected, found.total) == (559, 280)
    assert "2.0 times" in found.detail
    assert seen(plan(REBUILD), database(OLD)) == []


def test_collations_of_the_app_do_not_hinder_it():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_collation("thai", lambda a, b: (a > b) - (a < b))
        connection.executescript("CREATE TABLE name (x TEXT COLLATE thai);")
        connection.execute("INSERT INTO name VALUES ('b')")
        connection.commit()
        data = connection.serialize()
    (found,) = seen(plan("UPDATE name SET x = max(x, 'c');", on_error="continue"), data)
    assert (found.kind, found.error[-6:]) == ("locked", ": name")


def test_a_relaunch_believes_the_version_only_where_it_counts_the_files(database: Database):
    """Files 1 and 2 may stand for the versions 22 and 23: then 22 does not say that all is done."""
    texts = ("CREATE TABLE a (x);\nPRAGMA user_version = 22;", "CREATE TABLE b (x);")
    made = plan(*texts, sets_version=True)
    pending = made.history.migrations
    sample = Sample("s.db", None, database(TINY + "PRAGMA user_version = 21;"), "")
    assert interrupted.check(made, sample, pending)[0] == []
    assert storage.check(made, sample, pending) == []
