"""`migsafe baseline` as a process: what was there does not fail, what is new does; it shrinks."""

from __future__ import annotations

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
RULE = "not-null-without-default"
ONE, TWO, THREE = (f"migrations/000{n}.sql" for n in (1, 2, 3))


def needed(*names: str) -> str:
    return "".join(f"ALTER TABLE users ADD COLUMN {n} TEXT NOT NULL;\n" for n in names)


HISTORY = {ONE: USERS, TWO: needed("name")}


def counts(run) -> dict[str, bool]:
    return {f"{f['path']}:{f['line']}": f["baselined"] for f in run.json["findings"]}


def test_what_was_there_does_not_fail_and_what_is_new_does(project, migsafe):
    root = project(HISTORY)
    assert migsafe("lint", cwd=root).code == 1
    made = migsafe("baseline", "create", "--reason", "adopted", "--today", "2026-01-02", cwd=root)
    assert (made.code, made.out) == (0, "wrote migsafe.baseline: 1 finding; commit it\n")
    text = (root / "migsafe.baseline").read_text()
    assert str(root) not in text
    assert f'rule = "{RULE}", path = "{TWO}", identity = "users.name"' in text
    run = migsafe("lint", cwd=root)
    assert run.code == 0
    assert "1 finding in the baseline (-v shows them)" in run.out
    assert "in the baseline since 2026-01-02" in migsafe("lint", "-v", cwd=root).out
    (root / THREE).write_text(needed("age"))
    run = migsafe("lint", "--format", "json", cwd=root)
    assert run.code == 1
    assert counts(run) == {f"{TWO}:1": True, f"{THREE}:1": False}
    assert migsafe("lint", "--no-suppressions", TWO, cwd=root).code == 1


def test_it_is_made_once(project, migsafe):
    root = project(HISTORY)
    migsafe("baseline", "create", cwd=root)
    before = (root / "migsafe.baseline").read_bytes()
    (root / THREE).write_text(needed("age"))
    again = migsafe("baseline", "create", cwd=root)
    assert again.code == 2
    assert "migsafe.baseline exists already, with 1 finding" in again.err
    for command in (("baseline", "prune"), ("lint",), ("check",)):
        migsafe(*command, cwd=root)
        assert (root / "migsafe.baseline").read_bytes() == before


def test_lines_may_move(project, inside):
    root = project(HISTORY)
    inside("baseline", "create", cwd=root)
    (root / TWO).write_text("-- a word\n\n" + needed("name"))
    assert inside("lint", cwd=root).code == 0


def test_what_is_mended_is_told_pruned_and_then_counts_again(project, inside):
    root = project({**HISTORY, THREE: needed("age")})
    inside("baseline", "create", cwd=root)
    (root / TWO).write_text("ALTER TABLE users ADD COLUMN name TEXT;\n")
    run = inside("lint", "--format", "json", cwd=root)
    (note,) = run.json["notes"]
    assert note["what"] == "migsafe.baseline"
    assert note["why"].startswith(f"{RULE} in {TWO}: mended")
    others = inside("lint", "--format", "json", THREE, cwd=root)
    assert others.json["notes"] == [], "nobody looked at the other file"
    (root / TWO).write_text(needed("name"))
    assert inside("lint", cwd=root).code == 0, "not pruned yet"
    (root / TWO).write_text("ALTER TABLE users ADD COLUMN name TEXT;\n")
    assert inside("baseline", "prune", cwd=root).out == "took out 1: 1 finding left\n"
    (root / TWO).write_text(needed("name"))
    run = inside("lint", "--format", "json", cwd=root)
    assert (run.code, counts(run)) == (1, {f"{TWO}:1": False, f"{THREE}:1": True})


def test_findings_that_are_alike_are_counted(project, inside):
    rule = "update-or-delete-without-where"
    settings = 'fail_on = "note"\n'
    many = "DELETE FROM users;\nDELETE FROM users;\n"
    root = project({ONE: USERS, TWO: many, "migsafe.toml": settings})
    run = inside("lint", "--format", "json", cwd=root)
    alike = [f for f in run.json["findings"] if f["rule"] == rule]
    assert len(alike) == 2
    inside("baseline", "create", cwd=root)
    assert "count = 2" in (root / "migsafe.baseline").read_text()
    (root / TWO).write_text(many + "DELETE FROM users;\n")
    run = inside("lint", "--format", "json", cwd=root)
    alike = [f["baselined"] for f in run.json["findings"] if f["rule"] == rule]
    assert alike == [True, True, False]
    (root / TWO).write_text("DELETE FROM users;\n")
    assert inside("baseline", "prune", cwd=root).code == 0
    assert "count = 1" in (root / "migsafe.baseline").read_text()


def test_a_finding_that_got_worse_counts(project, inside):
    unique = "CREATE UNIQUE INDEX u ON users (email);\n"
    sample = USERS + "INSERT INTO users VALUES (1, 'a'), (2, 'a');\n"
    root = project(
        {
            ONE: USERS,
            TWO: unique,
            "migsafe.toml": '[samples]\npath = "samples"\n',
            "samples/0001/a.sql": sample,
        }
    )
    inside("baseline", "create", cwd=root)
    assert 'severity = "warning"' in (root / "migsafe.baseline").read_text()
    assert inside("lint", "--fail-on", "warning", cwd=root).code == 0
    assert inside("check", cwd=root).code == 1, "lint did not know that it fails for sure"


def test_one_by_what_check_finds(project, inside):
    sample = USERS + "INSERT INTO users VALUES (1, 'a'), (2, 'a');\n"
    root = project(
        {
            ONE: USERS,
            TWO: "CREATE UNIQUE INDEX u ON users (email);\n",
            "migsafe.toml": '[samples]\npath = "samples"\n',
            "samples/0001/a.sql": sample,
        }
    )
    assert inside("baseline", "create", "--check", cwd=root).code == 0
    assert inside("check", cwd=root).code == 0
    (root / "samples/0001/a.sql").write_text(USERS + "INSERT INTO users VALUES (1, 'a');\n")
    (root / TWO).write_text("CREATE INDEX u ON users (email);\n")
    assert inside("baseline", "prune", cwd=root).out == "nothing to take out: 1 finding left\n"
    pruned = inside("baseline", "prune", "--check", cwd=root)
    assert pruned.out == "took out 1: nothing left, so migsafe.baseline was removed\n"
    assert not (root / "migsafe.baseline").exists()


def test_a_deleted_file_is_no_reason_to_complain(project, inside):
    root = project({**HISTORY, THREE: needed("age")})
    inside("baseline", "create", cwd=root)
    (root / THREE).unlink()
    run = inside("lint", "--format", "json", cwd=root)
    assert (run.code, run.json["notes"]) == (0, [])
    assert inside("baseline", "prune", cwd=root).out == "took out 1: 1 finding left\n"


def test_show_lists_it(project, inside):
    root = project(HISTORY)
    missing = inside("baseline", "show", cwd=root)
    assert (missing.code, "there is no migsafe.baseline" in missing.err) == (2, True)
    assert inside("baseline", "prune", cwd=root).code == 2
    inside("baseline", "create", "--reason", "adopted", "--today", "2026-01-02", cwd=root)
    assert inside("baseline", "show", cwd=root).out == (
        f"error    {TWO}  {RULE} users.name  since 2026-01-02: adopted\n\n1 finding\n"
    )


def test_nothing_found_needs_no_baseline(project, inside):
    root = project({ONE: USERS})
    run = inside("baseline", "create", cwd=root)
    assert (run.code, run.out) == (0, "nothing found: no baseline is needed\n")
    assert not (root / "migsafe.baseline").exists()


def test_what_is_allowed_or_released_is_not_put_in(project, inside):
    allowed = f'-- migsafe: allow {RULE} reason="empty"\n' + needed("age")
    root = project({**HISTORY, THREE: allowed})
    inside("release", "1.0", cwd=root)
    assert inside("baseline", "create", cwd=root).out.startswith("nothing found")


@pytest.mark.parametrize("command", [("lint",), ("check",), ("baseline", "show")])
def test_one_that_is_damaged_is_one_sentence(project, migsafe, command):
    root = project({**HISTORY, "migsafe.baseline": "<<<<<<< HEAD\n"})
    run = migsafe(*command, cwd=root)
    assert run.code == 2
    assert run.err.startswith("migsafe: migsafe.baseline: the baseline cannot be read: ")
