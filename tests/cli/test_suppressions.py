"""Allow comments, through the whole program: what holds, and what is told about the rest."""

from __future__ import annotations

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
UNIQUE = "CREATE UNIQUE INDEX u ON users (email);\n"
RULE = "unique-index-over-duplicates"
GOOD = f'-- migsafe: allow {RULE} until=2026-12-31 reason="merged on login"\n'


def lint(project, inside, migration: str, today: str = "2026-06-01"):
    root = project({"migrations/0001_a.sql": USERS, "migrations/0002_b.sql": migration})
    run = inside("lint", "--format", "json", "--fail-on", "warning", "--today", today, cwd=root)
    return run, {f["rule"]: f for f in run.json["findings"]}


@pytest.mark.parametrize(
    "migration",
    [
        GOOD + UNIQUE,
        "SELECT 1;\n\n" + GOOD + "\n" + UNIQUE,
        "CREATE UNIQUE INDEX u\n" + GOOD + "  ON users (email);\n",
        UNIQUE.rstrip() + " " + GOOD,
        GOOD + "-- another comment\n/* and one more */\n" + UNIQUE,
        f'-- migsafe: allow {RULE} reason="for ever"\n' + UNIQUE,
        f"--migsafe:allow {RULE} reason=short\n" + UNIQUE,
        f'/* migsafe: allow {RULE} reason="in a block" */\n' + UNIQUE,
        (GOOD + UNIQUE).replace("\n", "\r\n"),
    ],
)
def test_a_good_comment_allows_its_statement(project, inside, migration):
    run, findings = lint(project, inside, migration)
    assert run.code == 0, findings
    assert set(findings) == {RULE}
    assert findings[RULE]["suppressed"]["reason"]
    assert findings[RULE]["suppressed"]["line"] >= 1


def test_it_holds_until_the_end_of_its_last_day(project, inside):
    run, findings = lint(project, inside, GOOD + UNIQUE, today="2026-12-31")
    assert run.code == 0
    assert findings[RULE]["suppressed"] == {
        "path": "migrations/0002_b.sql",
        "line": 1,
        "reason": "merged on login",
        "until": "2026-12-31",
    }
    run, findings = lint(project, inside, GOOD + UNIQUE, today="2027-01-01")
    assert run.code == 1
    assert findings[RULE]["suppressed"] is None
    assert findings["expired-suppression"]["line"] == 1
    assert "2026-12-31" in findings["expired-suppression"]["message"]


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        (f"-- migsafe: allow {RULE}", "reason"),
        (f'-- migsafe: allow {RULE} reason=""', "reason"),
        (f'-- migsafe: allow {RULE} reason=" "', "reason"),
        ('-- migsafe: allow reason="x"', "names no rule"),
        ("-- migsafe: allow", "names no rule"),
        (f'-- migsafe: ignore {RULE} reason="x"', "unknown word ignore"),
        (f'-- migsafe: allow {RULE} until=tomorrow reason="x"', "until=tomorrow"),
        (f'-- migsafe: allow {RULE} until=2026-13-01 reason="x"', "until=2026-13-01"),
        (f'-- migsafe: allow {RULE} until=20261231 reason="x"', "until=20261231"),
        (f'-- migsafe: allow {RULE} until= reason="x"', "until"),
        (f'-- migsafe: allow {RULE} reason="x" for=ever', "unknown option for"),
        (f'-- migsafe: allow {RULE} because it is fine reason="x"', "cannot read"),
        (f'-- migsafe: allow {RULE} reason="x" reason="y"', "reason stands twice"),
        (f'-- migsafe: allow {RULE.upper()} reason="x"', "names no rule"),
        (f'-- migsafe: allow {RULE}, drop-column-in-use reason="x"', "rule"),
    ],
)
def test_a_comment_that_is_wrong_allows_nothing_and_is_told(project, inside, comment, why):
    run, findings = lint(project, inside, f"{comment}\n{UNIQUE}")
    assert run.code == 1
    assert findings[RULE]["suppressed"] is None
    malformed = findings["malformed-suppression"]
    assert (malformed["path"], malformed["line"]) == ("migrations/0002_b.sql", 1)
    assert why in malformed["message"]


@pytest.mark.parametrize(
    "migration",
    [
        GOOD + "SELECT 1;\n" + UNIQUE,
        UNIQUE + "\n" + GOOD,
        f'-- migsafe: allow drop-column-in-use reason="x"\n{UNIQUE}',
        "SELECT '\n" + GOOD + "';\n" + UNIQUE,
    ],
)
def test_a_comment_elsewhere_allows_nothing(project, inside, migration):
    run, findings = lint(project, inside, migration)
    assert run.code == 1
    assert findings[RULE]["suppressed"] is None


def test_a_comment_in_a_python_script(project, inside):
    script = """from alembic import op
import sqlalchemy as sa

revision = "{0}"
down_revision = {1}


def upgrade():
    {2}
"""
    comment = GOOD.replace("--", "#").strip()
    root = project(
        {
            "alembic.ini": "[alembic]\nscript_location = alembic\n",
            "alembic/env.py": "",
            "alembic/versions/a.py": script.format(
                "a",
                None,
                "op.create_table('users', sa.Column('id', sa.Integer, primary_key=True),"
                " sa.Column('email', sa.Text))",
            ),
            "alembic/versions/b.py": script.format(
                "b", '"a"', f"{comment}\n    op.create_index('u', 'users', ['email'], unique=True)"
            ),
        }
    )
    arguments = ("lint", "--format", "json", "--fail-on", "warning", "--today")
    run = inside(*arguments, "2026-06-01", cwd=root)
    assert run.code == 0, run
    assert run.json["findings"][0]["suppressed"]["reason"] == "merged on login"
    run = inside(*arguments, "2027-06-01", cwd=root)
    assert run.code == 1
    assert "expired-suppression" in run.rules


def test_check_honours_the_same_comment(project, inside):
    files = {
        "migrations/0001_a.sql": USERS,
        "migrations/0002_b.sql": GOOD + UNIQUE,
        "migsafe.toml": '[samples]\npath = "samples"\n',
        "samples/0001/a.sql": USERS + "INSERT INTO users VALUES (1, 'a'), (2, 'a');\n",
    }
    root = project(files)
    run = inside("check", "--today", "2026-06-01", "--format", "json", cwd=root)
    assert run.code == 0
    assert run.json["findings"][0]["suppressed"]["reason"] == "merged on login"
    assert run.json["replay"]["failed"] == 1, "what was seen is still told"
    assert inside("check", "--today", "2027-06-01", cwd=root).code == 1


def test_a_rule_that_does_not_exist_is_told_by_both_commands(project, inside):
    root = project(
        {
            "migrations/0001_a.sql": USERS,
            "migrations/0002_b.sql": f'-- migsafe: allow {RULE}s reason="x"\n{UNIQUE}',
        }
    )
    for command in ("lint", "check"):
        notes = inside(command, "--format", "json", cwd=root).json["not_run"]
        assert {
            "what": f"allow {RULE}s",
            "why": f"migrations/0002_b.sql:1: there is no such rule, did you mean {RULE}?",
        } in notes
    other = inside("lint", "migrations/0001_a.sql", "--format", "json", cwd=root)
    assert not [n for n in other.json["not_run"] if n["what"].startswith("allow")]
