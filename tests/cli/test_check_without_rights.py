"""`migsafe check` at a server where our role may make databases, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from migsafe.engines import dsn
from migsafe.engines.postgres import PostgresServer
from migsafe.engines.postgres_session import PostgresSession
from tests.cli.test_check_servers import OLD, checked, files, found
from tests.cli.test_check_traffic import KILLED, QUEUED, TWO, said
from tests.cli.test_check_traffic import files as busy_files
from tests.conftest import Run

Project = Callable[..., Path]
Program = Callable[..., Run]
INVALID = "what a run passes by that meets an invalid index"


@pytest.fixture
def superuser(postgres: PostgresServer) -> Iterator[PostgresSession]:
    session = postgres.connect("postgres")
    yield session
    session.close()


@pytest.fixture
def url(postgres: PostgresServer, superuser: PostgresSession) -> Iterator[str]:
    """The dsn of a role that may make databases; none of them is left when it goes."""
    superuser.execute("CREATE ROLE maker LOGIN CREATEDB")
    superuser.execute("CREATE ROLE app_owner_there")
    yield dsn.url("postgresql", replace(postgres.address, user="maker"), "postgres")
    superuser.execute("DROP ROLE maker")
    superuser.execute("DROP ROLE app_owner_there")


def engine(url: str, more: str = "") -> str:
    return f'[engine]\ndsn = "{url}"\n{more}'


def not_run(run: Run) -> dict[str, str]:
    return {n["what"]: n["why"] for n in run.json["not_run"]}


def test_what_fails_and_what_comes_through(url: str, project: Project, migsafe: Program) -> None:
    bad = "ALTER TABLE person ALTER COLUMN email SET NOT NULL;"
    run = checked(migsafe, project(files(bad, OLD, engine(url)), "bad"))
    assert (run.code, "SQLSTATE 23502" in run.out) == (1, True)
    good = "ALTER TABLE person ADD COLUMN nick text;"
    run = checked(migsafe, project(files(good, OLD, engine(url)), "good"))
    assert run.code == 0
    assert INVALID not in not_run(run)


@pytest.mark.slow
def test_an_index_that_cannot_be_made_invalid_is_said(
    url: str, project: Project, migsafe: Program, inside: Program
) -> None:
    change = "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_age ON person (age);"
    run = checked(migsafe, project(files(change, OLD, engine(url)), "maker"))
    assert run.code == 0
    assert not_run(run)[INVALID] == "only a superuser can make one"
    root = checked(inside, project(files(change, OLD), "superuser"))
    assert INVALID not in not_run(root)
    assert "stays invalid" in root.out


def test_the_locks_are_seen_and_played(url: str, project: Project, migsafe: Program) -> None:
    made = dict(busy_files(TWO, wrapped=True))
    made["migsafe.toml"] = str(made["migsafe.toml"]) + f'dsn = "{url}"\n'
    run = migsafe("check", "--no-made", "--format", "json", cwd=project(made))
    assert run.code == 1
    assert [(severity, line) for severity, line, _ in said(run, KILLED)] == [("error", 2)]
    assert [line for _, line, _ in said(run, QUEUED)] == [1]


def test_rows_that_a_policy_hides_are_not_taken_for_all(
    url: str, project: Project, migsafe: Program
) -> None:
    old = (
        f"{OLD}ALTER TABLE person ENABLE ROW LEVEL SECURITY;\n"
        "ALTER TABLE person FORCE ROW LEVEL SECURITY;\n"
    )
    run = checked(migsafe, project(files("CREATE TABLE other (id int);", old, engine(url))))
    assert run.code == 0
    assert "refuses" in not_run(run)["rows of person"]


def test_a_role_that_it_may_not_become(
    url: str, superuser: PostgresSession, project: Project, migsafe: Program
) -> None:
    more = engine(url, 'run_as = "app_owner_there"\n')
    change = "ALTER TABLE person ADD COLUMN nick text;\nCREATE EXTENSION adminpack;"
    root = project(files(change, OLD, more))
    run = migsafe("check", cwd=root)
    assert run.code == 2
    assert "may not become app_owner_there" in run.err
    superuser.execute("GRANT app_owner_there TO maker")
    run = checked(migsafe, root)
    assert (run.code, found(run, "migration-fails")["line"]) == (1, 2)


def test_an_extension_that_it_may_not_make(url: str, project: Project, migsafe: Program) -> None:
    old = OLD + "CREATE EXTENSION adminpack;"
    run = checked(migsafe, project(files("CREATE TABLE other (id int);", old, engine(url))))
    assert run.code == 4
    assert "permission denied" in not_run(run)["samples/old.sql:4"]
