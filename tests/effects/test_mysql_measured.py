"""The matrix of MariaDB against a real server: each ALTER, and what the server accepts for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from migsafe.effects import mysql
from migsafe.effects.versions import oldest
from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_observe import cheapest
from migsafe.engines.mysql_session import MysqlSession
from migsafe.engines.session import ServerError
from migsafe.model.evidence import Effect
from migsafe.model.migration import Dialect
from migsafe.model.schema import Schema
from migsafe.schema.fold import fold
from migsafe.sql.parse import operations

SETUP = """
CREATE TABLE p (id int PRIMARY KEY)
CREATE TABLE t (id int PRIMARY KEY, a int, m int NOT NULL DEFAULT 1, d decimal(5,2), v varchar(150) CHARACTER SET latin1, w varchar(63), x varchar(100), s varchar(30) CHARACTER SET latin1, l varchar(10) CHARACTER SET latin1, ts timestamp NULL, dt datetime, e enum('a', 'b'), z set('a', 'b'), ch char(5), vb varbinary(10), tx text, b int, KEY kb (b)) CHARACTER SET utf8mb4
CREATE TABLE n (a int, b int NOT NULL, g geometry NOT NULL)
CREATE TABLE c (id int PRIMARY KEY, n int, m int NOT NULL, CONSTRAINT fk FOREIGN KEY (n) REFERENCES p (id), CONSTRAINT ck CHECK (m > 0))
CREATE TABLE f (id int PRIMARY KEY, x text, y int, FULLTEXT KEY kx (x))
CREATE TABLE z (id int PRIMARY KEY, x text, y int) ROW_FORMAT=COMPRESSED
CREATE TABLE g (id int PRIMARY KEY, a int, vv int AS (a + 1) VIRTUAL)
CREATE TABLE gs (id int PRIMARY KEY, a int, s int AS (a + 1) STORED)
CREATE TABLE u (id int PRIMARY KEY, a varchar(10), k varchar(10), KEY (k)) CHARACTER SET utf8mb3
CREATE TABLE my (id int PRIMARY KEY, a int) ENGINE=MyISAM
"""  # noqa: E501

ALTERS = """
ALTER TABLE t ADD q int
ALTER TABLE t ADD q int NOT NULL DEFAULT 3
ALTER TABLE t ADD q int AFTER id
ALTER TABLE t ADD q int FIRST
ALTER TABLE t ADD q datetime DEFAULT now()
ALTER TABLE t ADD q int DEFAULT (1 + 1)
ALTER TABLE t ADD q double DEFAULT (rand())
ALTER TABLE t ADD q varchar(40) DEFAULT (uuid())
ALTER TABLE t ADD q int AS (a + 1) STORED
ALTER TABLE t ADD q int AS (a + 1) VIRTUAL
ALTER TABLE t ADD q int UNIQUE
ALTER TABLE t ADD q int CHECK (q > 0)
ALTER TABLE t ADD q int REFERENCES p (id)
ALTER TABLE t ADD q int, ADD KEY (q)
ALTER TABLE t ADD q int, ADD CONSTRAINT k CHECK (q > 0)
ALTER TABLE n ADD q int NOT NULL AUTO_INCREMENT PRIMARY KEY
ALTER TABLE n ADD q int PRIMARY KEY
ALTER TABLE t DROP COLUMN d
ALTER TABLE t DROP COLUMN b
ALTER TABLE t DROP COLUMN id
ALTER TABLE t DROP COLUMN d, ADD KEY (m)
ALTER TABLE g DROP COLUMN vv
ALTER TABLE gs DROP COLUMN s
ALTER TABLE t RENAME COLUMN a TO aa
ALTER TABLE t CHANGE a aa int
ALTER TABLE t CHANGE a aa bigint
ALTER TABLE t ALTER a SET DEFAULT 4
ALTER TABLE t ALTER m DROP DEFAULT
ALTER TABLE t MODIFY a int COMMENT 'x'
ALTER TABLE t MODIFY a int FIRST
ALTER TABLE t MODIFY a int NOT NULL
ALTER TABLE t MODIFY m int NULL DEFAULT 1
ALTER TABLE t MODIFY a bigint
ALTER TABLE t MODIFY a int unsigned
ALTER TABLE t MODIFY d decimal(8,2)
ALTER TABLE t MODIFY v varchar(255) CHARACTER SET latin1
ALTER TABLE t MODIFY v varchar(256) CHARACTER SET latin1
ALTER TABLE t MODIFY v varchar(40) CHARACTER SET latin1
ALTER TABLE t MODIFY s varchar(300) CHARACTER SET latin1
ALTER TABLE t MODIFY w varchar(64)
ALTER TABLE t MODIFY x varchar(200)
ALTER TABLE t MODIFY l varchar(10) CHARACTER SET utf8mb4
ALTER TABLE t MODIFY l varchar(10) CHARACTER SET latin1 COLLATE latin1_bin
ALTER TABLE t MODIFY v text CHARACTER SET latin1
ALTER TABLE t MODIFY tx mediumtext
ALTER TABLE t MODIFY ch char(6)
ALTER TABLE t MODIFY vb varbinary(20)
ALTER TABLE t MODIFY e enum('a', 'b', 'c')
ALTER TABLE t MODIFY e enum('a', 'c', 'b')
ALTER TABLE t MODIFY e enum('a')
ALTER TABLE t MODIFY z set('a', 'b', 'c')
ALTER TABLE t MODIFY z set('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i')
ALTER TABLE t MODIFY dt datetime(6)
ALTER TABLE t MODIFY id int AUTO_INCREMENT
ALTER TABLE t MODIFY a int CHECK (a > 0)
ALTER TABLE gs MODIFY s int AS (a + 3) STORED
ALTER TABLE g MODIFY vv int AS (a + 3) VIRTUAL
ALTER TABLE u MODIFY a varchar(10) CHARACTER SET utf8mb4
ALTER TABLE u MODIFY k varchar(10) CHARACTER SET utf8mb4
ALTER TABLE u MODIFY a varchar(30) CHARACTER SET utf8mb3
ALTER TABLE t ADD KEY (m)
ALTER TABLE t ADD UNIQUE (m)
CREATE UNIQUE INDEX i ON t (m)
ALTER TABLE t ADD FULLTEXT KEY (tx)
ALTER TABLE f ADD FULLTEXT KEY k2 (x)
ALTER TABLE n ADD SPATIAL KEY (g)
ALTER TABLE t DROP KEY kb
ALTER TABLE t RENAME KEY kb TO kc
ALTER TABLE n ADD PRIMARY KEY (b)
ALTER TABLE t DROP PRIMARY KEY
ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, m)
ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p (id)
ALTER TABLE c DROP FOREIGN KEY fk
ALTER TABLE c DROP CONSTRAINT ck
ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0)
ALTER TABLE t ENGINE=InnoDB
ALTER TABLE t FORCE
ALTER TABLE t ROW_FORMAT=COMPACT
ALTER TABLE t AUTO_INCREMENT=100
ALTER TABLE t COMMENT='x'
ALTER TABLE t CHARACTER SET latin1
ALTER TABLE t CONVERT TO CHARACTER SET latin1
ALTER TABLE u CONVERT TO CHARACTER SET utf8mb4
ALTER TABLE t ADD SYSTEM VERSIONING
ALTER TABLE t RENAME TO tt
ALTER TABLE f ADD q int
ALTER TABLE f MODIFY y int NOT NULL
ALTER TABLE f FORCE
ALTER TABLE z ADD q int
ALTER TABLE z DROP COLUMN y
ALTER TABLE g ADD q int AFTER id
ALTER TABLE gs ADD q int AFTER id
ALTER TABLE my ADD q int
ALTER TABLE my ADD KEY (a)
ALTER TABLE t ADD q int, ALGORITHM=INPLACE
ALTER TABLE t ADD q int, ALGORITHM=COPY
ALTER TABLE t ADD KEY (m), LOCK=SHARED
"""


@pytest.fixture(scope="module")
def database(mariadb: MysqlServer) -> Iterator[str]:
    name = mariadb.create_database()
    session = mariadb.connect(name)
    for statement in SETUP.strip().splitlines():
        session.execute(statement)
    session.close()
    yield name
    mariadb.drop_database(name)


def predicted(sql: str, server: mysql.Server) -> tuple[Effect, ...]:
    schema = Schema()
    for statement in SETUP.strip().splitlines():
        for operation in operations(statement, Dialect.MYSQL):
            schema = fold(schema, operation, Dialect.MYSQL)
    return mysql.effects(schema, tuple(operations(sql, Dialect.MYSQL)), server)


@pytest.mark.slow
@pytest.mark.parametrize("sql", ALTERS.strip().splitlines())
def test_what_the_server_accepts(sql: str, database: str, mariadb: MysqlServer) -> None:
    session: MysqlSession = mariadb.connect(database)
    version = str(session.execute("SELECT version()")[0][0])
    session.close()
    known = oldest(Dialect.MYSQL, f"mariadb {version.partition('-')[0]}")
    found = predicted(sql, mysql.Server(known.product, known.number))
    seen = cheapest(mariadb, database, sql)
    assert seen is not None
    algorithm = max((e.algorithm for e in found), key=mysql.ALGORITHMS.index)
    lock = max((e.lock for e in found), key=mysql.LOCKS.index)
    assert (algorithm.upper(), lock) == (seen.algorithm, seen.lock)
    if " my " not in sql:
        assert any(e.rewrites for e in found) == seen.rebuilt


@pytest.mark.slow
def test_a_foreign_key_that_nothing_checks_needs_no_copy(my: MysqlSession, mariadb: MysqlServer):
    for statement in ("CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (id int, b int)"):
        my.execute(statement)
    add = "ALTER TABLE c ADD FOREIGN KEY (b) REFERENCES p (id)"
    my.execute("SET foreign_key_checks = 0")
    with pytest.raises(ServerError):
        my.execute(f"{add}, ALGORITHM=INSTANT")
    my.execute(f"{add}, ALGORITHM=NOCOPY, LOCK=NONE")
