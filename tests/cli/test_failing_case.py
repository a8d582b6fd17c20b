"""From a failing check to a small database that fails in the same way and shows nobody's values."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from migsafe.cli.check import Effort
from migsafe.cli.failing_case import FailingCase, Seed, failing_cases, shrink
from migsafe.cli.project import Request, open_all
from migsafe.model.rule import Severity

CANARIES = ("k4n4ri3 Mustermann", "k4n4ri3.m@secret-host.example", "+49 30 8765 4321", "1987-06-05")
OLD = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, born TEXT,
                     state TEXT NOT NULL DEFAULT 'active');
CREATE TABLE note (id INTEGER PRIMARY KEY, person INTEGER REFERENCES person (id), text TEXT);
"""
ROWS = "".join(
    f"INSERT INTO person VALUES ({n}, 'Name{n}ton', 'mail{n}@host.example', '0170 {n}{n}', NULL,"
    f" 'active');\nINSERT INTO note VALUES ({n}, {n}, 'a note of Name{n}ton');\n"
    for n in range(101, 131)
)
SECRET = (
    f"INSERT INTO person VALUES (7001, '{CANARIES[0]}', '{CANARIES[1]}', '{CANARIES[2]}',"
    f" '{CANARIES[3]}', 'blocked');\n"
    f"INSERT INTO person VALUES (7002, '{CANARIES[0].upper()}', '{CANARIES[1].upper()}', NULL,"
    " NULL, 'active');\n"
)


def files(change: str, settings: str = "", **more: str) -> dict[str, str]:
    return {
        "migrations/0001_old.sql": OLD,
        "migrations/0002_change.sql": change,
        "samples/0001/device.sql": OLD + ROWS + SECRET,
        "migsafe.toml": f'[samples]\npath = "samples"\n{settings}',
        **more,
    }


@pytest.fixture
def cases(
    project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[FailingCase, ...]]:
    def check(content: dict[str, str], *, made: bool = False) -> tuple[FailingCase, ...]:
        root = project(content)
        monkeypatch.chdir(root)
        monkeypatch.setenv("MIGSAFE_CACHE", "off")
        opened = open_all(Request(today="2026-01-01"))[0]
        _, found = failing_cases(opened, Severity.ERROR, Effort(jobs=1, made=made))
        return found

    return check


def one(found: tuple[FailingCase, ...], kind: str) -> FailingCase:
    return next(c for c in found if c.kind == kind)


def proven(seed: Seed) -> None:
    assert seed.text
    assert seed.masked
    assert seed.checks.failure_kept
    good, of = seed.checks.classes_kept
    assert good == of
    assert (seed.checks.originals_left, seed.checks.refused, seed.why_not) == (0, (), "")
    for word in ("k4n4ri3", "mustermann", "secret-host", "8765", "4321", "1987"):
        assert word not in seed.text.lower()


def fails_again(seed: Seed, change: str) -> str:
    database = sqlite3.connect(":memory:", isolation_level=None)
    database.executescript(seed.text)
    with pytest.raises(sqlite3.Error) as raised:
        database.executescript(change)
    return str(raised.value)


UNIQUE = "CREATE UNIQUE INDEX one ON person (email COLLATE NOCASE);\n"


def test_two_rows_are_left_of_many_and_still_fail(cases):
    case = one(cases(files(UNIQUE)), "raised")
    assert (case.path, case.revision, case.version) == (
        "migrations/0002_change.sql",
        "0002",
        "0001",
    )
    assert case.error == "UNIQUE constraint failed: person.email"
    seed = shrink(case)
    proven(seed)
    assert (seed.rows, seed.rows_before, seed.version) == ((("person", 2),), 62, "0001")
    assert fails_again(seed, UNIQUE) == case.error


def test_the_shape_of_the_values_that_matter_stays(cases):
    change = (
        "CREATE TABLE v (n TEXT CHECK (n NOT LIKE '%@%.example' OR length(n) < 22));\n"
        "INSERT INTO v SELECT email FROM person;\n"
    )
    seed = shrink(one(cases(files(change)), "raised"))
    proven(seed)
    assert ".example" in seed.text.lower()
    assert seed.masked_values >= 1
    assert "CHECK" in fails_again(seed, change)


def test_what_the_migration_names_stays(cases):
    change = (
        "CREATE TABLE v (n TEXT CHECK (n <> 'blocked'));\nINSERT INTO v SELECT state FROM person;\n"
    )
    seed = shrink(one(cases(files(change)), "raised"))
    proven(seed)
    assert "'blocked'" in seed.text


def test_a_value_that_only_the_app_knows_is_refused_until_data_may_be_kept(cases):
    secret = "".join(f" + (unicode(substr(name, {at}, 1)) * {at} % 97)" for at in range(1, 9))
    change = (
        f"CREATE TABLE v (n INT CHECK (n <> 1 OR 0{secret.replace('name', 'm')} < 0), m TEXT);\n"
        f"INSERT INTO v SELECT (0{secret}) = (SELECT 0{secret} FROM person WHERE id = 7001), name"
        " FROM person WHERE id > 7000;\n"
    )
    case = one(cases(files(change)), "raised")
    seed = shrink(case)
    kept = shrink(case, keep_data=True)
    assert kept.text
    assert kept.checks.failure_kept
    if seed.checks.refused:  # else other values did as well, and none was needed
        assert seed.text == ""
        assert "values would show" in seed.why_not
        assert "k4n4ri3" not in repr(seed)
        assert not kept.masked


def test_rows_lost_drift_and_a_failing_launch(cases):
    found = cases(
        files(
            "CREATE TABLE p2 (id INTEGER PRIMARY KEY, name TEXT);\n"
            "INSERT OR IGNORE INTO p2 SELECT id / 7000, name FROM person;\n"
            "DROP TABLE person;\nALTER TABLE p2 RENAME TO person;\n",
            '[launch]\nqueries = "launch.sql"\nschema = "new.sql"\n',
            **{
                "launch.sql": "SELECT age FROM person;\n",
                "new.sql": "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, age INT);\n"
                "CREATE TABLE note (id INTEGER PRIMARY KEY, person INTEGER, text TEXT);\n",
            },
        )
    )
    kinds = {c.kind for c in found}
    assert {"rows-lost", "drifted", "launch-query"} <= kinds
    for kind in ("rows-lost", "drifted", "launch-query"):
        seed = shrink(one(found, kind))
        proven(seed)
        assert seed.total <= 3


def test_what_only_a_made_up_row_shows(cases):
    change = "CREATE TABLE v (n TEXT NOT NULL);\nINSERT INTO v SELECT text FROM note;\n"
    case = next(c for c in cases(files(change), made=True) if c.made)
    assert case.kind == "raised"
    seed = shrink(case)
    proven(seed)
    assert seed.total == 1
    assert "NOT NULL constraint failed: v.n" in fails_again(seed, change)


def test_a_made_up_row_where_no_samples_are_configured(cases):
    change = "CREATE TABLE v (n TEXT NOT NULL);\nINSERT INTO v SELECT text FROM note;\n"
    content = {k: v for k, v in files(change).items() if "samples" not in k and "toml" not in k}
    case = next(c for c in cases(content, made=True) if c.made)
    seed = shrink(case)
    proven(seed)
    assert seed.version == "0001"
    assert "NOT NULL constraint failed: v.n" in fails_again(seed, change)


def test_what_the_text_alone_shows_needs_no_rows_and_stands_right_before_it(cases):
    content = files("CREATE TABLE fine (a);\n") | {
        "migrations/0003_later.sql": "UPDATE person SET state = 'x';\n",
    }
    case = next(c for c in cases(content) if c.failure is None)
    assert case.revision == "0003"
    seed = shrink(case)
    proven(seed)
    assert (seed.rows, seed.version) == ((), "0002")
    assert "CREATE TABLE fine" in seed.text
    assert "INSERT" not in seed.text


@pytest.mark.slow
def test_growth_is_shown_by_few_rows(cases):
    many = "".join(f"INSERT INTO note VALUES ({n}, {n}, 'note {n}');\n" for n in range(9000, 10200))
    content = files(
        "UPDATE note SET text = (SELECT n.text FROM note n WHERE n.text = note.text || note.id"
        " OR n.text || n.id = note.text);\n"
    )
    content["samples/0001/device.sql"] += many
    found = [c for c in cases(content) if c.kind.startswith("growth")]
    assert found
    seed = shrink(found[0])
    proven(seed)
    assert seed.total < 10


def test_an_allowed_finding_is_no_case(cases):
    allowed = '-- migsafe: allow unique-index-over-duplicates until=2026-02-01 reason="known"\n'
    assert not [c for c in cases(files(allowed + UNIQUE)) if c.kind == "raised"]


def test_the_same_input_gives_the_same_text_in_every_process(project):
    root = project(files(UNIQUE))
    code = (
        "from migsafe.cli.failing_case import *\nfrom migsafe.cli.project import *\n"
        "from migsafe.model.rule import Severity\n"
        "case = failing_cases(open_all(Request())[0], Severity.ERROR)[1][0]\n"
        "print(shrink(case).text)"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "MIGSAFE_CACHE": "off"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert b"INSERT" in texts.pop()
