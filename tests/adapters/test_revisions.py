"""What a version value means, and what the tools' own version tables say."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from migsafe.adapters import revision_of
from migsafe.adapters.layouts import DBMATE, FLYWAY, GOLANG_MIGRATE, GOOSE
from migsafe.model.migration import Dialect, History, Migration


def history(framework: str, *revisions: Any) -> Any:
    made = tuple(Migration(revision, path, parents=()) for revision, path in revisions)
    return History(Dialect.SQLITE, framework, made)


NUMBERED = history(
    "numbered",
    ("0001", "m/0001_a.sql"),
    ("0007", "m/0007_add_x.sql"),
    ("2024-01-02-000000", "m/2024-01-02-000000_y/up.sql"),
)
FLY = history("flyway", ("1", "V1__a.sql"), ("1.2", "V1_2__b.sql"), ("R__v", "R__v.sql"))
ALEMBIC = history(
    "alembic", ("abcd12", "v/abcd12_x.py"), ("abce34", "v/abce34_y.py"), ("0012", "v/z.py")
)


@pytest.mark.parametrize(
    ("of", "value", "revision"),
    [
        (NUMBERED, "0007", "0007"),
        (NUMBERED, 7, "0007"),
        (NUMBERED, "07", "0007"),
        (NUMBERED, "0007_add_x", "0007"),
        (NUMBERED, "0007_add_x.sql", "0007"),
        (NUMBERED, "20240102000000", "2024-01-02-000000"),
        (NUMBERED, "2024-01-02-000000_y", "2024-01-02-000000"),
        (NUMBERED, 0, None),
        (NUMBERED, "base", None),
        (NUMBERED, 8, None),
        (NUMBERED, "7.0", None),
        (NUMBERED, "", None),
        (NUMBERED, None, None),
        (NUMBERED, True, None),
        (FLY, "1.0", "1"),
        (FLY, "1.2", "1.2"),
        (FLY, "R__v", "R__v"),
        (ALEMBIC, "abcd", "abcd12"),
        (ALEMBIC, "abc", None),
        (ALEMBIC, "abce34_y", "abce34"),
        (ALEMBIC, 12, "0012"),
    ],
)
def test_revision_of(of, value, revision):
    assert revision_of(of, value) == revision


def test_an_ambiguous_beginning_means_nothing():
    of = history("alembic", ("abcdef1", "a.py"), ("abcdef2", "b.py"))
    assert revision_of(of, "abcdef") is None


GOOSE_TABLE = (
    "CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER,"
    " is_applied INTEGER);"
)
FLYWAY_TABLE = (
    "CREATE TABLE flyway_schema_history (installed_rank INT, version TEXT, type TEXT, success INT);"
)


@pytest.mark.parametrize(
    ("layout", "script", "version"),
    [
        (GOLANG_MIGRATE, "CREATE TABLE schema_migrations (version uint64, dirty bool);", None),
        (
            GOLANG_MIGRATE,
            "CREATE TABLE schema_migrations (version uint64, dirty bool);"
            "INSERT INTO schema_migrations VALUES (12, 0);",
            12,
        ),
        (DBMATE, "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY);", None),
        (
            DBMATE,
            "CREATE TABLE schema_migrations (version TEXT PRIMARY KEY);"
            "INSERT INTO schema_migrations VALUES ('20240101'), ('20240102');",
            "20240102",
        ),
        (GOOSE, GOOSE_TABLE + "INSERT INTO goose_db_version VALUES (1, 0, 1);", None),
        (
            GOOSE,
            GOOSE_TABLE + "INSERT INTO goose_db_version VALUES (1,0,1), (2,1,1), (3,2,1), (4,2,0);",
            1,
        ),
        (
            GOOSE,
            GOOSE_TABLE + "INSERT INTO goose_db_version VALUES (1,0,1), (2,1,1), (3,1,0), (4,1,1);",
            1,
        ),
        (
            FLYWAY,
            FLYWAY_TABLE + "INSERT INTO flyway_schema_history VALUES (1,'1','SQL',1),"
            "(2,'1.2','SQL',1), (3,NULL,'SQL',1), (4,'1.3','SQL',0);",
            "1.2",
        ),
        (
            FLYWAY,
            FLYWAY_TABLE + "INSERT INTO flyway_schema_history VALUES (1,'1','SQL',1),"
            "(2,'1.2','SQL',1), (3,'1.2','UNDO_SQL',1);",
            "1",
        ),
    ],
)
def test_version_query(layout, script, version):
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(script)
        row = database.execute(layout.version_query).fetchone()
    assert (row[0] if row else None) == version
