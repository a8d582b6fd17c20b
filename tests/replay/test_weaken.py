"""Each way to weaken one statement, shown on the smallest statement that has it."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect, Kind
from migsafe.replay.weaken import weaken
from migsafe.sql.parse import operations

Case = tuple[str, *tuple[tuple[str, str], ...]]
"""A statement, then each weaker form with what is said of it."""

CASES: dict[str, Case] = {
    "two lists lose the same column": (
        "INSERT INTO n (id, a) SELECT id, max(a, 1) FROM o",
        ("INSERT INTO n (a) SELECT max(a, 1) FROM o", "the copy leaves out id"),
        ("INSERT INTO n (id) SELECT id FROM o", "the copy leaves out a"),
    ),
    "the lists of an INSERT with a WITH of its own": (
        "INSERT INTO n (id, a) WITH w AS (SELECT 1) SELECT DISTINCT id, a FROM o",
        (
            "INSERT INTO n (a) WITH w AS (SELECT 1) SELECT DISTINCT a FROM o",
            "the copy leaves out id",
        ),
        (
            "INSERT INTO n (id) WITH w AS (SELECT 1) SELECT DISTINCT id FROM o",
            "the copy leaves out a",
        ),
    ),
    "one column is all there is": ("INSERT INTO n (id) SELECT id FROM o",),
    "a star hides the values": ("INSERT INTO n (id, a) SELECT o.*, 1 FROM o",),
    "a compound SELECT": ("INSERT INTO n (id, a) SELECT 1, 2 UNION SELECT 3, 4",),
    "VALUES": ("INSERT INTO n (id, a) VALUES (1, 2)",),
    "COALESCE of a name": (
        "UPDATE t SET a = coalesce(b, 0)",
        ("UPDATE t SET a = b", "COALESCE without its default"),
    ),
    "IFNULL of an expression": (
        "UPDATE t SET a = 2 * ifnull(b + 1, 0)",
        ("UPDATE t SET a = 2 * (b + 1)", "IFNULL without its default"),
    ),
    "COALESCE of three": (
        "UPDATE t SET a = coalesce(b, c, 0)",
        ("UPDATE t SET a = coalesce(b, c)", "COALESCE without its default"),
    ),
    "COALESCE ends in NULL": ("UPDATE t SET a = coalesce(b, NULL)",),
    "WHERE of an UPDATE": (
        "UPDATE t SET a = (SELECT 1 WHERE 1) WHERE b > 1 AND c",
        ("UPDATE t SET a = (SELECT 1 WHERE 1)", "without its WHERE"),
    ),
    "WHERE of a DELETE before RETURNING": (
        "DELETE FROM t WHERE a IS NULL RETURNING a",
        ("DELETE FROM t RETURNING a", "without its WHERE"),
    ),
    "WHERE of a copy": (
        "INSERT INTO n SELECT a FROM o WHERE a ORDER BY a",
        ("INSERT INTO n SELECT a FROM o ORDER BY a", "without its WHERE"),
    ),
    "an upsert needs its WHERE": (
        "INSERT INTO n SELECT a FROM o WHERE true ON CONFLICT DO NOTHING",
    ),
    "LEFT JOIN": (
        "INSERT INTO n SELECT a FROM o LEFT OUTER JOIN p USING (a) LEFT JOIN q USING (a)",
        (
            "INSERT INTO n SELECT a FROM o JOIN p USING (a) LEFT JOIN q USING (a)",
            "LEFT JOIN turned into JOIN",
        ),
        (
            "INSERT INTO n SELECT a FROM o LEFT OUTER JOIN p USING (a) JOIN q USING (a)",
            "LEFT JOIN turned into JOIN",
        ),
    ),
    "OR IGNORE": (
        "INSERT OR IGNORE INTO n SELECT a FROM o",
        ("INSERT INTO n SELECT a FROM o", "without OR IGNORE"),
    ),
    "UPDATE OR REPLACE": (
        "UPDATE OR REPLACE t SET a = 1",
        ("UPDATE t SET a = 1", "without OR REPLACE"),
    ),
    "OR ABORT is what happens anyway": ("INSERT OR ABORT INTO n SELECT a FROM o",),
    "a unique index": (
        "CREATE UNIQUE INDEX i ON t (a)",
        ("CREATE INDEX i ON t (a)", "UNIQUE INDEX turned into INDEX"),
    ),
    "a plain index": ("CREATE INDEX i ON t (a)",),
    "NOT NULL and what belongs to it": (
        'CREATE TABLE t ("a b" TEXT NOT NULL ON CONFLICT IGNORE, c DECIMAL(1, 2) NULL)',
        ('CREATE TABLE t ("a b" TEXT, c DECIMAL(1, 2) NULL)', "a b without NOT NULL"),
    ),
    "a number as default": (
        "CREATE TABLE t (a INT DEFAULT 0, b)",
        ("CREATE TABLE t (a INT, b)", "a without DEFAULT"),
        ("CREATE TABLE t (a INT DEFAULT 1, b)", "a: another DEFAULT (1)"),
    ),
    "texts and other numbers as default": (
        "CREATE TABLE t (a DEFAULT '', b DEFAULT 'x', c DEFAULT 5)",
        ("CREATE TABLE t (a, b DEFAULT 'x', c DEFAULT 5)", "a without DEFAULT"),
        ("CREATE TABLE t (a DEFAULT 'x', b DEFAULT 'x', c DEFAULT 5)", "a: another DEFAULT ('x')"),
        ("CREATE TABLE t (a DEFAULT '', b, c DEFAULT 5)", "b without DEFAULT"),
        ("CREATE TABLE t (a DEFAULT '', b DEFAULT '', c DEFAULT 5)", "b: another DEFAULT ('')"),
        ("CREATE TABLE t (a DEFAULT '', b DEFAULT 'x', c)", "c without DEFAULT"),
        ("CREATE TABLE t (a DEFAULT '', b DEFAULT 'x', c DEFAULT 0)", "c: another DEFAULT (0)"),
    ),
    "defaults that are no literal": (
        "CREATE TABLE t (a DEFAULT (1 + 1), b DEFAULT -1, c DEFAULT NULL)",
        ("CREATE TABLE t (a, b DEFAULT -1, c DEFAULT NULL)", "a without DEFAULT"),
        ("CREATE TABLE t (a DEFAULT (1 + 1), b, c DEFAULT NULL)", "b without DEFAULT"),
    ),
    "REFERENCES with all its clauses": (
        "CREATE TABLE t (a INT REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE"
        " NOT DEFERRABLE INITIALLY DEFERRED NOT NULL)",
        ("CREATE TABLE t (a INT NOT NULL)", "a without REFERENCES"),
        (
            "CREATE TABLE t (a INT REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE"
            " NOT DEFERRABLE INITIALLY DEFERRED)",
            "a without NOT NULL",
        ),
    ),
    "UNIQUE and CHECK of a column": (
        "CREATE TABLE t (a UNIQUE CHECK (a <> ''))",
        ("CREATE TABLE t (a CHECK (a <> ''))", "a without UNIQUE"),
        ("CREATE TABLE t (a UNIQUE)", "a without CHECK"),
    ),
    "constraints of a table": (
        "CREATE TABLE t (a, CONSTRAINT u UNIQUE (a), FOREIGN KEY (a) REFERENCES p,"
        " PRIMARY KEY (a))",
        (
            "CREATE TABLE t (a, FOREIGN KEY (a) REFERENCES p, PRIMARY KEY (a))",
            "without this UNIQUE",
        ),
        (
            "CREATE TABLE t (a, CONSTRAINT u UNIQUE (a), PRIMARY KEY (a))",
            "without this FOREIGN KEY",
        ),
    ),
    "an added column": (
        "ALTER TABLE t ADD COLUMN a INT NOT NULL DEFAULT 0",
        ("ALTER TABLE t ADD COLUMN a INT DEFAULT 0", "a without NOT NULL"),
        ("ALTER TABLE t ADD COLUMN a INT NOT NULL", "a without DEFAULT"),
        ("ALTER TABLE t ADD COLUMN a INT NOT NULL DEFAULT 1", "a: another DEFAULT (1)"),
    ),
    "CREATE TABLE .. AS": (
        "CREATE TABLE t AS SELECT coalesce(a, 1) AS a FROM o LEFT JOIN p USING (i)",
        (
            "CREATE TABLE t AS SELECT a AS a FROM o LEFT JOIN p USING (i)",
            "COALESCE without its default",
        ),
        (
            "CREATE TABLE t AS SELECT coalesce(a, 1) AS a FROM o JOIN p USING (i)",
            "LEFT JOIN turned into JOIN",
        ),
    ),
    "words in texts and comments are no clauses": (
        "UPDATE t /* WHERE */ SET a = 'LEFT JOIN coalesce(1, 2)'",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind(name):
    sql, *expected = CASES[name]
    (operation,) = operations(sql, Dialect.SQLITE)
    assert [(w.sql, w.what) for w in weaken(sql, operation)] == expected


def test_what_is_weakened_can_still_be_read():
    for sql, *_ in CASES.values():
        (operation,) = operations(sql, Dialect.SQLITE)
        for weakened in weaken(sql, operation):
            found = operations(weakened.sql, Dialect.SQLITE)
            assert Kind.UNREAD not in {o.kind for o in found}, weakened


def test_the_place_is_that_of_the_change():
    sql = "INSERT INTO n (id)\nSELECT id\nFROM o\nLEFT JOIN p USING (id)"
    (operation,) = operations(sql, Dialect.SQLITE)
    (weakened,) = weaken(sql, operation)
    assert sql[weakened.at :].startswith("LEFT JOIN")
