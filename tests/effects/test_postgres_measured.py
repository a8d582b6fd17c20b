"""The matrices of PostgreSQL against a real server: locks, rewritten files, rows read, indexes."""

from __future__ import annotations

import pytest

from migsafe.effects import postgres
from migsafe.engines.postgres_observe import Observer
from migsafe.engines.postgres_session import PostgresSession
from migsafe.model.evidence import Effect
from migsafe.model.migration import Dialect
from migsafe.model.observed import Observed
from migsafe.model.schema import Schema
from migsafe.schema.fold import fold
from migsafe.sql.parse import operations

SETUP = """
CREATE TABLE p (id int PRIMARY KEY)
CREATE TABLE t (id int PRIMARY KEY, a int, b int NOT NULL DEFAULT 1, v varchar(10), txt text, n numeric(8,2), ts timestamp(3), tz timestamptz, tm time(3), iv interval(3), ci cidr, vb varbit(5), o oid, x xml, j json, u uuid, ch char(5), bt bit(5), arr varchar(10)[], d date)
CREATE TABLE c (id int PRIMARY KEY, pid int, m int, CONSTRAINT fk FOREIGN KEY (pid) REFERENCES p (id), CONSTRAINT positive CHECK (m > 0))
CREATE TABLE r (id int, at date) PARTITION BY RANGE (id)
CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (0) TO (1000)
CREATE TABLE r2 (id int, at date)
CREATE INDEX t_a ON t (a)
CREATE INDEX t_v ON t (v)
CREATE INDEX t_txt ON t (txt)
CREATE INDEX t_ts ON t (ts)
CREATE INDEX t_o ON t (o)
CREATE UNIQUE INDEX t_b ON t (id, b)
ALTER TABLE c ADD CONSTRAINT late FOREIGN KEY (m) REFERENCES p (id) NOT VALID
INSERT INTO p SELECT i FROM generate_series(1, 50) i
INSERT INTO t (id, a) SELECT i, i FROM generate_series(1, 50) i
INSERT INTO c SELECT i, i, i FROM generate_series(1, 50) i
INSERT INTO r SELECT i FROM generate_series(1, 50) i
INSERT INTO r2 SELECT i FROM generate_series(1001, 1050) i
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
CREATE TRIGGER stamped BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION stamp()
CREATE POLICY own ON c USING (id > 0)
CREATE MATERIALIZED VIEW mv AS SELECT id FROM p
"""  # noqa: E501

STATEMENTS = """
CREATE INDEX ON t (b)
DROP INDEX t_a
REINDEX TABLE t
ALTER TABLE t ADD COLUMN q int
ALTER TABLE t ADD COLUMN q int NOT NULL DEFAULT 5
ALTER TABLE t ADD COLUMN q timestamptz DEFAULT now()
ALTER TABLE t ADD COLUMN q double precision DEFAULT random()
ALTER TABLE t ADD COLUMN q serial
ALTER TABLE t ADD COLUMN q int GENERATED ALWAYS AS IDENTITY
ALTER TABLE t ADD COLUMN q int GENERATED ALWAYS AS (a + 1) STORED
ALTER TABLE t ADD COLUMN q int CHECK (q > 0)
ALTER TABLE t ADD COLUMN q int REFERENCES p (id)
ALTER TABLE t ADD COLUMN q int UNIQUE
ALTER TABLE t DROP COLUMN a
ALTER TABLE t RENAME COLUMN a TO z
ALTER TABLE t RENAME TO z
ALTER TABLE t ALTER COLUMN a SET NOT NULL
ALTER TABLE t ALTER COLUMN b DROP NOT NULL
ALTER TABLE t ALTER COLUMN a SET DEFAULT 3
ALTER TABLE t ALTER COLUMN b DROP DEFAULT
ALTER TABLE t ALTER COLUMN a SET STATISTICS 9
ALTER TABLE t ALTER COLUMN a SET (n_distinct = 5)
ALTER TABLE c ADD CONSTRAINT f2 FOREIGN KEY (m) REFERENCES p (id)
ALTER TABLE c ADD CONSTRAINT f2 FOREIGN KEY (m) REFERENCES p (id) NOT VALID
ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)
ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID
ALTER TABLE t ADD CONSTRAINT k UNIQUE (a)
ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX t_b
ALTER TABLE t ADD CONSTRAINT k EXCLUDE USING btree (a WITH =)
ALTER TABLE c DROP CONSTRAINT fk
ALTER TABLE c DROP CONSTRAINT positive
ALTER TABLE c VALIDATE CONSTRAINT late
ALTER TABLE c ALTER CONSTRAINT fk DEFERRABLE
ALTER TABLE c RENAME CONSTRAINT positive TO above
ALTER TABLE r ATTACH PARTITION r2 FOR VALUES FROM (1001) TO (2000)
ALTER TABLE r DETACH PARTITION r1
CREATE TABLE n (id int PRIMARY KEY, pid int REFERENCES p (id))
CREATE TABLE r3 PARTITION OF r FOR VALUES FROM (5000) TO (6000)
DROP TABLE c
TRUNCATE c
ALTER TABLE t DISABLE TRIGGER ALL
ALTER TABLE t ENABLE ROW LEVEL SECURITY
ALTER TABLE t FORCE ROW LEVEL SECURITY
ALTER TABLE t SET (fillfactor = 70)
ALTER TABLE t SET UNLOGGED
ALTER TABLE t CLUSTER ON t_a
ALTER TABLE t REPLICA IDENTITY FULL
CREATE POLICY mine ON t USING (a > 0)
CREATE TRIGGER again BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION stamp()
DROP TRIGGER stamped ON c
DROP POLICY own ON c
REFRESH MATERIALIZED VIEW mv
ALTER TABLE t RENAME CONSTRAINT t_pkey TO t_key
ALTER TABLE t ALTER COLUMN txt SET STORAGE EXTERNAL
CLUSTER t USING t_a
COMMENT ON TABLE t IS 'x'
LOCK TABLE t IN SHARE MODE
INSERT INTO p VALUES (99)
UPDATE t SET a = 3 WHERE id = 5
DELETE FROM c WHERE id = 5
ALTER TABLE t ALTER COLUMN v TYPE varchar(20)
ALTER TABLE t ALTER COLUMN v TYPE varchar(5)
ALTER TABLE t ALTER COLUMN v TYPE text
ALTER TABLE t ALTER COLUMN txt TYPE varchar
ALTER TABLE t ALTER COLUMN txt TYPE varchar(50)
ALTER TABLE t ALTER COLUMN n TYPE numeric(10,2)
ALTER TABLE t ALTER COLUMN n TYPE numeric(10,4)
ALTER TABLE t ALTER COLUMN n TYPE numeric
ALTER TABLE t ALTER COLUMN ts TYPE timestamp(6)
ALTER TABLE t ALTER COLUMN ts TYPE timestamp
ALTER TABLE t ALTER COLUMN ts TYPE timestamp(0)
ALTER TABLE t ALTER COLUMN tm TYPE time(6)
ALTER TABLE t ALTER COLUMN iv TYPE interval(6)
ALTER TABLE t ALTER COLUMN ci TYPE inet
ALTER TABLE t ALTER COLUMN vb TYPE varbit(9)
ALTER TABLE t ALTER COLUMN vb TYPE varbit
ALTER TABLE t ALTER COLUMN o TYPE int
ALTER TABLE t ALTER COLUMN a TYPE oid
ALTER TABLE t ALTER COLUMN a TYPE bigint
ALTER TABLE t ALTER COLUMN a TYPE smallint
ALTER TABLE t ALTER COLUMN a TYPE numeric
ALTER TABLE t ALTER COLUMN x TYPE text
ALTER TABLE t ALTER COLUMN j TYPE jsonb
ALTER TABLE t ALTER COLUMN u TYPE text
ALTER TABLE t ALTER COLUMN ch TYPE char(9)
ALTER TABLE t ALTER COLUMN ch TYPE text
ALTER TABLE t ALTER COLUMN bt TYPE bit(9)
ALTER TABLE t ALTER COLUMN arr TYPE varchar(20)[]
ALTER TABLE t ALTER COLUMN d TYPE timestamp
ALTER TABLE t ALTER COLUMN txt TYPE text COLLATE "C"
ALTER TABLE c ALTER COLUMN m TYPE bigint
"""

MODES = {mode.title().replace(" ", "") + "Lock": mode for mode in postgres.MODES}


@pytest.fixture
def observer(pg: PostgresSession) -> Observer:
    for statement in SETUP.strip().splitlines():
        pg.execute(statement)
    pg.execute("SET TIME ZONE 'Europe/Rome'")
    return Observer(pg)


def predicted(sql: str) -> tuple[Effect, ...]:
    schema = Schema()
    for statement in SETUP.strip().splitlines():
        for operation in operations(statement, Dialect.POSTGRES):
            schema = fold(schema, operation, Dialect.POSTGRES)
    server = postgres.Server(150000, {})
    return postgres.effects(schema, tuple(operations(sql, Dialect.POSTGRES)), server)


def strongest(seen: Observed, table: str) -> str:
    modes = [MODES[m] for m in seen.modes(table) if m in MODES]
    return max(modes, key=postgres.MODES.index, default="")


@pytest.mark.slow
@pytest.mark.parametrize("sql", STATEMENTS.strip().splitlines())
def test_what_the_server_does(sql: str, observer: Observer) -> None:
    effects = predicted(sql)
    _, seen = observer.run(sql)
    new_name = {"ALTER TABLE t RENAME TO z": "z"}.get(sql)
    for table in {e.table for e in effects if e.lock}:
        own = [e for e in effects if e.table == table]
        lock = max((e.lock for e in own), key=postgres.MODES.index)
        assert lock == strongest(seen, new_name or table)
        if all(e.rewrites is not None for e in own):
            emptied = "TRUNCATE" in sql  # a new file, but nothing is written into it
            rewritten = table in seen.rewritten and not emptied
            assert any(e.rewrites for e in own) == rewritten
    if any(e.scans is None for e in effects) or sql.startswith(("UPDATE", "DELETE")):
        return
    # Which of two tables a join reads in order is the planner's choice.
    tables = {e.table for e in effects}
    read = any(scan.table in tables for scan in seen.scans)
    assert any(e.scans for e in effects) == read
