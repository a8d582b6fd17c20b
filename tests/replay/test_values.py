"""Values and links before and after, on real databases."""

from __future__ import annotations

import pytest

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.replay.case import replay
from migsafe.replay.plan import Plan
from migsafe.sql.split import split

OLD = """
CREATE TABLE folder (id INTEGER PRIMARY KEY, title TEXT);
CREATE TABLE bookmark (id INTEGER PRIMARY KEY, folder_id INTEGER, url TEXT COLLATE NOCASE,
  n INTEGER DEFAULT 7, note TEXT DEFAULT '');
CREATE TRIGGER touched AFTER UPDATE OF url ON bookmark BEGIN
  UPDATE bookmark SET n = n + 1 WHERE id = new.id;
END;
INSERT INTO folder VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO bookmark VALUES (1, 1, 'http://x', 1, 'hello world'), (2, 1, 'http://y', 2, 'bye'),
  (3, 2, 'z', 3, 'x y'), (4, NULL, 'q', 4, NULL), (5, 3, 'r', 5, 'w');
"""
COPY = "CREATE TABLE b (id INTEGER PRIMARY KEY, folder_id INTEGER, url TEXT, {n} DEFAULT 7,\
 note TEXT DEFAULT '');\n{copy};\nDROP TABLE bookmark;\nALTER TABLE b RENAME TO bookmark;\n"


def seen(database, migration: str, old: str = OLD) -> list[Observation]:
    migrations = (
        Migration("1", "1.sql"),
        Migration("2", "2.sql", ("1",), statements=split(migration, Dialect.SQLITE, "2.sql")),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    plan = Plan(history, {"1": True, "2": True})
    straight = replay(plan, Sample("a.db", "1", database(old), ""))[0]
    assert straight.notes == ()
    return list(straight.observations)


def told(found: list[Observation]) -> list[tuple[object, ...]]:
    return [
        (o.kind, o.column, o.name, o.affected, o.total, o.place and o.place.line, o.deliberate)
        for o in found
    ]


def rebuilt(copy: str, n: str = "n INTEGER") -> str:
    return COPY.format(copy=copy, n=n)


@pytest.mark.parametrize(
    "migration",
    [
        "UPDATE bookmark SET n = 0, note = substr(note, 1, 2);",
        "UPDATE bookmark SET note = CASE WHEN id = 1 THEN '' ELSE note END;",
        "UPDATE bookmark SET note = CAST(n AS TEXT);",
        "ALTER TABLE bookmark RENAME COLUMN note TO remark;",
        "ALTER TABLE bookmark RENAME TO mark; ALTER TABLE mark RENAME COLUMN url TO link;",
        rebuilt("INSERT INTO b SELECT * FROM bookmark"),
        rebuilt("INSERT INTO b SELECT * FROM bookmark", "n REAL"),
        rebuilt("INSERT INTO b SELECT id, folder_id, upper(url), n, note FROM bookmark"),
        "UPDATE bookmark SET folder_id = 2 WHERE folder_id = 1;",
        "DROP TABLE folder;",
    ],
)
def test_what_is_written_out_is_no_loss(database, migration):
    assert [o for o in seen(database, migration) if o.kind != "drifted"] == []


@pytest.mark.parametrize(
    ("migration", "expected"),
    [
        (
            "UPDATE bookmark SET folder_id = (SELECT id FROM folder WHERE title = url);",
            ("links-lost", "folder_id", "folder", 4, 4, 1, False),
        ),
        (
            "SELECT 1;\nUPDATE bookmark SET folder_id = NULL WHERE id < 3;",
            ("links-lost", "folder_id", "folder", 2, 4, 2, True),
        ),
        (
            "DELETE FROM folder WHERE id = 1;",
            ("links-lost", "folder_id", "folder", 2, 4, 1, True),
        ),
        (
            rebuilt("INSERT INTO b SELECT id, n, url, folder_id, note FROM bookmark"),
            ("links-lost", "folder_id", "folder", 3, 4, 2, False),
        ),
        (
            rebuilt(
                "INSERT INTO b (id, folder_id, url, n) SELECT id, folder_id, url, n FROM bookmark"
            ),
            ("values-changed", "note", "", 4, 4, 2, False),
        ),
        (
            "UPDATE bookmark SET url = lower(url);",
            ("values-changed", "n", "touched", 5, 5, 1, False),
        ),
        (
            "UPDATE bookmark SET note = substr(note, 1, instr(note, ' ') - 1);",
            ("values-cut", "note", "", 2, 4, 1, True),
        ),
        (
            rebuilt("INSERT INTO b SELECT * FROM bookmark", "n TEXT"),
            ("type-changed-values", "n", "", 5, 5, 2, False),
        ),
        (
            "ALTER TABLE bookmark RENAME note TO remark;\nUPDATE bookmark SET remark = NULL;",
            ("became-null", "remark", "", 4, 4, 2, True),
        ),
    ],
)
def test_what_is_lost_or_changed_unasked(database, migration, expected):
    assert expected in told(seen(database, migration))


def test_a_name_alone_does_not_make_a_link(database):
    old = OLD + "UPDATE bookmark SET folder_id = folder_id + 100 WHERE id > 1;"
    assert "links-lost" not in {o.kind for o in seen(database, "DELETE FROM folder;", old)}


COUNTED = """
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT);
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (9, 'c');
DELETE FROM t WHERE id = 9;
"""
AGAIN = (
    "CREATE TABLE u (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT); INSERT INTO u SELECT * FROM t;"
    " DROP TABLE t; ALTER TABLE u RENAME TO t;"
)


def test_ids_that_will_be_given_out_again(database):
    (reset,) = seen(database, AGAIN, COUNTED)
    assert (reset.kind, reset.table, reset.affected, reset.total) == ("sequence-reset", "t", 7, 9)


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE t RENAME TO renamed;",
        AGAIN + " UPDATE sqlite_sequence SET seq = 9 WHERE name = 't';",
        AGAIN + " INSERT INTO t VALUES (10, 'd');",
    ],
)
def test_a_counter_that_goes_on(database, migration):
    assert seen(database, migration, COUNTED) == []


def test_a_table_of_very_many_columns(database):
    names = [f"c{i}" for i in range(450)]
    old = f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {', '.join(names)});"
    old += "INSERT INTO wide (id, c3, c420) VALUES (1, 'x', 'y');"
    copy = (
        f"CREATE TABLE w (id INTEGER PRIMARY KEY, {', '.join(names)}); INSERT INTO w (id, c3)"
        " SELECT id, c3 FROM wide; DROP TABLE wide; ALTER TABLE w RENAME TO wide;"
    )
    assert told(seen(database, copy, old)) == [("became-null", "c420", "", 1, 1, 1, False)]
