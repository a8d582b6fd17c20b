"""Statements of MySQL and MariaDB give their operations; what cannot be read says so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.engines.mysql_session import MysqlSession
from migsafe.engines.session import ServerError
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Sequence,
    Table,
    Trigger,
    Unique,
    View,
)
from migsafe.sql.parse import operations

MYSQL = Dialect.MYSQL


def read(sql: str) -> tuple[Operation, ...]:
    return operations(sql, MYSQL)


def table(sql: str) -> Table:
    made = read(sql)[0].definition
    assert isinstance(made, Table)
    return made


# -- CREATE TABLE ---------------------------------------------------------------------------------

COLUMNS = [
    ("a INT", Column("a", "INT")),
    ("`a` int(10)  unsigned /* c */ zerofill", Column("a", "int(10) unsigned zerofill")),
    ("a DECIMAL(8, 2) NOT NULL", Column("a", "DECIMAL(8, 2)", not_null=True)),
    ("a DOUBLE PRECISION NULL DEFAULT NULL", Column("a", "DOUBLE PRECISION", default="NULL")),
    ("a ENUM('x','it''s') DEFAULT 'x'", Column("a", "ENUM('x','it''s')", default="'x'")),
    ("a VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin",
     Column("a", "VARCHAR(9)", collation="LATIN1_BIN", charset="latin1")),
    ("a BIT(1) DEFAULT b'0'", Column("a", "BIT(1)", default="b'0'")),
    ("a INT DEFAULT -1 COMMENT 'it\\'s'", Column("a", "INT", default="-1", comment="it's")),
    ("a DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)",
     Column("a", "DATETIME(6)", default="CURRENT_TIMESTAMP(6)",
            on_update="CURRENT_TIMESTAMP(6)")),
    ("a INT DEFAULT (1 + 1)", Column("a", "INT", default="(1 + 1)")),
    ("a INT AS (1+1) STORED", Column("a", "INT", generated="1 + 1", stored=True)),
    ("a INT GENERATED ALWAYS AS (b) VIRTUAL", Column("a", "INT", generated="b")),
    ("a CHAR(5) CHARSET utf8mb4 BINARY", None),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "expected"), COLUMNS)
def test_columns(declared: str, expected: Column | None):
    found = read(f"CREATE TABLE t ({declared}, b INT)")
    if expected is None:
        assert found[0].kind is Kind.UNREAD
    else:
        assert table(f"CREATE TABLE t ({declared}, b INT)").columns[0] == expected


def test_keys_and_constraints_of_a_table():
    found = read(
        """CREATE TABLE IF NOT EXISTS `db`.`t` (
             id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
             a VARCHAR(200), b INT UNIQUE KEY, c INT REFERENCES p (id) ON DELETE CASCADE,
             d GEOMETRY NOT NULL, e INT INVISIBLE,
             PRIMARY KEY (id) USING BTREE,
             UNIQUE KEY uq (b, c), UNIQUE pre (a(10)),
             KEY ix (a(20) DESC, b) COMMENT 'x', FULLTEXT INDEX ft (a), SPATIAL KEY sp (d),
             CONSTRAINT fk FOREIGN KEY (b, c) REFERENCES db2.p (x, y) ON DELETE SET NULL
               ON UPDATE RESTRICT,
             CONSTRAINT ck CHECK (b > 0) NOT ENFORCED, CHECK ((a <> ""))
           ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4, COLLATE utf8mb4_bin COMMENT='T'"""
    )
    made = found[0].definition
    assert isinstance(made, Table)
    assert (found[0].table, found[0].if_not_exists) == ("db.t", True)
    assert (made.primary_key, made.key_name, made.autoincrement) == (("id",), "PRIMARY", True)
    assert made.uniques == (Unique(("b",)), Unique(("b", "c"), "uq"))
    assert made.foreign_keys == (
        ForeignKey(("c",), "p", ("id",), "CASCADE"),
        ForeignKey(("b", "c"), "db2.p", ("x", "y"), "SET NULL", name="fk"),
    )
    assert made.checks == (Check("b > 0", "ck", enforced=False), Check("a <> ''"))
    assert made.options == (
        ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"), ("comment", "T"), ("engine", "innodb"),
    )  # fmt: skip
    assert found[0].option("invisible") == "e"
    assert found[0].option("inline references") == "c"
    assert [o.definition for o in found[1:]] == [
        Index("pre", "db.t", (IndexColumn("a", length=10),), unique=True),
        Index("ix", "db.t", (IndexColumn("a", descending=True, length=20), IndexColumn("b"))),
        Index("ft", "db.t", (IndexColumn("a"),), method="fulltext"),
        Index("sp", "db.t", (IndexColumn("d"),), method="spatial"),
    ]
    assert [o.kind for o in found[1:]] == [Kind.CREATE_INDEX] * 4
    assert all(o.if_not_exists and "inline" in o.options for o in found[1:])


def test_tables_made_from_others():
    (like,) = read("CREATE TEMPORARY TABLE t LIKE db.s")
    assert (like.sources, like.option("like"), like.temporary) == (("db.s",), "db.s", True)
    (made,) = read("CREATE TABLE t (a INT) REPLACE AS SELECT s.b, 1 AS c FROM s WHERE d")
    assert made.conflict == "REPLACE"
    assert [c.name for c in table("CREATE TABLE t (a INT) SELECT b FROM s").columns] == ["a", "b"]
    assert (made.sources, made.narrowing) == (("s",), ("where",))
    assert [(a.column, a.kind) for a in made.assignments] == [("b", "column"), ("c", "literal")]


def test_partitions():
    (made,) = read(
        "CREATE TABLE t (a INT) PARTITION BY RANGE COLUMNS (a) "
        "(PARTITION p0 VALUES LESS THAN (1), PARTITION p1 VALUES LESS THAN (MAXVALUE))"
    )
    assert isinstance(made.definition, Table)
    assert made.definition.partitioned == "RANGE columns(a)"
    assert made.option("partitions") == "p0,p1"
    assert (
        table("CREATE TABLE t (a INT) PARTITION BY HASH(a) PARTITIONS 4").partitioned == "hash(a)"
    )


# -- one operation for each statement or action ---------------------------------------------------

Expected = dict[str, object]
ONE: list[tuple[str, Expected]] = [
    ("ALTER TABLE t ADD COLUMN a INT AFTER b",
     {"kind": Kind.ADD_COLUMN, "column": "a", "options": ("after=b",)}),
    ("ALTER TABLE t ADD a INT FIRST, ALGORITHM=INSTANT, LOCK DEFAULT",
     {"kind": Kind.ADD_COLUMN, "options": ("first", "algorithm=instant", "lock=default")}),
    ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT",
     {"kind": Kind.ADD_COLUMN, "if_not_exists": True}),
    ("ALTER ONLINE TABLE IF EXISTS t WAIT 5 DROP a",
     {"kind": Kind.DROP_COLUMN, "column": "a", "if_exists": True,
      "options": ("online", "if exists=table", "wait=5")}),
    ("ALTER IGNORE TABLE t ADD UNIQUE KEY u (a, b)",
     {"kind": Kind.ADD_CONSTRAINT, "name": "u", "columns": ("a", "b"), "options": ("ignore",)}),
    ("ALTER TABLE t ADD PRIMARY KEY (a)",
     {"kind": Kind.ADD_CONSTRAINT, "name": "PRIMARY", "columns": ("a",)}),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", {"kind": Kind.ADD_CONSTRAINT, "name": "c"}),
    ("ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)",
     {"kind": Kind.ADD_CONSTRAINT, "name": "f", "columns": ("a",)}),
    ("ALTER TABLE t ADD INDEX (a)", {"kind": Kind.CREATE_INDEX, "name": "", "table": "t"}),
    ("ALTER TABLE t ADD UNIQUE (a(5))", {"kind": Kind.CREATE_INDEX, "name": ""}),
    ("ALTER TABLE t MODIFY COLUMN a BIGINT NOT NULL",
     {"kind": Kind.ALTER_COLUMN, "column": "a", "options": ("whole",),
      "definition": Table("t", (Column("a", "BIGINT", not_null=True),), complete=False)}),
    ("ALTER TABLE t CHANGE a a INT", {"kind": Kind.ALTER_COLUMN, "column": "a"}),
    ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 5",
     {"kind": Kind.ALTER_COLUMN, "value": "set default",
      "definition": Table("t", (Column("a", default="5"),), complete=False)}),
    ("ALTER TABLE t ALTER a DROP DEFAULT", {"kind": Kind.ALTER_COLUMN, "value": "drop default"}),
    ("ALTER TABLE t ALTER INDEX i INVISIBLE", {"kind": Kind.ALTER_INDEX, "value": "invisible"}),
    ("ALTER TABLE t ALTER CHECK c NOT ENFORCED",
     {"kind": Kind.ALTER_CONSTRAINT, "value": "not enforced"}),
    ("ALTER TABLE t DROP INDEX i", {"kind": Kind.DROP_INDEX, "name": "i", "table": "t"}),
    ("ALTER TABLE t DROP PRIMARY KEY", {"kind": Kind.DROP_CONSTRAINT, "name": "PRIMARY"}),
    ("ALTER TABLE t DROP FOREIGN KEY f",
     {"kind": Kind.DROP_CONSTRAINT, "name": "f", "options": ("foreign key",)}),
    ("ALTER TABLE t DROP CONSTRAINT c", {"kind": Kind.DROP_CONSTRAINT, "options": ()}),
    ("ALTER TABLE t RENAME TO db.u", {"kind": Kind.RENAME_TABLE, "new_name": "db.u"}),
    ("ALTER TABLE t RENAME u", {"kind": Kind.RENAME_TABLE, "new_name": "u"}),
    ("ALTER TABLE t RENAME COLUMN a TO b",
     {"kind": Kind.RENAME_COLUMN, "column": "a", "new_name": "b"}),
    ("ALTER TABLE t RENAME INDEX i TO j", {"kind": Kind.RENAME_INDEX, "new_name": "j"}),
    ("ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
     {"kind": Kind.TABLE_OPTION, "name": "convert to character set", "value": "utf8mb4",
      "options": ("collate=utf8mb4_bin",)}),
    ("ALTER TABLE t DEFAULT CHARACTER SET = latin1", {"name": "charset", "value": "latin1"}),
    ("ALTER TABLE t ENGINE = InnoDB", {"name": "engine", "value": "innodb"}),
    ("ALTER TABLE t AUTO_INCREMENT 7", {"name": "auto_increment", "value": "7"}),
    ("ALTER TABLE t ORDER BY a, b DESC", {"name": "order by", "value": "a, b DESC"}),
    ("ALTER TABLE t FORCE", {"kind": Kind.TABLE_OPTION, "name": "force"}),
    ("ALTER TABLE t DISABLE KEYS", {"name": "keys", "value": "disable"}),
    ("ALTER TABLE t ADD PARTITION (PARTITION p3 VALUES LESS THAN (9))",
     {"name": "add partition", "value": "p3"}),
    ("ALTER TABLE t DROP PARTITION p0, p1", {"name": "drop partition", "value": "p0,p1"}),
    ("ALTER TABLE t TRUNCATE PARTITION ALL", {"name": "truncate partition", "value": "ALL"}),
    ("ALTER TABLE t EXCHANGE PARTITION p WITH TABLE o WITHOUT VALIDATION",
     {"name": "exchange partition", "sources": ("o",), "options": ("without validation",)}),
    ("ALTER TABLE t REMOVE PARTITIONING", {"name": "remove partitioning"}),
    ("CREATE UNIQUE INDEX i USING BTREE ON t (a, b DESC) ALGORITHM=INPLACE LOCK=NONE",
     {"kind": Kind.CREATE_INDEX, "table": "t", "name": "i",
      "options": ("algorithm=inplace", "lock=none", "using=btree"),
      "definition": Index("i", "t", (IndexColumn("a"), IndexColumn("b", descending=True)), True)}),
    ("CREATE INDEX i ON t ((lower(a)))",
     {"definition": Index("i", "t", (IndexColumn("lower(a)", True),))}),
    ("DROP INDEX i ON t LOCK=NONE",
     {"kind": Kind.DROP_INDEX, "table": "t", "options": ("lock=none",)}),
    ("DROP TEMPORARY TABLE IF EXISTS t CASCADE",
     {"kind": Kind.DROP_TABLE, "temporary": True, "if_exists": True, "options": ("cascade",)}),
    ("TRUNCATE t", {"kind": Kind.TRUNCATE, "table": "t"}),
    ("CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`u`@`%` SQL SECURITY INVOKER VIEW v (a) AS "
     "SELECT a FROM t WITH LOCAL CHECK OPTION",
     {"kind": Kind.CREATE_VIEW, "definition": View("v", "SELECT a FROM t", ("a",), ("t",)),
      "options": ("or replace", "algorithm=merge", "definer=`u`@`%`", "sql security=invoker",
                  "check option=local")}),
    ("ALTER VIEW v AS SELECT 1", {"kind": Kind.CREATE_VIEW, "options": ("or replace", "alter")}),
    ("CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.a = (SELECT max(b) FROM u)",
     {"kind": Kind.CREATE_TRIGGER, "definition": Trigger(
         "r", "t", "BEFORE", "INSERT", "FOR EACH ROW SET new.a = (SELECT max(b) FROM u)",
         ("u",))}),
    ("CREATE PROCEDURE p(OUT n INT) BEGIN SELECT count(*) INTO n FROM t; END",
     {"kind": Kind.CREATE_FUNCTION, "name": "p", "value": "procedure"}),
    ("DROP FUNCTION IF EXISTS f", {"kind": Kind.DROP_FUNCTION, "value": "function"}),
    ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t",
     {"kind": Kind.CREATE_OTHER, "value": "event"}),
    ("CREATE DATABASE IF NOT EXISTS d CHARACTER SET utf8mb4",
     {"kind": Kind.CREATE_SCHEMA, "name": "d", "options": ("charset=utf8mb4",)}),
    ("CREATE SEQUENCE s START WITH 5", {"kind": Kind.CREATE_SEQUENCE, "definition": Sequence("s")}),
    ("CREATE USER 'u'@'localhost' IDENTIFIED BY 'x'",
     {"kind": Kind.CREATE_OTHER, "value": "user", "name": "'u'@'localhost'"}),
    ("GRANT SELECT, INSERT ON db.t TO 'u'@'h'", {"kind": Kind.GRANT, "table": "db.t"}),
    ("REVOKE ALL ON *.* FROM u", {"kind": Kind.REVOKE, "table": ""}),
    ("SET foreign_key_checks = 0",
     {"kind": Kind.SET, "name": "foreign_key_checks", "value": "0", "options": ("session",)}),
    ("SET @@GLOBAL.sql_mode = ''", {"name": "sql_mode", "value": "", "options": ("global",)}),
    ("SET @x = (SELECT 1)", {"name": "@x", "value": "(SELECT 1)", "options": ("user",)}),
    ("SET NAMES 'utf8mb4' COLLATE utf8mb4_bin", {"name": "names"}),
    ("SET SESSION TRANSACTION READ ONLY", {"name": "transaction", "value": "read only"}),
    ("USE db", {"kind": Kind.SET, "name": "use", "value": "db"}),
    ("START TRANSACTION READ ONLY", {"kind": Kind.BEGIN}),
    ("BEGIN WORK", {"kind": Kind.BEGIN}),
    ("COMMIT AND NO CHAIN RELEASE", {"kind": Kind.COMMIT}),
    ("ROLLBACK TO SAVEPOINT s", {"kind": Kind.ROLLBACK, "name": "s"}),
    ("UNLOCK TABLES", {"kind": Kind.LOCK_TABLE, "options": ("unlock",)}),
    ("OPTIMIZE TABLE t", {"kind": Kind.MAINTENANCE, "table": "t", "name": "optimize"}),
    ("SHOW TABLES", {"kind": Kind.MAINTENANCE}),
    ("CALL p(1)", {"kind": Kind.CALL, "name": "p", "value": "1"}),
    ("PREPARE s FROM @x", {"kind": Kind.MAINTENANCE}),
    ("EXECUTE s", {"kind": Kind.OPAQUE, "name": "s"}),
    ("EXECUTE IMMEDIATE 'DROP TABLE t'", {"kind": Kind.DROP_TABLE, "options": ("nested",)}),
    ("BEGIN NOT ATOMIC DROP TABLE t; END", {"kind": Kind.OPAQUE}),
    ("/*!50001 DROP TABLE t */", {"kind": Kind.DROP_TABLE, "table": "t"}),
    ("/*M!100400 DROP TABLE 2t */", {"kind": Kind.DROP_TABLE, "table": "2t"}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), ONE, ids=[sql[:60] for sql, _ in ONE])
def test_one_operation(sql: str, expected: Expected):
    (found,) = read(sql)
    assert {name: getattr(found, name) for name in expected} == expected


def test_each_action_of_an_alter_is_an_operation_of_its_own():
    found = read(
        "ALTER TABLE t RENAME TO u,\n ADD (a INT, b INT, KEY (b)), CHANGE c d INT,\n"
        " DROP COLUMN e, ENGINE=InnoDB ROW_FORMAT=DYNAMIC, LOCK=NONE"
    )
    assert [(o.kind, o.column or o.name) for o in found] == [
        (Kind.ADD_COLUMN, "a"), (Kind.ADD_COLUMN, "b"), (Kind.CREATE_INDEX, ""),
        (Kind.RENAME_COLUMN, "c"), (Kind.ALTER_COLUMN, "d"), (Kind.DROP_COLUMN, "e"),
        (Kind.TABLE_OPTION, "engine"), (Kind.TABLE_OPTION, "row_format"), (Kind.RENAME_TABLE, ""),
    ]  # fmt: skip
    assert all(o.option("lock") == "none" and o.table == "t" for o in found)
    assert [o.line for o in found] == [2, 2, 2, 2, 2, 3, 3, 3, 1]


def test_statements_about_several_objects():
    assert [(o.table, o.new_name) for o in read("RENAME TABLE a TO b, c TO db.d")] == [
        ("a", "b"), ("c", "db.d"),
    ]  # fmt: skip
    assert [o.table for o in read("DROP TABLE a, `b`, db.c")] == ["a", "b", "db.c"]
    locks = read("LOCK TABLES a READ, b AS x LOW_PRIORITY WRITE")
    assert [(o.table, o.options) for o in locks] == [
        ("a", ("mode=read",)), ("b", ("mode=low_priority write",)),
    ]  # fmt: skip
    assert [o.name for o in read("SET NAMES utf8mb4, @a := 1, sql_mode = 'x'")] == [
        "names", "@a", "sql_mode",
    ]  # fmt: skip
    inner = read("SET STATEMENT lock_wait_timeout=1 FOR ALTER TABLE t FORCE")
    assert [(o.kind, o.name) for o in inner] == [
        (Kind.SET, "lock_wait_timeout"), (Kind.TABLE_OPTION, "force"),
    ]  # fmt: skip


def test_a_routine_names_the_tables_of_its_body():
    (found,) = read(
        "CREATE PROCEDURE p() BEGIN DECLARE n INT; SELECT a INTO n FROM t; "
        "INSERT INTO u SELECT * FROM v ON DUPLICATE KEY UPDATE b = 1; END"
    )
    assert [r.table for r in found.references] == ["t", "u", "v"]


UNREAD = [
    "CREATE TABLE t (a)", "CREATE TABLE t ()", "CREATE TABLE t (a INT NOT)",
    "CREATE TABLE t (a INT) WHATEVER 1", "ALTER TABLE t FROB a", "ALTER TABLE t ADD a INT b INT",
    "DROP TABLE 't'", "DROP INDEX i", "CREATE WIDGET w", "RENAME TABLE a", "SET a",
    "HANDLER t OPEN",
    "CREATE VIEW v AS 5", "LOCK TABLES t", "ALTER TABLE t ALTER COLUMN a", "VACUUM", "PRAGMA x",
    "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES p ON DELETE)", "TRUNCATE", "GRANT",
    "CREATE TRIGGER r BEFORE INSERT ON t SET @x = 1", "CREATE PROCEDURE p()",
]  # fmt: skip


@pytest.mark.parametrize("sql", UNREAD)
def test_what_is_no_statement_is_unread(sql: str):
    assert [o.kind for o in read(sql)] == [Kind.UNREAD]


# -- the server's own opinion ---------------------------------------------------------------------

SYNTAX_ERROR = "1064"
ONLY_MYSQL = (
    "CREATE INDEX i ON t ((lower(a)))", "ALTER INDEX i INVISIBLE", "NOT ENFORCED",
    "WITHOUT VALIDATION", "DROP INDEX i ON t LOCK=NONE",
)  # fmt: skip
ABOUT_THE_SERVER = (
    "GRANT", "REVOKE", "CREATE USER", "CREATE DATABASE", "USE ", "/*M!", "SET @@GLOBAL",
)  # fmt: skip


def test_mariadb_takes_what_is_read(my: MysqlSession, mariadb: object):
    refused = []
    for sql, _ in ONE:
        if sql.startswith(ABOUT_THE_SERVER) or any(part in sql for part in ONLY_MYSQL):
            continue
        if not _is_syntax(my, sql):
            refused.append(sql)
    assert refused == []


@pytest.mark.parametrize("sql", [s for s in UNREAD if not s.startswith(("HANDLER", "DROP INDEX"))])
def test_mariadb_refuses_what_is_unread(my: MysqlSession, mariadb: object, sql: str):
    assert not _is_syntax(my, sql) or sql == "CREATE TABLE t ()"


def _is_syntax(session: MysqlSession, sql: str) -> bool:
    """Does the server understand the statement, whether or not it can do it?"""
    try:
        session.execute(sql)
    except ServerError as error:
        return error.code != SYNTAX_ERROR
    return True


# -- properties -----------------------------------------------------------------------------------

_VOCABULARY = r"""
CREATE ALTER TABLE t ( ) , a INT ADD DROP KEY INDEX ` ' " ; . = SET INSERT INTO VALUES 1 UPDATE JOIN
DELETE FROM PARTITION BY /*!50001 */ -- # @ @@x DEFAULT NULL NOT MODIFY CHANGE RENAME TO CHECK
FOREIGN REFERENCES ON CONSTRAINT BEGIN END IF
"""
WORDS = st.sampled_from(_VOCABULARY.split())


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=14).map(" ".join))
def test_no_text_makes_the_reader_fail(sql: str):
    assert isinstance(read(sql), tuple)
