"""The oldest SQLite that users run: functions, parameters, the library itself."""

from __future__ import annotations

import ctypes
import ctypes.util
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation, Outcome, Place, Scenario, Verdict
from migsafe.model.sample import Sample
from migsafe.replay import library
from migsafe.replay.case import replay
from migsafe.replay.old_engine import check, old_engine
from migsafe.replay.plan import LaunchPlan, Plan, Query
from migsafe.sql.split import split

OLD = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER);
CREATE TABLE log (what TEXT);
CREATE TRIGGER noted AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (iif(new.n, 'y', 'n')); END;
CREATE VIEW short AS SELECT json_extract(a, '$.x') AS x FROM t;
INSERT INTO t VALUES (1, '{"x": 1}', 1);
"""


def _plan(text: str, engine, launch: tuple[str, ...] = ()) -> Plan:
    statements = split(text, Dialect.SQLITE, "2.sql")
    migrations = (
        Migration("1", "1.sql"),
        Migration("2", "2.sql", ("1",), statements=statements),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    queries = tuple(Query(sql, Place("launch.sql", at)) for at, sql in enumerate(launch, 1))
    return Plan(
        history,
        {"1": True, "2": True},
        launch=LaunchPlan(queries=queries),
        deep=frozenset({"a.db"}),
        made=False,
        engine=engine,
    )


@pytest.fixture
def seen(database):
    """(kind, place, error) of what the old engine shows."""

    def run(text: str, oldest: str | None, without=(), launch: tuple[str, ...] = (), known=()):
        plan = _plan(text, old_engine(oldest, without), launch)
        sample = Sample("a.db", "1", database(OLD), "")
        pending = plan.history.pending("1")
        found = check(plan, sample, pending, known)
        return [(o.kind, _where(o.place), o.error) for o in found]

    return run


def _where(place: Place | None) -> str:
    return f"{place.path}:{place.line}" if place else ""


def test_without_an_old_engine_nothing_is_played(seen):
    assert old_engine(None, ()) is None
    assert seen("UPDATE t SET n = 2", None) == []


def test_a_trigger_that_the_migration_fires_calls_a_newer_function(seen):
    assert seen("SELECT 1;\nUPDATE t SET n = 2", "3.31") == [
        (
            "raised",
            "2.sql:2",
            "no such function: iif (SQLite 3.32.0 has it first, users still run 3.31)",
        )
    ]
    assert seen("UPDATE t SET n = 2", "3.32") == []


def test_what_the_statement_itself_names_is_left_to_the_rule(seen):
    assert seen("INSERT INTO log SELECT iif(n, 'y', 'n') FROM t", "3.31") == []
    assert seen("INSERT INTO log SELECT a ->> '$.x' FROM t", "3.31") == []


def test_a_build_without_an_extension(seen):
    launch = ("SELECT x FROM short", "SELECT a FROM t")
    assert seen("SELECT 1", None, ("json",), launch) == [
        (
            "launch-query",
            "launch.sql:1",
            "no such function: json_extract (it needs json, which the build that users run lacks)",
        )
    ]


def test_launch_queries_are_read_as_the_old_engine_would(seen):
    launch = (
        "SELECT t.a FROM log RIGHT JOIN t ON t.a = log.what",
        "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO NOTHING",
        "SELECT upper(a), ifnull(n, 2) FROM t",
        "SELECT concat(a, n) FROM t",
    )
    found = seen("SELECT 1", "3.23", (), launch)
    assert [(kind, place) for kind, place, _ in found] == [
        ("launch-query", "launch.sql:1"),
        ("launch-query", "launch.sql:2"),
        ("launch-query", "launch.sql:4"),
    ]
    assert found[0][2] == "no RIGHT JOIN: SQLite 3.39.0 has it first, users still run 3.23"


def test_what_failed_on_todays_engine_is_not_told_again(seen):
    launch = ("SELECT concat(a, n), gone FROM t",)
    known = [Observation("launch-query", Place("launch.sql", 1), error="no such column: gone")]
    assert seen("SELECT 1", "3.23", (), launch, known) == []


def test_more_parameters_than_the_old_engine_takes(seen):
    many = "SELECT 1 FROM t WHERE n IN (" + ", ".join("?" * 1000) + ")"
    assert seen("SELECT 1", "3.31", (), (many,)) == [
        (
            "launch-query",
            "launch.sql:1",
            "too many SQL variables (SQLite takes 999 before 3.32.0, users still run 3.31)",
        )
    ]
    assert seen("SELECT 1", "3.32", (), (many,)) == []


@pytest.mark.parametrize(
    "text",
    [
        "ALTER TABLE t ADD COLUMN more INTEGER NOT NULL DEFAULT 3",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE log RENAME COLUMN what TO that",
        "CREATE INDEX i ON t (a) WHERE n > 1",
        "CREATE VIRTUAL TABLE f USING fts5 (body); INSERT INTO f VALUES ('x'); DROP TABLE f",
        "DELETE FROM t WHERE a LIKE '%x%'",
    ],
)
def test_functions_that_sqlite_calls_itself_are_not_refused(seen, text):
    assert seen(text, "3.6") == []


def test_it_is_a_scenario_of_deep_samples_only(database):
    sample = Sample("a.db", "1", database(OLD), "")
    plan = _plan("UPDATE t SET n = 2", old_engine("3.31", ()))
    (older,) = [o for o in replay(plan, sample) if o.scenario is Scenario.OLD_ENGINE]
    assert older.verdict is Verdict.RAISED
    elsewhere = Sample("b.db", "1", sample.data, "")
    assert Scenario.OLD_ENGINE not in {o.scenario for o in replay(plan, elsewhere)}


# -- the library itself ---------------------------------------------------------------------------


def _library() -> Path | None:
    """The shared library that this Python uses, where it uses one."""
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        return None
    with closing(sqlite3.connect(":memory:")):
        paths = {line.split()[-1] for line in maps.read_text().splitlines() if "/" in line}
    found = sorted(p for p in paths if Path(p).name.startswith("libsqlite3.so"))
    return Path(found[0]) if found else None


def _on(path: Path, database, text: str, outcomes: tuple[Outcome, ...] = ()):
    plan = _plan(text, None, ("SELECT gone FROM t",))
    sample = Sample("a.db", "1", database(OLD), "", weight=3.0)
    return library.run(plan, [sample], outcomes, path)


def test_the_same_replay_on_a_library(database):
    path = _library()
    found = _on(path or Path("/no/library"), database, "UPDATE t SET n = 2;\nUPDATE u SET n = 2;")
    if path is None:  # SQLite is part of this Python: that is what the report must say
        assert found.outcomes == ()
        assert len(found.not_run) == 1
        return
    (outcome,) = found.outcomes
    assert found.not_run == ()
    assert (outcome.scenario, outcome.verdict, outcome.weight) == (
        Scenario.OLD_ENGINE,
        Verdict.RAISED,
        3.0,
    )
    (raised,) = outcome.observations
    assert raised.place == Place("2.sql", 2)
    assert raised.error == f"no such table: u (on SQLite {sqlite3.sqlite_version})"


def test_what_todays_sqlite_shows_is_not_told_by_the_library_too(database):
    path = _library()
    if path is None:
        pytest.xfail("SQLite is part of this Python")
    (outcome,) = _on(path, database, "SELECT 1").outcomes
    assert [o.place for o in outcome.observations] == [Place("launch.sql", 1)]
    known = Outcome("a.db", "1", Scenario.STRAIGHT, Verdict.OK, 1.0, outcome.observations)
    (again,) = _on(path, database, "SELECT 1", (known,)).outcomes
    assert again.observations == ()


def test_samples_that_fail_already_do_not_start_a_process(database):
    raised = Observation("raised", Place("2.sql", 1), error="no such table: u")
    known = Outcome("a.db", "1", Scenario.STRAIGHT, Verdict.RAISED, 1.0, (raised,))
    assert _on(Path("/no/library"), database, "SELECT 1", (known,)) == library.Found()


def test_a_file_that_is_no_library_is_said(database, tmp_path):
    path = tmp_path / "libsqlite3.so"
    path.write_text("not a library")
    (said,) = _on(path, database, "SELECT 1").not_run
    assert said.what == "[engine] library"
    assert said.why == "it is no library that this machine can load"


def test_a_library_that_is_not_sqlite_is_said(database):
    name = ctypes.util.find_library("c")
    maps = Path("/proc/self/maps")
    if not name or not maps.is_file():
        pytest.xfail("the C library's file cannot be found here")
    path = next(p for p in _loaded(maps) if Path(p).name == name)
    (said,) = _on(Path(path), database, "SELECT 1").not_run
    assert "Python needs" in said.why or "no library" in said.why


def _loaded(maps: Path) -> set[str]:
    ctypes.CDLL(None)
    return {line.split()[-1] for line in maps.read_text().splitlines() if "/" in line}
