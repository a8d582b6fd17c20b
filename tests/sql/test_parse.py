"""Each statement gives its operations; what cannot be read says so and never raises."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.sql.features import features
from migsafe.sql.parse import create, head, mentioned, operations
from migsafe.sql.split import split

SQLITE = Dialect.SQLITE


def one(sql: str) -> Operation:
    found = operations(sql, SQLITE)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE IF NOT EXISTS t (a)", {"kind": Kind.CREATE_TABLE, "table": "t",
         "if_not_exists": True, "name": ""}),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", {"kind": Kind.CREATE_TABLE, "table": "t"}),
        ("CREATE UNIQUE INDEX i ON t (a)", {"kind": Kind.CREATE_INDEX, "table": "t", "name": "i"}),
        ("CREATE TEMP TRIGGER r DELETE ON t BEGIN SELECT 1; END",
         {"kind": Kind.CREATE_TRIGGER, "table": "t", "name": "r", "temporary": True}),
        ("CREATE VIEW temp.v AS SELECT 1",
         {"kind": Kind.CREATE_VIEW, "name": "v", "table": "", "temporary": True}),
        ("DROP TABLE t", {"kind": Kind.DROP_TABLE, "table": "t", "if_exists": False}),
        ("drop table if exists main.\"t\"",
         {"kind": Kind.DROP_TABLE, "table": "t", "if_exists": True}),
        ("DROP TABLE temp.t", {"kind": Kind.DROP_TABLE, "table": "t", "temporary": True}),
        ("DROP INDEX IF EXISTS i",
         {"kind": Kind.DROP_INDEX, "name": "i", "table": "", "if_exists": True}),
        ("DROP TRIGGER r", {"kind": Kind.DROP_TRIGGER, "name": "r"}),
        ("DROP VIEW [v]", {"kind": Kind.DROP_VIEW, "name": "v"}),
        ("ALTER TABLE main.t RENAME TO \"u v\"",
         {"kind": Kind.RENAME_TABLE, "table": "t", "new_name": "u v"}),
        ("ALTER TABLE t RENAME COLUMN a TO b",
         {"kind": Kind.RENAME_COLUMN, "table": "t", "column": "a", "new_name": "b"}),
        ("ALTER TABLE t RENAME a TO b",
         {"kind": Kind.RENAME_COLUMN, "table": "t", "column": "a", "new_name": "b"}),
        ("ALTER TABLE t ADD a", {"kind": Kind.ADD_COLUMN, "table": "t", "column": "a"}),
        ("ALTER TABLE `t` ADD COLUMN `a` INT",
         {"kind": Kind.ADD_COLUMN, "table": "t", "column": "a"}),
        ("ALTER TABLE t DROP a", {"kind": Kind.DROP_COLUMN, "table": "t", "column": "a"}),
        ("ALTER TABLE t DROP COLUMN [a]", {"kind": Kind.DROP_COLUMN, "column": "a"}),
        ("PRAGMA foreign_keys", {"kind": Kind.PRAGMA, "name": "foreign_keys", "value": ""}),
        ("PRAGMA foreign_keys=OFF", {"kind": Kind.PRAGMA, "value": "OFF"}),
        ("PRAGMA foreign_keys('off')", {"kind": Kind.PRAGMA, "value": "off"}),
        ("PRAGMA main.user_version = -5",
         {"kind": Kind.PRAGMA, "name": "user_version", "value": "-5"}),
        ("BEGIN", {"kind": Kind.BEGIN}),
        ("BEGIN EXCLUSIVE TRANSACTION", {"kind": Kind.BEGIN}),
        ("COMMIT TRANSACTION", {"kind": Kind.COMMIT}),
        ("END", {"kind": Kind.COMMIT}),
        ("ROLLBACK", {"kind": Kind.ROLLBACK, "name": ""}),
        ("ROLLBACK TRANSACTION TO SAVEPOINT s", {"kind": Kind.ROLLBACK, "name": "s"}),
        ("ROLLBACK TO s", {"kind": Kind.ROLLBACK, "name": "s"}),
        ("SAVEPOINT s", {"kind": Kind.SAVEPOINT, "name": "s"}),
        ("RELEASE s", {"kind": Kind.RELEASE, "name": "s"}),
        ("RELEASE SAVEPOINT s", {"kind": Kind.RELEASE, "name": "s"}),
        ("ATTACH 'x.db' AS y", {"kind": Kind.ATTACH, "name": "y", "value": "x.db"}),
        ("ATTACH DATABASE :file AS y", {"kind": Kind.ATTACH, "value": ":file"}),
        ("DETACH DATABASE y", {"kind": Kind.DETACH, "name": "y"}),
        ("VACUUM", {"kind": Kind.VACUUM, "name": "", "value": ""}),
        ("VACUUM main INTO 'x'", {"kind": Kind.VACUUM, "name": "main", "value": "'x'"}),
        ("ANALYZE", {"kind": Kind.MAINTENANCE}),
        ("REINDEX t", {"kind": Kind.MAINTENANCE}),
        ("EXPLAIN QUERY PLAN DELETE FROM t", {"kind": Kind.MAINTENANCE}),
        ("SELECT 1", {"kind": Kind.SELECT}),
        ("VALUES (1), (2)", {"kind": Kind.SELECT}),
        ("INSERT INTO main.t VALUES (1)", {"kind": Kind.INSERT, "table": "t"}),
        ("REPLACE INTO t VALUES (1)", {"kind": Kind.INSERT, "conflict": "REPLACE"}),
        ("UPDATE t SET a = 1", {"kind": Kind.UPDATE, "table": "t", "where": None}),
        ("DELETE FROM t", {"kind": Kind.DELETE, "table": "t", "where": None}),
        ("WITH q AS (SELECT 1) DELETE FROM t WHERE a", {"kind": Kind.DELETE, "where": "a"}),
    ],
)  # fmt: skip
def test_each_kind_of_statement(sql, expected):
    found = one(sql)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "nonsense",
        "BEGIN DELETE FROM t",
        "END x y",
        "COMMIT nonsense",
        "ALTER TABLE t",
        "ALTER TABLE t RENAME",
        "ALTER TABLE t RENAME COLUMN a b",
        "ALTER TABLE t ADD COLUMN",
        "ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b",
        "ALTER TABLE t ADD COLUMN a INT AFTER b c)",
        "ALTER TABLE t DROP COLUMN a, b",
        "DROP TABLE",
        "DROP TABLE a, b",
        "DROP DATABASE x",
        "PRAGMA",
        "PRAGMA user_version =",
        "PRAGMA user_version = 9 ON t",
        "SAVEPOINT",
        "ATTACH 'x'",
        "INSERT t VALUES (1)",
        "INSERT INTO",
        "INSERT INTO t (a",
        "UPDATE t",
        "UPDATE t SET",
        "UPDATE t SET a",
        "UPDATE t SET a =",
        "DELETE t",
        "WITH q AS (SELECT 1)",
    ],
)
def test_what_sqlite_refuses_is_unread(sql):
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (a, b, c)")
        if sql and not sql.startswith("--"):
            with pytest.raises(sqlite3.Error):
                database.execute(sql)
    found = operations(sql, SQLITE, 7)
    assert [(o.kind, o.line) for o in found] == [(Kind.UNREAD, 7)]
    assert found[0].value


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT FROM WHERE", Kind.SELECT),
        ("INSERT INTO t VALUES (1); DELETE FROM t", Kind.INSERT),
        ("UPDATE t SET a = 1 + WHERE b", Kind.UPDATE),
        ("SELECT 1 FROM t WHERE a IN (SELECT 1", Kind.SELECT),
    ],
)
def test_expressions_that_cannot_be_read_are_told_beside_the_rest(sql, kind):
    assert [o.kind for o in operations(sql, SQLITE)] == [kind, Kind.UNREAD]


def test_lines_count_from_the_first_line_that_is_given():
    assert one("CREATE TABLE\n t (a)").line == 2
    found = operations("UPDATE t\nSET a = b\nWHERE c", SQLITE, 10)[0]
    assert [(r.column, r.line) for r in found.references] == [
        ("", 10), ("a", 11), ("b", 11), ("c", 12),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "word"), [("/* x */ alter table t", "ALTER"), ("", ""), ("'x'", ""), ("(", "(")]
)
def test_head(sql, word):
    assert head(sql, SQLITE) == word


def test_create_gives_nothing_for_other_statements():
    assert create("DROP TABLE t") is None
    assert create("CREATE nonsense") is None


REAL = [
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT 'x', FOREIGN KEY (a)"
    " REFERENCES u (b) ON DELETE SET NULL) WITHOUT ROWID, STRICT",
    "CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t (a COLLATE NOCASE DESC, lower(b)) WHERE c > 0",
    "CREATE TRIGGER r AFTER UPDATE OF a, b ON t WHEN new.a BEGIN DELETE FROM u; SELECT 1; END",
    "CREATE VIEW v (a) AS WITH q AS (SELECT 1) SELECT * FROM q JOIN t USING (a)",
    "CREATE TEMP TABLE x AS SELECT a, b AS c FROM t WHERE a IN (SELECT 1)",
    "ALTER TABLE t RENAME COLUMN a TO b",
    "ALTER TABLE t ADD COLUMN a GENERATED ALWAYS AS (b + 1) STORED",
    "INSERT OR REPLACE INTO t (a, b) SELECT x, CASE WHEN y THEN ? ELSE :z END FROM u LEFT JOIN w"
    " ON u.a = w.a WHERE true ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING *",
    "INSERT INTO t VALUES (1, NULL, x'00'), (2, 'a''b', -1.5)",
    "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 5) UPDATE t SET"
    " (a, b) = (SELECT n, n FROM c), c = c IS DISTINCT FROM 2 FROM u, v WHERE t.a = u.a",
    "DELETE FROM main.t INDEXED BY i WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) LIMIT 3",
    "UPDATE t SET a = normalize(a, 'nfc'), b = Normalize (b)",
    "SELECT DISTINCT a ->> '$.x', sum(b) OVER (PARTITION BY c), CAST(d AS UNSIGNED BIG INT)"
    " FROM (t JOIN u USING (i)), json_each(t.x) GROUP BY 1 HAVING count(*) > 1 ORDER BY a",
    "PRAGMA main.user_version = 5",
    "ATTACH DATABASE 'x' AS y KEY 'k'",
]


@pytest.mark.parametrize("sql", REAL)
def test_real_statements_are_read(sql):
    assert Kind.UNREAD not in {o.kind for o in operations(sql, SQLITE)}


PIECES = sorted({piece for sql in REAL for piece in sql.replace("(", " ( ").split()})
SOUP = st.lists(st.sampled_from([*PIECES, ",", ")", "(", "'", '"', "--\n", "/*", ";", "."]))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real statement with some stretches cut out, doubled or put elsewhere."""
    words = draw(st.sampled_from(REAL)).replace("(", " ( ").replace(")", " ) ").split()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(words)))
        stretch = words[start : start + draw(st.integers(0, 4))]
        if draw(st.booleans()):
            del words[start : start + len(stretch)]
        place = draw(st.integers(0, len(words)))
        words[place:place] = stretch
    return " ".join(words)


def check_no_harm(sql: str) -> None:
    found = operations(sql, SQLITE)
    assert found
    assert all(o.kind is not Kind.UNREAD or o.value for o in found)
    features(sql, SQLITE)
    mentioned(sql)
    for statement in split(sql, SQLITE):
        assert operations(statement.sql, SQLITE)


@settings(deadline=None, max_examples=150)
@given(st.one_of(mutated(), SOUP.map(" ".join), st.text(max_size=30)))
def test_any_text_is_read_or_unread(sql):
    check_no_harm(sql)


@pytest.mark.slow
@settings(deadline=None, max_examples=5000)
@given(st.one_of(mutated(), SOUP.map(" ".join), st.text()))
def test_any_text_at_length(sql):
    check_no_harm(sql)


def test_a_tree_without_its_table_is_no_tree():
    # sqlglot reads MySQL's DELETE with several tables here
    found = operations("DELETE main.t INDEXED BY FROM i WHERE EXISTS (SELECT 1 FROM u)", SQLITE)
    assert [o.kind for o in found] == [Kind.UNREAD]


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("sql", ["(" * 3000, "SELECT " + "(" * 3000, "SELECT 1" + "+1" * 5000])
def test_deep_nesting_is_unread_rather_than_an_error(sql, dialect):
    assert operations(sql, dialect)
