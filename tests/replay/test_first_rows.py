"""Rows for tables that are empty in a sample: several classes, parents first, nothing refused."""

from __future__ import annotations

from contextlib import closing

import pytest

from migsafe.engines import sqlite as engine
from migsafe.replay import first_rows
from migsafe.replay.schemas import schema_of

SHOP = """\
CREATE TABLE line (id INTEGER PRIMARY KEY, sale INTEGER NOT NULL REFERENCES sale (id),
  kind TEXT NOT NULL CHECK (kind IN ('new', 'used')), paid BOOLEAN, price REAL, note TEXT,
  doc JSON CHECK (doc IS NULL OR json_valid(doc)), at DATETIME);
CREATE TABLE sale (id INTEGER PRIMARY KEY, shop TEXT NOT NULL, no INTEGER NOT NULL,
  FOREIGN KEY (shop, no) REFERENCES shop (name, no));
CREATE TABLE shop (name TEXT NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (name, no));
"""


def filled(script: str, *tables: str):
    """The rows that the tables got, and the statements that a fresh copy takes as well."""
    with closing(engine.clone(b"")) as old, closing(engine.clone(b"")) as again:
        old.executescript(script)
        again.executescript(script)
        statements = first_rows.fill(old, schema_of(old), tables)
        again.execute("PRAGMA foreign_keys = ON")
        for name in tables:
            for sql in statements.get(name, ()):
                again.execute(sql)
        broken = old.execute("PRAGMA foreign_key_check").fetchall()
        rows = {t: again.execute(f"SELECT * FROM {t}").fetchall() for t in tables}
    assert broken == []
    return statements, rows


def test_parents_come_first_and_every_column_shows_several_classes():
    statements, rows = filled(SHOP, "line")
    assert set(statements) == {"line", "sale", "shop"}
    assert statements["line"][0].split()[2] == '"shop"'
    lines = rows["line"]
    assert len(lines) >= 3
    assert {line[2] for line in lines} == {"new", "used"}
    assert {line[1] for line in lines} > {1}
    for column in (3, 4, 5, 6, 7):
        values = {line[column] for line in lines}
        assert None in values
        assert len(values) >= 2


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL CHECK (a = 'x' AND a = 'y'));",
        "CREATE TABLE t (a TEXT);"
        " CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT raise(ABORT, 'no'); END;",
    ],
)
def test_a_table_that_refuses_every_row_stays_empty(script: str):
    assert filled(script, "t") == ({}, {"t": []})


def test_tables_that_need_each_other_do_not_go_round_in_circles():
    script = """\
    CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b (id));
    CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a (id));
    CREATE TABLE c (id INTEGER PRIMARY KEY, up INTEGER REFERENCES c (id));
    """
    _, rows = filled(script, "a")
    assert rows["a"]
    assert filled(script, "c")[1]["c"]


def test_a_table_with_rows_is_left_alone():
    assert filled("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x');", "t")[0] == {}
