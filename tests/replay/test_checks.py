"""What a replay checks on its own, on real databases before and after."""

from __future__ import annotations

import pytest

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation, Place, Scenario, Verdict
from migsafe.model.sample import Sample
from migsafe.replay.case import replay
from migsafe.replay.plan import LaunchPlan, Plan, Query
from migsafe.sql.split import split

OLD = """
CREATE TABLE p (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p (id));
INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, NULL), (7, 'd');
INSERT INTO c VALUES (1, 1), (2, 2), (3, 99);
"""


def seen(database, migration: str, launch: LaunchPlan | None = None) -> list[Observation]:
    migrations = (
        Migration("1", "1.sql"),
        Migration("2", "2.sql", ("1",), statements=split(migration, Dialect.SQLITE, "2.sql")),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    plan = Plan(history, {"1": True, "2": True}, launch=launch or LaunchPlan())
    straight = replay(plan, Sample("a.db", "1", database(OLD), ""))[0]
    assert straight.scenario is Scenario.STRAIGHT
    assert straight.notes == ()
    assert (straight.verdict is Verdict.OK) == all(o.deliberate for o in straight.observations)
    return list(straight.observations)


def test_a_harmless_migration_shows_nothing(database):
    text = "ALTER TABLE p ADD COLUMN x;\nCREATE INDEX i ON p (note);\nUPDATE p SET x = 1;\n"
    assert seen(database, text) == []


def test_rows_that_are_lost_by_accident(database):
    text = (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, note TEXT);\n"
        "INSERT INTO n SELECT p.id, p.note FROM p JOIN c ON c.p = p.id;\n"
        "DROP TABLE p;\nALTER TABLE n RENAME TO p;\n"
    )
    (lost,) = seen(database, text)
    assert (lost.kind, lost.table, lost.affected, lost.total) == ("rows-lost", "p", 2, 4)
    assert lost.place is not None
    assert (lost.place.path, lost.place.line) == ("2.sql", 2)
    assert not lost.deliberate


@pytest.mark.parametrize(
    "text",
    ["DELETE FROM p WHERE id > 2;", "REPLACE INTO p VALUES (1, 'x'); DELETE FROM p;"],
)
def test_rows_that_a_statement_deletes_are_deliberate(database, text):
    lost = [o for o in seen(database, text) if o.kind == "rows-lost"]
    assert [o.deliberate for o in lost] == [True]


def test_values_that_became_null(database):
    text = (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, note TEXT);\n"
        "INSERT INTO n (id) SELECT id FROM p;\n"
        "DROP TABLE p;\nALTER TABLE n RENAME TO p;\n"
    )
    (gone,) = seen(database, text)
    assert (gone.kind, gone.column, gone.affected, gone.total) == ("became-null", "note", 3, 3)
    assert gone.place is not None
    assert gone.place.line == 2


def test_ids_that_are_renumbered(database):
    text = (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, note TEXT);\n"
        "INSERT INTO n (note) SELECT note FROM p;\nDROP TABLE p;\nALTER TABLE n RENAME TO p;\n"
    )
    kinds = {o.kind: o for o in seen(database, text)}
    assert kinds["renumbered"].affected == 1
    assert kinds["renumbered"].total == 4


def test_only_new_violations_of_keys_count(database):
    assert seen(database, "UPDATE c SET p = 98 WHERE p = 99;") == []
    new = [o for o in seen(database, "DELETE FROM p WHERE id = 1;") if o.kind == "foreign-keys"]
    assert [(o.table, o.name, o.affected, o.total) for o in new] == [("c", "p", 1, 3)]
    assert new[0].place is not None
    assert new[0].place.line == 1


def test_text_that_does_not_decode(database):
    text = "UPDATE p SET note = CAST(x'ff' AS TEXT) WHERE id = 1;"
    (broken,) = seen(database, text)
    assert (broken.kind, broken.table, broken.column, broken.affected) == (
        "undecodable",
        "p",
        "note",
        1,
    )


def test_launch_queries_and_invariants(database):
    launch = LaunchPlan(
        queries=(
            Query("INSERT INTO p VALUES (50, 'x')", Place("launch.sql", 1)),
            Query("SELECT gone FROM p", Place("launch.sql", 2)),
        ),
        invariants=(
            Query("SELECT 1 FROM p WHERE note IS NULL", Place("expect.sql", 1)),
            Query("SELECT 1 FROM p WHERE id > 100", Place("expect.sql", 2)),
        ),
    )
    found = {
        (o.kind, o.place.line if o.place else 0): o for o in seen(database, "SELECT 1;", launch)
    }
    assert set(found) == {("launch-query", 2), ("invariant", 1)}
    query, invariant = found["launch-query", 2], found["invariant", 1]
    assert query.error == "no such column: gone"
    assert query.detail.startswith("it fails on the old database in the same way")
    assert (invariant.affected, invariant.total) == (1, 1)


def test_a_failing_case_is_run_again_step_by_step(database):
    failing = split("CREATE UNIQUE INDEX u ON c (1);", Dialect.SQLITE, "3.sql")
    migrations = (
        Migration("1", "1.sql"),
        Migration("2", "2.sql", ("1",), statements=split("SELECT 1;", Dialect.SQLITE, "2.sql")),
        Migration("3", "3.sql", ("2",), statements=failing),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    plan = Plan(history, dict.fromkeys("123", True))
    outcomes = replay(plan, Sample("a.db", "1", database(OLD), ""))
    assert [o.scenario for o in outcomes] == [Scenario.STRAIGHT, Scenario.STEP_BY_STEP]
    assert all(o.verdict is Verdict.RAISED for o in outcomes)
    assert outcomes[0].observations[0].place == outcomes[1].observations[0].place
