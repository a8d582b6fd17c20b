"""What MySQL and MariaDB do for an ALTER TABLE, by product and version (their online DDL pages)."""

from __future__ import annotations

import pytest

from migsafe.effects import mysql
from migsafe.effects.versions import oldest
from migsafe.model.evidence import Effect
from migsafe.model.migration import Dialect
from migsafe.model.schema import Schema
from migsafe.schema.fold import fold
from migsafe.sql.parse import operations

TABLES = (
    "CREATE TABLE p (id int PRIMARY KEY)",
    "CREATE TABLE t (id int PRIMARY KEY, a int, v varchar(20), e enum('a', 'b'), k varchar(9),"
    " KEY (k)) CHARACTER SET utf8mb3",
)


def effects(sql: str, server: str, *, checks: bool = True) -> tuple[Effect, ...]:
    schema = Schema()
    for statement in TABLES:
        for operation in operations(statement, Dialect.MYSQL):
            schema = fold(schema, operation, Dialect.MYSQL)
    known = oldest(Dialect.MYSQL, server)
    own = mysql.Server(known.product, known.number, checks)
    return mysql.effects(schema, tuple(operations(sql, Dialect.MYSQL)), own)


VERSIONS = [
    ("ADD q int", "mysql 5.7", "inplace NONE"),
    ("ADD q int", "mysql 8.0.12", "instant NONE"),
    ("ADD q int AFTER id", "mysql 8.0.28", "inplace NONE"),
    ("ADD q int AFTER id", "mysql 8.0.29", "instant NONE"),
    ("DROP COLUMN a", "mysql 8.0.28", "inplace NONE"),
    ("DROP COLUMN a", "mysql 8.0.29", "instant NONE"),
    ("RENAME COLUMN a TO b", "mysql 8.0.27", "inplace NONE"),
    ("RENAME COLUMN a TO b", "mysql 8.0.28", "instant NONE"),
    ("CHANGE a b int", "mysql 8.0.28", "instant NONE"),
    ("CHANGE a b bigint", "mysql 8.0.28", "copy SHARED"),
    ("ADD q int DEFAULT (1 + 1)", "mysql 8.0.30", "copy SHARED"),
    ("ADD q int CHECK (q > 0)", "mysql 8.0.15", "instant NONE"),
    ("ADD q int CHECK (q > 0)", "mysql 8.0.16", "copy SHARED"),
    ("ADD q int REFERENCES p (id)", "mysql 8.4", "instant NONE"),
    ("ADD q int REFERENCES p (id)", "mysql 9.0", "copy SHARED"),
    ("MODIFY v varchar(85) CHARACTER SET utf8mb3", "mysql 8.0.30", "inplace NONE"),
    ("MODIFY v varchar(86) CHARACTER SET utf8mb3", "mysql 8.0.30", "copy SHARED"),
    ("MODIFY v varchar(86) CHARACTER SET utf8mb3", "mariadb 10.6", "instant NONE"),
    ("MODIFY v varchar(20) CHARACTER SET utf8mb4", "mysql 8.0.30", "inplace NONE"),
    ("MODIFY k varchar(9) CHARACTER SET utf8mb4", "mysql 8.0.30", "copy SHARED"),
    ("MODIFY k varchar(9) CHARACTER SET utf8mb4", "mariadb 10.6", "instant NONE"),
    ("MODIFY e enum('a', 'b', 'c')", "mysql 5.7", "inplace NONE"),
    ("MODIFY e enum('b', 'a')", "mysql 8.0.30", "copy SHARED"),
    ("CONVERT TO CHARACTER SET utf8mb4", "mysql 8.0.30", "copy SHARED"),
    ("CONVERT TO CHARACTER SET utf8mb4", "mariadb 10.3", "copy SHARED"),
    ("CONVERT TO CHARACTER SET utf8mb4", "mariadb 10.4.3", "instant NONE"),
    ("ADD q int", "mariadb 10.2", "inplace NONE"),
    ("ADD q int FIRST", "mariadb 10.3.2", "inplace NONE"),
    ("ADD q int FIRST", "mariadb 10.4.0", "instant NONE"),
    ("MODIFY a bigint", "mariadb 11.1", "copy SHARED"),
    ("MODIFY a bigint", "mariadb 11.2", "copy NONE"),
    ("ADD FULLTEXT KEY (v)", "mysql 8.0.30", "inplace SHARED"),
    ("ADD q int AUTO_INCREMENT UNIQUE", "mysql 8.0.30", "inplace SHARED"),
    ("DROP PRIMARY KEY, ADD PRIMARY KEY (a)", "mysql 8.0.30", "inplace NONE"),
    ("RENAME TO u", "mysql 8.0.30", "instant EXCLUSIVE"),
]  # fmt: skip


@pytest.mark.parametrize(("alter", "server", "expected"), VERSIONS)
def test_the_algorithm_and_lock_of_each_version(alter: str, server: str, expected: str) -> None:
    found = effects(f"ALTER TABLE t {alter}", server)
    algorithm = max((e.algorithm for e in found), key=mysql.ALGORITHMS.index)
    lock = max((e.lock for e in found), key=mysql.LOCKS.index)
    assert f"{algorithm} {lock}" == expected


def test_a_foreign_key_is_added_in_place_where_nothing_checks_it() -> None:
    sql = "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (id)"
    assert [e.algorithm for e in effects(sql, "mysql 8.0.30")] == ["copy"]
    assert [e.algorithm for e in effects(sql, "mysql 8.0.30", checks=False)] == ["inplace"]


def test_an_index_in_the_same_statement_rebuilds_a_table_with_a_new_column() -> None:
    column, index = effects("ALTER TABLE t ADD q int, ADD KEY (a)", "mysql 8.0.30")
    assert (column.algorithm, column.rewrites, index.rewrites) == ("inplace", True, False)


def test_an_unknown_table_or_column_is_not_guessed_at() -> None:
    assert effects("ALTER TABLE nowhere MODIFY a bigint", "mysql 8.0.30") == ()
    assert effects("ALTER TABLE t MODIFY nothing bigint", "mysql 8.0.30") == ()


@pytest.mark.parametrize("sql", ["DROP TABLE t", "TRUNCATE t", "LOCK TABLES t WRITE"])
def test_what_keeps_everybody_out(sql: str) -> None:
    (found,) = effects(sql, "mysql 8.0.30")
    assert (found.lock, found.blocks_reads, found.blocks_writes) == ("EXCLUSIVE", True, True)


def test_a_demand_beyond_the_need_is_obeyed() -> None:
    (copied,) = effects("ALTER TABLE t ADD q int, ALGORITHM=COPY", "mysql 8.0.30")
    (locked,) = effects("ALTER TABLE t ADD KEY (a), LOCK=EXCLUSIVE", "mysql 8.0.30")
    assert (copied.algorithm, copied.lock, copied.rewrites) == ("copy", "SHARED", True)
    assert (locked.lock, locked.why) == ("EXCLUSIVE", "LOCK=EXCLUSIVE is demanded")
