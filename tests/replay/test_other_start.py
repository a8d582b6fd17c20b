"""A version that was installed fresh, where the sample was upgraded to it."""

from __future__ import annotations

import pytest

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Outcome, Place, Scenario
from migsafe.model.sample import Sample
from migsafe.replay.case import replay
from migsafe.replay.plan import LaunchPlan, Plan, Query
from migsafe.sql.split import split

FIRST = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX by_name ON item (name);"
)
UPGRADED = FIRST.replace("by_name", "item_name") + "INSERT INTO item VALUES (1, 'tea');"


def started(database, first: str, second: str, sample: str, launch: str = "SELECT 1") -> Outcome:
    texts = {"1": first, "2": second}
    migrations = tuple(
        Migration(
            r, f"{r}.sql", ("1",) * (r == "2"), statements=split(t, Dialect.SQLITE, f"{r}.sql")
        )
        for r, t in texts.items()
    )
    history = read(History(Dialect.SQLITE, "numbered", migrations))
    queries = LaunchPlan(queries=(Query(launch, Place("launch.sql", 1)),))
    plan = Plan(
        history, {"1": True, "2": True}, launch=queries, deep=frozenset({"a.db"}), made=False
    )
    outcomes = replay(plan, Sample("a.db", "1", database(sample), ""))
    return next(o for o in outcomes if o.scenario is Scenario.OTHER_START)


def test_an_index_that_only_upgraded_devices_have(database):
    other = started(database, FIRST, "DROP INDEX item_name;", UPGRADED)
    (failure,) = other.observations
    assert (failure.kind, failure.error) == ("raised", "no such index: item_name")
    assert failure.made == "a fresh install of 1 rather than an upgraded one"
    assert other.tried == 1


def test_a_query_that_fails_on_fresh_installs_only(database):
    query = "SELECT * FROM item INDEXED BY item_name WHERE name = 'x'"
    other = started(database, FIRST, "SELECT 1;", UPGRADED, query)
    assert [o.kind for o in other.observations] == ["launch-query"]


@pytest.mark.parametrize(
    ("first", "second", "sample"),
    [
        (FIRST, "DROP INDEX by_name;", FIRST),
        ("ALTER TABLE item ADD COLUMN x;", "DROP INDEX item_name;", UPGRADED),
        ("CREATE TABLE other (x);", "UPDATE item SET name = 'x';", UPGRADED),
    ],
    ids=["the same schema", "no beginning", "tables from elsewhere"],
)
def test_no_other_start(database, first, second, sample):
    other = started(database, first, second, sample)
    assert (other.observations, other.tried) == ((), 0)


def test_what_the_sample_shows_is_not_said_twice(database):
    query = "SELECT nothing FROM item"
    assert started(database, FIRST, "SELECT 1;", UPGRADED, query).observations == ()
