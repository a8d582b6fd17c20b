"""Clones in memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.engines import sqlite as engine


@pytest.mark.parametrize("data", [b"", engine.empty()])
def test_an_empty_database_can_be_cloned_and_serialised_at_once(data: bytes) -> None:
    with closing(engine.clone(data)) as database:
        assert database.serialize() == engine.empty()
        assert database.execute("SELECT * FROM sqlite_master").fetchall() == []


def test_a_clone_grows_and_leaves_its_source_alone() -> None:
    with closing(engine.clone(b"")) as database:
        database.execute("CREATE TABLE t (a)")
        data = database.serialize()
    before = bytes(data)
    with closing(engine.clone(data)) as database:
        database.execute("INSERT INTO t VALUES (zeroblob(5000000))")
        assert len(database.serialize()) > 5_000_000
    assert data == before


def test_a_clone_is_in_autocommit_mode() -> None:
    with closing(engine.clone(b"")) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (1)")
        assert not database.in_transaction


@pytest.mark.parametrize("name", ["LOCALIZED", "unicode", '"my order"', "[b c]", "PHONEBOOK"])
def test_collations_that_are_not_built_in_compare_plainly(name: str) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as app:
        app.create_collation(name.strip('"[]'), lambda a, b: (a > b) - (a < b))
        app.execute(f"CREATE TABLE t (a TEXT COLLATE {name})")
        app.execute("CREATE INDEX i ON t (a)")
        data = app.serialize()
    with closing(engine.clone(data)) as database:
        database.execute("INSERT INTO t VALUES ('b'), ('A'), ('a')")
        found = database.execute("SELECT a FROM t ORDER BY a").fetchall()
    assert found == [("A",), ("a",), ("b",)]


def test_functions_of_the_app_stay_unknown() -> None:
    unknown = pytest.raises(sqlite3.OperationalError, match="no such function")
    with closing(engine.clone(b"")) as database, unknown:
        database.execute("SELECT app_fn(1)")


def test_bytes_that_are_no_database_fail_when_they_are_read() -> None:
    broken = pytest.raises(sqlite3.DatabaseError)
    with closing(engine.clone(b"no database" * 500)) as database, broken:
        database.execute("SELECT * FROM sqlite_master")


@pytest.mark.parametrize("data", [b"", engine.empty()])
def test_a_clone_is_written_to_a_file(tmp_path: Path, data: bytes) -> None:
    engine.write_clone(data, tmp_path / "x.db")
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_old_database_stands_beside_the_new_one_for_a_while() -> None:
    with closing(engine.clone(b"")) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("INSERT INTO t VALUES (1)")
        old = database.serialize()
        database.execute("UPDATE t SET a = 2")
        query = "SELECT o.a, n.a FROM old.t AS o, main.t AS n"
        for _ in range(2):
            with engine.attached_old(database, old):
                assert database.execute(query).fetchall() == [(1, 2)]
        with pytest.raises(KeyError), engine.attached_old(database, b""):
            raise KeyError
        assert len(database.execute("PRAGMA database_list").fetchall()) == 1


def test_the_version_is_the_librarys() -> None:
    with closing(engine.clone(b"")) as database:
        assert database.execute("SELECT sqlite_version()").fetchone() == (engine.version(),)
