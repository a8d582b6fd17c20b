"""`migsafe check` with [engine] live_traffic: locks, queues and deadlocks on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migsafe.engines.mysql import MysqlServer
from tests.conftest import Files, Run

Project = Callable[..., Path]
Program = Callable[..., Run]

SETTINGS = """
dialect = "{dialect}"
[migrations]
transaction = {wrapped}
[samples]
path = "samples"
[engine]
live_traffic = {live}
"""
SCHEMA = """
CREATE TABLE account (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE project (id serial PRIMARY KEY, name text NOT NULL,
                      account_id int CONSTRAINT project_account REFERENCES account (id));
CREATE TABLE event (id int, day int NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10);
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (10) TO (20);
"""
ROWS = """
INSERT INTO account (name) SELECT 'a' || g FROM generate_series(1, 50) g;
INSERT INTO project (name, account_id) VALUES ('one', 1), ('two', 2), ('three', 1);
"""
TWO = "ALTER TABLE account ADD COLUMN note text;\nALTER TABLE project ADD COLUMN note text;\n"
FIRST = TWO.splitlines()[0]
KILLED = "was ended by the server"
QUEUED = "waited behind it"


def files(
    *changes: str, wrapped: bool = False, live: bool = True, dialect: str = "postgres"
) -> Files:
    settings = SETTINGS.format(
        wrapped=str(wrapped).lower(), live=str(live).lower(), dialect=dialect
    )
    made = {
        "migsafe.toml": settings,
        "migrations/0001_old.sql": SCHEMA,
        "samples/old.sql": SCHEMA + ROWS,
        "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
    }
    return made | {f"migrations/{n:04}_change.sql": c for n, c in enumerate(changes, 2)}


def findings(run: Run) -> list[dict[str, Any]]:
    return list(run.json["findings"])


def said(run: Run, words: str) -> list[tuple[str, int, str]]:
    """Severity, line and message of the findings whose message has these words."""
    return [
        (f["severity"], f["line"], f["message"]) for f in findings(run) if words in f["message"]
    ]


@pytest.fixture
def check(project: Project, inside: Program) -> Callable[..., Run]:
    def run(*changes: str, **how: Any) -> Run:
        root = project(files(*changes, **how), f"project{len(changes)}")
        return inside("check", "--no-made", "--format", "json", cwd=root)

    return run


Check = Callable[..., Run]


@pytest.mark.usefixtures("postgres")
class TestQueues:
    """Later queries behind a migration that waits."""

    def test_a_lock_without_a_limit_lets_others_queue(self, check: Check) -> None:
        [(severity, line, message)] = said(check(FIRST), QUEUED)
        assert (severity, line) == ("warning", 1)
        assert "ACCESS EXCLUSIVE on account waited for an open read" in message

    def test_a_lock_that_only_writers_feel_waits_for_a_writer(self, check: Check) -> None:
        run = check("CREATE INDEX project_name ON project (name);\n")
        [(_, _, message)] = said(run, QUEUED)
        assert "SHARE on project waited for an open write" in message

    @pytest.mark.parametrize(
        "change",
        [
            "SET lock_timeout = '2s';\nALTER TABLE account ADD COLUMN note text;\n",
            "CREATE TABLE fresh (id int);\nALTER TABLE fresh ADD COLUMN note text;\n",
            "CREATE INDEX CONCURRENTLY account_name ON account (name);\n",
            "INSERT INTO account (name) VALUES ('b');\n",
        ],
        ids=["gives up", "nobody uses it yet", "beside the writes", "rows only"],
    )
    def test_nobody_waits_behind(self, check: Check, change: str) -> None:
        assert said(check(change), QUEUED) == []

    def test_a_limit_of_ten_minutes_is_none(self, check: Check) -> None:
        change = "SET lock_timeout = '10min';\nALTER TABLE account ADD COLUMN note text;\n"
        assert said(check(change), QUEUED)


@pytest.mark.usefixtures("postgres")
class TestDeadlocks:
    """Running code that uses two tables in the other order."""

    def test_two_tables_in_one_transaction(self, check: Check) -> None:
        run = check(TWO, wrapped=True)
        [(severity, line, message)] = said(run, KILLED)
        assert (run.code, severity, line) == (1, "error", 2)
        assert "held account and waited for ACCESS EXCLUSIVE on project" in message

    def test_one_finding_tells_it(self, check: Check) -> None:
        here = [f for f in findings(check(TWO, wrapped=True)) if f["line"] == 2]
        assert [f["rule"] for f in here if f["severity"] == "error"] == [
            "several-tables-locked-in-one-transaction"
        ]

    def test_one_statement_that_locks_the_parent_as_well(self, check: Check) -> None:
        run = check("ALTER TABLE project DROP CONSTRAINT project_account;\n")
        [(severity, _, message)] = said(run, KILLED)
        assert severity == "error"
        assert "account" in message
        assert "project" in message

    @pytest.mark.parametrize(
        ("changes", "wrapped"),
        [
            ((TWO,), False),
            (tuple(TWO.splitlines()), True),
            (("ALTER TABLE event ADD COLUMN note text;\n",), True),
            (("SET LOCAL lock_timeout = '2s';\n" + TWO,), True),
            (("CREATE TABLE fresh (id int);\n" + FIRST,), True),
        ],
        ids=["no transaction", "one each", "partitions", "gives up", "one is new"],
    )
    def test_nobody_is_ended(
        self, check: Check, changes: tuple[str, ...], *, wrapped: bool
    ) -> None:
        assert said(check(*changes, wrapped=wrapped), KILLED) == []

    def test_a_transaction_that_the_file_begins_itself(self, check: Check) -> None:
        assert said(check(f"BEGIN;\n{TWO}COMMIT;\n"), KILLED)

    def test_without_traffic_nothing_is_played(self, check: Check) -> None:
        run = check(TWO, wrapped=True, live=False)
        assert run.code == 0
        assert said(run, KILLED) + said(run, QUEUED) == []


@pytest.mark.usefixtures("postgres")
class TestScans:
    """Rows that are gone through under a lock."""

    def test_a_rewrite_is_an_error_with_the_number_of_rows(self, check: Check) -> None:
        change = (
            "SET lock_timeout = '2s';\nALTER TABLE account ALTER COLUMN id TYPE numeric(20, 2);\n"
        )
        run = check(change)
        [(severity, line, message)] = said(run, "nobody reads or writes account while")
        assert (run.code, severity, line) == (1, "error", 2)
        assert "50 rows of account are written anew" in message

    def test_a_backfill_in_the_transaction_of_the_new_column(self, check: Check) -> None:
        change = (
            "SET LOCAL lock_timeout = '2s';\nALTER TABLE project ADD COLUMN note text;\n"
            "UPDATE account SET name = name || '!';\n"
        )
        [(_, line, _)] = said(check(change, wrapped=True), "nobody reads or writes project while")
        assert line == 3

    def test_what_goes_through_a_handful_of_rows_is_no_error(self, check: Check) -> None:
        change = "SET lock_timeout = '2s';\nCREATE INDEX {t}_name ON {t} (name);\n"
        assert check(change.format(t="project")).code == 0

    def test_what_goes_through_many_is(self, check: Check) -> None:
        change = "SET lock_timeout = '2s';\nCREATE INDEX {t}_name ON {t} (name);\n"
        assert check(change.format(t="account")).code == 1

    def test_a_check_that_is_validated_later_blocks_nobody(self, check: Check) -> None:
        change = (
            "SET lock_timeout = '2s';\n"
            "ALTER TABLE account ADD CONSTRAINT named CHECK (name <> '') NOT VALID;\n"
            "ALTER TABLE account VALIDATE CONSTRAINT named;\n"
        )
        run = check(change)
        assert (run.code, said(run, "nobody")) == (0, [])


@pytest.mark.usefixtures("postgres")
def test_the_locks_are_those_that_lint_predicts(check: Check) -> None:
    change = (
        "SET lock_timeout = '2s';\n"
        "ALTER TABLE account ADD COLUMN note text DEFAULT 'x' NOT NULL;\n"
        "ALTER TABLE account ALTER COLUMN note TYPE varchar(20);\n"
        "ALTER TABLE account ALTER COLUMN note DROP NOT NULL;\n"
        "ALTER TABLE project ADD FOREIGN KEY (account_id) REFERENCES account (id);\n"
        "CREATE UNIQUE INDEX account_id_again ON account (id);\n"
        "ALTER TABLE event DETACH PARTITION event_2;\n"
        "COMMENT ON TABLE project IS 'x';\nALTER TABLE project RENAME TO plan;\n"
        "DROP INDEX account_id_again;\n"
    )
    told = [f["message"] for f in findings(check(change)) if f["rule"] == "lock-not-as-predicted"]
    assert told == []


@pytest.mark.usefixtures("postgres")
@pytest.mark.slow
def test_the_same_migration_gives_the_same_report(project: Project, inside: Program) -> None:
    root = project(files(TWO, wrapped=True))
    runs = [inside("check", "--format", "json", cwd=root).json for _ in range(2)]
    for run in runs:
        run.pop("timings")
    assert runs[0] == runs[1]


@pytest.mark.usefixtures("postgres")
def test_no_value_of_a_row_is_told(project: Project, inside: Program) -> None:
    secret = "canary@secret.example"
    made = dict(files(TWO, wrapped=True))
    made["samples/old.sql"] = f"{SCHEMA}{ROWS}INSERT INTO account (name) VALUES ('{secret}');\n"
    run = inside("check", "-vv", "--format", "json", cwd=project(made))
    assert KILLED in run.out
    assert secret not in run.out + run.err


MYSQL = """
CREATE TABLE account (id int PRIMARY KEY, name varchar(20));
CREATE TABLE project (id int PRIMARY KEY, account_id int);
INSERT INTO account VALUES (1, 'a'); INSERT INTO project VALUES (1, 1);
"""


@pytest.mark.usefixtures("mysql")
class TestMysql:
    """Metadata locks of MariaDB and MySQL."""

    @pytest.fixture
    def check(self, project: Project, inside: Program) -> Callable[[str], Run]:
        def run(change: str) -> Run:
            made = dict(files(change, dialect="mysql"))
            made |= {
                "migrations/0001_old.sql": MYSQL.split("INSERT", maxsplit=1)[0],
                "samples/old.sql": MYSQL,
            }
            return inside("check", "--no-made", "--format", "json", cwd=project(made))

        return run

    def test_later_reads_wait_behind_the_migration(self, check: Callable[[str], Run]) -> None:
        run = check("CREATE TABLE fresh (id int);\nALTER TABLE account ADD COLUMN note text;\n")
        [(severity, line, message)] = said(run, QUEUED)
        assert (severity, line) == ("warning", 2)
        assert "the metadata lock on account waited for an open transaction" in message

    def test_two_tables_of_one_statement(self, check: Callable[[str], Run]) -> None:
        change = "RENAME TABLE account TO customer, project TO plan;\n"
        [(_, _, message)] = said(check(change), QUEUED)
        assert "on account and project waited" in message

    def test_a_parent_waits_as_well(self, check: Callable[[str], Run]) -> None:
        change = "ALTER TABLE project ADD FOREIGN KEY (account_id) REFERENCES account (id);\n"
        [(_, _, message)] = said(check(change), QUEUED)
        assert "project" in message

    @pytest.mark.parametrize(
        "change",
        [
            "SET SESSION lock_wait_timeout = 5;\nALTER TABLE account ADD COLUMN note text;\n",
            "CREATE TABLE fresh (id int);\nALTER TABLE fresh ADD COLUMN note text;\n",
            "UPDATE account SET name = 'b';\n",
            "CREATE VIEW names AS SELECT name FROM account;\n",
        ],
        ids=["gives up", "nobody uses it yet", "rows only", "a view of it"],
    )
    def test_nobody_waits_behind(self, check: Callable[[str], Run], change: str) -> None:
        assert said(check(change), QUEUED) == []

    def test_a_statement_that_says_itself_how_long_it_waits(
        self, check: Callable[[str], Run], mysql: MysqlServer
    ) -> None:
        if mysql.product != "MariaDB":
            pytest.skip("WAIT is MariaDB's")
        assert said(check("ALTER TABLE account WAIT 3 ADD COLUMN note text;\n"), QUEUED) == []
        [(_, _, told)] = said(check("ALTER TABLE account WAIT 300 ADD note text;\n"), QUEUED)
        assert "for up to 300 s" in told

    def test_what_is_not_played_is_said(self, check: Callable[[str], Run]) -> None:
        run = check("ALTER TABLE account ADD COLUMN note text;\n")
        what = "deadlocks with a running service, and rows gone through under a lock"
        assert what in [n["what"] for n in run.json["not_run"]]
