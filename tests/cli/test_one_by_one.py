"""All pending revisions in one transaction, against one transaction for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migsafe.replay.servers import one_by_one
from tests.cli.test_check_servers import REVISION, alembic, checked
from tests.conftest import Run

Project = Callable[..., Path]
Program = Callable[..., Run]

OLD = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE team (id int PRIMARY KEY);
CREATE TABLE person (id int PRIMARY KEY, feels mood,
                     team_id int REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO team VALUES (1);
INSERT INTO person VALUES (1, 'glad', 1);
"""
ENUM = (
    "ALTER TYPE mood ADD VALUE 'calm'",
    "UPDATE person SET feels = 'calm'",
)
PENDING = (
    "INSERT INTO person VALUES (2, 'sad', 1)",
    "ALTER TABLE person ADD COLUMN nick text",
)
CHILD_FIRST = (
    "INSERT INTO person VALUES (5, 'sad', 5)",
    "INSERT INTO team VALUES (5)",
)
ALONE = "one migration at a time it comes through"


@pytest.fixture
def check(project: Project, inside: Program, request: pytest.FixtureRequest) -> Callable[..., Run]:
    def run(*changes: str, each: bool = False) -> Run:
        request.getfixturevalue("postgres")
        made: dict[str, Any] = {**alembic(""), "samples/old.sql": OLD}
        for n, sql in enumerate(changes, 1):
            down, up = (f"r{n - 1}" if n > 1 else None), f"op.execute({sql!r})"
            text = REVISION.format(rev=f"r{n}", down=down, up=up, back="pass")
            made[f"migrations/versions/r{n}.py"] = text
        env = str(made["migrations/env.py"]).replace("migration=True", f"migration={each}")
        made["migrations/env.py"] = env
        return checked(inside, project(made))

    return run


Check = Callable[..., Run]


def blockers(run: Run) -> list[dict[str, Any]]:
    return [f for f in run.json["findings"] if f["severity"] == "blocker"]


@pytest.mark.parametrize(
    ("changes", "code"), [(ENUM, "55P04"), (PENDING, "55006")], ids=["enum", "pending triggers"]
)
def test_what_only_one_transaction_for_all_breaks(
    check: Check, changes: tuple[str, ...], code: str
) -> None:
    run = check(*changes)
    [finding] = blockers(run)
    assert (run.code, finding["path"]) == (1, "migrations/versions/r2.py")
    assert f"SQLSTATE {code}" in finding["message"]
    assert any(ALONE in d and "one transaction for all" in d for d in finding["detail"])


@pytest.mark.parametrize("changes", [ENUM, PENDING], ids=["enum", "pending triggers"])
def test_a_transaction_for_each_does_not(check: Check, changes: tuple[str, ...]) -> None:
    assert blockers(check(*changes, each=True)) == []


def test_what_fails_in_both_ways_says_so_once(check: Check) -> None:
    run = check("CREATE TABLE other (id int)", "ALTER TABLE person ALTER COLUMN team_id TYPE date")
    [finding] = blockers(run)
    assert not any("at a time" in d for d in finding["detail"])


def test_what_comes_through_in_one_transaction_only(check: Check) -> None:
    run = check(*CHILD_FIRST)
    [finding] = [f for f in run.json["findings"] if f["rule"] == "fails-one-by-one"]
    assert (finding["severity"], finding["path"]) == ("warning", "migrations/versions/r1.py")
    assert "SQLSTATE 23503" in finding["message"]
    assert "fails-one-by-one" not in check(*reversed(CHILD_FIRST)).rules


@pytest.mark.slow
def test_too_many_pending_ones_are_not_led_singly(check: Check) -> None:
    many = [f"CREATE TABLE t{n} (id int)" for n in range(one_by_one.LIMIT + 1)]
    told = {n["what"]: n["why"] for n in check(*many).json["not_run"]}
    assert told["one migration at a time"] == "21 pending ones are more than 20"
    told = {n["what"]: n["why"] for n in check(*many, each=True).json["not_run"]}
    assert "one migration at a time" not in told
