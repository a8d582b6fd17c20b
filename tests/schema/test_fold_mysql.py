"""What fold makes of MySQL's statements is what a real server makes of them."""

from __future__ import annotations

import pytest

from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_session import MysqlSession
from migsafe.model.migration import Dialect
from migsafe.model.schema import Schema
from migsafe.schema.fold import fold
from migsafe.schema.inspect_mysql import inspect
from migsafe.schema.types_mysql import canonical
from migsafe.sql.parse import operations

PARENT = "CREATE TABLE p (id INT PRIMARY KEY, b INT UNIQUE)"
HISTORIES: dict[str, tuple[str, ...]] = {
    "names of keys without one": (
        PARENT,
        "CREATE TABLE t (a INT, b INT, c INT, UNIQUE (a, b), KEY (a), KEY (a, c), UNIQUE k (b, c), "
        "FOREIGN KEY (c) REFERENCES p (id), FOREIGN KEY own (b) REFERENCES p (id))",
        "ALTER TABLE t ADD UNIQUE (a), ADD INDEX (b), ADD FOREIGN KEY (a) REFERENCES p (b)",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE u DROP FOREIGN KEY u_ibfk_1",
    ),
    "indexes of foreign keys": (
        PARENT,
        "CREATE TABLE t (x INT, y INT, z INT, CONSTRAINT s FOREIGN KEY (z) REFERENCES p (id))",
        "ALTER TABLE t ADD FOREIGN KEY (x) REFERENCES p (id)",
        "ALTER TABLE t ADD KEY (x, y)",
        "ALTER TABLE t DROP FOREIGN KEY s",
        "ALTER TABLE t ADD CONSTRAINT s2 FOREIGN KEY (z) REFERENCES p (id)",
        "ALTER TABLE t DROP FOREIGN KEY t_ibfk_1, DROP INDEX x",
    ),
    "columns and their places": (
        "CREATE TABLE t (a INT, b VARCHAR(9) DEFAULT 'x', c INT)",
        "ALTER TABLE t ADD d INT FIRST, ADD e INT NOT NULL AFTER a, ADD (f INT, KEY (f))",
        "ALTER TABLE t MODIFY c BIGINT NOT NULL AFTER d, CHANGE b g VARCHAR(20)",
        "ALTER TABLE t ALTER a SET DEFAULT 5, RENAME COLUMN e TO h",
        "ALTER TABLE t ADD UNIQUE u (a, h), ADD PRIMARY KEY (c)",
        "ALTER TABLE t MODIFY g INT UNIQUE, DROP PRIMARY KEY",
        "ALTER TABLE t DROP COLUMN d, DROP COLUMN f",
    ),
    "indexes": (
        "CREATE TABLE t (a INT, b VARCHAR(99), c TEXT, KEY i (a), FULLTEXT f (c))",
        "CREATE TABLE s (a INT, KEY i (a))",
        "CREATE UNIQUE INDEX u ON t (a, b)",
        "CREATE UNIQUE INDEX w ON t (b(10))",
        "ALTER TABLE t RENAME INDEX i TO j, ADD INDEX k (b(5), a DESC)",
        "DROP INDEX i ON s",
        "ALTER TABLE t DROP INDEX u, DROP KEY k",
    ),
    "tables made from others": (
        PARENT,
        "CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY, b INT, KEY (b), "
        "FOREIGN KEY (b) REFERENCES p (id))",
        "CREATE TABLE l LIKE t",
        "RENAME TABLE l TO m, t TO n",
        "DROP TABLE n",
    ),
    "an index of the same name on a renamed table and on its successor": (
        PARENT,
        "CREATE TABLE first (a INT REFERENCES p (id))",
        "CREATE TABLE t (a INT REFERENCES p (id))",
        "ALTER TABLE t RENAME TO old",
        "CREATE TABLE t (a INT REFERENCES p (id))",
    ),
    "texts in a wider character set": (
        "CREATE TABLE t (a TEXT, b TINYTEXT, c VARCHAR(20), d LONGTEXT, e TEXT CHARACTER SET "
        "utf8mb4) CHARACTER SET utf8mb3",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
        "ALTER TABLE t CHANGE c c VARCHAR(30) BINARY NOT NULL, ADD f CHAR(3) BINARY, ADD g BINARY",
        "ALTER TABLE t CONVERT TO CHARACTER SET latin1",
    ),
    "checks": (
        "CREATE TABLE t (a INT CHECK (a > 0), b INT, CHECK (b > 1), CONSTRAINT c CHECK (b < 9))",
        "ALTER TABLE t DROP CONSTRAINT c",
        "ALTER TABLE t ADD CONSTRAINT d CHECK (a < b)",
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_fold_agrees_with_the_server(my: MysqlSession, mariadb: MysqlServer, name: str):
    schema = Schema()
    for statement in HISTORIES[name]:
        my.execute(statement)
        for operation in operations(statement, Dialect.MYSQL):
            schema = fold(schema, operation, Dialect.MYSQL)
        assert _shape(schema) == _shape(inspect(my.execute)), statement
    assert schema.complete


def _shape(schema: Schema) -> dict[str, object]:
    """What of a schema does not depend on how the server spells expressions."""
    found: dict[str, object] = {}
    for table in schema.tables.values():
        found[table.name] = (
            [
                (c.name, canonical(c.type, mariadb=True), c.not_null, c.identity)
                for c in table.columns
            ],
            table.primary_key,
            sorted((u.name, u.columns) for u in table.uniques),
            sorted(
                (k.name, k.columns, k.ref_table, k.ref_columns, k.on_delete)
                for k in table.foreign_keys
            ),
            len(table.checks),
            sorted(
                (i.name, tuple((c.name, c.length, c.descending) for c in i.columns), i.method)
                for i in schema.indexes.values()
                if i.table == table.name
            ),
        )
    return found


def fold_all(*statements: str) -> Schema:
    schema = Schema()
    for statement in statements:
        for operation in operations(statement, Dialect.MYSQL):
            schema = fold(schema, operation, Dialect.MYSQL)
    return schema


def test_options_of_a_table():
    schema = fold_all(
        "CREATE TABLE t (a TEXT CHARACTER SET latin1) ENGINE=MyISAM CHARSET=latin1 "
        "PARTITION BY HASH (a)",
        "ALTER TABLE t ENGINE=InnoDB, CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "ALTER TABLE t REMOVE PARTITIONING",
    )
    table = schema.tables["t"]
    assert dict(table.options) == {
        "engine": "innodb", "charset": "utf8mb4", "collate": "utf8mb4_bin",
    }  # fmt: skip
    assert (table.columns[0].charset, table.partitioned) == ("", "")


def test_a_column_of_several_keys_leaves_them_smaller():
    schema = fold_all(
        "CREATE TABLE t (a INT, b INT, c INT, PRIMARY KEY (a, b), UNIQUE u (b, c), KEY k (b))",
        "ALTER TABLE t DROP COLUMN b",
    )
    table = schema.tables["t"]
    assert table.primary_key == ("a",)
    assert [u.columns for u in table.uniques] == [("c",)]
    assert not schema.indexes


def test_what_is_refused_changes_nothing():
    schema = fold_all(
        PARENT, "CREATE TABLE t (a INT, KEY k (a), FOREIGN KEY (a) REFERENCES p (id))"
    )
    for statement in (
        "ALTER TABLE t DROP COLUMN a",
        "CREATE INDEX k ON t (a)",
        "ALTER TABLE t ADD UNIQUE k (a)",
        "ALTER TABLE IF EXISTS nothing RENAME TO something",
    ):
        (operation,) = operations(statement, Dialect.MYSQL)
        assert fold(schema, operation, Dialect.MYSQL) is schema, statement
