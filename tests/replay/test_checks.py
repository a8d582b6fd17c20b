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


def seen(
    database,
    migration: str,
    launch: LaunchPlan | None = None,
    old: str = OLD,
    *,
    foreign_keys: bool = False,
) -> list[Observation]:
    migrations = (
        Migration("1", "1.sql"),
        Migration("2", "2.sql", ("1",), statements=split(migration, Dialect.SQLITE, "2.sql")),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    plan = Plan(
        history, {"1": True, "2": True}, launch=launch or LaunchPlan(), foreign_keys=foreign_keys
    )
    straight = replay(plan, Sample("a.db", "1", database(old), ""))[0]
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


ORPHANS = """
CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE mark (id INTEGER PRIMARY KEY, folder INTEGER, url TEXT NOT NULL);
INSERT INTO folder VALUES (1, 'A');
INSERT INTO mark VALUES (1, 1, 'x'), (2, NULL, 'y'), (3, 99, 'z');
"""

REFERENCED = (
    "CREATE TABLE n (id INTEGER PRIMARY KEY, folder INTEGER REFERENCES folder (id), url TEXT);"
)


def test_links_that_pointed_nowhere_may_be_cut(database):
    text = (
        f"{REFERENCED}\nINSERT INTO n SELECT m.id, f.id, m.url FROM mark m"
        " LEFT JOIN folder f ON f.id = m.folder;\nDROP TABLE mark;\nALTER TABLE n RENAME TO mark;\n"
    )
    assert seen(database, text, old=ORPHANS) == []


def test_a_forgotten_link_is_told_whether_it_pointed_anywhere_or_not(database):
    text = (
        f"{REFERENCED}\nINSERT INTO n (id, url) SELECT id, url FROM mark;\n"
        "DROP TABLE mark;\nALTER TABLE n RENAME TO mark;\n"
    )
    (gone,) = seen(database, text, old=ORPHANS)
    assert (gone.kind, gone.column, gone.affected) == ("became-null", "folder", 2)


@pytest.mark.parametrize("key", ["id INTEGER PRIMARY KEY", "id INTEGER"])
@pytest.mark.parametrize(
    ("among", "meant"),
    [("m.folder IS NULL OR f.id IS NOT NULL", True), ("f.id IS NOT NULL", False)],
)
def test_rows_that_pointed_nowhere_may_go_but_no_others(database, key, among, meant):
    text = (
        f"{REFERENCED.replace('id INTEGER PRIMARY KEY', key)}\n"
        "INSERT INTO n SELECT m.id, m.folder, m.url FROM mark m"
        " JOIN (SELECT m.id AS mark FROM mark m LEFT JOIN folder f ON f.id = m.folder"
        f" WHERE {among}) AS k ON k.mark = m.id;\nDROP TABLE mark;\nALTER TABLE n RENAME TO mark;\n"
    )
    old = ORPHANS.replace("mark (id INTEGER PRIMARY KEY", f"mark ({key}")
    (lost,) = seen(database, text, old=old)
    assert (lost.kind, lost.deliberate) == ("rows-lost", meant)
    assert ("folder" in lost.detail) is meant


STATIONS = """
CREATE TABLE station (id INTEGER PRIMARY KEY, name TEXT NOT NULL, hidden INTEGER);
INSERT INTO station VALUES (1, 'A', 0), (2, 'B', 0), (4, 'D', 0), (5, 'E', 0);
"""


def test_ids_that_close_up_over_a_gap(database):
    text = (
        "ALTER TABLE station RENAME TO station_old;\n"
        "CREATE TABLE station (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);\n"
        "INSERT INTO station (name) SELECT name FROM station_old ORDER BY id;\n"
        "DROP TABLE station_old;\n"
    )
    (moved,) = seen(database, text, old=STATIONS)
    assert (moved.kind, moved.affected, moved.total) == ("renumbered", 2, 4)


def test_names_that_change_places_are_no_new_ids(database):
    text = "UPDATE station SET name = CASE name WHEN 'A' THEN 'B' ELSE 'A' END WHERE id < 3;\n"
    assert seen(database, text, old=STATIONS) == []


def test_values_that_a_table_renamed_away_had(database):
    text = (
        "ALTER TABLE station RENAME TO station_old;\n"
        "CREATE TABLE station (id INTEGER PRIMARY KEY, name TEXT NOT NULL, hidden INTEGER);\n"
        "INSERT INTO station SELECT id, name, hidden FROM station_old;\n"
        "CREATE TRIGGER quiet AFTER DELETE ON station_old"
        " BEGIN UPDATE station SET hidden = 1 WHERE id = old.id; END;\n"
        "DELETE FROM station_old WHERE id = 1;\nDROP TABLE station_old;\n"
    )
    (changed,) = seen(database, text, old=STATIONS)
    assert (changed.kind, changed.column, changed.affected) == ("values-changed", "hidden", 1)


@pytest.mark.parametrize(
    ("copied", "expected"),
    [
        ("id, name, hidden FROM station", []),
        ("row_number() OVER (ORDER BY name DESC), name, hidden FROM station", ["renumbered"]),
        ("id, name, hidden FROM station WHERE id < 5", []),  # no whole copy, so another table
    ],
)
def test_a_table_that_is_copied_whole_under_another_name(database, copied, expected):
    text = (
        "CREATE TABLE channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL, hidden INTEGER);\n"
        f"INSERT INTO channel SELECT {copied};\nDROP TABLE station;\n"
    )
    assert [o.kind for o in seen(database, text, old=STATIONS)] == expected


def test_what_replace_does_to_other_tables_is_no_purpose(database):
    old = OLD.replace("REFERENCES p (id)", "REFERENCES p (id) ON DELETE CASCADE")
    text = "INSERT OR REPLACE INTO p (id, note) SELECT id, upper(note) FROM p;\n"
    (lost,) = seen(database, text, old=old, foreign_keys=True)
    assert (lost.kind, lost.table, lost.affected, lost.deliberate) == ("rows-lost", "c", 2, False)
