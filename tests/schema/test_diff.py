"""What counts as a difference between two schemas, and how it is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from migsafe.model.schema import (
    Change,
    Column,
    ForeignKey,
    Schema,
    Table,
    Trigger,
    Unique,
    View,
)
from migsafe.schema.diff import diff
from migsafe.schema.inspect import inspect


def live(script: str) -> Schema:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(script)
        return inspect(database)


def told(before: str, after: str) -> list[tuple[str, str, str, str, str, str]]:
    changes = diff(live(before), live(after))
    assert len(diff(live(after), live(before))) == len(changes)
    return [(c.what, c.how, c.name, c.aspect, c.before, c.after) for c in changes]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("CREATE TABLE t (a VARCHAR (20))", 'create table "T" ( [A] varchar(20) )'),
        ("CREATE TABLE t (a COLLATE binary)", "CREATE TABLE t (a)"),
        ("CREATE TABLE t (a, CONSTRAINT u UNIQUE (a))", "CREATE TABLE t (a UNIQUE)"),
        ("CREATE TABLE t (a, b, UNIQUE (a, b))", "CREATE TABLE t (a, b, UNIQUE (b, a))"),
        ("CREATE TABLE t (a UNIQUE)", "CREATE TABLE t (a); CREATE UNIQUE INDEX i ON t (a)"),
        ("CREATE TABLE t (a CONSTRAINT c CHECK (a > 0))", 'CREATE TABLE t (a, CHECK ("a">0))'),
        ("CREATE TABLE t (a DEFAULT 'x')", 'CREATE TABLE t (a DEFAULT "x")'),
        ("CREATE TABLE t (a DEFAULT 'It')", "CREATE TABLE t (a DEFAULT (('It')))"),
        ("CREATE TABLE t (a DEFAULT x)", "CREATE TABLE t (a DEFAULT 'x')"),
        ("CREATE TABLE t (a DEFAULT (1))", "CREATE TABLE t (a DEFAULT 1)"),
        ("CREATE TABLE t (a DEFAULT NULL)", "CREATE TABLE t (a)"),
        ("CREATE TABLE t (a DEFAULT current_date)", "CREATE TABLE t (a DEFAULT CURRENT_DATE)"),
        ("CREATE TABLE p (id PRIMARY KEY); CREATE TABLE t (a REFERENCES p)",
         "CREATE TABLE p (id PRIMARY KEY); CREATE TABLE t (a REFERENCES P (ID))"),
        ("CREATE TABLE t (a COLLATE NOCASE); CREATE INDEX i ON t (a)",
         "CREATE TABLE t (a COLLATE NOCASE); CREATE INDEX i ON t (a COLLATE nocase)"),
        ("CREATE TABLE t (a); CREATE TRIGGER r INSERT ON t BEGIN SELECT 1; END",
         "CREATE TABLE t (a); CREATE TRIGGER r BEFORE INSERT ON T begin select  1; end"),
        ("CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t",
         "CREATE TABLE t (a); CREATE VIEW v AS select [a] -- comment\n from \"t\""),
    ],
)  # fmt: skip
def test_another_spelling_is_no_difference(before: str, after: str) -> None:
    assert told(before, after) == []


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("a INT", "a TEXT", ("column", "altered", "a", "type", "INT", "TEXT")),
        ("a", "a NOT NULL", ("column", "altered", "a", "not null", "no", "yes")),
        ("a", "a DEFAULT 0", ("column", "altered", "a", "default", "none", "0")),
        ("a DEFAULT 'X'", "a DEFAULT 'x'", ("column", "altered", "a", "default", "'X'", "'x'")),
        ("a", "a PRIMARY KEY", ("column", "altered", "a", "primary key", "no", "1")),
        ("a", "a COLLATE RTRIM", ("column", "altered", "a", "collation", "BINARY", "RTRIM")),
        ("a, b", "a, b AS (a)", ("column", "altered", "b", "generated", "no", "AS (a) VIRTUAL")),
        ("a, b AS (a)", "a, b AS (a) STORED",
         ("column", "altered", "b", "generated", "AS (a) VIRTUAL", "AS (a) STORED")),
        ("a", "a, b TEXT NOT NULL DEFAULT ''",
         ("column", "added", "b", "", "", "TEXT NOT NULL DEFAULT ''")),
        ("a, b INT", "a", ("column", "removed", "b", "", "INT", "")),
        ("a, b, c, d", "d, a, b, c", ("column", "altered", "d", "position", "4", "1")),
        ("a", "a UNIQUE", ("unique", "added", "", "", "", "(a)")),
        ("a, b, CONSTRAINT u UNIQUE (a, b)", "a, b", ("unique", "removed", "u", "", "(a, b)", "")),
        ("a REFERENCES p (x)", "a", ("foreign key", "removed", "", "", "(a) references p (x)", "")),
        ("a REFERENCES p", "a REFERENCES p ON DELETE CASCADE",
         ("foreign key", "altered", "a", "on delete", "NO ACTION", "CASCADE")),
        ("a REFERENCES p", "a REFERENCES p DEFERRABLE INITIALLY DEFERRED",
         ("foreign key", "altered", "a", "deferred", "no", "yes")),
        ("a CHECK (a > 0)", "a", ("check", "removed", "", "", "a > 0", "")),
        ("a CONSTRAINT c CHECK (a > 0)", "a CONSTRAINT c CHECK (a > 1)",
         ("check", "altered", "c", "expression", "a > 0", "a > 1")),
        ("a CHECK (a <> 'X')", "a CHECK (a <> 'X'), CHECK (a <> 'x')",
         ("check", "added", "", "", "", "a <> 'x'")),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY AUTOINCREMENT",
         ("option", "altered", "autoincrement", "autoincrement", "no", "yes")),
    ],
)  # fmt: skip
def test_one_difference_of_a_table_is_told_once(
    before: str, after: str, change: tuple[str, ...]
) -> None:
    assert told(f"CREATE TABLE t ({before})", f"CREATE TABLE t ({after})") == [change]


@pytest.mark.parametrize(
    ("option", "aspect"), [("STRICT", "strict"), ("WITHOUT ROWID", "without rowid")]
)
def test_table_options_differ(option: str, aspect: str) -> None:
    table = "CREATE TABLE t (a INT PRIMARY KEY)"
    assert told(table, f"{table} {option}") == [("option", "altered", aspect, aspect, "no", "yes")]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("", "CREATE INDEX i ON t (a)", ("index", "added", "i", "", "", "(a)")),
        ("CREATE UNIQUE INDEX i ON t (a) WHERE b > 0", "",
         ("index", "removed", "i", "", "unique (a) where b > 0", "")),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a, b DESC)",
         ("index", "altered", "i", "columns", "(a)", "(a, b DESC)")),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a COLLATE NOCASE)",
         ("index", "altered", "i", "columns", "(a)", "(a COLLATE NOCASE)")),
        ("CREATE INDEX i ON t (lower(a))", "CREATE INDEX i ON t (upper(a))",
         ("index", "altered", "i", "columns", "(lower(a))", "(upper(a))")),
        ("CREATE INDEX i ON t (a)", "CREATE UNIQUE INDEX i ON t (a)",
         ("index", "altered", "i", "unique", "no", "yes")),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a) WHERE b = 1",
         ("index", "altered", "i", "where", "", "b = 1")),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON u (a)",
         ("index", "altered", "i", "table", "t", "u")),
        ("", "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
         ("trigger", "added", "r", "", "", "AFTER INSERT")),
        ("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
         "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 2; END",
         ("trigger", "altered", "r", "body", "BEGIN SELECT 1; END", "BEGIN SELECT 2; END")),
        ("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END",
         "CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT 1; END",
         ("trigger", "altered", "r", "timing", "AFTER", "BEFORE")),
        ("CREATE TRIGGER r UPDATE OF a ON t BEGIN SELECT 1; END",
         "CREATE TRIGGER r UPDATE OF b ON t BEGIN SELECT 1; END",
         ("trigger", "altered", "r", "event", "UPDATE OF a", "UPDATE OF b")),
        ("CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW v AS SELECT b FROM t",
         ("view", "altered", "", "select", "SELECT a FROM t", "SELECT b FROM t")),
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW v (x) AS SELECT 1",
         ("view", "altered", "", "columns", "", "x")),
        ("CREATE VIEW v AS SELECT 1", "", ("view", "removed", "", "", "SELECT 1", "")),
        ("", "CREATE TABLE v (x, y)", ("table", "added", "", "", "", "(x, y)")),
    ],
)  # fmt: skip
def test_one_difference_beside_the_tables_is_told_once(
    before: str, after: str, change: tuple[str, ...]
) -> None:
    tables = "CREATE TABLE t (a, b); CREATE TABLE u (a);"
    assert told(tables + before, tables + after) == [change]


def test_a_unique_index_beside_the_clause_is_an_index_more() -> None:
    table = "CREATE TABLE t (a UNIQUE);"
    assert told(table, table + "CREATE UNIQUE INDEX i ON t (a)") == [
        ("index", "added", "i", "", "", "unique (a)")
    ]


def test_a_unique_index_that_demands_less_does_not_stand_for_the_clause() -> None:
    for index in ("(a) WHERE a > 0", "(a COLLATE NOCASE)", "(lower(a))"):
        changes = told(
            "CREATE TABLE t (a UNIQUE)", f"CREATE TABLE t (a); CREATE UNIQUE INDEX i ON t {index}"
        )
        assert [c[:2] for c in changes] == [("unique", "removed"), ("index", "added")]


def test_the_same_objects_need_no_look() -> None:
    schema = live("CREATE TABLE t (a)")
    assert diff(schema, schema) == ()
    assert diff(schema, Schema(schema.tables)) == ()


def test_of_an_incomplete_table_only_what_is_known_counts() -> None:
    whole = Table("t", (Column("a", "INT"), Column("b")), (Unique(("a",)),), strict=True)
    part = Table("t", (Column("a", "TEXT"),), complete=False)
    alike = (Schema({"t": whole}), Schema({"t": part}))
    expected = ("column", "altered", "t", "a", "type")
    for before, after in (alike, alike[::-1]):
        (change,) = diff(before, after)
        assert (change.what, change.how, change.table, change.name, change.aspect) == expected


def test_a_table_that_must_have_been_there_before_is_not_new() -> None:
    unknown = Schema({"t": Table("t", complete=False)}, complete=False)
    assert diff(Schema(), unknown) == ()
    assert diff(Schema(), Schema({"t": Table("t", complete=False)})) == (
        Change("table", "added", "t"),
    )


def test_texts_that_could_not_be_read_are_not_compared() -> None:
    before = Schema(triggers={"r": Trigger("r", "t", body="")}, views={"v": View("v")})
    after = Schema(
        triggers={"r": Trigger("r", "t", body="BEGIN SELECT 1; END")},
        views={"v": View("v", "SELECT 1")},
    )
    assert diff(before, after) == ()


def test_virtual_tables_differ_by_their_module_only() -> None:
    before, after = Table("t", virtual="fts4"), Table("t", virtual="fts5")
    (change,) = diff(Schema({"t": before}), Schema({"t": after}))
    assert (change.what, change.aspect, change.before) == ("option", "virtual", "fts4")


def test_a_foreign_key_to_an_unknown_parent_is_still_compared() -> None:
    one = Schema({"t": Table("t", (Column("a"),), foreign_keys=(ForeignKey(("a",), "p"),))})
    two = Schema({"t": Table("t", (Column("a"),), foreign_keys=(ForeignKey(("a",), "q"),))})
    assert [c.how for c in diff(one, two)] == ["removed", "added"]


def test_changes_come_in_a_stable_order() -> None:
    before = live("CREATE TABLE b (x); CREATE TABLE a (x); CREATE VIEW v AS SELECT 1")
    after = live("CREATE TABLE c (x); CREATE TABLE a (y); CREATE INDEX i ON a (y)")
    whats = [(c.what, c.how, c.table) for c in diff(before, after)]
    assert whats == [
        ("column", "removed", "a"),
        ("column", "added", "a"),
        ("table", "removed", "b"),
        ("table", "added", "c"),
        ("index", "added", "a"),
        ("view", "removed", "v"),
    ]
