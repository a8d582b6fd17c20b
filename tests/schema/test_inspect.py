"""Reading the schema of live databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from migsafe.model.schema import Check, Column, ForeignKey, Index, IndexColumn, Table, Unique
from migsafe.schema import pragmas
from migsafe.schema.inspect import inspect


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        yield connection


def test_everything_that_was_made_is_read(database: sqlite3.Connection) -> None:
    database.executescript(
        """
        CREATE TABLE "My Table" (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT UNIQUE CHECK (a<>''));
        CREATE UNIQUE INDEX i ON "My Table" (a DESC) WHERE id > 5;
        CREATE TRIGGER r AFTER DELETE ON "My Table" BEGIN DELETE FROM other; END;
        CREATE VIEW v (x) AS SELECT a FROM "My Table";
        """
    )
    schema = inspect(database)
    assert schema.complete
    assert schema.tables == {
        "my table": Table(
            "My Table",
            (Column("id", "INTEGER", primary_key=1), Column("a", "TEXT")),
            (Unique(("a",)),),
            checks=(Check("a <> ''"),),
            autoincrement=True,
        )
    }
    assert schema.indexes["i"] == Index(
        "i", "My Table", (IndexColumn("a", descending=True),), True, "id > 5"
    )
    assert (schema.triggers["r"].table, schema.triggers["r"].timing) == ("My Table", "AFTER")
    assert schema.views["v"].columns == ("x",)


def test_sqlites_own_and_ignored_and_temporary_tables_are_left_out(
    database: sqlite3.Connection,
) -> None:
    database.executescript(
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT);
        CREATE TABLE Version (n); CREATE INDEX on_version ON version (n);
        CREATE TEMP TABLE fleeting (a);
        INSERT INTO t DEFAULT VALUES; ANALYZE;
        """
    )
    schema = inspect(database, ignore=["version"])
    assert set(schema.tables) == {"t"}
    assert schema.indexes == {}


def test_virtual_tables_stand_for_the_tables_they_keep(database: sqlite3.Connection) -> None:
    database.executescript(
        """
        CREATE VIRTUAL TABLE doc USING fts5(title, body);
        CREATE VIRTUAL TABLE place USING rtree(id, x0, x1);
        CREATE TABLE document_data (a);
        """
    )
    schema = inspect(database)
    assert schema.tables["doc"] == Table("doc", virtual="fts5")
    assert schema.tables["place"].virtual == "rtree"
    assert set(schema.tables) == {"doc", "place", "document_data"}


def test_a_module_that_is_not_built_in_does_not_hinder(database: sqlite3.Connection) -> None:
    database.executescript(
        """
        CREATE TABLE map_node (a);
        PRAGMA writable_schema = ON;
        INSERT INTO sqlite_master VALUES
          ('table', 'map', 'map', 0, 'CREATE VIRTUAL TABLE map USING geopoly_of_old(a)');
        """
    )
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(database.serialize())
        schema = inspect(copy)
    assert schema.tables == {"map": Table("map", virtual="geopoly_of_old")}


def test_a_table_renamed_by_an_old_sqlite_goes_by_its_present_name(
    database: sqlite3.Connection,
) -> None:
    database.execute("CREATE TABLE 'odd one' (a)")
    database.execute("ALTER TABLE 'odd one' RENAME TO \"x y\"")
    assert inspect(database).tables["x y"].name == "x y"


@pytest.mark.parametrize("factory", [bytes, str])
def test_factories_of_the_connection_do_not_matter(
    database: sqlite3.Connection, factory: type
) -> None:
    database.execute("CREATE TABLE t (a REFERENCES p)")
    database.text_factory = factory
    database.row_factory = sqlite3.Row
    assert inspect(database).tables["t"].columns == (Column("a"),)
    assert (database.text_factory, database.row_factory) == (factory, sqlite3.Row)


def test_reading_writes_nothing(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE t (a)")
    before = (database.total_changes, database.serialize())
    inspect(database)
    assert (database.total_changes, database.serialize()) == before
    assert not database.in_transaction


def test_a_broken_schema_raises_what_sqlite_says(database: sqlite3.Connection) -> None:
    database.executescript(
        """
        CREATE TABLE t (a); PRAGMA writable_schema = ON;
        UPDATE sqlite_master SET sql = 'CREATE TABLE t (a, ';
        """
    )
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(database.serialize())
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            inspect(copy)


def test_pragmas_tell_what_they_can_of_a_table(database: sqlite3.Connection) -> None:
    database.executescript(
        """
        CREATE TABLE p (x, y, PRIMARY KEY (x, y));
        CREATE TABLE t (a INT NOT NULL DEFAULT 1, b, c AS (a) STORED, UNIQUE (a, b),
                        FOREIGN KEY (a, b) REFERENCES p ON DELETE CASCADE,
                        FOREIGN KEY (b) REFERENCES t (a));
        CREATE UNIQUE INDEX i ON t (b DESC, lower(b)) WHERE a > 1;
        """
    )
    assert pragmas.table(database, "t") == Table(
        "t",
        (
            Column("a", "INT", True, "1"),
            Column("b"),
            Column("c", generated="?", stored=True),
        ),
        (Unique(("a", "b")),),
        (
            ForeignKey(("a", "b"), "p", on_delete="CASCADE"),
            ForeignKey(("b",), "t", ("a",)),
        ),
        complete=False,
    )
    assert pragmas.index(database, "i", "t") == Index(
        "i", "t", (IndexColumn("b", descending=True), IndexColumn("?", True)), True, "?"
    )
