"""`migsafe check --keep-failing`: small databases that fail again, only where asked for."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

CANARY = "k4n4ri3-of-a-real-person"
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT);\n"
ROWS = "".join(f"INSERT INTO users VALUES ({i}, 'e{i}', 'n{i}');\n" for i in range(1, 41))
PROJECT = {
    "migrations/0001_users.sql": USERS,
    "migrations/0002_codes.sql": (
        "CREATE TABLE codes (code TEXT CHECK (length(code) < 18));\n"
        "INSERT INTO codes SELECT name FROM users;\n"
    ),
    "launch.sql": "SELECT missing FROM users;\n",
    "migsafe.toml": '[samples]\npath = "samples"\n[launch]\nqueries = "launch.sql"\n',
    "samples/0001/a.sql": f"{USERS}{ROWS}INSERT INTO users VALUES (99, 'x', '{CANARY}');\n",
    "samples/0001/b.sql": USERS + ROWS,
}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def findings(run: object) -> list[tuple[str, str, int, str]]:
    found = run.json["findings"]  # type: ignore[attr-defined]
    return [(f["rule"], f["path"], f["line"], f["message"]) for f in found]


def test_each_failure_is_kept_small_and_fails_again_by_the_printed_command(project, migsafe):
    root = project(PROJECT)
    run = migsafe("check", "--keep-failing", "out/failing", cwd=root)
    assert run.code == 1, run
    assert "  smallest database: 1 row (out/failing/1-check-over-old-rows.sql)\n" in run.out
    assert "  smallest database: 0 rows (out/failing/2-launch-query-fails.sql)\n" in run.out
    folder = root / "out" / "failing"
    names = ("1-check-over-old-rows", "2-launch-query-fails")
    assert sorted(contents(folder)) == sorted(
        [".gitignore", "README.md", "samples.toml"]
        + [f"{name}{end}" for name in names for end in (".sql", ".sqlite")]
    )
    with closing(sqlite3.connect(folder / "1-check-over-old-rows.sqlite")) as database:
        rows = database.execute("SELECT * FROM users").fetchall()
    assert rows == [(99, None, "k4n4ri3-of-a-real-")]
    readme = (folder / "README.md").read_text()
    assert "migrations/0002_codes.sql:2 check-over-old-rows: CHECK constraint failed" in readme
    assert "- made of samples/0001/a.sql (version 0001)" in readme
    assert "- 1 row in users" in readme
    (command,) = re.findall(r"^    migsafe (check .*)$", readme, re.MULTILINE)
    again = migsafe(*shlex.split(command), "--format", "json", cwd=root)
    first = migsafe("check", "--format", "json", cwd=root)
    assert again.code == 1
    assert findings(again) == findings(first)
    assert [f["blast_radius"]["failing"] for f in again.json["findings"]] == [2, 2]


def test_each_kept_database_alone_shows_its_failure(project, migsafe):
    root = project(PROJECT)
    assert migsafe("check", "--keep-failing", "failing", cwd=root).code == 1
    for name, rule in (("1-check-", "check-over"), ("2-launch-", "launch-query")):
        for number, path in enumerate(sorted((root / "failing").glob(f"{name}*"))):
            alone = root / f"alone-{rule}-{number}" / "0001" / path.name
            alone.parent.mkdir(parents=True)
            alone.write_bytes(path.read_bytes())
            run = migsafe("check", "--samples", alone.parent, "--format", "json", cwd=root)
            assert run.rules[0].startswith(rule), path


def test_without_the_option_no_value_leaves_the_samples(project, migsafe):
    root = project(PROJECT)
    before = contents(root)
    for words in (("check", "-v"), ("check", "--format", "json", "--output", "text=report.txt")):
        run = migsafe(*words, cwd=root)
        assert run.code == 1
        assert "k4n4ri3" not in run.out + run.err
    after = contents(root)
    assert sorted(set(after) - set(before)) == ["report.txt"]
    assert b"k4n4ri3" not in after["report.txt"]
    assert b"smallest" not in after["report.txt"]


def test_with_the_option_values_are_in_those_files_only(project, migsafe):
    root = project(PROJECT)
    run = migsafe("check", "-v", "--keep-failing", "failing", cwd=root)
    assert "k4n4ri3" not in run.out + run.err
    holding = {n for n, c in contents(root / "failing").items() if b"k4n4ri3" in c}
    assert holding == {"1-check-over-old-rows.sql", "1-check-over-old-rows.sqlite"}


def test_samples_and_migrations_stay_as_they_are(project, migsafe, snapshot):
    root = project(PROJECT)
    before = snapshot(root)
    migsafe("check", "--keep-failing", "failing", cwd=root)
    after = snapshot(root)
    assert {k: v for k, v in after.items() if not k.startswith("failing")} == before


@pytest.mark.parametrize(
    ("folder", "files", "sentence"),
    [
        ("failing", {"failing/mine.txt": "mine"}, "is not empty"),
        ("failing", {"failing": "a file"}, "file exists"),
        ("samples/failing", {}, "lies in the folder of the samples"),
        ("migrations/x/..", {}, "lies in the folder of the migrations"),
    ],
)
def test_a_folder_that_will_not_do(project, inside, snapshot, folder, files, sentence):
    root = project({**PROJECT, **files})
    before = snapshot(root)
    run = inside("check", "--keep-failing", folder, cwd=root)
    assert run.code == 2
    assert sentence in run.err
    assert run.err.count("\n") <= 2
    assert snapshot(root) == before


def test_an_empty_folder_will_do_and_stays_empty_where_nothing_fails(project, inside):
    files = {k: v for k, v in PROJECT.items() if not k.endswith("a.sql")}
    root = project({**files, "launch.sql": "SELECT 1;\n"})
    (root / "failing").mkdir()
    run = inside("check", "--keep-failing", "failing", cwd=root)
    assert run.code == 0, run
    assert contents(root / "failing") == {}


def test_what_was_allowed_is_not_kept(project, inside):
    allowed = '-- migsafe: allow check-over-old-rows reason="known"\n'
    migration = PROJECT["migrations/0002_codes.sql"].replace("INSERT", f"{allowed}INSERT")
    root = project({**PROJECT, "migrations/0002_codes.sql": migration})
    inside("check", "--keep-failing", "failing", cwd=root)
    assert "1-launch-query-fails.sql" in contents(root / "failing")


def test_a_failure_of_time_has_no_database_and_says_so(project, inside):
    forever = (
        "CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT max(i) FROM n;\n"
    )
    files = {k: v for k, v in PROJECT.items() if not k.endswith("b.sql")}
    root = project({**files, "migrations/0002_codes.sql": forever})
    run = inside("check", "--timeout", "0.2", "--keep-failing", "failing", cwd=root)
    assert run.code == 1, run
    assert "smallest database" not in run.out
    assert "no smaller database: a matter of effort" in (root / "failing" / "README.md").read_text()
    assert list((root / "failing").glob("*.sql*")) == []


def test_at_most_ten_failures_are_kept(project, inside):
    queries = "".join(f"SELECT missing_{i} FROM users;\n" for i in range(14))
    root = project({**PROJECT, "launch.sql": queries})
    inside("check", "--keep-failing", "failing", cwd=root)
    scripts = sorted(p.name for p in (root / "failing").glob("*.sql"))
    assert len(scripts) == 10
    assert "10-launch-query-fails.sql" in scripts


def test_samples_of_the_command_line_come_before_the_configured_ones(project, inside, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "0001"
    elsewhere.mkdir(parents=True)
    (elsewhere / "good.sql").write_text(USERS)
    root = project({**PROJECT, "launch.sql": "SELECT 1;\n"})
    assert inside("check", cwd=root).code == 1
    run = inside("check", "--samples", elsewhere.parent, "--format", "json", cwd=root)
    assert run.code == 0, run
    assert run.json["replay"]["samples"] == 1
    missing = inside("check", "--samples", "nowhere", cwd=root)
    assert missing.code == 2
    assert "the samples folder nowhere does not exist" in missing.err


ALEMBIC: Mapping[str, str] = {
    "alembic.ini": "[alembic]\nscript_location = alembic\n",
    "alembic/env.py": (
        "from alembic import context\n"
        'connection = context.config.attributes["connection"]\n'
        "context.configure(connection=connection)\n"
        "with context.begin_transaction():\n    context.run_migrations()\n"
    ),
    "alembic/versions/a.py": 'revision = "a"\ndown_revision = None\ndef upgrade(): pass\n',
    "alembic/versions/b.py": (
        'from alembic import op\nrevision = "b"\ndown_revision = "a"\n'
        'def upgrade():\n    op.create_index("one", "users", ["email"], unique=True)\n'
    ),
    "migsafe.toml": '[samples]\npath = "samples"\n',
    "samples/one.sql": (
        "CREATE TABLE alembic_version (version_num TEXT NOT NULL);\n"
        f"INSERT INTO alembic_version VALUES ('a');\n{USERS}"
        "INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'a', 'z');\n"
    ),
}


def test_an_alembic_project(project, migsafe):
    root = project(ALEMBIC)
    run = migsafe("check", "--keep-failing", "failing", cwd=root)
    assert "smallest database: 2 rows (failing/1-" in run.out, run
    again = migsafe("check", "--samples", "failing", "--format", "json", cwd=root)
    assert again.code == 1
    assert again.json["replay"]["groups"][0]["error"] == "UNIQUE constraint failed: users.email"


def test_the_script_is_one_that_sqlite3_runs(project, inside):
    root = project(PROJECT)
    inside("check", "--keep-failing", "failing", cwd=root)
    script = (root / "failing" / "1-check-over-old-rows.sql").read_bytes()
    subprocess.run(["sqlite3", "-bail", root / "built.db"], input=script, check=True)
    with closing(sqlite3.connect(root / "built.db")) as database:
        assert database.execute("SELECT count(*) FROM users").fetchone() == (1,)
