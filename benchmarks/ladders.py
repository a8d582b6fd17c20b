"""A ladder of 20 migrations: kills at every commit, and made-up rows, against straight replays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Comparison, compare
from migsafe.analyse import read
from migsafe.config import Samples
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.sample import Sample
from migsafe.replay import interrupted, made
from migsafe.replay.plan import Plan
from migsafe.replay.run import run_sql
from migsafe.sampling import Exploration
from migsafe.sql.split import split

STEPS = 20
ROWS = 500
SCHEMA = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, size INTEGER);"
STEP = """\
ALTER TABLE item ADD COLUMN extra_{n} TEXT;
UPDATE item SET extra_{n} = name || {n} WHERE size % 3 = 0;
CREATE INDEX item_{n} ON item (extra_{n});
"""


def _plan() -> Plan:
    steps = [Migration("0", "m/0.sql")]
    for number in range(1, STEPS + 1):
        path = f"m/{number}.sql"
        text = STEP.format(n=number)
        statements = split(text, Dialect.SQLITE, path)
        steps.append(Migration(str(number), path, (str(number - 1),), statements=statements))
    history = read(History(Dialect.SQLITE, "numbered", tuple(steps)))
    return Plan(history, {m.revision: True for m in steps})


def _sample() -> Sample:
    with closing(engine.clone(b"")) as database:
        database.execute(SCHEMA)
        rows = ((i, f"name {i}", i * 7) for i in range(1, ROWS + 1))
        database.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        return Sample("old.db", "0", database.serialize(), "")


def ladders(_: Path) -> Iterator[Comparison]:
    """In one process, on one sample of 500 rows."""
    plan, sample = _plan(), _sample()
    pending = plan.history.pending("0")

    def straight() -> None:
        with closing(engine.clone(sample.data)) as database:
            run_sql(plan, database, pending)

    floor = ("one straight replay", straight)
    kills = interrupted.check(plan, sample, pending)[1]
    yield compare(
        f"kill a ladder of {STEPS} steps at every commit ({kills} kills)",
        f"<= {STEPS + 2}x",
        floor,
        lambda: interrupted.check(plan, sample, pending),
        rounds=3,
    )
    plan = replace(plan, explorer=Exploration(Samples().explore))
    tried = made.explore(plan, sample, pending, ()).tried
    yield compare(
        f"made-up rows through the same ladder ({tried} of them, explored as well)",
        "< 5 s",
        floor,
        lambda: made.explore(plan, sample, pending, ()),
        rounds=3,
    )
