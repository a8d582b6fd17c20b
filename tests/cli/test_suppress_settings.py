"""Suppressions in the configuration, their limits, and what the report says of all of them."""

from __future__ import annotations

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
NEEDED = "ALTER TABLE users ADD COLUMN name TEXT NOT NULL;\n"
RULE = "not-null-without-default"
TWO = "migrations/0002_b.sql"
ENTRY = f'[[suppress]]\nrule = "{RULE}"\npath = "{{}}"\nreason = "a cache"\n'


def lint(project, inside, settings: str, *more: str, migration: str = NEEDED, today="2026-06-01"):
    files = {"migrations/0001_a.sql": USERS, TWO: migration, "migsafe.toml": settings}
    root = project(files)
    return inside("lint", "--format", "json", "--today", today, *more, cwd=root)


def notes(run) -> list[str]:
    return [f"{n['what']}: {n['why']}" for n in run.json["notes"]]


@pytest.mark.parametrize("glob", ["*", "migrations/*", "migrations/0002*", TWO, "*/0002_?.sql"])
def test_a_path_may_hold_stars(project, inside, glob):
    run = lint(project, inside, ENTRY.format(glob))
    assert run.code == 0
    assert run.json["findings"][0]["suppressed"] == {
        "path": "migsafe.toml",
        "line": None,
        "reason": "a cache",
        "until": None,
    }
    assert lint(project, inside, ENTRY.format(glob), "--no-suppressions").code == 1


@pytest.mark.parametrize("glob", ["migrations", "*/0001*", "0002_b.sql", "MIGRATIONS/*"])
def test_another_path_allows_nothing(project, inside, glob):
    assert lint(project, inside, ENTRY.format(glob)).code == 1


def test_it_holds_until_the_end_of_its_last_day(project, inside):
    settings = ENTRY.format("*") + "until = 2026-06-01\n"
    assert lint(project, inside, settings).code == 0
    run = lint(project, inside, settings, today="2026-06-02")
    assert run.code == 1
    assert notes(run) == [
        f"suppress {RULE}: migsafe.toml, path *: it does not hold: it ended on 2026-06-01"
    ]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (ENTRY.format("*").replace("reason", "because"), "unknown key suppress.because"),
        (ENTRY.format("*").replace("a cache", " "), f"suppress of {RULE} gives no reason"),
        ('[[suppress]]\nreason = "x"\npath = "*"\n', "suppress gives no rule"),
        (ENTRY.format("*").replace("null", "nul"), f"suppress names {RULE.replace('null', 'nul')}"),
        (ENTRY.format("*") + 'until = "soon"\n', "suppress.until must be a date"),
        (ENTRY.format("*") + "until = 2026-06-01T10:00:00\n", "suppress.until must be a date"),
        ("suppress = 1\n", "suppress must be a list of tables"),
        ("[rules]\nmax_suppression_days = 0\n", "rules.max_suppression_days must be 1 or more"),
    ],
)
def test_one_that_is_wrong_is_refused(project, inside, settings, sentence):
    run = lint(project, inside, settings)
    assert run.code == 2
    assert sentence in run.err


LIMIT = "[rules]\nmax_suppression_days = 30\n"


@pytest.mark.parametrize(
    ("until", "code"), [("2026-07-01", 0), ("2026-07-02", 1), ("", 1), ("2026-06-01", 0)]
)
def test_no_suppression_lasts_longer_than_the_project_wants(project, inside, until, code):
    given = f"until={until} " if until else ""
    comment = f'-- migsafe: allow {RULE} {given}reason="x"\n'
    run = lint(project, inside, LIMIT, migration=comment + NEEDED)
    assert run.code == code
    assert ("malformed-suppression" in run.rules) == bool(code)
    settings = ENTRY.format("*") + (f"until = {until}\n" if until else "")
    run = lint(project, inside, LIMIT + settings)
    assert run.code == code
    assert any("30 days ahead" in n for n in notes(run)) == bool(code)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        ("2026-06-16", None),
        ("2026-06-17", "in 14 days"),
        ("2026-06-30", "tomorrow"),
        ("2026-07-01", "today"),
    ],
)
def test_its_end_is_foretold_two_weeks_ahead(project, inside, today, said):
    comment = f'-- migsafe: allow {RULE} until=2026-07-01 reason="x"\n'
    run = lint(project, inside, "", migration=comment + NEEDED, today=today)
    where = f"allow {RULE}: {TWO}:1: it ends on 2026-07-01, "
    assert notes(run) == ([where + said] if said else [])
    settings = f"{ENTRY.format('*')}until = 2026-07-01\n"
    settings = (
        f'rules.disable = [{{ rule = "rows-lost", reason = "x", until = 2026-07-01 }}]\n{settings}'
    )
    run = lint(project, inside, settings, today=today)
    assert len(notes(run)) == (2 if said else 0)


def test_one_that_allows_nothing_any_more_is_told(project, inside):
    mended = NEEDED.replace("NOT NULL", "")
    comment = f'-- migsafe: allow {RULE} reason="x"\n'
    run = lint(project, inside, ENTRY.format("*"), migration=comment + mended)
    unused = "there is nothing to allow any more: take it out"
    assert notes(run) == [
        f"allow {RULE}: {TWO}:1: {unused}",
        f"suppress {RULE}: migsafe.toml, path *: {unused}",
    ]
    text = lint(project, inside, ENTRY.format("*"), "--format", "text", migration=mended)
    assert f"note: suppress {RULE} (migsafe.toml, path *: {unused})" in text.out
    part = lint(project, inside, ENTRY.format("*"), "migrations/0001_a.sql", migration=mended)
    assert notes(part) == [], "what is in the other file nobody looked at"


def test_what_only_a_replay_can_show_is_not_called_unused_without_one(project, inside):
    comment = '-- migsafe: allow rows-lost until=2026-12-31 reason="x"\n'
    files = {
        "migrations/0001_a.sql": USERS,
        TWO: f"{comment}DELETE FROM users WHERE id = 9;\n",
        "migsafe.toml": '[samples]\npath = "samples"\n',
        "samples/0001/a.sql": USERS + "INSERT INTO users VALUES (1, 'a');\n",
    }
    root = project(files)
    arguments = ("--format", "json", "--today", "2026-06-01")
    assert notes(inside("lint", *arguments, cwd=root)) == []
    assert notes(inside("check", *arguments, cwd=root)) == [], "launch queries were not run"


def test_a_blocker_that_is_allowed_without_an_end_is_told(project, inside):
    files = {
        "migrations/0001_a.sql": USERS,
        TWO: '-- migsafe: allow unique-index-over-duplicates reason="x"\n'
        "CREATE UNIQUE INDEX u ON users (email);\n",
        "migsafe.toml": '[samples]\npath = "samples"\n',
        "samples/0001/a.sql": USERS + "INSERT INTO users VALUES (1, 'a'), (2, 'a');\n",
    }
    root = project(files)
    arguments = ("--format", "json", "--today", "2026-06-01")
    run = inside("check", *arguments, cwd=root)
    assert run.code == 0
    assert notes(run)[0].endswith(":1: a blocker is allowed without an end: say until when")
    (root / TWO).write_text(files[TWO].replace("reason", "until=2026-06-30 reason"))
    assert notes(inside("check", *arguments, cwd=root)) == []


def test_several_sets_are_asked_together_whether_one_is_unused(project, inside):
    settings = '[[migrations]]\npath = "a"\n[[migrations]]\npath = "b"\n'
    files = {"a/0001.sql": USERS, "b/0001.sql": USERS, "a/0002.sql": NEEDED}
    root = project({**files, "migsafe.toml": settings + ENTRY.format("*")})
    run = inside("lint", "--format", "json", cwd=root)
    assert (run.code, notes(run)) == (0, [])
    (root / "a/0002.sql").unlink()
    assert len(notes(inside("lint", "--format", "json", cwd=root))) == 1
