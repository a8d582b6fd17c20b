"""`migsafe facts`: the evidence as a file, replacing nothing but its own kind."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

HISTORY = {
    "migrations/0001_users.sql": "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n",
    "migrations/0002_unique.sql": "CREATE UNIQUE INDEX u ON users (email);\n",
}


def test_the_file_opens_in_any_shell(project, migsafe, snapshot):
    root = project(HISTORY)
    before = snapshot(root / "migrations")
    run = migsafe("facts", "--out", "facts.db", cwd=root)
    assert (run.code, run.out) == (0, "wrote facts.db: 2 statements\n")
    assert snapshot(root / "migrations") == before
    assert sorted(p.name for p in root.iterdir()) == [".git", "facts.db", "migrations"]
    with closing(sqlite3.connect(root / "facts.db")) as facts:
        rows = facts.execute("SELECT path, line, sql FROM statement ORDER BY id").fetchall()
        settings = dict(facts.execute("SELECT key, value FROM project"))
    assert rows[1] == ("migrations/0002_unique.sql", 1, HISTORY["migrations/0002_unique.sql"][:-2])
    assert settings["dialect"] == "sqlite"
    assert int(settings["facts_version"]) >= 1


def test_it_replaces_a_facts_database_and_nothing_else(project, inside, database):
    other = database("CREATE TABLE project (key, value); INSERT INTO project VALUES ('a', 'b');")
    files = {"users.db": other, "notes.txt": "dear diary\n", "empty": "", "folder/x": ""}
    root = project({**HISTORY, **files})
    assert inside("facts", "--out", "facts.db", cwd=root).code == 0
    (root / "migrations/0003_more.sql").write_text("CREATE TABLE more (id);\n")
    run = inside("facts", "--out", "facts.db", cwd=root)
    assert (run.code, run.out) == (0, "wrote facts.db: 3 statements\n")
    for name in ("users.db", "notes.txt", "empty", "folder", "migrations/0001_users.sql"):
        run = inside("facts", "--out", name, cwd=root)
        assert run.code == 2, name
        assert f"{name} exists and is not a facts database" in run.err
        assert "hint: choose another file" in run.err
    assert (root / "users.db").read_bytes() == other
    assert (root / "notes.txt").read_text() == "dear diary\n"
    assert (root / "migrations/0001_users.sql").read_text() == HISTORY["migrations/0001_users.sql"]


def test_looking_at_a_file_that_is_not_ours_leaves_nothing_beside_it(project, inside, tmp_path):
    live = tmp_path / "live.db"
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
    root = project({**HISTORY, "live.db": live.read_bytes()})
    before = sorted(p.name for p in root.iterdir())
    assert inside("facts", "--out", "live.db", cwd=root).code == 2
    assert sorted(p.name for p in root.iterdir()) == before


@pytest.mark.parametrize("name", ["what?.db", "50%20.db", "a#b.db", "naïve ö.db"])
def test_any_name_will_do(project, inside, name):
    root = project(HISTORY)
    for _ in range(2):
        assert inside("facts", "--out", name, cwd=root).code == 0
    assert (root / name).is_file()


def test_a_place_that_cannot_be_written(project, inside):
    root = project(HISTORY)
    run = inside("facts", "--out", "no/such/folder/facts.db", cwd=root)
    assert run.code == 2
    assert run.err.startswith("migsafe: no/such/folder/facts.db cannot be written: ")
    run = inside("facts", cwd=root)
    assert run.code == 2
    assert "--out" in run.err


def test_a_failure_keeps_the_facts_that_stood_there(project, inside):
    root = project(HISTORY)
    assert inside("facts", "--out", "facts.db", cwd=root).code == 0
    before = (root / "facts.db").read_bytes()
    (root / "migrations/0002_again.sql").write_text("SELECT 1;\n")
    assert inside("facts", "--out", "facts.db", cwd=root).code == 4
    assert (root / "facts.db").read_bytes() == before


def test_several_sets_need_a_choice(project, inside):
    root = project(
        {
            "a/0001_a.sql": "CREATE TABLE a (id);\n",
            "b/0001_b.sql": "CREATE TABLE b (id);\n",
            "migsafe.toml": '[[migrations]]\npath = "a"\n[[migrations]]\npath = "b"\n',
        }
    )
    run = inside("facts", "--out", "facts.db", cwd=root)
    assert run.code == 2
    assert "one set of migrations" in run.err
    assert not (root / "facts.db").exists()
