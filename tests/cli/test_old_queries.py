"""What the old version sends, before and after each step of a rolling deploy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migsafe.replay.servers import rolling
from tests.cli.test_check_servers import CANARY, REVISION, alembic, checked, files
from tests.conftest import Files, Run

Project = Callable[..., Path]
Program = Callable[..., Run]

OLD = (
    "CREATE TABLE person (id {key}, email varchar(50), age int, nick varchar(50));\n"
    "INSERT INTO person (email, age, nick) VALUES ('a@x.org', 1, 'a'), ('b@x.org', 2, 'b');\n"
)
KEYS = {"postgres": "serial PRIMARY KEY", "mysql": "int AUTO_INCREMENT PRIMARY KEY"}
FAILS, COLUMNS = "old-query-fails", "old-query-gives-other-columns"
BOTH = pytest.mark.parametrize("dialect", ["postgres", "mysql"])


def of(*changes: str, queries: str, dialect: str = "postgres", more: str = "") -> Files:
    more = f'{more}[launch]\nold_queries = "compat.sql"\n'
    made = dict(files("", OLD.format(key=KEYS[dialect]), more, dialect))
    del made["migrations/0002_change.sql"]
    made["compat.sql"] = queries
    return made | {f"migrations/{n:04}_change.sql": c for n, c in enumerate(changes, 2)}


def told(run: Run, rule: str) -> list[tuple[int, str, str]]:
    """The line in compat.sql, the severity, and everything said, of that rule's findings."""
    return [
        (f["line"], f["severity"], " | ".join((f["message"], *f["detail"])))
        for f in run.json["findings"]
        if f["rule"] == rule
    ]


@pytest.fixture
def check(project: Project, inside: Program, request: pytest.FixtureRequest) -> Callable[..., Run]:
    def run(*changes: str, dialect: str = "postgres", **how: Any) -> Run:
        request.getfixturevalue(dialect)
        return checked(inside, project(of(*changes, dialect=dialect, **how)))

    return run


Check = Callable[..., Run]


@BOTH
def test_the_first_migration_after_which_it_fails_is_named(check: Check, dialect: str) -> None:
    changes = (
        "CREATE TABLE other (id int);",
        "ALTER TABLE person DROP COLUMN age;",
        "DROP TABLE other;",
    )
    run = check(
        *changes, queries="SELECT id FROM person;\nSELECT age FROM person;\n", dialect=dialect
    )
    [(line, severity, said)] = told(run, FAILS)
    assert (run.code, line, severity) == (1, 2, "error")
    assert "from migrations/0003_change.sql on" in said
    assert "broken by migrations/0003_change.sql:1" in said


@BOTH
def test_what_is_mended_by_a_later_migration_is_a_warning(check: Check, dialect: str) -> None:
    changes = (
        "ALTER TABLE person RENAME TO someone;",
        "CREATE VIEW person AS SELECT * FROM someone;",
    )
    run = check(*changes, queries="SELECT age FROM person;\n", dialect=dialect)
    [(_, severity, said)] = told(run, FAILS)
    assert severity == "warning"
    assert "until the next migrations have run" in said
    assert "from migrations/0002_change.sql until migrations/0003_change.sql" in said


@BOTH
def test_a_new_not_null_refuses_old_inserts(check: Check, dialect: str) -> None:
    column = {"postgres": "ALTER COLUMN age SET NOT NULL", "mysql": "MODIFY age int NOT NULL"}
    queries = (
        "INSERT INTO person (email) VALUES ('c@x.org');\n"
        "INSERT INTO person (email, age) VALUES ('c@x.org', 3);\n"
    )
    run = check(f"ALTER TABLE person {column[dialect]};", queries=queries, dialect=dialect)
    assert [(line, severity) for line, severity, _ in told(run, FAILS)] == [(1, "error")]


@BOTH
def test_a_new_unique_refuses_the_second_insert(check: Check, dialect: str) -> None:
    queries = (
        f"INSERT INTO person (email) VALUES ('{CANARY}');\n"
        "UPDATE person SET age = 3 WHERE id = 1;\n"
        "INSERT INTO person (id, email) VALUES (77, 'twice was never possible');\n"
    )
    change = "CREATE UNIQUE INDEX one ON person (email);"
    run = check(change, queries=queries, dialect=dialect)
    [(line, severity, said)] = told(run, FAILS)
    assert (line, severity) == (1, "warning")
    assert "fails when it does this twice" in said
    assert CANARY not in run.out


def test_an_insert_by_position_that_runs_and_means_something_else(check: Check) -> None:
    change = "ALTER TABLE person DROP COLUMN age;\nALTER TABLE person ADD COLUMN height int;"
    query = "INSERT INTO person VALUES (7, 'c@x.org', NULL, NULL);\n"
    [(_, severity, said)] = told(check(change, queries=query), COLUMNS)
    assert severity == "error"
    assert "value 3 goes to nick and not to age" in said


def test_an_insert_by_position_fails_on_mysql_with_a_column_more(check: Check) -> None:
    query = "INSERT INTO person VALUES (7, 'c@x.org', 3, 'c');\n"
    run = check("ALTER TABLE person ADD COLUMN height int;", queries=query, dialect="mysql")
    assert [line for line, _, _ in told(run, FAILS)] == [1]


@BOTH
@pytest.mark.parametrize(
    ("change", "severity", "said"),
    [
        ("ADD COLUMN height int", "warning", "with height"),
        ("DROP COLUMN age", "error", "without age"),
        ("RENAME COLUMN nick TO name", "error", "without nick and with name"),
    ],
)
def test_the_shape_of_a_star(
    check: Check, dialect: str, change: str, severity: str, said: str
) -> None:
    queries = "SELECT * FROM person;\nSELECT id, email FROM person;\n"
    run = check(f"ALTER TABLE person {change};", queries=queries, dialect=dialect)
    [(line, loud, words)] = told(run, COLUMNS)
    assert (line, loud) == (1, severity)
    assert said in words


def test_what_never_worked_is_said(check: Check) -> None:
    queries = "SELECT x FROM nowhere;\nSELECT id FROM person WHERE id = $1;\n"
    run = check("CREATE TABLE other (id int);", queries=queries)
    assert run.code == 0
    what = [n["what"] for n in run.json["not_run"] if "fails on the old database" in n["why"]]
    assert what == [f"query of the old version compat.sql:{line}" for line in (1, 2)]


def test_too_many_are_asked_at_the_end_only(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "LOOKS", 1)
    changes = ("ALTER TABLE person DROP COLUMN age;", "CREATE TABLE other (id int);")
    run = check(*changes, queries="SELECT age FROM person;\n")
    [(_, _, said)] = told(run, FAILS)
    assert " on" not in said.split(" | ")[1].split(";")[0]
    assert "broken by migrations/0002_change.sql:1" in said
    assert any("between the migrations" in n["what"] for n in run.json["not_run"])


def scripts(*ups: str, queries: str, dialect: str = "postgres") -> dict[str, str | bytes]:
    """An Alembic project with these revisions, r1 and so on."""
    made = dict(alembic("", more='[launch]\nold_queries = "compat.sql"\n', dialect=dialect))
    made |= {"samples/old.sql": OLD.format(key=KEYS[dialect]), "compat.sql": queries}
    for n, up in enumerate(ups, 1):
        down = f"r{n - 1}" if n > 1 else None
        text = REVISION.format(rev=f"r{n}", down=down, up=up, back="pass")
        made[f"migrations/versions/r{n}.py"] = text
    return made


@BOTH
def test_alembic(
    project: Project, inside: Program, dialect: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(dialect)
    made = scripts(
        'op.create_table("other", sa.Column("id", sa.Integer()))',
        'op.drop_column("person", "age")',
        'op.add_column("person", sa.Column("tall", sa.Integer()))',
        queries="INSERT INTO person (email, age) VALUES ('c', 1);\nSELECT * FROM person;\n",
        dialect=dialect,
    )
    run = checked(inside, project(made))
    [(line, _, said)] = told(run, FAILS)
    assert line == 1
    assert "from migrations/versions/r2.py on" in said
    [(line, severity, said)] = told(run, COLUMNS)
    assert (line, severity) == (2, "error")
    assert "from migrations/versions/r2.py on" in said


@pytest.mark.usefixtures("postgres")
@pytest.mark.parametrize("each", [True, False])
@pytest.mark.slow
def test_in_one_transaction_nobody_sees_what_is_between(
    project: Project, inside: Program, *, each: bool
) -> None:
    made = scripts(
        'op.rename_table("person", "someone")',
        'op.execute("CREATE VIEW person AS SELECT * FROM someone")',
        queries="SELECT age FROM person;\n",
    )
    env = str(made["migrations/env.py"])
    made["migrations/env.py"] = env.replace("migration=True", f"migration={each}")
    run = checked(inside, project(made))
    assert [severity for _, severity, _ in told(run, FAILS)] == (["warning"] if each else [])
