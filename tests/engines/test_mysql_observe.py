"""The algorithms that a real MariaDB takes (mariadb.com/kb: InnoDB Online DDL Operations)."""

from __future__ import annotations

import pytest

from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_observe import cheapest, table_ids
from migsafe.engines.mysql_session import MysqlSession
from migsafe.engines.session import ServerError

SETUP = """
CREATE TABLE p (id int PRIMARY KEY)
CREATE TABLE `t-x` (id int PRIMARY KEY AUTO_INCREMENT, a varchar(10), b int, KEY k (b))
ALTER TABLE `t-x` ADD e enum('a', 'b')
INSERT INTO p VALUES (1)
INSERT INTO `t-x` (a, b) VALUES ('x', 1)
"""


@pytest.fixture
def tables(my: MysqlSession) -> MysqlSession:
    for statement in SETUP.strip().splitlines():
        my.execute(statement)
    return my


EXPECTED = [
    ("ALTER TABLE `t-x` ADD c int FIRST", ("INSTANT", "NONE", False)),
    ("ALTER TABLE `t-x` MODIFY e enum('a', 'b', 'c');", ("INSTANT", "NONE", False)),
    ("ALTER TABLE `t-x` RENAME TO u", ("INSTANT", "EXCLUSIVE", False)),
    ("ALTER TABLE `t-x` ADD INDEX (a) -- why", ("NOCOPY", "NONE", False)),
    ("CREATE UNIQUE INDEX i ON `t-x` (a)", ("NOCOPY", "NONE", False)),
    ("DROP INDEX k ON `t-x`", ("NOCOPY", "NONE", False)),
    ("ALTER TABLE `t-x` MODIFY b int NOT NULL", ("INPLACE", "NONE", True)),
    ("ALTER TABLE `t-x` ADD c int, ALGORITHM=INPLACE, LOCK=SHARED", ("INPLACE", "SHARED", True)),
    ("ALTER TABLE `t-x` ADD FOREIGN KEY (b) REFERENCES p (id)", ("COPY", "SHARED", True)),
    ("ALTER TABLE `t-x` MODIFY b bigint", ("COPY", "SHARED", True)),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("sql", "expected"), EXPECTED)
def test_the_cheapest_algorithm(
    sql: str, expected: tuple[str, str, bool], tables: MysqlSession, mariadb: MysqlServer
) -> None:
    before = table_ids(tables)
    found = cheapest(mariadb, tables.database, sql)
    assert found is not None
    assert (found.algorithm, found.lock) == expected[:2]
    assert table_ids(tables) == before
    tables.execute(sql)
    now = table_ids(tables)
    assert now.get("t-x", now.get("u")) == before["t-x"] or expected[2] or "ADD c" in sql


def test_what_is_rebuilt_gets_another_number(tables: MysqlSession, mariadb: MysqlServer) -> None:
    rebuild = cheapest(mariadb, tables.database, "ALTER TABLE `t-x` FORCE")
    added = cheapest(mariadb, tables.database, "ALTER TABLE `t-x` ADD c int")
    assert rebuild is not None
    assert added is not None
    assert (rebuild.rebuilt, added.rebuilt) == (True, False)


def test_a_statement_that_fails_on_empty_tables_is_an_error(
    tables: MysqlSession, mariadb: MysqlServer
) -> None:
    with pytest.raises(ServerError) as caught:
        cheapest(mariadb, tables.database, "ALTER TABLE `t-x` DROP COLUMN nix")
    assert caught.value.code == "1091"
    with pytest.raises(ServerError) as caught:
        cheapest(mariadb, tables.database, "ALTER TABLE `t-x` MODIFY b bigint, ALGORITHM=INSTANT")
    assert caught.value.code == "1846"


@pytest.mark.parametrize("sql", ["SELECT 1", "CREATE TABLE z (a int)", "DROP TABLE `t-x`", ""])
def test_other_statements_have_none(sql: str, tables: MysqlSession, mysql: MysqlServer) -> None:
    assert cheapest(mysql, tables.database, sql) is None
