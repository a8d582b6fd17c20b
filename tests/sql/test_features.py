"""A feature shows on the statements that need it and on no similar one."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect, Feature
from migsafe.sql.features import features, number


def found(sql: str) -> dict[str, Feature]:
    return {f.name: f for f in features(sql, Dialect.SQLITE)}


NEEDS = [
    ("CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID", "WITHOUT ROWID tables", "3.8.2"),
    ("CREATE TEMP TABLE t (a INT) STRICT, WITHOUT ROWID", "STRICT tables", "3.37.0"),
    ("CREATE TABLE t (a, b GENERATED ALWAYS AS (a))", "generated columns", "3.31.0"),
    ("CREATE TABLE t (a, b INT AS (a) STORED)", "generated columns", "3.31.0"),
    ("CREATE INDEX i ON t (a) WHERE b", "partial indexes", "3.8.0"),
    ("CREATE UNIQUE INDEX i ON t (lower(a))", "indexes on expressions", "3.9.0"),
    ("CREATE VIRTUAL TABLE t USING fts5(a)", "full-text search 5", "3.9.0"),
    ("CREATE VIRTUAL TABLE t USING fts5(a, tokenize='trigram')",
     "the trigram tokenizer", "3.34.0"),
    ("CREATE VIRTUAL TABLE t USING fts5(a, tokenize = \"unicode61 remove_diacritics 2\")",
     "remove_diacritics 2", "3.27.0"),
    ("CREATE VIRTUAL TABLE t USING fts5(a, content='', contentless_delete=1)",
     "contentless_delete", "3.43.0"),
    ("CREATE VIRTUAL TABLE t USING FTS4(a)", "full-text search 4", "3.7.4"),
    ("CREATE VIRTUAL TABLE t USING rtree(i, a, b)", "R-Tree", "3.5.0"),
    ("ALTER TABLE main.t RENAME COLUMN a TO b", "RENAME COLUMN", "3.25.0"),
    ("ALTER TABLE t RENAME a TO b", "RENAME COLUMN", "3.25.0"),
    ("ALTER TABLE t DROP a", "DROP COLUMN", "3.35.0"),
    ("VACUUM main INTO 'x'", "VACUUM INTO", "3.27.0"),
    ("WITH q AS (SELECT 1) SELECT * FROM q", "common table expressions", "3.8.3"),
    ("INSERT INTO t WITH q(a) AS (SELECT 1) SELECT * FROM q", "common table expressions", "3.8.3"),
    ("WITH q AS NOT MATERIALIZED (SELECT 1) SELECT * FROM q", "MATERIALIZED hints", "3.35.0"),
    ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT .. DO (upsert)", "3.24.0"),
    ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
     "ON CONFLICT .. DO (upsert)", "3.24.0"),
    ("INSERT INTO t VALUES (1) RETURNING id", "RETURNING", "3.35.0"),
    ("DELETE FROM t WHERE a IN (1) RETURNING *", "RETURNING", "3.35.0"),
    ("UPDATE t SET a = u.b FROM u WHERE u.i = t.i", "UPDATE .. FROM", "3.33.0"),
    ("UPDATE t SET (a, b) = (SELECT 1, 2)", "row values", "3.15.0"),
    ("SELECT sum(a) OVER (ORDER BY b) FROM t", "window functions", "3.25.0"),
    ("SELECT sum(a) OVER w FROM t WINDOW w AS ()", "window functions", "3.25.0"),
    ("SELECT row_number() OVER () FROM t", "row_number()", "3.25.0"),
    ("SELECT count(*) FILTER (WHERE a) FROM t", "FILTER on aggregates", "3.30.0"),
    ("SELECT a FROM t ORDER BY a NULLS LAST", "NULLS FIRST and NULLS LAST", "3.30.0"),
    ("SELECT a -> 'b' FROM t", "the -> and ->> operators", "3.38.0"),
    ("SELECT a ->> '$.b' FROM t", "the -> and ->> operators", "3.38.0"),
    ("SELECT * FROM t RIGHT JOIN u ON 1", "RIGHT JOIN", "3.39.0"),
    ("SELECT * FROM t NATURAL FULL OUTER JOIN u", "FULL JOIN", "3.39.0"),
    ("UPDATE t SET a = 1 WHERE b IS NOT DISTINCT FROM c", "IS DISTINCT FROM", "3.39.0"),
    ("ALTER TABLE t ADD COLUMN a DEFAULT TRUE", "the words TRUE and FALSE", "3.23.0"),
    ("SELECT * FROM sqlite_schema", "the name sqlite_schema", "3.33.0"),
    ("SELECT iif(a, 1, 2) FROM t", "iif()", "3.32.0"),
    ("SELECT json_group_array(a) FROM t", "json_group_array()", "3.10.0"),
    ("UPDATE t SET a = Sign(b)", "sign()", "3.35.0"),
    ("CREATE INDEX i ON t (json_extract(a, '$.b'))", "json_extract()", "3.9.0"),
    ("SELECT a FROM t JOIN u ON sqrt(t.a) = u.b", "sqrt()", "3.35.0"),
]  # fmt: skip
SIMILAR = [
    "CREATE TABLE strict (without_rowid, generated, always)",
    "CREATE TABLE t (\"STRICT\")",
    "CREATE TABLE t (a DEFAULT 'WITHOUT ROWID STRICT') -- STRICT",
    "CREATE TABLE t (a CHECK (CAST(a AS INT) > 0))",
    "CREATE TABLE log (a)",
    "CREATE TABLE IF NOT EXISTS main.rank (a)",
    "CREATE TABLE t (a REFERENCES format (b))",
    "CREATE VIEW rank (a) AS SELECT 1",
    "CREATE INDEX i ON log (a, b DESC)",
    "CREATE INDEX i ON t (a COLLATE NOCASE)",
    "CREATE VIRTUAL TABLE t USING fts3(a)",
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE t ADD COLUMN \"drop\" TEXT",
    "VACUUM",
    "INSERT INTO log (a) VALUES (1)",
    "INSERT OR IGNORE INTO t VALUES (1)",
    "INSERT INTO t SELECT a FROM u",
    "UPDATE t SET a = (SELECT b FROM u)",
    "UPDATE t SET a = 1 WHERE b IN (SELECT c FROM d)",
    "SELECT over, filter, iif, \"returning\" FROM t",
    "SELECT a, 'b -> c' FROM t LEFT JOIN u ON t.a - 1 > u.b",
    "SELECT DISTINCT a FROM t",
    "SELECT t.true, main.log FROM t",
    "SELECT * FROM sqlite_master",
    "SELECT max(a), abs(b), coalesce(c, 1) FROM t ORDER BY a",
    "",
]  # fmt: skip


@pytest.mark.parametrize(("sql", "name", "since"), NEEDS)
def test_a_feature_is_seen(sql, name, since):
    feature = found(sql)[name]
    assert feature.since == since
    assert feature.since_number == number(since)
    assert feature.source.startswith("sqlite.org/")
    assert feature.source.endswith(".html")


@pytest.mark.parametrize("sql", SIMILAR)
def test_similar_statements_need_nothing(sql):
    assert found(sql) == {}


def test_each_feature_is_named_once_with_its_line():
    sql = "SELECT iif(1,\n2, 3),\niif(1, 2, 3)\n-> 'a'"
    assert [(f.name, f.line) for f in features(sql, Dialect.SQLITE)] == [
        ("iif()", 0),
        ("the -> and ->> operators", 3),
    ]


@pytest.mark.parametrize(
    ("sql", "extension"),
    [
        ("SELECT json(a) FROM t", "json"),
        ("SELECT ln(a) FROM t", "math"),
        ("SELECT soundex(a) FROM t", "soundex"),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "fts5"),
        ("SELECT sign(a) FROM t", ""),
    ],
)
def test_what_a_feature_belongs_to(sql, extension):
    assert [f.extension for f in found(sql).values()] == [extension]


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES, Dialect.MYSQL])
def test_servers_have_no_such_list(dialect):
    assert features("ALTER TABLE t DROP COLUMN a", dialect) == ()


@pytest.mark.parametrize(
    ("version", "expected"), [("3.35.0", 3035000), ("3.8.10", 3008010), ("3.31", 3031000)]
)
def test_versions_as_numbers(version, expected):
    assert number(version) == expected


def test_options_of_full_text_tables_are_not_looked_for_in_names() -> None:
    sql = "CREATE VIRTUAL TABLE trigram USING fts5(trigram, content='trigram', tokenize='porter')"
    assert set(found(sql)) == {"full-text search 5"}
