"""The schema of real MariaDB and MySQL databases."""

from __future__ import annotations

from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_session import MysqlSession
from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Schema,
    Sequence,
    Trigger,
    Unique,
    View,
)
from migsafe.schema.inspect_mysql import inspect
from migsafe.schema.types_mysql import canonical


def schema_of(session: MysqlSession, *statements: str) -> Schema:
    for statement in statements:
        session.execute(statement)
    return inspect(session.execute)


def test_an_empty_database_has_an_empty_schema(my: MysqlSession) -> None:
    assert schema_of(my) == Schema()


def test_columns(my: MysqlSession, mariadb: MysqlServer) -> None:
    found = schema_of(
        my,
        """CREATE TABLE t (
             id int unsigned AUTO_INCREMENT, name varchar(9) NOT NULL DEFAULT 'it''s' COMMENT 'who',
             n decimal(8, 2) DEFAULT 1.50, c text CHARACTER SET latin1,
             d varchar(5) COLLATE utf8mb4_bin,
             at datetime DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
             no int DEFAULT NULL, twice int AS (n * 2) STORED, thrice int AS (n * 3),
             PRIMARY KEY (name, id), KEY (id))""",
    )
    table = found.tables["t"]
    columns = {c.name: c for c in table.columns}
    assert canonical(columns["id"].type, mariadb=True) == "int unsigned"
    assert columns["id"].identity == "auto_increment"
    assert columns["name"] == Column(
        "name", "varchar(9)", True, "'it''s'", primary_key=1, comment="who"
    )
    assert columns["n"] == Column("n", "decimal(8,2)", default="1.50")
    assert columns["c"] == Column("c", "text", collation=columns["c"].collation, charset="latin1")
    assert columns["d"] == Column("d", "varchar(5)", collation="UTF8MB4_BIN")
    assert columns["at"].default == columns["at"].on_update == "current_timestamp()"
    assert columns["no"].default is None
    assert (columns["twice"].generated, columns["twice"].stored) == ("n * 2", True)
    assert (columns["thrice"].generated, columns["thrice"].stored) == ("n * 3", False)
    assert (table.primary_key, table.key_name) == (("name", "id"), "PRIMARY")
    assert table.autoincrement


def test_keys_and_constraints(my: MysqlSession, mariadb: MysqlServer) -> None:
    found = schema_of(
        my,
        "CREATE TABLE p (id int PRIMARY KEY)",
        """CREATE TABLE c (a int, b varchar(50), t text, UNIQUE u (b, a), UNIQUE prefix (b(5)),
             KEY own (a DESC), FULLTEXT words (t), CONSTRAINT big CHECK (a > 1),
             CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)
             ON DELETE CASCADE ON UPDATE RESTRICT)""",
        "CREATE TABLE d (a int, KEY own (a))",
    )
    table = found.tables["c"]
    assert table.uniques == (Unique(("b", "a"), "u"),)
    assert table.checks == (Check("a > 1", "big"),)
    assert table.foreign_keys == (ForeignKey(("a",), "p", ("id",), "CASCADE", name="f"),)
    indexes = {key: index for key, index in found.indexes.items() if key != "f"}
    assert indexes == {
        "prefix": Index("prefix", "c", (IndexColumn("b", length=5),), unique=True),
        "own": Index("own", "c", (IndexColumn("a", descending=True),)),
        "words": Index("words", "c", (IndexColumn("t"),), method="fulltext"),
        "d.own": Index("own", "d", (IndexColumn("a"),)),
    }


def test_options_and_partitions(my: MysqlSession) -> None:
    found = schema_of(
        my,
        "CREATE TABLE t (id int, at date) COMMENT 'x' PARTITION BY RANGE (year(at))"
        " (PARTITION a VALUES LESS THAN (2000), PARTITION b VALUES LESS THAN MAXVALUE)",
    )
    table = found.tables["t"]
    assert table.partitioned == "RANGE (year(at))"
    assert dict(table.options)["engine"] == "innodb"
    assert dict(table.options)["charset"] == "utf8mb4"
    assert dict(table.options)["comment"] == "x"


def test_views_triggers_and_sequences(my: MysqlSession, mariadb: MysqlServer) -> None:
    found = schema_of(
        my,
        "CREATE TABLE t (a int)",
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1",
        "CREATE SEQUENCE s",
    )
    assert found.views == {"v": View("v", "SELECT t.a AS a FROM t", (), ("t",))}
    assert found.triggers == {"tr": Trigger("tr", "t", "BEFORE", "INSERT", "SET new.a = 1")}
    assert found.sequences == {"s": Sequence("s")}
    assert list(found.tables) == ["t"]


def test_what_is_ignored_takes_along_what_stands_on_it(my: MysqlSession) -> None:
    schema_of(my, "CREATE TABLE version (v int, KEY i (v))")
    assert inspect(my.execute, ["Version"]) == Schema()
