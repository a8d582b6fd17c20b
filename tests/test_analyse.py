"""From a history to evidence: the state around every statement, and the rehearsal."""

from __future__ import annotations

import pytest

from migsafe.analyse import Runner, analyse
from migsafe.model.evidence import Evidence
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.rule import Needs
from migsafe.model.schema import Column, Schema, Table
from migsafe.sql.split import split


def evidence(
    *texts: str,
    runner: Runner | None = None,
    base: Schema | None = None,
    dialect: Dialect = Dialect.SQLITE,
) -> Evidence:
    migrations: list[Migration] = []
    for n, text in enumerate(texts, 1):
        parents = (migrations[-1].revision,) if migrations else ()
        statements = split(text, dialect, f"{n}.sql")
        migrations.append(Migration(str(n), f"{n}.sql", parents, statements=statements))
    history = History(dialect, "numbered", tuple(migrations))
    bases: dict[str | None, Schema] = {} if base is None else {None: base}
    return analyse(history, {"1"}, runner or Runner(), {"today": "2026-01-01"}, bases)


def test_steps_are_numbered_over_the_history_and_carry_both_schemas():
    made = evidence("CREATE TABLE a (x);\nALTER TABLE a ADD COLUMN y;", "DROP TABLE a;")
    assert [(s.id, s.revision, s.position) for s in made.steps] == [
        (1, "1", 1),
        (2, "1", 2),
        (3, "2", 1),
    ]
    assert [sorted(s.before.tables) for s in made.steps] == [[], ["a"], ["a"]]
    assert [sorted(s.after.tables) for s in made.steps] == [["a"], ["a"], []]
    added = made.steps[1].after.table("a")
    assert added is not None
    assert [c.name for c in added.columns] == ["x", "y"]
    assert [(c.what, c.how, c.name) for c in made.steps[1].changes] == [("column", "added", "y")]
    assert made.needs is Needs.SCHEMA
    assert made.focus == {"1"}


@pytest.mark.parametrize(
    ("text", "runner", "states"),
    [
        ("SELECT 1;", Runner(), [True]),
        ("SELECT 1;", Runner(transaction=False), [False]),
        (
            "BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 2;",
            Runner(transaction=False),
            [False, True, True, False],
        ),
        ("SAVEPOINT s;\nROLLBACK TO s;\nSELECT 1;", Runner(), [True, True, True]),
    ],
)
def test_transactions_are_followed(text, runner, states):
    assert [s.statement.in_transaction for s in evidence(text, runner=runner).steps] == states


@pytest.mark.parametrize(
    ("text", "runner", "last"),
    [
        ("PRAGMA foreign_keys = ON;\nSELECT 1;", Runner(transaction=False), True),
        ("PRAGMA foreign_keys = ON;\nSELECT 1;", Runner(), False),
        ("PRAGMA foreign_keys(off);\nSELECT 1;", Runner(False, True), False),
        ("PRAGMA foreign_keys;\nSELECT 1;", Runner(False, True), True),
        ("SELECT 1;", Runner(foreign_keys=True), True),
    ],
)
def test_foreign_keys_are_followed(text, runner, last):
    assert evidence(text, runner=runner).steps[-1].statement.foreign_keys is last


@pytest.mark.parametrize(
    ("dialect", "off"),
    [
        (Dialect.MYSQL, "SET SESSION foreign_key_checks = OFF;"),
        (Dialect.POSTGRES, "SET session_replication_role = replica;"),
    ],
)
def test_servers_check_foreign_keys_until_they_are_told_not_to(dialect, off):
    made = evidence(f"SELECT 1; {off} SELECT 2;", "SELECT 3;", dialect=dialect)
    assert [s.statement.foreign_keys for s in made.steps] == [True, True, False, True]


@pytest.mark.parametrize(
    ("checks", "algorithm"), [("SET foreign_key_checks = 0;", "inplace"), ("SELECT 1;", "copy")]
)
def test_mysql_adds_a_foreign_key_in_place_where_nothing_checks_it(checks, algorithm):
    tables = "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int);"
    change = f"{checks} ALTER TABLE c ADD FOREIGN KEY (id) REFERENCES p (id);"
    made = evidence(tables, change, dialect=Dialect.MYSQL)
    assert [e.algorithm for e in made.steps[-1].effects] == [algorithm]


def test_the_rehearsal_tells_the_first_statement_that_cannot_run():
    made = evidence("CREATE TABLE a (x);", "CREATE TABLE a (y);\nALTER TABLE a ADD COLUMN x;")
    assert [s.error for s in made.steps] == ["", "table a already exists", ""]


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO a (x) VALUES (NULL);",
        "SELECT no_such_function(1);",
        "UPDATE elsewhere SET x = 1;",
        "ATTACH 'x.db' AS x;",
    ],
)
def test_the_rehearsal_blames_nothing_that_rows_or_the_past_decide(text):
    made = evidence("CREATE TABLE a (x NOT NULL);", text)
    assert [s.error for s in made.steps] == ["", ""]


def test_the_rehearsal_needs_a_history_from_the_start_and_a_runner_that_stops():
    twice = ("CREATE TABLE a (x);", "CREATE TABLE a (x);")
    assert any(s.error for s in evidence(*twice).steps)
    assert not any(s.error for s in evidence(*twice, runner=Runner(on_error="continue")).steps)
    base = Schema({"b": Table("b", (Column("x"),))})
    assert not any(s.error for s in evidence(*twice, base=base).steps)


def test_a_statement_that_never_ends_does_not_stop_the_analysis():
    forever = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;"
    )
    made = evidence("CREATE TABLE a (x);", forever)
    assert [s.error for s in made.steps] == ["", ""]


def test_an_empty_history_gives_no_steps():
    assert evidence().steps == ()
    assert evidence("").steps == ()
