"""`migsafe release` as a process, and what the lock means to lint, check and lint --fix."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
UNIQUE = "CREATE UNIQUE INDEX u ON users (email);\n"
NEEDED = "ALTER TABLE users ADD COLUMN name TEXT NOT NULL;\n"
RULE = "not-null-without-default"
ONE, TWO, THREE = (f"migrations/000{n}_{t}.sql" for n, t in ((1, "users"), (2, "name"), (3, "age")))
HISTORY = {ONE: USERS, TWO: NEEDED}


def lock(root: Path) -> list[str]:
    lines = (root / "migsafe.lock").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def found(run) -> dict[str, dict[str, Any]]:
    return {f["rule"]: f for f in run.json["findings"]}


def test_a_release_locks_what_is_new_and_only_that(project, migsafe):
    root = project(HISTORY)
    first = migsafe("release", "1.0", cwd=root)
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("locked 2 migrations as released in 1.0: ")
    (root / THREE).write_text("ALTER TABLE users ADD COLUMN age INTEGER;\n")
    before = lock(root)
    assert migsafe("release", "1.1", cwd=root).code == 0
    assert lock(root)[:2] == before
    assert [line.split()[3] for line in lock(root)] == ["1.0", "1.0", "1.1"]
    again = migsafe("release", "1.2", cwd=root)
    assert (again.code, again.out) == (0, "nothing new: all migrations are released already\n")
    assert lock(root) == sorted(lock(root))
    assert str(root) not in (root / "migsafe.lock").read_text()


def test_what_is_found_in_released_migrations_is_history(project, migsafe):
    root = project(HISTORY)
    assert migsafe("lint", cwd=root).code == 1
    migsafe("release", "1.0", cwd=root)
    run = migsafe("lint", "--format", "json", cwd=root)
    assert (run.code, run.json["verdict"]) == (0, "safe")
    assert found(run)[RULE]["history"] is True
    text = migsafe("lint", cwd=root)
    assert RULE not in text.out
    assert "1 finding in released migrations (-v shows them)" in text.out
    assert "history: released in 1.0" in migsafe("lint", "-v", cwd=root).out
    (root / THREE).write_text(NEEDED.replace("name", "age"))
    run = migsafe("lint", "--format", "json", cwd=root)
    assert run.code == 1
    assert {f["path"]: f["history"] for f in run.json["findings"]} == {TWO: True, THREE: False}


def test_check_judges_by_the_same_lock(project, migsafe):
    sample = USERS + "INSERT INTO users VALUES (1, 'a'), (2, 'a');\n"
    files = {
        ONE: USERS,
        TWO: UNIQUE,
        "samples/0001/a.sql": sample,
        "migsafe.toml": '[samples]\npath = "samples"\n',
    }
    root = project(files)
    assert migsafe("check", cwd=root).code == 1
    migsafe("release", "1.0", cwd=root)
    run = migsafe("check", "--format", "json", cwd=root)
    assert run.code == 0
    assert found(run)["unique-index-over-duplicates"]["history"] is True
    assert run.json["replay"]["failed"] == 1, "what was seen is still told"
    (root / TWO).write_text(UNIQUE + "-- and a word\n")
    run = migsafe("check", "--format", "json", cwd=root)
    assert run.code == 1
    assert found(run)["unique-index-over-duplicates"]["history"] is False
    assert found(run)["released-migration-changed"]["severity"] == "blocker"


@pytest.mark.parametrize(
    ("damage", "rule", "place"),
    [
        (lambda r: (r / TWO).write_text(NEEDED + "--\n"), "released-migration-changed", (TWO, 1)),
        (lambda r: (r / TWO).unlink(), "released-migration-deleted", ("migsafe.lock", 4)),
        (
            lambda r: (r / TWO).rename(r / "migrations/0004_name.sql"),
            "released-migration-deleted",
            ("migsafe.lock", 4),
        ),
    ],
)
def test_an_edited_or_deleted_migration_is_a_blocker_and_no_release(
    project, migsafe, damage, rule, place
):
    root = project(HISTORY)
    migsafe("release", "1.0", cwd=root)
    damage(root)
    run = migsafe("lint", "--format", "json", cwd=root)
    assert run.code == 1
    finding = found(run)[rule]
    assert (finding["path"], finding["line"]) == place
    assert (finding["severity"], finding["history"]) == ("blocker", False)
    before = (root / "migsafe.lock").read_bytes()
    for arguments in (("--check",), ("1.1",), ("1.1", "--check")):
        refused = migsafe("release", *arguments, cwd=root)
        assert refused.code == 1
        assert f"migsafe.lock:4: {TWO}, released in 1.0, was " in refused.out
    assert (root / "migsafe.lock").read_bytes() == before


def test_line_ends_may_change(project, migsafe):
    root = project(HISTORY)
    migsafe("release", "1.0", cwd=root)
    (root / TWO).write_bytes(b"\xef\xbb\xbf" + NEEDED.replace("\n", "\r\n").encode())
    assert migsafe("release", "--check", cwd=root).code == 0
    assert migsafe("lint", cwd=root).code == 0


def test_a_migration_that_comes_before_a_released_one(project, inside):
    root = project({ONE: USERS, THREE: "CREATE TABLE b (id INTEGER);\n"})
    inside("release", "1.0", cwd=root)
    (root / TWO).write_text("CREATE TABLE c (id INTEGER);\n")
    run = inside("lint", "--format", "json", cwd=root)
    finding = found(run)["migration-inserted-before-released"]
    assert (finding["path"], finding["severity"], run.code) == (TWO, "error", 1)


def test_a_version_is_used_for_one_set_of_migrations(project, migsafe):
    root = project(HISTORY)
    migsafe("release", "1.0", cwd=root)
    (root / THREE).write_text("CREATE TABLE b (id INTEGER);\n")
    run = migsafe("release", "1.0", cwd=root)
    assert run.code == 2
    assert f"1.0 was released with 2 other migrations: {THREE} is not among them" in run.err
    assert len(lock(root)) == 2


def test_check_with_a_version_asks_for_everything(project, migsafe, snapshot):
    root = project(HISTORY)
    before = snapshot(root)
    nothing = migsafe("release", "--check", cwd=root)
    assert (nothing.code, nothing.out) == (
        0,
        "nothing is released yet: there is no migsafe.lock\n",
    )
    run = migsafe("release", "1.0", "--check", cwd=root)
    assert run.code == 1
    assert f"{TWO} is not released" in run.out
    assert snapshot(root) == before
    migsafe("release", "1.0", cwd=root)
    assert migsafe("release", "1.0", "--check", cwd=root).code == 0


@pytest.mark.parametrize("arguments", [(), ("4 2",), ("",), ("#1",)])
def test_what_is_no_version_is_refused(project, inside, arguments):
    run = inside("release", *arguments, cwd=project(HISTORY))
    assert run.code == 2
    assert "version" in run.err.lower()


def test_a_lock_with_a_conflict_is_one_sentence_for_every_command(project, migsafe):
    root = project(HISTORY)
    migsafe("release", "1.0", cwd=root)
    text = (root / "migsafe.lock").read_text()
    (root / "migsafe.lock").write_text(f"<<<<<<< HEAD\n{text}>>>>>>> other\n")
    for command in (("lint",), ("check",), ("release", "--check"), ("release", "2")):
        run = migsafe(*command, cwd=root)
        assert run.code == 2
        assert run.err.startswith("migsafe: migsafe.lock:1: a merge conflict is left in the lock")


def test_two_branches_that_released_are_merged_by_git(project, migsafe):
    root = project(HISTORY, name="app")
    subprocess.run(["rm", "-r", root / ".git"], check=True)
    git(root, "init", "--quiet", "--initial-branch=main", ".")
    (root / ".gitattributes").write_text("migsafe.lock merge=union\n")
    migsafe("release", "1.0", cwd=root)
    commit(root, "one")
    git(root, "switch", "--quiet", "--create", "hotfix")
    (root / "migrations/0003_a.sql").write_text("CREATE TABLE a (id INTEGER);\n")
    migsafe("release", "1.0.1", cwd=root)
    commit(root, "two")
    git(root, "switch", "--quiet", "main")
    (root / "migrations/0004_b.sql").write_text("CREATE TABLE b (id INTEGER);\n")
    migsafe("release", "1.1", cwd=root)
    commit(root, "three")
    git(root, "merge", "--quiet", "--no-edit", "hotfix")
    assert migsafe("release", "--check", cwd=root).out.startswith("4 released migrations")
    assert sorted(line.split()[3] for line in lock(root)) == ["1.0", "1.0", "1.0.1", "1.1"]


def commit(root: Path, message: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def test_several_sets_share_one_lock(project, inside):
    settings = "".join(f'[[migrations]]\npath = "{p}"\n' for p in ("app", "app/log", "other"))
    root = project(
        {
            "migsafe.toml": settings,
            "app/0001_a.sql": USERS,
            "app/log/0001_a.sql": "CREATE TABLE log (id INTEGER);\n",
            "other/0001_a.sql": "CREATE TABLE o (id INTEGER);\n",
        }
    )
    assert inside("release", "1.0", cwd=root).code == 0
    assert len(lock(root)) == 3
    assert inside("release", "--check", cwd=root).out.startswith("3 released migrations")
    (root / "app/log/0001_a.sql").write_text("CREATE TABLE log (id TEXT);\n")
    run = inside("lint", "--format", "json", cwd=root)
    changed = [f["path"] for f in run.json["findings"] if f["rule"] == "released-migration-changed"]
    assert changed == ["app/log/0001_a.sql"]
    (root / "app/log/0001_a.sql").rename(root / "app/log/0002_a.sql")
    run = inside("lint", "--format", "json", cwd=root)
    assert [f["rule"] for f in run.json["findings"]] == ["released-migration-deleted"]


def test_a_folder_that_moved_keeps_its_releases(project, inside):
    root = project(HISTORY)
    inside("release", "1.0", cwd=root)
    (root / "db").mkdir()
    (root / "migrations").rename(root / "db/migrations")
    run = inside("lint", "--format", "json", cwd=root)
    assert run.code == 0, run.json["findings"]
    assert found(run)[RULE]["history"] is True
    (root / "db" / TWO).unlink()
    assert "released-migration-deleted" in inside("lint", "--format", "json", cwd=root).rules


def test_flyway_runs_repeatable_files_again_so_they_are_never_locked(project, inside):
    files = {
        "migrations/V1__users.sql": USERS,
        "migrations/R__view.sql": "CREATE VIEW v AS SELECT id FROM users;\n",
    }
    root = project(files)
    inside("release", "1.0", cwd=root)
    assert [line.split()[1] for line in lock(root)] == ["1"]
    (root / "migrations/R__view.sql").write_text("CREATE VIEW v AS SELECT email FROM users;\n")
    assert inside("release", "--check", cwd=root).code == 0
    assert inside("release", "2.0", cwd=root).out.startswith("nothing new")


def test_an_alembic_script_is_known_by_its_revision(project, inside):
    script = 'revision = "{}"\ndown_revision = {}\ndef upgrade():\n    pass\n'
    root = project(
        {
            "alembic.ini": "[alembic]\nscript_location = alembic\n",
            "alembic/env.py": "",
            "alembic/versions/a.py": script.format("a1", None),
            "alembic/versions/b.py": script.format("b2", '"a1"'),
        }
    )
    inside("release", "1.0", cwd=root)
    (root / "alembic/versions/a.py").rename(root / "alembic/versions/first.py")
    assert inside("release", "--check", cwd=root).code == 0
    text = script.format("b2", '"a1"').replace("pass", "return")
    (root / "alembic/versions/b.py").write_text(text)
    assert inside("release", "--check", cwd=root).code == 1


def test_fix_leaves_a_released_migration_alone(project, inside):
    settings = 'dialect = "postgres"\n[engine]\noldest = "14"\nlive_traffic = true\n'
    index = "-- +goose Up\nCREATE INDEX i ON users (email);\n-- +goose Down\nSELECT 1;\n"
    table = "-- +goose Up\nCREATE TABLE users (id int, email text);\n-- +goose Down\nSELECT 1;\n"
    root = project({"migsafe.toml": settings, ONE: table, TWO: index})
    inside("release", "1.0", cwd=root)
    for files in ((), (TWO,)):
        run = inside("lint", "--fix", "--format", "json", *files, cwd=root)
        refused = [r for r in run.json["rewrites"] if "released in 1.0" in r["what"]]
        assert refused
        assert not any(r["done"] for r in run.json["rewrites"])
    assert (root / TWO).read_text() == index
    (root / "migsafe.lock").unlink()
    inside("lint", "--fix", cwd=root)
    assert "CONCURRENTLY" in (root / TWO).read_text()


def test_text_on_standard_input_stands_in_for_the_file(project, inside):
    root = project(HISTORY)
    inside("release", "1.0", cwd=root)
    arguments = ("lint", "-", "--stdin-filename", TWO, "--format", "json")
    same = inside(*arguments, cwd=root, stdin=NEEDED)
    assert "released-migration-changed" not in same.rules
    other = inside(*arguments, cwd=root, stdin=NEEDED + "--\n")
    assert "released-migration-changed" in other.rules
    for damaged in (False, True):
        new = inside("lint", "-", "--format", "json", cwd=root, stdin=NEEDED)
        assert new.code == 1
        assert "migration-inserted-before-released" not in new.rules
        assert ("released-migration-changed" in new.rules) == damaged
        (root / TWO).write_text(NEEDED + "--\n")


def test_a_sample_may_be_of_a_released_version(project, inside):
    root = project({ONE: USERS, TWO: "ALTER TABLE users ADD COLUMN name TEXT;\n"})
    inside("release", "4.0", cwd=root)
    (root / THREE).write_text("ALTER TABLE users ADD COLUMN age TEXT;\n")
    inside("release", "4.1", cwd=root)
    (root / "samples/4.0").mkdir(parents=True)
    old = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT);\n"
    (root / "samples/4.0/a.sql").write_text(old)
    (root / "migsafe.toml").write_text('[samples]\npath = "samples"\n')
    run = inside("check", "--format", "json", cwd=root)
    assert (run.code, run.json["checked"]["migrations"], run.json["replay"]["samples"]) == (0, 1, 1)


def test_a_deleted_migration_is_allowed_until_its_day(project, inside):
    root = project(HISTORY)
    inside("release", "1.0", cwd=root)
    (root / TWO).unlink()
    allow = '[[suppress]]\nrule = "released-migration-deleted"\npath = "*"\nreason = "squashed"\n'
    (root / "migsafe.toml").write_text(allow)
    run = inside("lint", "--format", "json", "--today", "2026-06-01", cwd=root)
    assert run.code == 0
    assert "a blocker is allowed without an end" in run.json["notes"][0]["why"]
    (root / "migsafe.toml").write_text(allow + "until = 2026-12-31\n")
    assert inside("lint", "--today", "2026-06-01", cwd=root).code == 0
    assert inside("lint", "--today", "2027-01-01", cwd=root).code == 1
