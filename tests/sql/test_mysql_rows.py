"""Rows in MySQL and MariaDB: which tables a statement writes, and from what."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.sql.parse import operations


def read(sql: str) -> tuple[Operation, ...]:
    return operations(sql, Dialect.MYSQL)


CONFLICTS = [
    ("INSERT INTO t (a) VALUES (1)", ""),
    ("INSERT LOW_PRIORITY IGNORE t (a) VALUE (1)", "IGNORE"),
    ("REPLACE DELAYED INTO t (a) VALUES (1)", "REPLACE"),
    ("INSERT INTO t PARTITION (p0) (a) VALUES ROW(1), ROW(1)", ""),
    ("INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a) + 1", "UPSERT"),
    ("INSERT INTO t (a) VALUES (1) AS n ON DUPLICATE KEY UPDATE a = n.a", "UPSERT"),
    ("INSERT INTO t SET a = 1 ON DUPLICATE KEY UPDATE a = 2", "UPSERT"),
    ("/*!40000 INSERT INTO t (a) VALUES (1) */", ""),
]


@pytest.mark.parametrize(("sql", "conflict"), CONFLICTS)
def test_inserts(sql: str, conflict: str):
    (found,) = read(sql)
    assert (found.kind, found.table, found.conflict) == (Kind.INSERT, "t", conflict)
    assert found.columns == ("a",)
    assert [(a.column, a.expression, a.kind) for a in found.assignments] == [("a", "1", "literal")]


def test_inserts_from_queries():
    (found,) = read("INSERT INTO db.t (a, b) SELECT s.x, %s FROM s JOIN u USING (i) WHERE s.y")
    assert (found.table, found.sources) == ("db.t", ("s", "u"))
    assert found.narrowing == ("where", "join")
    first, second = found.assignments
    assert (first.kind, first.source_table, first.source_column) == ("column", "s", "x")
    assert second.kind == "parameter"
    (shared,) = read("INSERT INTO t (a) WITH c AS (SELECT x FROM s) SELECT x FROM c")
    assert shared.sources == ("s",)


def test_default_is_no_column():
    (found,) = read("UPDATE t SET a = DEFAULT, b = DEFAULT(b)")
    assert [a.kind for a in found.assignments] == ["expression", "expression"]
    assert "DEFAULT" not in {r.column for r in found.references}


def test_an_update_of_several_tables_is_one_operation_for_each():
    found = read(
        "UPDATE a AS x JOIN db.b y ON x.i = y.i LEFT JOIN (SELECT i FROM c) z USING (i) "
        "SET x.p = y.q, y.r = 1, x.s = NULL WHERE z.i IS NULL"
    )
    assert [(o.table, o.sources) for o in found] == [("a", ("db.b", "c")), ("db.b", ("a", "c"))]
    assert [[a.column for a in o.assignments] for o in found] == [["p", "s"], ["r"]]
    assert found[0].assignments[0].source_table == "db.b"
    assert all(o.where == "z.i IS NULL" and o.narrowing == ("join",) for o in found)
    written = {(r.table, r.column) for r in found[0].references if r.role == "write"}
    assert written == {("a", ""), ("db.b", ""), ("a", "p"), ("a", "s"), ("db.b", "r")}


def test_updates():
    (plain,) = read("UPDATE LOW_PRIORITY IGNORE t SET a = b + 1 ORDER BY c LIMIT 10")
    assert (plain.conflict, plain.where, plain.option("limit")) == ("IGNORE", None, "10")
    (unsure,) = read("UPDATE a, b SET c = 1 WHERE a.i = b.i")
    assert (unsure.table, unsure.options) == ("a", ("uncertain table",))
    (shared,) = read("WITH c AS (SELECT x FROM q) UPDATE t JOIN c ON c.x = t.a SET t.b = c.x")
    assert shared.sources == ("q",)


DELETES = [
    ("DELETE FROM t WHERE a = 1 LIMIT 5", [("t", ())], "a = 1"),
    ("DELETE QUICK FROM db.t", [("db.t", ())], None),
    ("DELETE x FROM a x JOIN b ON x.i = b.i WHERE b.c", [("a", ("b",))], "b.c"),
    ("DELETE a, y.* FROM a, b AS y WHERE a.i = y.i", [("a", ("b",)), ("b", ("a",))], "a.i = y.i"),
    ("DELETE FROM a USING a LEFT JOIN b USING (i) WHERE b.i IS NULL", [("a", ("b",))],
     "b.i IS NULL"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected", "where"), DELETES)
def test_deletes(sql: str, expected: list[tuple[str, tuple[str, ...]]], where: str | None):
    found = read(sql)
    assert [(o.table, o.sources) for o in found] == expected
    assert all(o.kind is Kind.DELETE and o.where == where for o in found)
    written = {r.table for r in found[0].references if r.role == "write" and not r.column}
    assert written == {table for table, _ in expected}


def test_other_statements_about_rows():
    (load,) = read("LOAD DATA LOCAL INFILE 'f' REPLACE INTO TABLE t FIELDS TERMINATED BY ','")
    assert (load.kind, load.table, load.conflict) == (Kind.COPY, "t", "REPLACE")
    (select,) = read("(SELECT a FROM t) UNION SELECT b FROM u")
    assert (select.kind, select.sources) == (Kind.SELECT, ("t", "u"))
    assert read("DO SLEEP(1)")[0].kind is Kind.SELECT
    assert read("UPDATE t SET")[0].kind is Kind.UNREAD
    assert read("DELETE t")[0].kind is Kind.UNREAD
