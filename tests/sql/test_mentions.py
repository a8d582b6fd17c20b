"""The tables that a query or a trigger's body names."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.sql.parse import mentioned


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("", ""),
        ("SELECT 1", ""),
        ("SELECT * FROM t", "t"),
        ("SELECT * FROM T, u AS x, \"V w\" y, [w] JOIN `x y` ON a, z", "t|u|v w|w|x y|z"),
        ("SELECT * FROM main.t, temp.u x", "t|u"),
        ("SELECT a, b FROM t LEFT JOIN u USING (a, c), w ORDER BY d, e", "t|u|w"),
        ("SELECT * FROM t GROUP BY a, b HAVING c LIMIT 1, 2", "t"),
        ("SELECT * FROM (u JOIN v USING (i)), (SELECT a, b FROM w) AS s, x", "u|v|w|x"),
        ("SELECT * FROM t LEFT OUTER JOIN (a CROSS JOIN b), c", "a|b|c|t"),
        ("SELECT (SELECT max(a) FROM b), EXISTS (SELECT 1 FROM c, d WHERE e) FROM f", "b|c|d|f"),
        ("SELECT * FROM json_each(a, b), t, pragma_table_info('x') p", "t"),
        ("SELECT a IN (1, 2), a IN t, a NOT IN main.u, a IN f(1), a IN (SELECT 1 FROM v)", "t|u|v"),
        ("SELECT a IS DISTINCT FROM b, c FROM t", "t"),
        ("WITH q AS (SELECT 1 FROM u) SELECT * FROM q", "u"),
        ("WITH q(a, b) AS (VALUES (1, 2)), r AS MATERIALIZED (SELECT * FROM q, t) SELECT * FROM r",
         "t"),
        ("WITH RECURSIVE c(n) AS (SELECT 1 UNION SELECT n + 1 FROM c, t) SELECT n FROM c", "t"),
        ("WITH q AS (SELECT 1) SELECT * FROM main.q", "q"),
        ("SELECT * FROM t INDEXED BY i, u NOT INDEXED", "t|u"),
        ("INSERT INTO t(a, b) SELECT a, b FROM u", "t|u"),
        ("INSERT INTO t VALUES (1, (SELECT 2 FROM u))", "t|u"),
        ("INSERT OR REPLACE INTO main.t DEFAULT VALUES", "t"),
        ("REPLACE INTO t SELECT * FROM u", "t|u"),
        ("INSERT INTO t SELECT 1 FROM u WHERE 1 ON CONFLICT (a) DO UPDATE SET b = 1, c = 2", "t|u"),
        ("UPDATE t SET a = 1, b = (SELECT c FROM u), d = 2", "t|u"),
        ("UPDATE OR IGNORE main.t SET a = 1 FROM u, v WHERE w", "t|u|v"),
        ("DELETE FROM t WHERE a IN u", "t|u"),
        ("BEGIN UPDATE t SET a = 1, b = 2; DELETE FROM u; SELECT 1 FROM v, w; END", "t|u|v|w"),
        ("CREATE TRIGGER x AFTER UPDATE OF a, b ON t BEGIN SELECT 1 FROM u; END", "u"),
        ("SELECT 'FROM x', \"JOIN\" FROM t -- FROM y", "t"),
    ],
)  # fmt: skip
def test_tables_and_nothing_else(sql, tables):
    assert mentioned(sql) == tuple(name for name in tables.split("|") if name)


@pytest.mark.parametrize("sql", ["FROM", "IN", "UPDATE OR", "INTO (", "WITH", "FROM t.", ")", "("])
def test_broken_queries_do_no_harm(sql):
    assert set(mentioned(sql)) <= {"t"}


SOURCES = st.recursive(
    st.sampled_from(["t", "u", "main.v", '"w"', "[t] AS x1", "(u)", "json_each('[1]')"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"{p[0]}, {p[1]}"),
        st.tuples(inner, inner).map(lambda p: f"{p[0]} LEFT JOIN (SELECT 4 FROM {p[1]}) ON 1 = 1"),
        inner.map(lambda s: f"(SELECT 1, (SELECT 2 FROM {s}), 3 FROM {s} ORDER BY 1, 2)"),
        inner.map(lambda s: f"(SELECT 1 WHERE 1 IN (1, 2) OR EXISTS (SELECT 1 FROM {s}))"),
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=80)
@given(SOURCES)
def test_the_tables_that_sqlite_looks_up(source):
    """SQLite asks its authorizer about every table of a query that it prepares."""
    seen: set[str] = set()

    def authorize(action: int, name: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ and name in {"t", "u", "v", "w"}:
            seen.add(name)
        return sqlite3.SQLITE_OK

    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript("".join(f"CREATE TABLE {n} (a);" for n in "tuvw"))
        database.set_authorizer(authorize)
        database.execute(f"SELECT count(*) FROM {source}")
        database.set_authorizer(None)
    assert set(mentioned(f"SELECT count(*) FROM {source}")) == seen
