"""Values that do not fit what their column declares: new ones only."""

from __future__ import annotations

from contextlib import closing

import pytest

from migsafe.engines import sqlite as engine
from migsafe.replay import misfit
from migsafe.replay.declared import family, listed
from migsafe.schema.inspect import inspect

OLD = """
CREATE TABLE t (id INTEGER PRIMARY KEY, ok BOOLEAN, day DATE, extra JSON, n BIGINT,
                state TEXT CHECK (state IN ('a', 'it''s, b')), free TEXT);
INSERT INTO t VALUES (1, 1, '2024-01-01', '{}', 5, 'a', 'x'),
  (2, 0, '2024-02-01', NULL, 6, 'a', '3'), (3, NULL, NULL, '[1]', NULL, NULL, NULL);
"""


@pytest.fixture
def found(database):
    """(column, test, affected, total) of each misfit after a script ran on the old database."""

    def check(script: str, old: str = OLD, fresh: str | None = None, origin=None):
        data = database(old)
        with closing(engine.clone(data)) as pristine:
            before = inspect(pristine)
        with closing(engine.clone(data)) as migrated:
            migrated.executescript(script)
            with engine.attached_old(migrated, data):
                declared = _schema(fresh) if fresh else None
                seen = list(
                    misfit.check(migrated, (before, inspect(migrated)), declared, origin or {})
                )
        assert {o.kind for o in seen} <= {"misfit"}
        return {(o.column, o.name, o.affected, o.total) for o in seen}

    return check


def _schema(script: str):
    with closing(engine.clone(b"")) as connection:
        connection.executescript(script)
        return inspect(connection)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE t SET ok = 'true' WHERE ok = 1", ("ok", "boolean", 1, 2)),
        ("UPDATE t SET ok = 7", ("ok", "boolean", 3, 3)),
        ("UPDATE t SET day = '01.02.2024' WHERE id = 2", ("day", "date", 1, 2)),
        ("UPDATE t SET day = 1706745600 WHERE id = 2", ("day", "mixed", 1, 2)),
        ("UPDATE t SET extra = 'x'", ("extra", "json", 3, 3)),
        ("UPDATE t SET n = 'many' WHERE n > 5", ("n", "integer", 1, 2)),
        ("INSERT INTO t (n) VALUES ('new')", ("n", "integer", 1, 3)),
    ],
)
def test_a_new_misfit_is_seen(found, statement, expected):
    assert found(statement) == {expected}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET ok = NULL, day = NULL, extra = NULL, n = NULL",
        "UPDATE t SET ok = '1', n = '12'",  # affinity makes numbers of them
        "UPDATE t SET day = strftime('%d.%m.%Y', day)",  # all of them: a format of the app's own
        "UPDATE t SET day = strftime('%s', day)",  # all of them
        "UPDATE t SET day = day || ' 10:00:00Z', extra = '\"x\"'",
        "UPDATE t SET free = 12.5, n = 1.5",
        "UPDATE t SET extra = x'00'",  # JSONB, perhaps
        "DELETE FROM t",
        "DROP TABLE t",
    ],
)
def test_what_fits_is_not(found, statement):
    assert found(statement) == set()


SICK = OLD + "UPDATE t SET ok = 'no', day = 'soon', extra = 'x', n = 'many' WHERE id = 1;"


@pytest.mark.parametrize(
    ("script", "origin"),
    [
        ("SELECT 1", {}),
        ("UPDATE t SET extra = upper(extra), n = upper(n)", {}),
        ("DELETE FROM t WHERE id = 2", {}),
        ("ALTER TABLE t RENAME TO u", {"u": "t"}),
        ("ALTER TABLE t RENAME COLUMN ok TO done; ALTER TABLE t RENAME COLUMN n TO m", {}),
        ("CREATE TABLE u (ok BOOLEAN, n INTEGER); INSERT INTO u SELECT ok, n FROM t", {}),
        ("CREATE TABLE u AS SELECT * FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t", {}),
    ],
)
def test_old_misfits_never_count(found, script, origin):
    assert found(script, SICK, origin=origin) == set()


def test_only_those_beyond_the_old_ones_count(found):
    assert found("UPDATE t SET n = 'few' WHERE id = 2", SICK) == {("n", "integer", 1, 2)}


def test_a_mix_of_old_is_no_mix_of_now(found):
    mixed = OLD + "UPDATE t SET day = 1706745600 WHERE id = 2;"
    assert found("UPDATE t SET day = 0 WHERE id = 3", mixed) == set()


def test_a_new_column_has_no_past(found):
    script = "ALTER TABLE t ADD COLUMN done BOOLEAN; UPDATE t SET done = free"
    assert found(script) == {("done", "boolean", 2, 2)}


def test_a_new_declaration_is_asked_of_the_values_that_stay(found):
    script = """
        CREATE TABLE u (id INTEGER PRIMARY KEY, free INTEGER);
        INSERT INTO u SELECT id, free FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t;
    """
    assert found(script) == {("free", "integer", 1, 2)}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("UPDATE t SET state = 'it''s, b'", set()),
        ("PRAGMA ignore_check_constraints = ON; UPDATE t SET state = 'c' WHERE id = 1",
         {("state", "list", 1, 2)}),
    ],
)  # fmt: skip
def test_a_check_lists_what_is_allowed(found, script, expected):
    assert found(script) == expected


def test_a_list_that_only_a_fresh_install_has_holds_for_a_column_that_was_made_anew(found):
    fresh = "CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT CHECK (state IN ('b')));"
    script = """
        CREATE TABLE u (id INTEGER PRIMARY KEY, state TEXT);
        INSERT INTO u SELECT id, state FROM t; DROP TABLE t; ALTER TABLE u RENAME TO t;
    """
    assert found(script, fresh=fresh) == {("state", "list", 2, 2)}


def test_a_list_that_nothing_brings_is_drift_and_no_misfit(found):
    fresh = "CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT CHECK (state IN ('b')));"
    assert found("ALTER TABLE t ADD COLUMN more", fresh=fresh) == set()


def test_braces_and_quotes_in_names_and_lists_do_no_harm(found):
    old = """
        CREATE TABLE "a ""{b}" ("c{0}" BOOLEAN, "d""x" TEXT CHECK ("d""x" IN ('{', '}')));
        INSERT INTO "a ""{b}" VALUES (1, '{');
    """
    script = 'UPDATE "a ""{b}" SET "c{0}" = 5'
    assert found(script, old) == {("c{0}", "boolean", 1, 1)}


def test_virtual_tables_are_left_alone(found):
    assert found("CREATE VIRTUAL TABLE f USING fts5 (body); INSERT INTO f VALUES ('x')") == set()


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("bool", "boolean"),
        ("BOOLEAN", "boolean"),
        ("Date", "date"),
        ("DATETIME", "date"),
        ("timestamp with time zone", "date"),
        ("DATES", "text"),
        ("json", "json"),
        ("TINYINT(1)", "integer"),
        ("UNSIGNED BIG INT", "integer"),
        ("INT8", "integer"),
        ("POINT", "text"),
        ("DECIMAL(10, 2)", "number"),
        ("DOUBLE PRECISION", "number"),
        ("blob", "blob"),
        ("VARCHAR(20)", "text"),
        ("", "text"),
    ],
)
def test_families_of_types(declared, expected):
    assert family(declared) == expected


def test_lists_of_checks():
    schema = _schema("""
        CREATE TABLE t (
          a TEXT CHECK (a IN ('x', 'y')),
          b INTEGER CHECK (b IN (1, -2)),
          "c d" TEXT CHECK ("c d" IS NULL OR "c d" IN ('it''s')),
          e TEXT CHECK (length(e) > 1),
          f TEXT CHECK (f IN ('x', upper('y')))
        );
    """)
    assert listed(schema.tables["t"]) == {"a": "'x', 'y'", "b": "1, - 2", "c d": "'it''s'"}
