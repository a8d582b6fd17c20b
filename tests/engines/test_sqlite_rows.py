"""Rows out of a SQLite database and back, to the byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from migsafe.engines import sqlite as engine
from migsafe.engines.sqlite_rows import contents, refilled
from migsafe.engines.sqlite_script import script

SCHEMA = """
CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT CHECK (length(t) > 1), b BLOB, r REAL);
CREATE TABLE k (x TEXT, y, PRIMARY KEY (x)) WITHOUT ROWID;
CREATE TABLE plain (v, g GENERATED ALWAYS AS (v || '!') VIRTUAL);
CREATE TABLE kept (version TEXT);
CREATE VIRTUAL TABLE search USING fts5(t, content = a, content_rowid = id);
CREATE TRIGGER later AFTER DELETE ON a BEGIN DELETE FROM plain; END;
INSERT INTO a VALUES (5, 'one' || char(0) || 'two', x'00ff', 1e999),
                     (7, CAST(x'61ff62' AS TEXT), NULL, 2);
INSERT INTO k VALUES ('z', 1), ('a', 'text');
INSERT INTO plain (rowid, v) VALUES (3, 'x'), (9, x'');
INSERT INTO kept VALUES ('0001');
"""


def built(text: str) -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.executescript(text)
        return database.serialize()


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_the_rows_come_back_as_they_were(encoding):
    text = SCHEMA if encoding == "UTF-8" else SCHEMA.replace("x'61ff62'", "x'61006200'")
    data = built(f"PRAGMA encoding = '{encoding}';\n{text}")
    rows = contents(data, ["kept"])
    tables = {c.table: c for c in rows}
    assert set(tables) == {"a", "k", "plain", "sqlite_sequence"}
    assert tables["a"].column("t")[0] == "one\0two"
    assert tables["plain"].columns == ("rowid", "v")
    assert tables["sqlite_sequence"].fixed == {"name"}
    again = refilled(data, rows)
    assert contents(again, ["kept"]) == rows
    with closing(engine.clone(data)) as one, closing(engine.clone(again)) as other:
        assert script(one) == script(other)


def test_other_rows_take_their_place_and_the_old_ones_leave_nothing_behind():
    data = built(SCHEMA)
    rows = tuple(
        type(c)(c.table, c.columns, tuple((*r[:1], "changed", *r[2:]) for r in c.rows), c.fixed)
        if c.table == "a"
        else c
        for c in contents(data)
    )
    again = refilled(data, rows)
    assert b"one" not in again
    with closing(engine.clone(again)) as database:
        assert database.execute("SELECT rowid FROM search WHERE search MATCH 'changed'").fetchall()
        assert not database.execute("SELECT 1 FROM search WHERE search MATCH 'two'").fetchall()
        triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
        assert database.execute(triggers).fetchone()[0] > 0


def test_a_text_cut_in_the_middle_of_a_character_cannot_be_read():
    data = built("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (v);"
                 " INSERT INTO t VALUES (CAST(x'610062' AS TEXT));")  # fmt: skip
    try:
        assert contents(data)[0].rows  # SQLite drops the odd byte, or keeps it
    except sqlite3.DataError:
        with pytest.raises(sqlite3.DataError, match="in the middle of a character"):
            contents(data)
