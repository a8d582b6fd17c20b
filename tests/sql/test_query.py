"""What a statement reads and fills: a contract test for each sqlglot node shape in use."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Assignment, Dialect, Kind, Operation, Reference
from migsafe.model.schema import Table
from migsafe.sql.parse import operations

SQLITE = Dialect.SQLITE


def one(sql: str) -> Operation:
    found = operations(sql, SQLITE)
    assert len(found) == 1, found
    return found[0]


def filled(sql: str) -> list[tuple[str, str, str]]:
    return [(a.column, a.expression, a.kind) for a in one(sql).assignments]


def names(sql: str) -> list[str]:
    """References as `role table.column`, w or r for the role."""
    return [f"{r.role[0]} {r.table}.{r.column}".removesuffix(".") for r in one(sql).references]


# -- what fills a column --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "kind", "guarded"),
    [
        ("1", "literal", True),
        ("-1", "literal", True),
        ("'x'", "literal", True),
        ("x'00ff'", "literal", True),
        ("TRUE", "literal", True),
        ("NULL", "null", False),
        ("?", "parameter", False),
        ("?2", "parameter", False),
        (":a", "parameter", False),
        ("@a", "parameter", False),
        ("$a", "parameter", False),
        ("b", "column", False),
        ("t.b", "column", False),
        ("(b)", "column", False),
        ("b + 1", "expression", False),
        ("1 + 1", "expression", True),
        ("1 / 0", "expression", False),
        ("b || 'x'", "expression", False),
        ("coalesce(b, c)", "expression", False),
        ("coalesce(b, 0)", "expression", True),
        ("ifnull(b, '')", "expression", True),
        ("nullif(1, 1)", "expression", False),
        ("CASE WHEN b THEN 1 END", "expression", False),
        ("CASE WHEN b THEN 1 ELSE 2 END", "expression", True),
        ("CASE b WHEN 1 THEN 'x' ELSE c END", "expression", False),
        ("iif(b, 1, 2)", "expression", True),
        ("iif(b, 1, c)", "expression", False),
        ("CAST(b AS TEXT)", "expression", False),
        ("CAST(1 AS UNSIGNED BIG INT)", "expression", True),
        ("b IS NULL", "expression", True),
        ("b IS DISTINCT FROM c", "expression", True),
        ("b = 1", "expression", False),
        ("EXISTS (SELECT 1 FROM u)", "expression", True),
        ("NOT EXISTS (SELECT 1 FROM u)", "expression", True),
        ("CURRENT_TIMESTAMP", "expression", True),
        ("datetime('now')", "expression", True),
        ("strftime('%s', 'now')", "expression", True),
        ("datetime('nonsense')", "expression", False),
        ("datetime(b, 'now')", "expression", False),
        ("random()", "expression", True),
        ("lower(hex(randomblob(16)))", "expression", True),
        ("lower(b)", "expression", False),
        ("replace(b, 'x', 'y')", "expression", False),
        ("b -> '$.x'", "expression", False),
        ("json_extract('{}', '$.x')", "expression", False),
        ("max(b, 1)", "expression", False),
        ("(SELECT count(*) FROM u)", "subquery", True),
        ("(SELECT max(x) FROM u)", "subquery", False),
        ("(SELECT ifnull(max(x), 0) FROM u)", "subquery", True),
        ("(SELECT ifnull(max(x), 0) FROM u GROUP BY y)", "subquery", False),
        ("(SELECT count(*) FROM u LIMIT 0)", "subquery", False),
        ("(SELECT 1 FROM u)", "subquery", False),
        ("(SELECT 1)", "subquery", True),
        ("(SELECT x FROM u WHERE u.i = t.i)", "subquery", False),
        ("(SELECT 1 UNION SELECT 2)", "subquery", False),
    ],
)  # fmt: skip
def test_what_fills_a_column(expression, kind, guarded):
    update = one(f"UPDATE t SET a = {expression}, z = 0 WHERE 1")
    insert = one(f"INSERT INTO t (a, z) SELECT {expression} AS q, 0 FROM t")
    for found in (update, insert):
        first, last = found.assignments
        assert (first.column, first.kind, first.guarded) == ("a", kind, guarded)
        assert first.expression == expression
        assert last == Assignment("z", "0", "literal", guarded=True)


@pytest.mark.parametrize(
    ("sql", "table", "column"),
    [
        ("INSERT INTO t SELECT b FROM u", "u", "b"),
        ("INSERT INTO t SELECT x.b FROM u AS x", "u", "b"),
        ("INSERT INTO t SELECT \"b\" FROM main.u", "u", "b"),
        ("INSERT INTO t SELECT b FROM u, v", "", "b"),
        ("INSERT INTO t SELECT v.b FROM u JOIN v", "v", "b"),
        ("INSERT INTO t SELECT b FROM (SELECT * FROM u)", "", "b"),
        ("WITH u AS (SELECT 1 AS b) INSERT INTO t SELECT b FROM u", "", "b"),
        ("INSERT INTO t SELECT (SELECT x FROM v WHERE v.i = u.i) FROM u", "v", "x"),
        ("INSERT INTO t SELECT b FROM u UNION ALL SELECT b FROM u", "u", "b"),
        ("UPDATE t SET a = b", "t", "b"),
        ("UPDATE t AS x SET a = x.b", "t", "b"),
        ("UPDATE t SET a = u.b FROM u", "u", "b"),
        ("UPDATE t SET a = b FROM u", "", "b"),
        ("CREATE TABLE t AS SELECT b FROM u", "u", "b"),
    ],
)  # fmt: skip
def test_where_a_value_comes_from(sql, table, column):
    first = one(sql).assignments[0]
    assert (first.source_table, first.source_column) == (table, column)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("INSERT INTO t VALUES (1, NULL)", [("", "1", "literal"), ("", "NULL", "null")]),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL)",
         [("a", "1", "literal"), ("b", "'x'", "null")]),
        ("INSERT INTO t (a) VALUES ((SELECT max(a) FROM t) + 1)",
         [("a", "(SELECT max(a) FROM t) + 1", "expression")]),
        ("INSERT INTO t (a) VALUES ((SELECT 1))", [("a", "(SELECT 1)", "subquery")]),
        ("INSERT INTO t DEFAULT VALUES", []),
        ("INSERT INTO t SELECT * FROM u", [("", "*", "star")]),
        ("INSERT INTO t SELECT u.* FROM u", [("", "u.*", "star")]),
        ("INSERT INTO t (a, b, c, d) SELECT 1, *, 2 FROM u",
         [("a", "1", "literal"), ("", "*", "star"), ("d", "2", "literal")]),
        ("INSERT INTO t (a, b) SELECT DISTINCT x y, z AS w FROM u",
         [("a", "x", "column"), ("b", "z", "column")]),
        ("INSERT INTO t (a, b) SELECT x COLLATE nocase, count(*) n FROM u",
         [("a", "x COLLATE nocase", "expression"), ("b", "count(*)", "expression")]),
        ("INSERT INTO t (a) WITH q AS (SELECT 1, 2) SELECT x FROM q", [("a", "x", "column")]),
        ("INSERT INTO t (a) SELECT x FROM u UNION SELECT 1", [("a", "x", "expression")]),
        ("UPDATE t SET (a, b) = (1, c)", [("a", "1", "literal"), ("b", "c", "column")]),
        ("UPDATE t SET (a, b) = (SELECT x, y FROM u)",
         [("a", "(SELECT x, y FROM u)", "expression"),
          ("b", "(SELECT x, y FROM u)", "expression")]),
        ("UPDATE t SET a = b IS NOT DISTINCT FROM c, d == 1",
         [("a", "b IS NOT DISTINCT FROM c", "expression"), ("d", "1", "literal")]),
        ("UPDATE t SET \"a\" = 1, [b] = 2, `c` = 3, 'd' = 4",
         [("a", "1", "literal"), ("b", "2", "literal"), ("c", "3", "literal"),
          ("d", "4", "literal")]),
        ("CREATE TABLE x AS SELECT a, b + 1 AS c FROM u",
         [("a", "a", "column"), ("c", "b + 1", "expression")]),
    ],
)  # fmt: skip
def test_columns_and_the_source_of_what_fills_them(sql, expected):
    assert filled(sql) == expected


def test_create_table_as_knows_its_columns_where_each_has_a_name():
    made = one("CREATE TEMP TABLE x AS SELECT a, b c FROM u").definition
    assert isinstance(made, Table)
    assert [c.name for c in made.columns] == ["a", "c"]
    assert (made.temporary, made.complete) == (True, False)
    unknown = one("CREATE TABLE x AS SELECT a, b + 1 FROM u").definition
    assert isinstance(unknown, Table)
    assert unknown.columns == ()


# -- what is read, and what drops rows ------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "sources", "narrowing"),
    [
        ("SELECT a FROM u", "u", ""),
        ("SELECT a FROM main.u AS x", "u", ""),
        ("SELECT a FROM \"U v\"", "U v", ""),
        ("SELECT a FROM u WHERE a", "u", "where"),
        ("SELECT DISTINCT a FROM u", "u", "distinct"),
        ("SELECT a FROM u GROUP BY a", "u", "group"),
        ("SELECT a FROM u GROUP BY a HAVING b", "u", "where group"),
        ("SELECT a FROM u LIMIT 1", "u", "limit"),
        ("SELECT a FROM u ORDER BY a", "u", ""),
        ("SELECT max(a) FROM u", "u", "group"),
        ("SELECT max(a, b) FROM u", "u", ""),
        ("SELECT sum(a) OVER () FROM u", "u", ""),
        ("SELECT (SELECT max(b) FROM v) FROM u", "u", ""),
        ("SELECT a FROM u, v", "u|v", "join"),
        ("SELECT a FROM u JOIN v ON 1", "u|v", "join"),
        ("SELECT a FROM u LEFT JOIN v ON 1", "u|v", ""),
        ("SELECT a FROM u LEFT OUTER JOIN v USING (a)", "u|v", ""),
        ("SELECT a FROM u RIGHT JOIN v ON 1", "u|v", "join"),
        ("SELECT a FROM u FULL JOIN v ON 1", "u|v", ""),
        ("SELECT a FROM u CROSS JOIN v", "u|v", "join"),
        ("SELECT a FROM u NATURAL JOIN v", "u|v", "join"),
        ("SELECT a FROM (u JOIN v USING (i)) LEFT JOIN w ON 1", "u|v|w", "join"),
        ("SELECT a FROM (u LEFT JOIN v USING (i))", "u|v", ""),
        ("SELECT a FROM (SELECT a FROM u WHERE a) AS s", "u", "where"),
        ("SELECT a FROM (SELECT a FROM (SELECT a FROM u LIMIT 1) s) s", "u", "limit"),
        ("SELECT a FROM u UNION ALL SELECT b FROM v", "u|v", ""),
        ("SELECT a FROM u UNION SELECT b FROM v", "u|v", "distinct"),
        ("SELECT a FROM u EXCEPT SELECT b FROM v", "u|v", "distinct"),
        ("SELECT a FROM u INTERSECT SELECT b FROM v WHERE c", "u|v", "distinct where"),
        ("SELECT a FROM u UNION ALL SELECT b FROM v LIMIT 3", "u|v", "limit"),
        ("WITH q AS (SELECT a FROM u WHERE b) SELECT a FROM q", "u", "where"),
        ("WITH q AS (SELECT a FROM u), r AS (SELECT a FROM q LIMIT 1) SELECT a FROM r, q",
         "u", "join limit"),
        ("WITH RECURSIVE q AS (SELECT a FROM u UNION ALL SELECT a FROM q) SELECT a FROM q",
         "u", ""),
        ("SELECT value FROM json_each('[]')", "", ""),
        ("SELECT a FROM u WHERE true", "u", "where"),
    ],
)  # fmt: skip
def test_sources_and_narrowing(query, sources, narrowing):
    wanted = tuple(s for s in sources.split("|") if s)
    for sql in (query, f"INSERT INTO t (a) {query}", f"CREATE TABLE x AS {query}"):
        found = one(sql)
        assert found.sources == wanted
        assert sorted(found.narrowing) == sorted(narrowing.split())


def test_update_from():
    found = one(
        "UPDATE t SET a = 1 FROM u JOIN v ON v.i = u.i LEFT JOIN (SELECT * FROM w) x"
        " WHERE t.i = u.i"
    )
    assert (found.sources, found.narrowing, found.where) == (
        ("u", "v", "w"), ("join",), "t.i = u.i",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("UPDATE t SET a = 1", None),
        ("UPDATE t SET a = (SELECT 1 WHERE 2)", None),
        ("UPDATE t INDEXED BY i SET a = 1 WHERE b  =  'x' RETURNING *", "b  =  'x'"),
        ("DELETE FROM t", None),
        ("DELETE FROM t AS x NOT INDEXED WHERE x.a IN (SELECT 1 WHERE 2)",
         "x.a IN (SELECT 1 WHERE 2)"),
        ("DELETE FROM t WHERE a ORDER BY b LIMIT 1", "a"),
        ("WITH q AS (SELECT 1 WHERE 2) DELETE FROM t", None),
    ],
)  # fmt: skip
def test_where(sql, where):
    assert one(sql).where == where


@pytest.mark.parametrize(
    ("sql", "conflict"),
    [
        ("INSERT INTO t VALUES (1)", ""),
        ("INSERT OR IGNORE INTO t VALUES (1)", "IGNORE"),
        ("INSERT OR REPLACE INTO t VALUES (1)", "REPLACE"),
        ("REPLACE INTO t VALUES (1)", "REPLACE"),
        ("WITH q AS (SELECT 1) REPLACE INTO t SELECT * FROM q", "REPLACE"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", "UPSERT"),
        ("INSERT INTO t SELECT a FROM u JOIN v ON u.i = v.i WHERE true ON CONFLICT (a) DO UPDATE"
         " SET b = 1", "UPSERT"),
        ("UPDATE OR ROLLBACK t SET a = 1", "ROLLBACK"),
        ("UPDATE t SET a = 1", ""),
    ],
)  # fmt: skip
def test_conflict(sql, conflict):
    assert one(sql).conflict == conflict


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t", ["r t.a", "r t"]),
        ("SELECT x.a, b FROM t x, u", ["r t.a", "r .b", "r t", "r u"]),
        ("SELECT * FROM t", ["r t"]),
        ("SELECT (SELECT a FROM u WHERE u.b = t.b) FROM t",
         ["r .a", "r u", "r u.b", "r t.b", "r t"]),
        ("SELECT a FROM (SELECT b FROM u) s", ["r .a", "r u.b", "r u"]),
        ("WITH q AS (SELECT b FROM u) SELECT q.c FROM q", ["r u.b", "r u", "r .c"]),
        ("SELECT a IN u, a IN main.v FROM t", ["r t.a", "r u", "r t.a", "r v", "r t"]),
        ("WITH q AS (SELECT 1) SELECT a IN q FROM t", ["r t.a", "r t"]),
        ("INSERT INTO t (a) SELECT b FROM u", ["w t", "w t.a", "r u.b", "r u"]),
        ("INSERT INTO t VALUES (1) RETURNING id", ["w t", "r t.id"]),
        ("INSERT INTO t AS x (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.c,"
         " d = x.e + f WHERE g",
         ["w t", "w t.a", "r t.a", "w t.b", "r t.c", "w t.d", "r t.e", "r t.f", "r t.g"]),
        ("UPDATE t SET a = b WHERE c", ["w t", "w t.a", "r t.b", "r t.c"]),
        ("UPDATE t INDEXED BY i SET (a, b) = (1, 2)", ["w t", "w t.a", "w t.b"]),
        ("UPDATE t SET a = u.b FROM u WHERE u.i = t.i AND c",
         ["w t", "w t.a", "r u.b", "r u", "r u.i", "r t.i", "r .c"]),
        ("DELETE FROM t WHERE a NOT IN (SELECT b FROM u)", ["w t", "r t.a", "r .b", "r u"]),
        ("CREATE TABLE x AS SELECT a FROM t", ["w x", "r t.a", "r t"]),
        ("SELECT a, sum(b) OVER (PARTITION BY c ORDER BY d) FROM t ORDER BY e",
         ["r t.a", "r t.b", "r t.c", "r t.d", "r t", "r t.e"]),
    ],
)  # fmt: skip
def test_references(sql, expected):
    assert names(sql) == expected


def test_references_keep_their_quotes_and_lines():
    found = one("UPDATE \"t\"\nSET [a] = `b`,\n c = 'd' || ?2\nWHERE \"e\" = '\n' AND x''=é.f")
    assert found.references == (
        Reference("write", "t", "", '"', 1),
        Reference("write", "t", "a", "[", 2),
        Reference("read", "t", "b", "`", 2),
        Reference("write", "t", "c", "", 3),
        Reference("read", "t", "e", '"', 4),
        Reference("read", "", "f", "", 5),
    )


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES, Dialect.MYSQL])
def test_plain_statements_of_servers_are_read_too(dialect):
    found = operations("INSERT INTO t (a) SELECT b FROM u WHERE c", dialect)
    assert [o.kind for o in found] == [Kind.INSERT]
    assert (found[0].sources, found[0].narrowing) == (("u",), ("where",))
