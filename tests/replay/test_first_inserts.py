"""The plainest insert: what a fresh install takes, an updated database must take."""

from __future__ import annotations

from contextlib import closing

import pytest

from migsafe.engines import sqlite as engine
from migsafe.replay import first_inserts
from migsafe.replay.plan import LaunchPlan
from migsafe.schema.inspect import inspect

FRESH = """
CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL DEFAULT 'x');
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p (id));
"""


def planned(fresh: str, *, enforced: bool = True) -> LaunchPlan:
    with closing(engine.clone(b"")) as database:
        database.executescript(fresh)
        schema = inspect(database)
        inserts = tuple(first_inserts.found(database, schema, enforced=enforced))
        assert not database.in_transaction
        rows = [database.execute(f'SELECT count(*) FROM "{i.table}"').fetchone() for i in inserts]
    assert rows == [(0,)] * len(rows)
    return LaunchPlan(schema, "new.sql", foreign_keys=enforced, inserts=inserts)


@pytest.fixture
def errors(database):
    """table -> error of each insert that the migrated database refuses."""

    def run(now: str, fresh: str = FRESH, old: str = ""):
        plan = planned(fresh)
        data = database(now)
        with closing(engine.clone(data)) as migrated:
            after, kept = inspect(migrated), list(migrated.iterdump())
            seen = list(first_inserts.check(migrated, database(old), plan, after))
            assert list(migrated.iterdump()) == kept
        assert {o.kind for o in seen} <= {"launch-insert"}
        return {o.table: (o.error, bool(o.detail)) for o in seen}

    return run


@pytest.mark.parametrize(
    "table",
    [
        "t (a, b TEXT, c INTEGER NOT NULL DEFAULT 3)",
        "t (a TEXT NOT NULL CHECK (a IN ('o''k', 'b')), b BOOLEAN NOT NULL CHECK (b IN (0, 1)))",
        "t (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "t (a DATE NOT NULL, b JSON NOT NULL CHECK (json_valid(b)), c BLOB NOT NULL) STRICT"
        .replace(" STRICT", ""),
        "t (a INT NOT NULL, b REAL NOT NULL, c TEXT NOT NULL, d BLOB NOT NULL, e ANY) STRICT",
        "t (a INTEGER NOT NULL, b INTEGER NOT NULL AS (a + 1))",
        "t (a INTEGER NOT NULL CHECK (a BETWEEN 0 AND 3))",
        "t (p INTEGER NOT NULL REFERENCES t (id), id INTEGER PRIMARY KEY)",
    ],
)  # fmt: skip
def test_an_insert_is_found_from_the_definition(table):
    assert [i.table for i in planned(f"CREATE TABLE {table};").inserts] == ["t"]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE t (a TEXT NOT NULL CHECK (length(a) = 36));",
        "CREATE VIRTUAL TABLE t USING fts5 (a);",
        "CREATE TABLE t (a); CREATE TRIGGER no BEFORE INSERT ON t BEGIN"
        " SELECT RAISE(ROLLBACK, 'never'); END;",
        "CREATE TABLE t (a REFERENCES gone (id) NOT NULL);",
    ],
)
def test_where_a_fresh_install_takes_none_none_is_asked_for(script):
    assert planned(script).inserts == ()


def test_what_a_fresh_install_takes_is_taken(errors):
    assert errors(FRESH) == {}
    assert errors(FRESH + "INSERT INTO p VALUES (1, 'first insert', 'y')") == {}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL);",
            {"p": ("NOT NULL constraint failed: p.kind", False)},
        ),
        (
            FRESH + "CREATE TRIGGER g AFTER INSERT ON p BEGIN INSERT INTO gone VALUES (1); END;",
            {"p": ("no such table: main.gone", False)},
        ),
        (
            FRESH.replace("REFERENCES p", "REFERENCES p_old"),
            {"c": ("no such table: main.p_old", False)},
        ),
        (
            FRESH + "CREATE TRIGGER g BEFORE INSERT ON p BEGIN SELECT RAISE(ABORT, 'old'); END;",
            {"p": ("old", False)},
        ),
        ("CREATE TABLE other (a);", {}),  # what is missing, the comparison of schemas tells
        ("CREATE TABLE p (id INTEGER PRIMARY KEY);", {}),
    ],
)
def test_what_a_migration_left_behind(errors, now, expected):
    assert errors(now) == expected


def test_what_the_old_database_refused_too_is_said(errors):
    left = FRESH + "CREATE TRIGGER g AFTER INSERT ON p BEGIN INSERT INTO gone VALUES (1); END;"
    assert errors(left, old=left) == {"p": ("no such table: main.gone", True)}


def test_a_trigger_that_a_fresh_install_has_may_refuse_for_the_sake_of_rows(errors):
    full = (
        "CREATE TABLE t (a); CREATE TRIGGER f BEFORE INSERT ON t"
        " WHEN (SELECT count(*) FROM t) > 1 BEGIN SELECT RAISE(ABORT, 'full'); END;"
    )
    assert errors(full + "INSERT INTO t VALUES (1), (2)", full) == {}


def test_foreign_keys_that_the_app_does_not_enforce_are_not_asked(database):
    plan = planned(FRESH, enforced=False)
    with closing(engine.clone(database(FRESH.replace("REFERENCES p", "REFERENCES q")))) as now:
        assert list(first_inserts.check(now, b"", plan, inspect(now))) == []


def test_without_a_fresh_install_nothing_is_inserted(database):
    with closing(engine.clone(database("CREATE TABLE t (a);"))) as now:
        assert list(first_inserts.check(now, b"", LaunchPlan(), inspect(now))) == []
