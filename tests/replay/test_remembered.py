"""What an earlier run saw: the same outcomes, for as long as nothing is different."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migsafe import store
from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Outcome, Place, Probe, Verdict
from migsafe.model.rule import When
from migsafe.model.sample import Sample
from migsafe.replay import fleet, remembered
from migsafe.replay.plan import Command, LaunchPlan, Plan
from migsafe.sql.split import split

CANARY = "k4n4ri3-of-a-real-person"
OLD = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);"
    f"INSERT INTO t VALUES (1, '{CANARY}'), (2, NULL);"
)
CHANGE = "CREATE TABLE n (a TEXT NOT NULL);\nINSERT INTO n SELECT a FROM t;\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIGSAFE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "read.db"


def plan(text: str = CHANGE) -> Plan:
    migrations = (
        Migration("1", "m/1.sql", digest="one"),
        Migration(
            "2", "m/2.sql", ("1",), statements=split(text, Dialect.SQLITE, "m/2.sql"), digest=text
        ),
    )
    return Plan(
        read(History(Dialect.SQLITE, "numbered", migrations)), {"1": True, "2": True}, made=False
    )


def samples(database) -> list[Sample]:
    data = database(OLD)
    return [Sample(f"{n}.db", "1", data, "the digest", float(n)) for n in range(1, 4)]


def remembered_of(made: Plan, given: list[Sample]) -> dict[str, tuple[Outcome, ...]]:
    return remembered.load(made, given, remembered.mark(made))


def test_the_second_run_tells_the_same_and_each_sample_keeps_its_name_and_weight(database, cache):
    given = samples(database)
    first = fleet.run(plan(), given, 1)
    assert set(remembered_of(plan(), given)) == {"1.db", "2.db", "3.db"}
    assert fleet.run(plan(), given, 1) == first
    assert {(o.sample, o.weight) for o in first} == {("1.db", 1.0), ("2.db", 2.0), ("3.db", 3.0)}
    assert {o.verdict for o in first} == {Verdict.RAISED}
    assert CANARY.encode() not in cache.read_bytes()


def test_what_is_remembered_is_taken_and_not_run_again(database):
    given = samples(database)[:1]
    first = fleet.run(plan(), given, 1)
    other = tuple(replace(o, notes=("from the cache",)) for o in first)
    mark = remembered.mark(plan())
    assert mark is not None
    store.save({remembered.key(plan(), given[0]): other}, mark)
    assert fleet.run(plan(), given, 1) == other


@pytest.mark.parametrize(
    "changed",
    [
        plan(CHANGE.replace("NOT NULL", "")),
        replace(plan(), foreign_keys=True),
        replace(plan(), on_error="continue"),
        replace(plan(), now="2027-01-01 12:00:00"),
        replace(plan(), wrapped={"1": True, "2": False}),
        replace(plan(), launch=LaunchPlan(foreign_keys=True)),
        replace(plan(), probes=(Probe("r", 1, When.AFTER, "SELECT 1", Place("m/2.sql", 1)),)),
        replace(plan(), deep=frozenset({"1.db"})),
    ],
)
def test_another_plan_is_another_question(database, changed):
    given = samples(database)[:1]
    fleet.run(plan(), given, 1)
    assert remembered_of(plan(), given)
    assert not remembered_of(changed, given)


def test_another_version_or_another_database_is_another_question(database):
    given = samples(database)[:1]
    fleet.run(plan(), given, 1)
    for other in ({"revision": None}, {"digest": "other"}, {"tracked": "table"}, {"sound": True}):
        assert not remembered_of(plan(), [replace(given[0], **other)])


def test_what_a_program_says_and_what_has_no_digest_is_not_kept(database):
    command = Command(("./smoke", "{db}"), Path(), Place("migsafe.toml", 1))
    assert remembered.mark(replace(plan(), launch=LaunchPlan(command=command))) is None
    history = plan().history
    bare = replace(history, migrations=tuple(replace(m, digest="") for m in history.migrations))
    assert remembered.mark(replace(plan(), history=bare)) is None
    fleet.run(plan(), [replace(samples(database)[0], digest="")], 1)
    assert not remembered_of(plan(), [replace(samples(database)[0], digest="")])


def test_what_time_had_a_say_in_is_not_kept(database):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    slow = f"{endless} SELECT max(i) FROM n;\n"
    made = replace(plan(slow), seconds=0.1)
    (first, *_) = fleet.run(made, samples(database), 1)
    assert first.verdict is Verdict.TOO_SLOW
    assert not remembered_of(made, samples(database))
