"""Which conditions are found to do nothing, and which are left alone."""

from __future__ import annotations

import sqlite3

import pytest

from migsafe.model.migration import Dialect
from migsafe.sql.conditions import (
    ALWAYS,
    IDLE,
    ITSELF,
    NEVER,
    NULL_LIST,
    ONE_TABLE,
    QUERY_LIST,
    flaws,
)


def kinds(sql: str, dialect: Dialect = Dialect.POSTGRES) -> list[str]:
    return [f.kind for f in flaws(sql, dialect)]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("(a IS NOT NULL OR a <> 'null')", IDLE),
        ("DELETE FROM t WHERE a <> 1 OR a <> 2", ALWAYS),
        ("a = 1 OR a != 1", ALWAYS),
        ("a IS NULL OR a IS NOT NULL", ALWAYS),
        ("UPDATE t SET b = 1 WHERE a = NULL", NEVER),
        ("b > 2 OR (t.a = 1 AND t.a = 2)", NEVER),
        ("a IS NULL AND a = ''", NEVER),
        ("a NOT IN (1, NULL)", NULL_LIST),
        ("EXISTS (SELECT 1 FROM b WHERE b.id = b.id)", ITSELF),
        ('"A" = "A"', ITSELF),
        ("id NOT IN (SELECT DISTINCT p.t_id FROM p WHERE p.x = 2)", QUERY_LIST),
    ],
)
def test_a_condition_that_does_nothing_is_found(sql: str, kind: str):
    assert kinds(sql) == [kind]


@pytest.mark.parametrize(
    "sql",
    [
        "a IS NOT NULL AND a <> 'null'",
        "a IS NULL OR a <> 'x'",
        "a = 1 OR a = 2",
        "a <> 1 AND a <> 2",
        "a BETWEEN 1 AND 2 AND a = 3",
        "a = 1 OR b = 2 AND a = 3",
        "NOT a = 1 OR a <> 1",
        "CASE WHEN a = 1 THEN 'x' WHEN a <> 1 THEN 'y' END",
        "UPDATE t SET a = NULL",
        "x = x + 1",
        "a = a.b",
        "1 = 1",
        "id NOT IN (SELECT max(t_id) FROM p GROUP BY x)",
        "id NOT IN (SELECT t_id FROM p WHERE t_id IS NOT NULL)",
        "id NOT IN (SELECT t_id FROM p JOIN q ON q.id = p.id)",
        "'a IS NULL OR a IS NOT NULL'",
        "((((",
        "a NOT IN (",
        "",
    ],
)
def test_other_conditions_are_left_alone(sql: str):
    assert kinds(sql) == []


def test_a_list_names_the_table_and_the_column_it_reads():
    (flaw,) = flaws("id NOT IN (SELECT t_id FROM s.p)", Dialect.POSTGRES)
    assert (flaw.table, flaw.column) == ("s.p", "t_id")


@pytest.mark.parametrize("kind", [ALWAYS, NEVER])
def test_sqlite_agrees(kind: str):
    conditions = {
        ALWAYS: ["a <> 1 OR a <> 2", "a = 1 OR a <> 1", "a IS NULL OR a IS NOT NULL"],
        NEVER: ["a = NULL", "a <> NULL", "a = 1 AND a = 2", "a IS NULL AND a = 1"],
    }
    db = sqlite3.connect(":memory:")
    for condition in conditions[kind]:
        assert kinds(condition, Dialect.SQLITE) == [kind]
        held = {
            db.execute(f"SELECT {condition} FROM (SELECT {v} AS a)").fetchone()[0]
            for v in (1, 2, 3)
        }
        assert held <= ({1} if kind == ALWAYS else {0, None})
    db.close()


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("EXISTS (SELECT 1 FROM u WHERE u.t_id = id)", "id"),
        ("EXISTS (SELECT 1 FROM s.u AS x WHERE id = x.t_id AND x.a = 1.5)", "id"),
        ("(SELECT count(*) FROM u WHERE u.t_id = id)", "id"),
    ],
)
def test_a_name_without_its_table_may_be_the_subquerys_own(sql: str, name: str):
    (flaw,) = flaws(sql, Dialect.POSTGRES)
    assert (flaw.kind, flaw.column) == (ONE_TABLE, name)


@pytest.mark.parametrize(
    "sql",
    [
        "EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id)",
        "EXISTS (SELECT 1 FROM u WHERE t_id = id)",
        "EXISTS (SELECT 1 FROM u WHERE u.t_id = t.id AND u.a = b)",
        "EXISTS (SELECT 1 FROM u JOIN v ON v.id = u.id WHERE u.t_id = id)",
        "EXISTS (SELECT 1 FROM u, v WHERE u.t_id = id)",
        "id IN (SELECT t_id FROM u WHERE u.a = b)",
        "(SELECT count(*) FROM u WHERE u.a = 'b') > 0",
        "EXISTS (SELECT 1 FROM u",
    ],
)
def test_a_subquery_that_looks_outside_is_left_alone(sql: str):
    assert ONE_TABLE not in kinds(sql)
