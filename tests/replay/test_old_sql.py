"""A dump without its rows: what stays, and where new rows go."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect
from migsafe.replay.servers.old_sql import frame


@pytest.mark.parametrize(
    "rows",
    [
        "INSERT INTO t VALUES ('secret')",
        "COPY t (a) FROM stdin;\nsecret\n\\.\n",
        "WITH x AS (SELECT 'secret') INSERT INTO t SELECT * FROM x",
        "UPDATE t SET a = 'secret'",
        "SELECT setval('s', 5, true)",
        "SELECT fill('secret')",
        "DO $$ BEGIN INSERT INTO t VALUES ('secret'); END $$",
    ],
)
def test_nothing_of_what_writes_rows_is_kept(rows):
    found = frame(f"SET a = 1;\nCREATE TABLE t (a text);\n{rows};\nCREATE INDEX i ON t (a);\n",
                  Dialect.POSTGRES)  # fmt: skip
    assert found.before == ("SET a = 1;", "CREATE TABLE t (a text);")
    assert found.behind == ("CREATE INDEX i ON t (a);",)


def test_what_mysqldump_writes_around_rows_is_not_kept_either():
    text = (
        "/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `t` (a int);\nLOCK TABLES `t` WRITE;\n"
        "/*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO `t` VALUES (1),(2);\n"
        "/*!40000 ALTER TABLE `t` ENABLE KEYS */;\nUNLOCK TABLES;\n"
    )
    found = frame(text, Dialect.MYSQL)
    assert [sql for sql in (*found.before, *found.behind) if "KEYS" in sql or "LOCK" in sql] == []
    assert "CREATE TABLE `t` (a int);" in found.before


def test_rows_go_in_before_a_trigger_that_they_would_fire():
    text = (
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\nCREATE TRIGGER g BEFORE INSERT ON t"
        " FOR EACH ROW EXECUTE FUNCTION f();\nINSERT INTO t VALUES (2);\n"
    )
    found = frame(text, Dialect.POSTGRES)
    assert found.before == ("CREATE TABLE t (a int);",)
    assert found.behind[0].startswith("CREATE TRIGGER")


def test_a_dump_without_rows_takes_them_behind_its_tables():
    found = frame("CREATE TABLE t (a int);\nCREATE VIEW v AS SELECT a FROM t;\n", Dialect.POSTGRES)
    assert found.before == ("CREATE TABLE t (a int);",)
