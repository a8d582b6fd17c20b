"""The views for a first rule: what each says of a change, in all three dialects."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from functools import cache

import pytest

from migsafe.analyse import Runner, analyse
from migsafe.facts import build, tables
from migsafe.model.migration import Dialect, History, Migration
from migsafe.sql.split import split

SQLITE, POSTGRES, MYSQL = "sqlite", "postgres", "mysql"
ALL = (SQLITE, POSTGRES, MYSQL)
OLD = """
CREATE TABLE folder (id INTEGER PRIMARY KEY, name VARCHAR(40));
CREATE TABLE note (id INTEGER PRIMARY KEY, folder_id INTEGER, label VARCHAR(40), rank VARCHAR(40));
CREATE INDEX note_label ON note (label);
"""
REBUILD = """
CREATE TABLE note_new (id INTEGER PRIMARY KEY, folder_id INTEGER REFERENCES folder (id),
  label VARCHAR(40) NOT NULL, rank INTEGER, UNIQUE (label), CHECK (rank > 0));
INSERT INTO note_new (id, folder_id, label, rank) SELECT id, folder_id, label, rank FROM note;
DROP TABLE note;
ALTER TABLE note_new RENAME TO note;
"""


@cache
def rows(dialect: str, view: str, *texts: str) -> list[dict[str, object]]:
    """The rows of a view about the last of these migrations; the first makes the tables."""
    spoken = Dialect(dialect)
    migrations: list[Migration] = []
    for number, text in enumerate((OLD, *texts), 1):
        parents = (migrations[-1].revision,) if migrations else ()
        statements = split(text, spoken, f"{number}.sql")
        migrations.append(Migration(str(number), f"{number}.sql", parents, "", statements))
    history = History(spoken, "numbered", tuple(migrations))
    last = migrations[-1].revision
    evidence = analyse(history, {last}, Runner(None), {"today": "2026-01-01"})
    with closing(build(evidence)) as facts:
        facts.row_factory = sqlite3.Row
        query = f"SELECT * FROM {view} WHERE migration = ?"
        return [dict(row) for row in facts.execute(query, (len(migrations),))]


def told(dialect, view, *texts, keys):
    return [tuple(row[key] for key in keys) for row in rows(dialect, view, *texts)]


@pytest.mark.parametrize("dialect", ALL)
def test_added_column(dialect):
    text = "ALTER TABLE note ADD COLUMN body VARCHAR(9) NOT NULL DEFAULT 'x';"
    keys = ("tbl", "col", "type", "not_null", "has_default", "old_rows", "line", "focus")
    assert told(dialect, "added_column", text, keys=keys) == [
        ("note", "body", "VARCHAR(9)", 1, 1, 1, 1, 1)
    ]
    plain = "CREATE TABLE x (id INTEGER);\nALTER TABLE x ADD COLUMN y INTEGER;"
    assert told(
        dialect, "added_column", plain, keys=("tbl", "has_default", "old_rows", "line")
    ) == [("x", 0, 0, 2)]


@pytest.mark.parametrize("dialect", ALL)
def test_dropped_and_renamed(dialect):
    text = (
        "ALTER TABLE note DROP COLUMN rank; ALTER TABLE note RENAME COLUMN folder_id TO place;"
        "DROP TABLE folder;"
    )
    assert told(dialect, "dropped_column", text, keys=("tbl", "col")) == [("note", "rank")]
    assert told(dialect, "renamed_column", text, keys=("tbl", "col", "new_name")) == [
        ("note", "folder_id", "place")
    ]
    assert told(dialect, "dropped_table", text, keys=("tbl",)) == [("folder",)]
    text = "ALTER TABLE note RENAME TO memo;"
    assert told(dialect, "renamed_table", text, keys=("tbl", "new_name")) == [("note", "memo")]


@pytest.mark.parametrize("dialect", ALL)
def test_a_rebuild_drops_and_renames_no_table(dialect):
    assert told(dialect, "dropped_table", REBUILD, keys=("tbl",)) == []
    assert told(dialect, "renamed_table", REBUILD, keys=("tbl",)) == []
    keys = ("tbl", "scratch", "copied", "narrowing", "line")
    assert told(dialect, "rebuilt_table", REBUILD, keys=keys) == [("note", "note_new", 1, "", 4)]
    narrowed = REBUILD.replace("FROM note;", "FROM note WHERE label <> '';")
    assert told(dialect, "rebuilt_table", narrowed, keys=("narrowing",)) == [("where",)]


@pytest.mark.parametrize("dialect", ALL)
def test_row_change_and_filled_column(dialect):
    text = "UPDATE note SET label = upper(label), rank = NULL;\nDELETE FROM note WHERE id = 1;"
    assert told(dialect, "row_change", text, keys=("verb", "tbl", "has_where", "old_rows")) == [
        ("delete", "note", 1, 1),
        ("update", "note", 0, 1),
    ]
    assert told(dialect, "filled_column", text, keys=("col", "expression", "filled_by")) == [
        ("label", "upper(label)", "expression"),
        ("rank", "NULL", "null"),
    ]


@pytest.mark.parametrize("dialect", ALL)
def test_new_unique_made_over_old_rows(dialect):
    text = "CREATE UNIQUE INDEX note_u ON note (label, rank);"
    keys = ("tbl", "name", "columns", "col", "how", "old_rows", "with_rows", "source", "test")
    assert told(dialect, "new_unique", text, keys=keys) == [
        ("note", "note_u", "label, rank", "", "make", 1, "", "note", "1 = 1")
    ]
    assert told(dialect, "new_unique", text, keys=("repaired",)) == [(0,)]
    for repair in ("DELETE FROM note WHERE id > 1;", "UPDATE note SET rank = id;"):
        assert told(dialect, "new_unique", repair + text, keys=("repaired",)) == [(1,)]
        assert told(dialect, "new_unique", repair, text, keys=("repaired",)) == [(1,)]
    other = "UPDATE note SET folder_id = 1;" + text
    assert told(dialect, "new_unique", other, keys=("repaired",)) == [(0,)]
    own = "CREATE TABLE x (a INTEGER); CREATE UNIQUE INDEX i ON x (a);"
    assert told(dialect, "new_unique", own, keys=("old_rows",)) == [(0,)]


@pytest.mark.parametrize("dialect", ALL)
def test_new_unique_is_not_what_was_unique_before(dialect):
    first = "CREATE UNIQUE INDEX note_u ON note (label);"
    again = "CREATE UNIQUE INDEX note_u2 ON note (label);"
    assert told(dialect, "new_unique", first, again, keys=("name",)) == []


@pytest.mark.parametrize("dialect", ALL)
def test_the_demands_of_a_rebuild_stand_at_its_copy(dialect):
    for view, keys, values in (
        ("new_unique", ("final_tbl", "columns", "how", "source", "line"),
         ("note", "label", "copy", "q", 4)),
        ("new_not_null", ("final_tbl", "col", "how", "source", "line"),
         ("note", "label", "copy", "q", 4)),
        ("new_check", ("final_tbl", "expression", "how", "source", "line"),
         ("note", "rank > 0", "copy", "q", 4)),
        ("changed_type", ("final_tbl", "col", "how", "source", "line"),
         ("note", "rank", "copy", "note", 4)),
    ):  # fmt: skip
        assert told(dialect, view, REBUILD, keys=keys) == [values], view
    if dialect != MYSQL:  # which ignores REFERENCES beside a column
        whole = ("final_tbl", "columns", "ref_tbl", "ref_columns", "how", "line")
        assert told(dialect, "new_foreign_key", REBUILD, keys=whole) == [
            ("note", "folder_id", "folder", "id", "copy", 4)
        ]
    assert {row["repaired"] for row in rows(dialect, "new_unique", REBUILD)} == {0}


@pytest.mark.parametrize("dialect", [POSTGRES, MYSQL])
def test_the_demands_of_alter_table(dialect):
    text = (
        "ALTER TABLE note ADD CONSTRAINT f FOREIGN KEY (folder_id) REFERENCES folder (id),"
        " ADD CONSTRAINT u UNIQUE (label), ADD CONSTRAINT c CHECK (rank <> '');"
    )
    mark = "`" if dialect == MYSQL else '"'
    keys = ("columns", "terms", "ref_tbl", "ref_terms", "how", "repaired")
    assert told(dialect, "new_foreign_key", text, keys=keys) == [
        ("folder_id", f"q.{mark}folder_id{mark}", "folder", f"p.{mark}id{mark}", "make", 0)
    ]
    assert told(dialect, "new_unique", text, keys=("name", "columns")) == [("u", "label")]
    assert [row["name"] for row in rows(dialect, "new_check", text)] == ["c"]
    repaired = "DELETE FROM note WHERE folder_id = 0;" + text
    assert told(dialect, "new_foreign_key", repaired, keys=("repaired",)) == [(1,)]


def test_new_not_null_says_how():
    add = "ALTER TABLE note ADD COLUMN body VARCHAR(9) NOT NULL;"
    for dialect in (SQLITE, POSTGRES):
        assert told(dialect, "new_not_null", add, keys=("col", "how", "test")) == [
            ("body", "add", "1 = 1")
        ]
    assert told(MYSQL, "new_not_null", add, keys=("col",)) == []
    alter = {
        POSTGRES: "ALTER TABLE note ALTER COLUMN label SET NOT NULL;",
        MYSQL: "ALTER TABLE note MODIFY label VARCHAR(40) NOT NULL;",
    }
    tests = {POSTGRES: '"label" IS NULL', MYSQL: "`label` IS NULL"}
    for dialect, text in alter.items():
        keys = ("col", "how", "test", "repaired")
        assert told(dialect, "new_not_null", text, keys=keys) == [
            ("label", "alter", tests[dialect], 0)
        ]
        filled = "UPDATE note SET label = '' WHERE label IS NULL;" + text
        assert told(dialect, "new_not_null", filled, keys=("repaired",)) == [(1,)]


def test_changed_type_and_what_makes_the_new_value():
    keys = ("col", "old_type", "new_type", "how", "expression", "old_col")
    text = "ALTER TABLE note ALTER COLUMN rank TYPE integer USING rank::integer;"
    assert told(POSTGRES, "changed_type", text, keys=keys) == [
        ("rank", "VARCHAR(40)", "integer", "alter", "rank::integer", "rank")
    ]
    text = "ALTER TABLE note MODIFY rank INT;"
    assert told(MYSQL, "changed_type", text, keys=keys) == [
        ("rank", "VARCHAR(40)", "INT", "alter", "", "rank")
    ]
    cast = REBUILD.replace("label, rank FROM", "label, CAST(rank AS INTEGER) FROM")
    assert told(SQLITE, "changed_type", cast, keys=keys) == [
        ("rank", "VARCHAR(40)", "INTEGER", "copy", "CAST(rank AS INTEGER)", "rank")
    ]


def test_lost_object_new_index_setting_and_unread():
    assert told(SQLITE, "lost_object", REBUILD, keys=("what", "tbl", "name")) == [
        ("index", "note", "note_label")
    ]
    text = "CREATE INDEX i ON note (rank, label);"
    keys = ("tbl", "name", "columns", "is_unique", "old_rows")
    assert told(SQLITE, "new_index", text, keys=keys) == [("note", "i", "rank, label", 0, 1)]
    text = "PRAGMA foreign_keys = 'OFF'; PRAGMA user_version;"
    assert told(SQLITE, "setting", text, keys=("name", "value")) == [("foreign_keys", "off")]
    text = "SET LOCAL lock_timeout = '2s';"
    assert told(POSTGRES, "setting", text, keys=("name", "value", "local")) == [
        ("lock_timeout", "2s", 1)
    ]
    assert told(SQLITE, "unread_statement", "FROB note;", keys=("kind",)) == [("unread",)]


def test_locking_statement():
    text = "SET lock_timeout = '2s'; ALTER TABLE note ADD CONSTRAINT c CHECK (rank <> '');"
    keys = ("tbl", "lock", "blocks_reads", "scans", "lock_timeout", "weight")
    assert told(POSTGRES, "locking_statement", text, keys=keys) == [
        ("note", "ACCESS EXCLUSIVE", 1, 1, 2000, "warning")
    ]
    assert told(SQLITE, "locking_statement", "DROP TABLE note;", keys=keys) == []


def test_every_view_can_be_asked_and_is_described():
    names = re.findall(r"^CREATE VIEW (\w+)", tables.definition(), re.MULTILINE)
    assert len(names) >= 30
    with closing(sqlite3.connect(":memory:")) as facts:
        facts.executescript(tables.definition())
        for name in names:
            assert facts.execute(f"SELECT * FROM {name}").fetchall() is not None
