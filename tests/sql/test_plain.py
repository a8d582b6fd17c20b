"""What is read without sqlglot has the shape that sqlglot's tree gives."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from migsafe.model.migration import Dialect
from migsafe.sql import plain, query
from migsafe.sql.shape import Shape
from migsafe.sql.split import split
from migsafe.sql.tokens import tokenize

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
_VERB = re.compile(r"(INSERT|REPLACE|UPDATE|DELETE)\b", re.I)

_NAMES = (
    "a", "B", '"c d"', '"Order"', '"say ""no"""', "text", "date", "name", "value", "level",
    "user_id", "end_at", "status", "type", "timestamp", "position", "data", "comment", "desk",
)  # fmt: skip
_VALUES = ("1", "-2", "3.5", "'x'", "''", "'it''s'", "NULL", "-1.25")


def shape(sql: str, dialect: Dialect) -> Shape | None:
    return plain.shape(sql, tokenize(sql, dialect))


def same(sql: str, dialect: Dialect) -> bool:
    """Is it read here, and read alike? A statement that is left to sqlglot gives False."""
    found = shape(sql, dialect)
    if found is None:
        return False
    assert query.shape(sql, dialect) == (found, ""), sql
    return True


def statements(chance: random.Random, count: int) -> Iterator[str]:
    for _ in range(count):
        table = chance.choice(_NAMES)
        columns = chance.sample(_NAMES, chance.randint(1, 4))
        space = chance.choice([" ", "\n  ", " /* why */ "])
        yield chance.choice([_insert, _update, _delete])(chance, table, columns, space)


def _insert(chance: random.Random, table: str, columns: list[str], space: str) -> str:
    verb = chance.choice(["INSERT INTO", "insert into"])
    listed = f"({', '.join(columns)})" if chance.random() < 0.8 else ""
    rows = (
        f"({', '.join(chance.choice(_VALUES) for _ in columns)})"
        for _ in range(chance.randint(1, 3))
    )
    return f"{verb} {table}{space}{listed} VALUES{space}{', '.join(rows)}"


def _update(chance: random.Random, table: str, columns: list[str], space: str) -> str:
    terms = (f"{c} = {chance.choice([*_VALUES, *_NAMES])}" for c in columns)
    return f"UPDATE {table}{space}SET {', '.join(terms)}{space}{_where(chance)}"


def _delete(chance: random.Random, table: str, _: list[str], space: str) -> str:
    return f"DELETE FROM {table}{space}{_where(chance)}"


def _where(chance: random.Random) -> str:
    terms = [_term(chance) for _ in range(chance.randint(0, 3))]
    joined = "".join(t + chance.choice([" AND ", "\nOR "]) for t in terms[:-1])
    return f"WHERE {joined}{terms[-1]}" if terms else ""


def _term(chance: random.Random) -> str:
    name, value = chance.choice(_NAMES), chance.choice([*_VALUES, *_NAMES])
    sign = chance.choice(["=", "<", ">", "<=", ">=", "<>", "!="])
    return chance.choice(
        [
            f"{name} {sign} {value}",
            f"({value} {sign} {name} OR {name} IS NULL)",
            f"{name} IS NOT NULL",
            f"{name} IN (1, 'x', NULL)",
            name,
        ]
    )


@pytest.mark.parametrize("dialect", [Dialect.SQLITE, Dialect.POSTGRES])
def test_plain_statements_are_read_as_sqlglot_reads_them(dialect: Dialect):
    made = list(statements(random.Random(7), 600))
    assert sum(same(sql, dialect) for sql in made) > 550


@pytest.mark.parametrize("dialect", [Dialect.SQLITE, Dialect.POSTGRES])
def test_the_statements_of_all_fixtures_are_read_alike(dialect: Dialect):
    read = 0
    for path in sorted(FIXTURES.rglob("*.sql")):
        for statement in split(path.read_text("utf-8"), dialect):
            if _VERB.match(statement.sql) and query.shape(statement.sql, dialect)[1] == "":
                read += same(statement.sql, dialect)
    assert read > 100


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a) SELECT a FROM s",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t (a) VALUES (lower('A'))",
        "INSERT INTO main.t (a) VALUES (1)",
        "INSERT INTO t DEFAULT VALUES",
        "INSERT INTO t (a) VALUES (current_user)",
        "INSERT INTO t (a) VALUES (x'00')",
        "UPDATE t SET a = b + 1",
        "UPDATE t AS x SET a = 1",
        "UPDATE OR IGNORE t SET a = 1",
        "UPDATE t SET a = 1 FROM s",
        "UPDATE t SET (a, b) = (1, 2)",
        "UPDATE t SET a = 1 WHERE b IN (SELECT b FROM s)",
        "UPDATE t SET a = 1 WHERE b LIKE 'x%'",
        "DELETE FROM t WHERE a = current_user",
        "DELETE FROM t WHERE (a, b) = (1, 2)",
        "DELETE FROM t WHERE a = 1 ORDER BY a LIMIT 1",
        "DELETE FROM t USING s WHERE t.a = s.a",
        "DELETE FROM t WHERE",
        "SELECT 1",
        "WITH x AS (SELECT 1) DELETE FROM t",
    ],
)
@pytest.mark.parametrize("dialect", [Dialect.SQLITE, Dialect.POSTGRES])
def test_whatever_is_more_is_left_to_sqlglot(sql: str, dialect: Dialect):
    assert shape(sql, dialect) is None
