"""When a look at the pages may be left out: only where SQLite itself has seen to them."""

from __future__ import annotations

import pytest

from migsafe.analyse import read
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Scenario
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema, Table
from migsafe.replay import fleet
from migsafe.replay.plan import Plan
from migsafe.replay.sound import may_be_damaged
from migsafe.sql.split import split

OLD = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER CHECK (a > 0));INSERT INTO t VALUES (1, 1);"
)


def history(text: str) -> History:
    migrations = (
        Migration("1", "m/1.sql"),
        Migration("2", "m/2.sql", ("1",), statements=split(text, Dialect.SQLITE, "m/2.sql")),
    )
    return read(History(Dialect.SQLITE, "numbered", migrations))


def damaged(text: str, *tables: Table) -> bool:
    schema = Schema(tables={t.name: t for t in tables})
    return may_be_damaged(history(text).pending("1"), Schema(), schema)


def test_what_sqlite_watches_over_cannot_damage_it():
    assert not damaged("ALTER TABLE t ADD COLUMN b; UPDATE t SET b = 1; PRAGMA user_version = 2;")


@pytest.mark.parametrize(
    "text",
    [
        "PRAGMA writable_schema = 1;",
        "PRAGMA main.ignore_check_constraints(1);",
        "PRAGMA journal_mode = OFF;",
        "ATTACH ':memory:' AS other;",
        "THIS IS NOT SQL;",
    ],
)
def test_what_reaches_below_may(text):
    assert damaged(text)


def test_a_virtual_table_keeps_its_content_in_tables_that_anyone_can_write_to():
    assert damaged("SELECT 1;", Table("words", virtual="fts5"))


def test_rows_that_break_a_check_are_found_on_a_sound_sample_too(database):
    text = "PRAGMA ignore_check_constraints = ON;\nUPDATE t SET a = -1;\n"
    data = database(OLD)
    made = Plan(history(text), {"1": True, "2": False})
    found = fleet.run(made, [Sample("a.db", "1", data, "", sound=True)], 1)
    (straight,) = (o for o in found if o.scenario is Scenario.STRAIGHT)
    assert "integrity" in [o.kind for o in straight.observations]
