"""What a name stands for in normalised text, decided from tokens alone."""

from __future__ import annotations

import pytest

from migsafe.schema import names
from migsafe.sql.parse import normalise


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("SELECT t.a FROM t", "SELECT new.a FROM new"),
        ("SELECT t FROM t", "SELECT t FROM new"),
        ("SELECT 1 FROM a, main.t WHERE x IN t", "SELECT 1 FROM a, main.new WHERE x IN new"),
        ("SELECT x.t FROM x JOIN t ON x.a = t.a", "SELECT x.t FROM x JOIN new ON x.a = new.a"),
        ("SELECT 't', f(t) FROM (SELECT 1 FROM t)", "SELECT 't', f(t) FROM (SELECT 1 FROM new)"),
        ("BEGIN INSERT OR IGNORE INTO t(t) VALUES (1); END",
         "BEGIN INSERT OR IGNORE INTO new(t) VALUES (1); END"),
        ("SELECT a IS DISTINCT FROM t FROM b", "SELECT a IS DISTINCT FROM t FROM b"),
        ("SELECT a AS t FROM t", None),
        ("WITH t AS (SELECT 1) SELECT * FROM t", None),
        ("SELECT t.a FROM users t", None),
        ("SELECT * FROM t WHERE t MATCH 'x'", None),
    ],
)  # fmt: skip
def test_a_table_is_renamed_where_it_is_one(text: str, after: str | None) -> None:
    changed = names.with_table(normalise(text), "T", "new")
    assert changed == (None if after is None else normalise(after))


ALONE = names.Scope("t", rows=True, used=True, sole=True)
AMONG = names.Scope("t", rows=False, used=True, sole=False)
AWAY = names.Scope("t", rows=True, used=False, sole=False)


@pytest.mark.parametrize(
    ("scope", "text", "after"),
    [
        (ALONE, "SELECT a, x.a, count(a) FROM t AS x", "SELECT z, x.z, count(z) FROM t AS x"),
        (ALONE, "SELECT b AS a FROM t", None),
        (ALONE, "SELECT b a FROM t", None),
        (ALONE, "SELECT (b) a FROM t", None),
        (ALONE, "WITH c AS (SELECT a FROM t) SELECT a FROM c", None),
        (ALONE, "SELECT a(1), b COLLATE a FROM t", "SELECT a(1), b COLLATE a FROM t"),
        (AMONG, "SELECT t.a, u.a FROM t, u", "SELECT t.z, u.a FROM t, u"),
        (AMONG, "SELECT a FROM t, u", None),
        (AMONG, "SELECT x.a FROM t AS x, u", None),
        (AMONG, "BEGIN UPDATE t SET b = new.a; END", "BEGIN UPDATE t SET b = new.a; END"),
        (AWAY, "BEGIN UPDATE u SET a = new.a; END", "BEGIN UPDATE u SET a = new.z; END"),
        (AWAY, "SELECT a FROM a", "SELECT a FROM a"),
    ],
)
def test_a_column_is_renamed_where_it_is_certain(
    scope: names.Scope, text: str, after: str | None
) -> None:
    changed = names.with_column(normalise(text), scope, "A", "z")
    assert changed == (None if after is None else normalise(after))


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a > 0 AND t.a < u.a", "z > 0 AND t.z < u.a"),
        ("a(1) COLLATE a", "a(1) COLLATE a"),
        ("CAST(a AS a)", "CAST(z AS a)"),
        ("\"A\" = 'a'", "z = 'a'"),
    ],
)
def test_an_expression_sees_one_table(text: str, after: str) -> None:
    assert names.in_expression(normalise(text), "t", "a", "z") == normalise(after)


def test_a_keyword_stays_a_keyword() -> None:
    assert names.in_expression('CASE WHEN "end" THEN 1 END', "t", "end", "z") == (
        "CASE WHEN z THEN 1 END"
    )


def test_a_text_uses_what_stands_in_a_tables_place() -> None:
    text = "WITH c AS (SELECT 1 FROM a) SELECT x FROM c LEFT JOIN main.b, d WHERE e IN (SELECT 1)"
    assert names.used(text) == {"a", "b", "c", "d"}
    assert names.used("BEGIN INSERT INTO t(a) VALUES (1) ON CONFLICT DO UPDATE SET a = 1; END") == {
        "t"
    }
