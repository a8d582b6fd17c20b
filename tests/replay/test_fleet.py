"""All samples, in this process or spread over others; what they show, grouped."""

from __future__ import annotations

from dataclasses import replace

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation, Outcome, Place, Probe, Scenario, Verdict
from migsafe.model.rule import When
from migsafe.model.sample import Sample
from migsafe.replay import fleet
from migsafe.replay.plan import Plan
from migsafe.sql.split import split

PLACE = Place("m/1.sql", 3)


def outcome(sample: str, *seen: Observation, scenario: Scenario = Scenario.STRAIGHT) -> Outcome:
    return Outcome(sample, "1", scenario, Verdict.RAISED, observations=seen)


def samples(*paths: str) -> list[Sample]:
    return [Sample(p, "1", b"", "") for p in paths]


def test_the_same_failure_on_several_samples_is_one_group():
    unique = Observation("raised", PLACE, error="UNIQUE constraint failed: t.a")
    lost = Observation("rows-lost", PLACE, table="t", affected=2, total=5)
    groups = fleet.group(
        samples("a", "b", "c"),
        [
            outcome("a", unique, lost),
            outcome("b", replace(lost, affected=1, total=7)),
            outcome("b", unique, scenario=Scenario.STEP_BY_STEP),
            outcome("c", lost, scenario=Scenario.SECOND_LAUNCH),
        ],
    )
    assert [(g.observation.kind, g.samples, g.launch) for g in groups] == [
        ("raised", ("a",), True),
        ("rows-lost", ("a", "b", "c"), False),
    ]
    assert (groups[1].affected, groups[1].total) == (5, 17)
    assert (groups[0].blast.failing, groups[0].blast.sampled) == (1, 3)


def test_what_keeps_the_app_from_starting_comes_first_then_what_hits_most():
    seen = [
        Observation("rows-lost", PLACE, table="t", affected=1, total=1),
        Observation("raised", PLACE, error="a"),
        Observation("raised", PLACE, error="b"),
    ]
    groups = fleet.group(
        samples("a", "b", "c"),
        [outcome("a", seen[0], seen[1]), outcome("b", seen[0], seen[2]), outcome("c", *seen[::2])],
    )
    assert [(g.observation.kind, g.observation.error) for g in groups] == [
        ("raised", "b"),
        ("raised", "a"),
        ("rows-lost", ""),
    ]


def test_different_places_tables_or_errors_are_different_failures():
    base = Observation("raised", PLACE, table="t", error="x")
    others = [
        replace(base, place=Place("m/1.sql", 4)),
        replace(base, table="u"),
        replace(base, error="y"),
        replace(base, kind="invariant"),
    ]
    groups = fleet.group(samples("a"), [outcome("a", base, *others, replace(base, detail="z"))])
    assert len(groups) == 5


def test_outcomes_come_in_the_samples_order_with_progress(database):
    text = "ALTER TABLE t ADD COLUMN b;\nCREATE UNIQUE INDEX u ON t (a);\n"
    migrations = (
        Migration("1", "m/1.sql"),
        Migration("2", "m/2.sql", ("1",), statements=split(text, Dialect.SQLITE, "m/2.sql")),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    made = Plan(history, {"1": True, "2": True})
    good = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    bad = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (1);")
    given = [Sample(f"{n}.db", "1", bad if n % 3 == 0 else good, "") for n in range(7)]
    seen: list[tuple[int, int]] = []
    one = fleet.run(made, given, 1, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 7) for n in range(1, 8)]
    straight = [o for o in one if o.scenario is Scenario.STRAIGHT]
    assert [o.sample for o in straight] == [s.path for s in given]
    assert [o.verdict is Verdict.RAISED for o in straight] == [n % 3 == 0 for n in range(7)]
    two = fleet.run(made, given, 2)
    assert two == one
    assert fleet.run(made, []) == ()


def test_databases_of_the_same_bytes_are_replayed_once(database):
    text = "CREATE UNIQUE INDEX u ON t (a);\n"
    migrations = (
        Migration("1", "m/1.sql"),
        Migration("2", "m/2.sql", ("1",), statements=split(text, Dialect.SQLITE, "m/2.sql")),
    )
    made = Plan(read(History(Dialect.SQLITE, "numbered", migrations)), {"1": True, "2": True})
    data = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (1);")
    other = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    given = [
        Sample("a.db", "1", data, "x", 2.0),
        Sample("b.db", "1", other, "y"),
        Sample("c.db", "1", data, "x", 5.0),
        Sample("d.db", None, data, "x"),
    ]
    seen: list[tuple[int, int]] = []
    found = fleet.run(made, given, 1, lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    straight = [o for o in found if o.scenario is Scenario.STRAIGHT]
    assert [(o.sample, o.weight) for o in straight] == [
        ("a.db", 2.0),
        ("b.db", 1.0),
        ("c.db", 5.0),
        ("d.db", 1.0),
    ]
    assert [o.verdict is Verdict.RAISED for o in straight] == [True, False, True, True]


def test_a_question_that_is_certain_is_asked_where_a_statement_fails(database):
    text = "CREATE UNIQUE INDEX u ON t (a);\n"
    migrations = (
        Migration("1", "m/1.sql"),
        Migration("2", "m/2.sql", ("1",), statements=split(text, Dialect.SQLITE, "m/2.sql")),
    )
    place = Place("m/2.sql", 1, 1)
    query = "SELECT 1 FROM t"
    probes = (
        Probe("certain", 1, When.STATEMENT, query, place, certain=True),
        Probe("open", 1, When.STATEMENT, query, place),
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    made = Plan(history, {"1": True, "2": True}, probes=probes)
    good = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2);")
    bad = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (1);")
    answers = {
        o.sample: [(p.rule, p.rows) for p in o.probes]
        for o in fleet.run(made, [Sample("good", "1", good, ""), Sample("bad", "1", bad, "")], 1)
        if o.scenario is Scenario.STRAIGHT
    }
    assert answers == {
        "good": [("certain", 0), ("open", 2)],
        "bad": [("certain", 2), ("open", 2)],
    }
