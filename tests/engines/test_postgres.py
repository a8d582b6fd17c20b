"""Sessions and databases on a real PostgreSQL server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from migsafe.engines.postgres import PostgresServer, open_server
from migsafe.engines.postgres_session import PostgresSession, cleaned
from migsafe.engines.servers import NoServer
from migsafe.engines.session import ServerError, TooSlow

SECRET = "s3cr3t: 'a\"b"


def failed(session: PostgresSession, sql: str) -> ServerError:
    with pytest.raises(ServerError) as caught:
        session.execute(sql)
    return caught.value


def test_a_statement_is_run_as_it_stands(pg: PostgresSession) -> None:
    assert pg.execute("SELECT '100 %s' || $$ :a %(b)s $$, 7 % 4 /* ? */") == [
        ("100 %s :a %(b)s ", 3)
    ]


def test_values_keep_their_types_where_that_cannot_fail(pg: PostgresSession) -> None:
    sql = r"""SELECT 1, 2.50, true, NULL, 'x', '\x00ff'::bytea, 1.5::float8, 'infinity'::date,
                     'NaN'::numeric, ARRAY[1], '4713-01-01 BC'::date"""
    (row,) = pg.execute(sql)
    assert row[:8] == (1, Decimal("2.50"), True, None, "x", b"\x00\xff", 1.5, "infinity")
    assert row[8].is_nan()
    assert row[9:] == ("{1}", "4713-01-01 BC")


def test_an_error_tells_code_place_and_names(pg: PostgresSession) -> None:
    pg.execute("CREATE TABLE t (id int PRIMARY KEY, a int CONSTRAINT positive CHECK (a > 0))")
    error = failed(pg, "INSERT INTO t VALUES (1, -1)")
    assert (error.code, error.table, error.constraint) == ("23514", "t", "positive")
    error = failed(pg, "SELECT id, b FROM t")
    assert (error.code, error.position) == ("42703", 12)
    assert error.message == 'column "b" does not exist'


SHOWING = [
    "SELECT {s}::int",
    "SELECT {s}::date",
    "SELECT {s}::json",
    "SELECT {s}::mood",
    "INSERT INTO t VALUES ({s})",
    "INSERT INTO t VALUES ({s}), ({s})",
    "INSERT INTO c VALUES ({s})",
    "INSERT INTO n VALUES ({s}, NULL)",
    "INSERT INTO p VALUES ({s})",
    "ALTER TABLE t ALTER a TYPE int USING a::int",
    "CREATE UNIQUE INDEX ON d (a)",
    "ALTER TABLE d ADD CHECK (a = '')",
    "SELECT xmlparse(document a) FROM d",
    "SELECT convert_from({s}::bytea || '\\xff', 'UTF8')",
    "SELECT to_date({s}, 'YYYY-MM-DD')",
    "SELECT make_date(-{n}, 2, 30)",
    "SELECT ({n}::text || '99999999999')::int",
    "DO $$BEGIN RAISE EXCEPTION 'no %', (SELECT a FROM d LIMIT 1); END$$",
    "SELECT {s} {s",
]


@pytest.mark.parametrize("sql", SHOWING)
def test_an_error_shows_no_value(sql: str, pg: PostgresSession) -> None:
    value = "'" + SECRET.replace("'", "''") + "'"
    for statement in (
        "CREATE TYPE mood AS ENUM ('ok')",
        "CREATE TABLE t (a text PRIMARY KEY)",
        f"INSERT INTO t VALUES ({value})",
        "CREATE TABLE c (a text REFERENCES t, CHECK (a = 'x'))",
        "CREATE TABLE n (a text, b int NOT NULL)",
        "CREATE TABLE p (a text) PARTITION BY LIST (a)",
        "CREATE TABLE d (a text)",
        f"INSERT INTO d VALUES ({value}), ({value})",
    ):
        pg.execute(statement)
    error = failed(pg, sql.replace("{s}", value).replace("{s", value[:-1]).replace("{n}", "31337"))
    for shown in (error.message, str(error), repr(error)):
        assert "s3cr3t" not in shown
        assert "31337" not in shown


def test_cleaning_keeps_what_names_objects() -> None:
    assert cleaned("42P01", 'relation "x" does not exist') == 'relation "x" does not exist'
    assert cleaned("42601", 'syntax error at or near "FORM"') == 'syntax error at or near "FORM"'
    assert cleaned("22P02", 'invalid input syntax for type integer: "7a"') == (
        "invalid input syntax for type integer"
    )


def test_a_statement_that_takes_too_long_is_stopped(pg: PostgresSession) -> None:
    with pytest.raises(TooSlow):
        pg.execute("SELECT pg_sleep(60)", 0.1)
    assert pg.execute("SELECT 1", 60.0) == [(1,)]


def test_another_thread_can_cancel(pg: PostgresSession) -> None:
    threading.Timer(0.2, pg.cancel).start()
    assert failed(pg, "SELECT pg_sleep(60)").code == "57014"
    assert pg.execute("SELECT 1") == [(1,)]


def test_a_failed_transaction_is_told_from_a_finished_one(pg: PostgresSession) -> None:
    assert not pg.in_transaction()
    for end in ("/* done */ ROLLBACK", "COMMIT"):
        pg.execute("BEGIN")
        failed(pg, "SELECT 1 / 0")
        assert failed(pg, "SELECT 1").code == "25P02"
        assert pg.in_transaction()
        if end == "COMMIT":
            assert failed(pg, end).code == "25P02"
        else:
            pg.execute(end)
        assert not pg.in_transaction()


def test_rows_are_copied_in(pg: PostgresSession) -> None:
    pg.execute("CREATE TABLE t (a int, b text)")
    pg.copy_in("COPY t (a, b) FROM stdin", [b"1\tx\n", b"2\t\\N\n"])
    assert pg.execute("SELECT * FROM t ORDER BY a") == [(1, "x"), (2, None)]


def test_a_lost_connection_is_an_error_like_others(
    pg: PostgresSession, postgres: PostgresServer
) -> None:
    other = postgres.connect(pg.database)
    other.execute(f"SELECT pg_terminate_backend({pg.pid})")
    other.close()
    assert failed(pg, "SELECT 1").lost
    assert failed(pg, "SELECT 1").lost


# -- databases --------------------------------------------------------------------------------


def test_a_database_is_copied_and_dropped_with_who_is_in_it(postgres: PostgresServer) -> None:
    first = postgres.create_database()
    session = postgres.connect(first)
    session.execute("CREATE TABLE t AS SELECT 1 AS a")
    session.close()
    second = postgres.create_database(template=first)
    copy = postgres.connect(second)
    assert copy.execute("SELECT a FROM t") == [(1,)]
    postgres.drop_database(first)
    postgres.drop_database(second)
    assert failed(copy, "SELECT 1").lost
    with pytest.raises(NoServer):
        postgres.connect(second)
    with pytest.raises(ValueError, match="no database of ours"):
        postgres.drop_database("postgres")


@pytest.fixture
def foreign(postgres: PostgresServer, pg: PostgresSession) -> Callable[[], object]:
    """What a server of the user's holds besides our databases: names, and one's contents."""
    pg.execute("CREATE TABLE theirs AS SELECT i, md5(i::text) FROM generate_series(1, 100) i")

    def look() -> object:
        names = pg.execute("SELECT datname FROM pg_database ORDER BY 1")
        rows = pg.execute("SELECT md5(string_agg(t::text, ',' ORDER BY i)), count(*) FROM theirs t")
        objects = pg.execute("SELECT relname, relfilenode FROM pg_class ORDER BY oid")
        roles = pg.execute("SELECT rolname, rolconfig FROM pg_roles ORDER BY 1")
        return names, rows, objects, roles

    return look


def dsn_of(server: PostgresServer) -> str:
    folder = server.address.socket.rpartition("/")[0]
    return f"postgresql://postgres@/postgres?host={folder}"


def test_a_users_server_is_touched_only_in_databases_of_ours(
    postgres: PostgresServer, foreign: Callable[[], object]
) -> None:
    before = foreign()
    server = open_server(dsn_of(postgres))
    name = server.create_database()
    session = server.connect(name)
    session.execute("CREATE TABLE theirs (a int)")
    session.close()
    server.create_database(template=name)
    assert foreign() != before
    server.close()
    assert foreign() == before


def test_what_a_killed_run_left_is_dropped_and_what_a_live_run_has_is_not(
    postgres: PostgresServer,
) -> None:
    postgres_control = postgres.connect("postgres")
    live = open_server(dsn_of(postgres))
    kept = live.create_database()
    left = "migsafe_00000001_1"
    postgres_control.execute(f"CREATE DATABASE {left}")
    names = "SELECT datname FROM pg_database"
    open_server(dsn_of(postgres)).close()
    found = {name for (name,) in postgres_control.execute(names)}
    assert kept in found
    assert left not in found
    live.close()
    assert kept not in {name for (name,) in postgres_control.execute(names)}
    postgres_control.close()


def test_a_user_who_may_not_make_databases_is_refused(
    postgres: PostgresServer, pg: PostgresSession
) -> None:
    pg.execute("CREATE ROLE small LOGIN")
    with pytest.raises(NoServer, match="may not make databases"):
        open_server(dsn_of(postgres).replace("postgres@", "small@"))
    pg.execute("DROP ROLE small")


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(NoServer, match=r"127\.0\.0\.1:1") as caught:
        open_server("postgres://me:hush@127.0.0.1:1/x")
    assert "hush" not in caught.value.message
