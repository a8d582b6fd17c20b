"""What statements do on a real PostgreSQL server (manual, 13.3 Explicit Locking, and 4b, 4a)."""

from __future__ import annotations

import pytest

from migsafe.engines.postgres import PostgresServer
from migsafe.engines.postgres_observe import Observer, run_watched
from migsafe.engines.postgres_session import PostgresSession
from migsafe.engines.session import ServerError
from migsafe.model.observed import Observed, Scan

SETUP = """
CREATE SCHEMA other
CREATE TABLE other.parent (id int PRIMARY KEY)
CREATE TABLE t (id int PRIMARY KEY, a varchar(10), b int)
ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (b) REFERENCES other.parent
CREATE INDEX t_a ON t (a)
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i
CREATE TABLE parts (id int) PARTITION BY RANGE (id)
CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (10)
"""


@pytest.fixture
def observer(pg: PostgresSession) -> Observer:
    for statement in SETUP.strip().splitlines():
        pg.execute(statement)
    return Observer(pg)


def observed(observer: Observer, sql: str) -> Observed:
    return observer.run(sql)[1]


LOCKS = [
    ("ALTER TABLE t ADD c int", {"t": "AccessExclusiveLock"}),
    ("ALTER TABLE t RENAME a TO z", {"t": "AccessExclusiveLock"}),
    (
        "ALTER TABLE t DROP CONSTRAINT fk",
        {"t": "AccessExclusiveLock", "other.parent": "AccessExclusiveLock"},
    ),
    (
        "ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES other.parent NOT VALID",
        {"t": "ShareRowExclusiveLock", "other.parent": "ShareRowExclusiveLock"},
    ),
    ("CREATE INDEX ON t (b)", {"t": "ShareLock"}),
    ("ALTER TABLE t VALIDATE CONSTRAINT fk", {}),
    ("ALTER TABLE t ALTER a SET STATISTICS 9", {"t": "ShareUpdateExclusiveLock"}),
    (
        "ALTER TABLE parts ADD c int",
        {"parts": "AccessExclusiveLock", "part": "AccessExclusiveLock"},
    ),
    ("UPDATE t SET b = NULL WHERE id = 1", {"t": "RowExclusiveLock"}),
    ("DROP TABLE t", {"t": "AccessExclusiveLock", "other.parent": "AccessExclusiveLock"}),
    ("COMMENT ON TABLE t IS 'x'", {"t": "ShareUpdateExclusiveLock"}),
    ("CREATE TYPE mood AS ENUM ('sad')", {}),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "expected"), LOCKS)
def test_the_locks_of_a_statement(sql: str, expected: dict[str, str], observer: Observer) -> None:
    seen = observed(observer, sql)
    tables = {"t", "other.parent", "parts", "part"} & {lock.relation for lock in seen.locks}
    assert set(expected) <= tables
    for table, mode in expected.items():
        assert mode in seen.modes(table)
    if "AccessExclusiveLock" not in expected.values():
        assert all("AccessExclusiveLock" not in seen.modes(table) for table in tables)


FILES = [
    ("ALTER TABLE t ALTER a TYPE varchar(20)", (), ()),
    ("ALTER TABLE t ALTER a TYPE text", (), ()),
    ("ALTER TABLE t ALTER a TYPE varchar(5)", ("t",), ("t_a", "t_pkey")),
    ("ALTER TABLE t ALTER id TYPE bigint", ("t",), ("t_a", "t_pkey")),
    ("ALTER TABLE t ALTER a TYPE varchar(10) COLLATE \"POSIX\"", (), ("t_a",)),
    ("ALTER TABLE t ADD c int DEFAULT 1", (), ()),
    ("ALTER TABLE t ADD c float DEFAULT random()", ("t",), ("t_a", "t_pkey")),
    ("REINDEX INDEX t_a", (), ("t_a",)),
    ("CREATE INDEX t_b ON t (b)", (), ()),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rewritten", "rebuilt"), FILES)
def test_what_is_rewritten(
    sql: str, rewritten: tuple[str, ...], rebuilt: tuple[str, ...], observer: Observer
) -> None:
    seen = observed(observer, sql)
    assert (seen.rewritten, seen.rebuilt) == (rewritten, rebuilt)


def test_rows_read_and_written(observer: Observer) -> None:
    assert observed(observer, "ALTER TABLE t ALTER a SET NOT NULL").scans == (Scan("t", 100),)
    assert observed(observer, "ALTER TABLE t ADD c int").scans == ()
    assert observed(observer, "UPDATE t SET c = 1").written == (Scan("t", 100),)


def test_only_new_locks_of_an_open_transaction_are_the_statements(
    observer: Observer, pg: PostgresSession
) -> None:
    observed(observer, "BEGIN")
    assert observed(observer, "ALTER TABLE t ADD c int").modes("t") == ("AccessExclusiveLock",)
    assert observed(observer, "ALTER TABLE t ADD d int").locks == ()
    assert observed(observer, "COMMIT") == Observed()
    assert observed(observer, "LOCK TABLE t").modes("t") == ("AccessExclusiveLock",)
    assert not pg.in_transaction()
    assert len(pg.execute("SELECT c, d FROM t")) == 100


def test_a_failing_statement_leaves_no_transaction_of_ours(
    observer: Observer, pg: PostgresSession
) -> None:
    with pytest.raises(ServerError, match="does not exist"):
        observer.run("ALTER TABLE nix ADD c int")
    assert not pg.in_transaction()
    pg.execute("BEGIN")
    with pytest.raises(ServerError, match="does not exist"):
        observer.run("ALTER TABLE nix ADD c int")
    assert pg.in_transaction()
    pg.execute("ROLLBACK")


def test_a_statement_outside_transactions_is_watched_from_beside(
    observer: Observer, pg: PostgresSession, postgres: PostgresServer
) -> None:
    beside, blocker = postgres.connect(pg.database), postgres.connect(pg.database)
    blocker.execute("BEGIN")
    blocker.execute("LOCK TABLE t IN ROW EXCLUSIVE MODE")
    pg.execute("SET lock_timeout = 100")
    with pytest.raises(ServerError, match="lock timeout"):
        run_watched(pg, beside, "CREATE INDEX CONCURRENTLY t_c ON t (b)")
    blocker.execute("ROLLBACK")
    pg.execute("DROP INDEX t_c")
    pg.execute("INSERT INTO t SELECT i, i FROM generate_series(101, 100000) i")
    _, locks = run_watched(pg, beside, "CREATE INDEX CONCURRENTLY t_c ON t (b)")
    assert "ShareUpdateExclusiveLock" in {lock.mode for lock in locks if lock.relation == "t"}
    for session in (beside, blocker):
        session.close()
