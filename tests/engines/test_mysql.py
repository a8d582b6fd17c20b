"""Sessions and databases on a real MariaDB or MySQL server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal

import pytest

from migsafe.engines.mysql import MysqlServer, open_server, product_of
from migsafe.engines.mysql_session import MysqlSession, cleaned
from migsafe.engines.servers import NoServer
from migsafe.engines.session import ServerError, TooSlow

SECRET = "s3cr3t: for column 's3cr3t' \"b"


def failed(session: MysqlSession, sql: str) -> ServerError:
    with pytest.raises(ServerError) as caught:
        session.execute(sql)
    return caught.value


def test_a_statement_is_run_as_it_stands(my: MysqlSession) -> None:
    assert my.execute("SELECT '100 %s %(b)s', 7 % 4 /* ? */") == [("100 %s %(b)s", 3)]


def test_values_keep_their_types_where_that_cannot_fail(my: MysqlSession) -> None:
    sql = "SELECT 1, 2.50, NULL, 'x', x'00ff', 1.5e0, cast('0000-00-00' AS char), date '2024-02-29'"
    assert my.execute(sql) == [
        (1, Decimal("2.50"), None, "x", b"\x00\xff", 1.5, "0000-00-00", "2024-02-29")
    ]


def test_a_procedure_may_give_several_results(my: MysqlSession) -> None:
    my.execute("CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END")
    assert my.execute("CALL two()") == [(1,)]
    assert my.execute("SELECT 3") == [(3,)]


SHOWING = [
    ("INSERT INTO t VALUES ({s}, 1, NULL)", "1062"),
    ("INSERT INTO t VALUES ('a', {s}, NULL)", "1366"),
    ("INSERT INTO t VALUES ('a', 1, {s})", "1292"),
    ("INSERT INTO c VALUES ({s})", "1452"),
    ("ALTER TABLE d ADD UNIQUE (a)", "1062"),
    ("ALTER TABLE d MODIFY a int", "1292"),
    ("ALTER TABLE d MODIFY a date", "1292"),
    ("UPDATE d SET a = a + 1", "1292"),
    ("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = {s}", "1644"),
    ("SELEC {s}", "1064"),
]


@pytest.mark.parametrize(("sql", "code"), SHOWING)
def test_an_error_shows_no_value(sql: str, code: str, my: MysqlSession) -> None:
    value = "'" + SECRET.replace("'", "''") + "'"
    for statement in (
        "CREATE TABLE t (a varchar(50) PRIMARY KEY, b int, c date)",
        f"INSERT INTO t VALUES ({value}, 1, NULL)",
        "CREATE TABLE p (a varchar(50) PRIMARY KEY)",
        "CREATE TABLE c (a varchar(50), FOREIGN KEY (a) REFERENCES p (a))",
        "CREATE TABLE d (a varchar(50))",
        f"INSERT INTO d VALUES ({value}), ({value})",
    ):
        my.execute(statement)
    error = failed(my, sql.replace("{s}", value))
    assert error.code == code
    for shown in (error.message, str(error), repr(error)):
        assert "s3cr3t" not in shown
        assert my.database not in shown


def test_cleaning_keeps_what_names_objects() -> None:
    assert cleaned(1062, "Duplicate entry 'for key 'x'' for key 'users.email'") == (
        "Duplicate entry for key 'users.email'"
    )
    assert cleaned(1366, "Incorrect integer value: 'x' for column `d`.`t`.`c` at row 1") == (
        "Incorrect integer value for column `d`.`t`.`c`"
    )
    spoofing = "x for column 'y' at row 1"
    assert cleaned(1292, f"Truncated incorrect DOUBLE value: '{spoofing}'") == (
        "Truncated incorrect DOUBLE value: '...'"
    )
    assert cleaned(1146, "Table 'd.t' doesn't exist") == "Table 'd.t' doesn't exist"
    assert cleaned(9999, "Something about 'x' and 'y'") == "Something about '...'"


def test_a_statement_that_takes_too_long_is_stopped(my: MysqlSession) -> None:
    with pytest.raises(TooSlow):
        my.execute("SELECT sleep(60)", 0.1)
    assert my.execute("SELECT 1", 60.0) == [(1,)]


def test_another_thread_can_cancel(my: MysqlSession) -> None:
    my.execute("CREATE TABLE t AS SELECT 1 AS a")
    threading.Timer(0.2, my.cancel).start()
    assert failed(my, "UPDATE t SET a = a + (SELECT 1 FROM (SELECT sleep(60)) s)").code == "1317"
    assert my.execute("SELECT a FROM t") == [(1,)]


def test_transactions_are_the_servers(my: MysqlSession) -> None:
    assert not my.in_transaction()
    my.execute("BEGIN")
    assert my.in_transaction()
    my.execute("CREATE TABLE t (a int)")  # commits
    assert not my.in_transaction()


def test_a_lost_connection_is_an_error_like_others(my: MysqlSession, mysql: MysqlServer) -> None:
    other = mysql.connect("")
    other.execute(f"KILL {my.id}")
    other.close()
    assert failed(my, "SELECT 1").lost
    assert failed(my, "SELECT 1").lost


# -- databases --------------------------------------------------------------------------------


def test_a_database_is_copied_with_all_that_is_in_it(my: MysqlSession, mysql: MysqlServer) -> None:
    for statement in (
        "CREATE TABLE p (id int PRIMARY KEY AUTO_INCREMENT, a int, g int AS (a * 2) STORED)",
        "INSERT INTO p (a) VALUES (1), (2)",
        "CREATE TABLE c (p int, KEY k (p), CONSTRAINT own FOREIGN KEY (p) REFERENCES p (id))",
        "INSERT INTO c VALUES (1)",
        "CREATE VIEW a_last AS SELECT p FROM c",
        "CREATE VIEW a_first AS SELECT p FROM a_last",
        "CREATE TRIGGER counted BEFORE INSERT ON c FOR EACH ROW SET NEW.p = NEW.p",
        "CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1",
    ):
        my.execute(statement)
    full, empty = mysql.create_database(my.database), mysql.create_empty_like(my.database)
    for name, rows in ((full, 2), (empty, 0)):
        session = mysql.connect(name)
        assert session.execute("SELECT count(*), sum(g) FROM p")[0][0] == rows
        assert len(session.execute("SELECT * FROM a_first")) == bool(rows)
        assert session.execute("SELECT f()") == [(1,)]
        for show in ("TABLE p", "TABLE c"):
            theirs, ours = (s.execute(f"SHOW CREATE {show}") for s in (my, session))
            assert ours[0][1].split("AUTO_INC")[0] == theirs[0][1].split("AUTO_INC")[0]
        assert session.execute("SHOW TRIGGERS")[0][0] == "counted"
        session.close()
        mysql.drop_database(name)
    with pytest.raises(ValueError, match="no database of ours"):
        mysql.drop_database("mysql")


@pytest.fixture
def foreign(my: MysqlSession) -> Callable[[], object]:
    """What a server of the user's holds besides our databases: names, and one's contents."""
    my.execute("CREATE TABLE theirs AS SELECT seq AS i, md5(seq) AS m FROM seq_1_to_100")

    def look() -> object:
        names = my.execute("SHOW DATABASES")
        users = my.execute("SELECT user, host FROM mysql.user ORDER BY 1, 2")
        return names, users, my.execute("CHECKSUM TABLE theirs"), my.execute("SHOW TABLES")

    return look


def test_a_users_server_is_touched_only_in_databases_of_ours(
    mariadb: MysqlServer, foreign: Callable[[], object]
) -> None:
    before = foreign()
    server = open_server(f"mysql://root@/?unix_socket={mariadb.address.socket}")
    name = server.create_database()
    session = server.connect(name)
    session.execute("CREATE TABLE theirs (a int)")
    session.close()
    server.create_database(template=name)
    assert foreign() != before
    server.close()
    assert foreign() == before


def test_what_a_killed_run_left_is_dropped_and_what_a_live_run_has_is_not(
    mysql: MysqlServer,
) -> None:
    dsn = f"mysql://root@/?unix_socket={mysql.address.socket}"
    control = mysql.connect("")
    live = open_server(dsn)
    kept = live.create_database()
    control.execute("CREATE DATABASE migsafe_00000001_1")
    open_server(dsn).close()
    found = {name for (name,) in control.execute("SHOW DATABASES")}
    assert kept in found
    assert "migsafe_00000001_1" not in found
    live.close()
    assert kept not in {name for (name,) in control.execute("SHOW DATABASES")}
    control.close()


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(NoServer, match=r"127\.0\.0\.1:1") as caught:
        open_server("mysql://me:hush@127.0.0.1:1/x")
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("10.11.19-MariaDB-0+deb12u1", ("MariaDB", (10, 11, 19))),
        ("5.5.5-10.5.8-MariaDB", ("MariaDB", (10, 5, 8))),
        ("8.0.36-0ubuntu0.22.04.1", ("MySQL", (8, 0, 36))),
        ("mysqld  Ver 8.4.0 for Linux on x86_64 (MySQL Community Server)", ("MySQL", (8, 4, 0))),
    ],
)
def test_products_are_told_apart(told: str, expected: tuple[str, tuple[int, ...]]) -> None:
    assert product_of(told) == expected
