"""The smallest database that still fails: one guilty row of thousands, found in few replays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from math import log2
from pathlib import Path

import pytest

from migsafe import adapters
from migsafe.adapters import Options
from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Failure, Observation, Place
from migsafe.model.sample import Sample
from migsafe.replay import fleet
from migsafe.replay.case import replay
from migsafe.replay.minimise import Minimal, minimise
from migsafe.replay.plan import LaunchPlan, Plan, Query
from migsafe.replay.reduction import thin
from migsafe.sql.split import split

ROWS = 3000
PEOPLE = (
    "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT, age INTEGER, note TEXT DEFAULT 'n',"
    " team INTEGER REFERENCES team (id));"
    "CREATE TABLE log (at INTEGER, text TEXT NOT NULL DEFAULT 'nothing');"
    "CREATE TRIGGER kept AFTER DELETE ON person BEGIN"
    " INSERT INTO log (at, text) VALUES (old.id, 'went'); END;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
    " INSERT INTO team SELECT i, 'team ' || i FROM n;"
    f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
    " INSERT INTO person SELECT i, 'p' || i || '@example.com', i % 90, 'a note of ' || i,"
    " 1 + i % 20 FROM n;"
    "INSERT INTO log (at) SELECT id FROM person WHERE id % 3;"
)
REBUILD = (
    "CREATE TABLE new (id INTEGER PRIMARY KEY, email TEXT NOT NULL, team INTEGER);\n"
    "INSERT INTO new SELECT id, email, team FROM person;\n"
    "DROP TABLE person;\nALTER TABLE new RENAME TO person;\n"
)


def plan(text: str, launch: LaunchPlan | None = None) -> Plan:
    steps = (
        Migration("1", "m/1.sql"),
        Migration("2", "m/2.sql", ("1",), statements=split(text, Dialect.SQLITE, "m/2.sql")),
    )
    history = read(History(Dialect.SQLITE, "numbered", steps))
    return Plan(history, {"1": True, "2": True}, launch=launch or LaunchPlan())


def failing(made: Plan, data: bytes, kind: str) -> tuple[Sample, Failure]:
    """The sample, and its one failure of that kind as a replay groups it."""
    sample = Sample("a.db", "1", data, "")
    (failure,) = [
        f for f in fleet.group((sample,), replay(made, sample)) if f.observation.kind == kind
    ]
    return sample, failure


def fails_alike(made: Plan, sample: Sample, found: Minimal, failure: Failure) -> bool:
    again = replay(made, replace(sample, data=found.data))
    return failure.observation.fingerprint in {
        o.fingerprint for outcome in again for o in outcome.observations
    }


def all_rows(data: bytes, query: str) -> list[tuple[object, ...]]:
    with closing(engine.clone(data)) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize("guilty", [1, 1234, ROWS])
def test_one_guilty_row_of_thousands_is_found_in_few_replays(database, guilty):
    made = plan(REBUILD)
    data = database(f"{PEOPLE}UPDATE person SET email = NULL WHERE id = {guilty};")
    sample, failure = failing(made, data, "raised")
    found = minimise(made, sample, failure)
    assert found.finished
    assert (found.rows, found.total) == ((("person", 1),), 1)
    query = "SELECT id, email, age, note, team FROM person"
    assert all_rows(found.data, query) == [(guilty, None, None, None, None)]
    assert found.replays < 4 * log2(ROWS) + 10
    assert fails_alike(made, sample, found, failure)
    assert "CREATE TRIGGER kept" in found.script
    assert all_rows(found.data, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    assert b"example.com" not in found.data, "nothing is left of what was deleted"


def test_two_rows_that_only_fail_together(database):
    made = plan("CREATE UNIQUE INDEX one_email ON person (email COLLATE NOCASE);")
    data = database(f"{PEOPLE}UPDATE person SET email = 'P77@EXAMPLE.com' WHERE id = 2900;")
    sample, failure = failing(made, data, "raised")
    found = minimise(made, sample, failure)
    assert found.finished
    assert found.rows == (("person", 2),)
    assert all_rows(found.data, "SELECT id, email, team FROM person") == [
        (77, "", None),
        (2900, "", None),
    ]
    assert fails_alike(made, sample, found, failure)


def test_a_kill_after_which_the_next_start_fails(database):
    text = (
        "CREATE TABLE b (email TEXT);\nINSERT INTO b SELECT email FROM person WHERE id > 2990;\n"
        "CREATE UNIQUE INDEX one ON b (email);\n"
    )
    made = replace(plan(text), wrapped={"1": False, "2": False}, deep=frozenset(["a.db"]))
    sample, failure = failing(made, database(PEOPLE), "interrupted")
    found = minimise(made, sample, failure)
    assert found.finished
    assert found.total <= 1
    assert fails_alike(made, sample, found, failure)


def test_rows_that_are_lost_keep_what_they_hang_on(database):
    # The team of person 1500 is there, and closed: no orphan was made of the person.
    made = plan(
        "CREATE TABLE new (id INTEGER PRIMARY KEY, email TEXT, team TEXT NOT NULL);\n"
        "INSERT INTO new SELECT p.id, p.email, t.name FROM person p"
        " JOIN team t ON t.id = p.team AND t.name <> 'closed';\n"
        "DROP TABLE person;\nALTER TABLE new RENAME TO person;\n"
    )
    data = database(
        f"{PEOPLE}UPDATE person SET team = 7;"
        "UPDATE team SET name = 'closed' WHERE id = 9; UPDATE person SET team = 9 WHERE id = 1500;"
    )
    sample, failure = failing(made, data, "rows-lost")
    found = minimise(made, sample, failure)
    assert found.finished
    assert found.rows == (("team", 1), ("person", 1))
    assert all_rows(found.data, "PRAGMA foreign_key_check") == []
    assert fails_alike(made, sample, found, failure)


def test_a_failure_of_any_database_has_no_rows(database):
    made = plan("ALTER TABLE nowhere ADD COLUMN a;")
    sample, failure = failing(made, database(PEOPLE), "raised")
    found = minimise(made, sample, failure)
    assert (found.finished, found.rows) == (True, ())
    assert found.replays == 3, "as it is, empty, and from its script"


def test_the_launch_query_and_the_invariant_that_fail(database):
    place, rule = Place("launch.sql", 1), Place("expect.sql", 1)
    launch = LaunchPlan(
        queries=(Query("SELECT json_extract(note, '$.a') FROM person", place),),
        invariants=(Query("SELECT id FROM person WHERE age > 100", rule),),
    )
    made = plan("ALTER TABLE person ADD COLUMN b;", launch)
    data = database(
        f"{PEOPLE}UPDATE person SET note = '{{}}';"
        "UPDATE person SET note = 'no json at all' WHERE id = 2000;"
        "UPDATE person SET age = 850 WHERE id = 7;"
    )
    sample, failure = failing(made, data, "launch-query")
    found = minimise(made, sample, failure)
    assert all_rows(found.data, "SELECT id, age, note FROM person") == [(2000, None, "")]
    assert fails_alike(made, sample, found, failure)
    sample, failure = failing(made, data, "invariant")
    found = minimise(made, sample, failure)
    ((number, age, note),) = all_rows(found.data, "SELECT id, age, note FROM person")
    assert (number, note) == (7, None)
    assert age == 106, "halved, as far as it still fails"


def test_values_get_shorter_as_far_as_the_old_schema_allows(database):
    made = plan("CREATE TABLE b (t TEXT CHECK (length(t) < 10)); INSERT INTO b SELECT t FROM a;")
    data = database(
        "CREATE TABLE a (t TEXT NOT NULL, n INTEGER NOT NULL CHECK (n > 5), d INTEGER NOT NULL"
        " DEFAULT 3, code TEXT PRIMARY KEY) WITHOUT ROWID;"
        "INSERT INTO a VALUES ('short', 100, 9, 'x'), ('secret words of somebody', 90, 9, 'yy');"
    )
    sample, failure = failing(made, data, "raised")
    found = minimise(made, sample, failure)
    assert found.finished
    assert all_rows(found.data, "SELECT * FROM a") == [("secret wor", 11, 0, "")]


def test_the_runner_s_own_table_and_broken_links_stay_as_they_are(database):
    made = plan("INSERT INTO b SELECT t FROM a;")
    made = replace(made, history=replace(made.history, version_tables=("versions",)))
    data = database(
        "CREATE TABLE versions (n); INSERT INTO versions VALUES (1), (2);"
        "CREATE TABLE a (id INTEGER PRIMARY KEY, up INTEGER REFERENCES a (id), t);"
        "CREATE TABLE b (t NOT NULL);"
        "INSERT INTO a VALUES (1, 99, 'an orphan'), (2, NULL, 'root'), (3, 2, 'x'), (4, 3, NULL);"
    )
    sample, failure = failing(made, data, "raised")
    found = minimise(made, sample, failure)
    assert found.rows == (("a", 1),)
    assert all_rows(found.data, "SELECT * FROM a") == [(4, None, None)]
    assert all_rows(found.data, "SELECT count(*) FROM versions") == [(2,)]


def test_statistics_go_since_they_hold_values_of_rows_that_went(database):
    made = plan(REBUILD)
    script = f"{PEOPLE}UPDATE person SET email = NULL WHERE id = 5; ANALYZE;"
    sample, failure = failing(made, database(script), "raised")
    found = minimise(made, sample, failure)
    assert all_rows(found.data, "SELECT name FROM sqlite_master WHERE name GLOB '*_stat?'") == []


def test_rows_that_no_script_can_build_are_packed(database):
    made = plan("CREATE UNIQUE INDEX one ON a (t);")
    data = database(
        "CREATE TABLE a (t TEXT, gone TEXT); INSERT INTO a VALUES ('x', NULL), ('x', 'some words');"
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET sql = 'CREATE TABLE a (t TEXT, gone TEXT NOT NULL)';"
    )
    sample, failure = failing(made, data, "raised")
    found = minimise(made, sample, failure)
    assert (found.script, found.rows) == ("", (("a", 2),))
    assert fails_alike(made, sample, found, failure)


def test_what_is_a_matter_of_time_is_left_alone(database):
    made = plan("SELECT 1;")
    sample = Sample("a.db", "1", database(PEOPLE), "")
    for seen in (
        Observation("too-slow", Place("m/2.sql", 1), error="not done after 60 s"),
        Observation("raised", Place("m/2.sql", 1), error="never seen on this sample"),
    ):
        failure = fleet.group(
            (sample,), [replace(o, observations=(seen,)) for o in replay(made, sample)[:1]]
        )[0]
        found = minimise(made, sample, failure)
        assert (found.found, found.data, found.rows) == (False, sample.data, ())


def test_the_time_is_over_and_what_was_reached_stands(database):
    made = plan(REBUILD)
    data = database(f"{PEOPLE}UPDATE person SET email = NULL WHERE id = 5;")
    sample, failure = failing(made, data, "raised")
    found = minimise(made, sample, failure, budget=0)
    assert not found.finished
    whole = minimise(made, sample, failure)
    assert whole.finished


ENV = """from alembic import context
connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""
SCRIPT = """import os
import sqlalchemy as sa
from alembic import op
revision = {0!r}
down_revision = {1}
def upgrade():
    {2}
"""
STAMPED = (
    "CREATE TABLE alembic_version (version_num TEXT NOT NULL);"
    "INSERT INTO alembic_version VALUES ('a');"
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, note TEXT);"
)


@pytest.fixture
def alembic(tmp_path: Path) -> Callable[[str], Plan]:
    def make(body: str) -> Plan:
        versions = tmp_path / "alembic" / "versions"
        versions.mkdir(parents=True)
        (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
        (tmp_path / "alembic" / "env.py").write_text(ENV)
        (versions / "a.py").write_text(SCRIPT.format("a", None, "pass"))
        (versions / "b.py").write_text(SCRIPT.format("b", "'a'", body))
        path = tmp_path / "alembic.ini"
        history = read(adapters.load("alembic", tmp_path, path, Options(Dialect.SQLITE)))
        runner = adapters.runner("alembic", tmp_path, path)
        return Plan(history, dict.fromkeys(("a", "b"), True), runner=runner)

    return make


def of_alembic(made: Plan, data: bytes) -> tuple[Sample, Failure]:
    sample = Sample("a.db", "a", data, "", tracked="table")
    (failure,) = fleet.group((sample,), fleet.run(made, (sample,)))
    return sample, failure


def test_an_alembic_migration(database, alembic):
    made = alembic("op.create_index('one', 'users', ['email'], unique=True)")
    rows = ", ".join(f"({i}, 'p{i % 11}', 'note {i}')" for i in range(1, 13))
    sample, failure = of_alembic(made, database(f"{STAMPED}INSERT INTO users VALUES {rows};"))
    found = minimise(made, sample, failure)
    assert found.finished
    assert found.rows == (("users", 2),), "the runner's own table is not counted"
    assert all_rows(found.data, "SELECT * FROM users") == [(1, "", None), (12, "", None)]
    assert all_rows(found.data, "SELECT * FROM alembic_version") == [("a",)]


def test_a_process_that_dies_is_no_smallest_database(database, alembic, tmp_path, monkeypatch):
    made = alembic("os._exit(1)")
    sample, failure = of_alembic(made, database(STAMPED))
    temporary = tmp_path / "of-this-process"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert minimise(made, sample, failure) == Minimal(sample.data, found=False)
    assert list(temporary.iterdir()) == [], "no copy of the sample stays"


def test_thinning_leaves_what_is_needed_and_nothing_else():
    left = list(range(1000))
    tries = []

    def remove(part):
        tries.append(part)
        rest = [n for n in left if n not in part]
        if not {17, 500, 501} <= set(rest):
            return False
        left[:] = rest
        return True

    thin(lambda: list(left), remove)
    assert left == [17, 500, 501]
    assert all(tries)


def test_the_sample_itself_is_not_touched(database):
    made = plan(REBUILD)
    data = database(f"{PEOPLE}UPDATE person SET email = NULL WHERE id = 5;")
    copy = bytes(bytearray(data))
    sample, failure = failing(made, data, "raised")
    minimise(made, sample, failure)
    assert sample.data == copy
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(data)
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (ROWS,)
