"""Kills at every commit: what they find, and that a real SIGKILL finds the same."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.sample import Sample
from migsafe.replay import interrupted, run
from migsafe.replay.plan import Plan
from migsafe.sql.split import split

OLD = "CREATE TABLE run (id TEXT PRIMARY KEY, cost REAL);INSERT INTO run VALUES ('a', 1), ('b', 2);"
REBUILD = """\
CREATE TABLE run_new (id TEXT PRIMARY KEY, cost REAL NOT NULL);
INSERT INTO run_new SELECT id, coalesce(cost, 0) FROM run;
DROP TABLE run;
ALTER TABLE run_new RENAME TO run;
"""
LAST_COPY = f"DROP TABLE IF EXISTS run_new;\n{REBUILD}"
AGAIN = """\
CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY);
INSERT OR IGNORE INTO seen SELECT id FROM run;
CREATE INDEX IF NOT EXISTS seen_id ON seen (id);
"""
FORGOTTEN = "UPDATE run SET cost = cost * 100;\n"


def plan(*scripts: str, wrapped: bool) -> Plan:
    steps = [Migration("0", "m/0.sql")]
    for number, text in enumerate(scripts, 1):
        path = f"m/{number}.sql"
        statements = split(text, Dialect.SQLITE, path)
        steps.append(Migration(str(number), path, (str(number - 1),), statements=statements))
    history = read(History(Dialect.SQLITE, "numbered", tuple(steps)))
    return Plan(history, {m.revision: wrapped for m in steps})


def sample(script: str = OLD) -> Sample:
    with closing(engine.clone(engine.empty())) as database:
        database.executescript(script)
        return Sample("old.db", "0", database.serialize(), "")


def seen(made: Plan, old: Sample):
    return interrupted.check(made, old, made.history.pending("0"))


@pytest.mark.parametrize("script", [REBUILD, LAST_COPY, AGAIN, FORGOTTEN])
def test_one_transaction_survives_every_kill(script: str):
    observations, kills = seen(plan(script, AGAIN, wrapped=True), sample())
    assert observations == []
    assert kills >= 1


def test_half_a_rebuild_stops_the_next_start_and_loses_nothing():
    (found,), _ = seen(plan(REBUILD, wrapped=False), sample())
    assert (found.kind, found.error, found.affected) == (
        "interrupted",
        "table run_new already exists",
        0,
    )
    assert found.place is not None
    assert (found.place.path, found.place.line) == ("m/1.sql", 1)


def test_the_last_copy_is_dropped_by_the_next_start():
    (found,), _ = seen(plan(LAST_COPY, wrapped=False), sample())
    assert found.place is not None
    assert found.place.line == 4  # DROP TABLE run
    assert found.affected == 2
    assert "2 old rows are in no table any more" in found.detail


def test_statements_that_can_run_again_do_no_harm():
    assert seen(plan(AGAIN, wrapped=False), sample())[0] == []


def test_a_change_that_is_applied_twice_gives_other_rows():
    (found,), _ = seen(plan(FORGOTTEN, wrapped=False), sample())
    assert found.error.startswith("other rows or another schema than undisturbed")


def test_a_kill_between_two_migrations_resumes_at_the_second():
    second = "INSERT INTO log SELECT count(*) FROM log;\n"
    made = plan("CREATE TABLE log (n INTEGER);\n", second, wrapped=True)
    assert seen(made, sample())[0] == []


_CHILD = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for number, statement in enumerate(sys.stdin.read().split(";\\n")[:-1], 1):
    database.execute(statement)
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed(path: Path, script: str, after: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(path), str(after)], input=script.encode(), check=False
    )
    assert done.returncode == -signal.SIGKILL


def _comes_back(path: Path, script: str, goal: list[str]) -> bool:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        try:
            for statement in script.split(";\n")[:-1]:
                database.execute(statement)
        except sqlite3.Error:
            return False
        return list(database.iterdump()) == goal


@pytest.mark.parametrize("script", [REBUILD, LAST_COPY, AGAIN])
def test_a_real_kill_finds_the_same(tmp_path: Path, script: str):
    old = sample()
    with closing(engine.clone(old.data)) as database:
        database.executescript(script)
        goal = list(database.iterdump())
    bricked = set()
    for after in range(1, script.count(";\n") + 1):
        path = tmp_path / f"{after}.db"
        path.write_bytes(old.data)
        _killed(path, script, after)
        if not _comes_back(path, script, goal):
            bricked.add(after)
    observations, _ = seen(plan(script, wrapped=False), old)
    moments = [int(o.detail.rpartition("(")[2].split()[0]) for o in observations]
    # A kill of a relaunch counts as well in the cheap way: it never finds less.
    assert bool(bricked) == bool(observations)
    assert sum(moments) >= len(bricked)


def test_other_rows_that_no_error_tells_of_have_a_name():
    came_through, _ = seen(plan(FORGOTTEN, AGAIN, wrapped=False), sample())
    stopped, _ = seen(plan(REBUILD, wrapped=False), sample())
    assert [o.name for o in came_through] == [interrupted.UNNOTICED]
    assert {o.name for o in stopped} == {""}


def ladder(length: int, first: str = "") -> Plan:
    steps = (
        f"CREATE TABLE step_{n} (a);\nINSERT INTO step_{n} VALUES ({n});" for n in range(length)
    )
    return plan(*((first,) if first else ()), *steps, wrapped=True)


def test_a_long_ladder_costs_as_many_steps_as_it_has(monkeypatch):
    ran: list[str] = []
    real = run.run_sql

    def counting(made, database, pending, *hooks, **named):
        ran.extend(m.revision for m in pending)
        return real(made, database, pending, *hooks, **named)

    monkeypatch.setattr(interrupted, "run_sql", counting)
    observations, kills = seen(ladder(30), sample())
    assert (observations, kills) == ([], 30)
    assert len(ran) <= 3 * 30


@pytest.mark.parametrize(
    "setting", ["PRAGMA legacy_alter_table = ON", "CREATE TEMP TABLE kept AS SELECT 1 AS a"]
)
def test_what_a_connection_carries_along_is_missed_after_a_kill(setting: str):
    needs = {
        "PRAGMA legacy_alter_table = ON": "ALTER TABLE run RENAME TO run_old;\n"
        "CREATE TABLE run (id TEXT PRIMARY KEY, cost REAL);\n"
        "INSERT INTO run SELECT id, cost FROM run_old;\nDROP TABLE run_old;\n",
        "CREATE TEMP TABLE kept AS SELECT 1 AS a": "INSERT INTO run SELECT 'c', a FROM kept;\n",
    }
    view = "CREATE VIEW cheap AS SELECT id FROM run WHERE cost < 1;"
    made = plan(
        f"{setting};\nCREATE TABLE one (a);", "CREATE TABLE two (a);", needs[setting], wrapped=True
    )
    found, _ = seen(made, sample(OLD + view))
    assert [o.kind for o in found] == ["interrupted"] * len(found)
    assert {o.place.path for o in found if o.place} == {"m/1.sql", "m/2.sql"}


def test_rows_that_the_migration_itself_removes_are_not_lost_by_the_kill():
    drop = "BEGIN;\nCREATE TABLE log (a);\nDROP TABLE run;\nCOMMIT;\n"
    (found,), _ = seen(plan(drop, wrapped=False), sample())
    assert (found.error, found.affected) == ("table log already exists", 0)
