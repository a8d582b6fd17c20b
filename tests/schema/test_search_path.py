"""What names without a schema mean under a search_path, told by the schema that follows."""

from __future__ import annotations

from migsafe.analyse import Runner, analyse
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, History, Migration
from migsafe.sql.split import split


def last(*files: str) -> Step:
    """The last step of a history of these files."""
    migrations = []
    for number, text in enumerate(files, 1):
        parents = (str(number - 1),) if number > 1 else ()
        path = f"{number}.sql"
        statements = split(text, Dialect.POSTGRES, path)
        migrations.append(Migration(str(number), path, parents, statements=statements))
    history = History(Dialect.POSTGRES, "sql", tuple(migrations), transactional=False)
    settings = {"today": "2026-01-01", "engine_oldest": "15"}
    return analyse(history, {str(len(files))}, Runner(), settings).steps[-1]


USERS = "CREATE TABLE users (id int PRIMARY KEY);"


def test_new_objects_go_into_the_first_schema_and_old_ones_are_found_along_the_path() -> None:
    schema = last(
        USERS,
        """CREATE SCHEMA app; SET search_path TO app, public;
        CREATE TABLE t (id int PRIMARY KEY, u int REFERENCES users);
        CREATE INDEX i ON t (u);
        ALTER TABLE t RENAME TO z;
        ALTER TABLE users ADD COLUMN a int;""",
    ).after
    assert set(schema.tables) == {"users", "app.z"}
    assert schema.tables["app.z"].foreign_keys[0].ref_table == "users"
    assert schema.indexes["app.i"].table == "app.z"
    assert schema.tables["users"].column("a") is not None
    assert schema.complete


def test_the_path_of_a_dump_and_its_end() -> None:
    schema = last(
        """SELECT pg_catalog.set_config('search_path', '', false);
        CREATE TABLE public.a (id int); SET search_path TO app; CREATE TABLE b (id int);
        SET search_path TO DEFAULT; CREATE TABLE c (id int);""",
    ).after
    assert set(schema.tables) == {"a", "app.b", "c"}


def test_what_another_file_set_does_not_hold_in_a_session_of_its_own() -> None:
    step = last(USERS, "SET lock_timeout = '5s'; ALTER TABLE users ADD COLUMN a int;")
    assert (step.lock_timeout, step.statement_timeout) == (5000, None)
    local = last(USERS, "SET LOCAL lock_timeout = '5s'; ALTER TABLE users ADD COLUMN a int;")
    assert local.lock_timeout is None
    block = "BEGIN; SET LOCAL lock_timeout = '5s'; ALTER TABLE users ADD COLUMN a int;"
    inside = last(USERS, block)
    assert (inside.lock_timeout, inside.transaction) == (5000, 1)
