"""`migsafe incident new` and `resume`, run as a user would."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run

Program = Callable[..., Run]
Make = Callable[..., Path]

OLD = "CREATE TABLE account (id INTEGER PRIMARY KEY, email TEXT, note TEXT);\n"
ROWS = """
INSERT INTO account VALUES (1, 'Zanzibar@quokka.example', 'wombat-lullaby-77');
INSERT INTO account VALUES (2, 'zanzibar@quokka.example', 'platypus serenade 4711');
INSERT INTO account VALUES (3, 'numbat@dunnart.example', 'bandicoot 90210');
"""
BROKEN = (
    "-- one account for each address\n"
    "CREATE UNIQUE INDEX account_email ON account (email COLLATE NOCASE);\n"
)
FIXED = (
    "DELETE FROM account WHERE id NOT IN (SELECT min(id) FROM account GROUP BY lower(email));\n"
    + BROKEN
)
CANARIES = (
    "anzibar",
    "quokka",
    "wombat",
    "lullaby",
    "platypus",
    "4711",
    "numbat",
    "bandicoot",
    "90210",
)
PROJECT = {
    "migsafe.toml": '[samples]\npath = "samples"\n',
    "migrations/0001_account.sql": OLD,
    "migrations/0002_unique.sql": BROKEN,
    "samples/old.sql": OLD + ROWS,
    "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
    "fix/0002_unique.sql": FIXED,
}
RULE = "unique-index-over-duplicates"
ASKED = ("--fixed", "fix/0002_unique.sql", "--yes")


@pytest.fixture
def shop(project: Make) -> Path:
    return project(PROJECT)


def _written(root: Path) -> dict[str, str]:
    """Every file that the run wrote."""
    skipped = {".git", "samples"}
    files = (p for p in root.rglob("*") if p.is_file() and not skipped & set(p.parts))
    return {p.relative_to(root).as_posix(): p.read_text(encoding="utf-8") for p in files}


def test_one_command_writes_the_page_the_rule_and_its_proof(shop: Path, migsafe: Program):
    done = migsafe("incident", "new", *ASKED, "--why", "Why? | Nobody looked", cwd=shop)
    assert done.code == 0, done.out + done.err
    assert f"rules test: fired fixtures/rules/{RULE}/fail/{RULE}" in done.out
    assert f"rules test: silent fixtures/rules/{RULE}/pass/{RULE}" in done.out
    assert "would have stopped 0002 (migrations/0002_unique.sql:2)" in done.out
    files = _written(shop)
    assert (
        "-- expect: unique-index-over-duplicates"
        in files[f"fixtures/rules/{RULE}/fail/{RULE}/0002_unique.sql"]
    )
    assert "extends = true" in files[f"rules/{RULE}/rule.toml"]
    assert "Nobody looked" in files[f"rules/{RULE}/postmortem.md"]
    assert 'paths = ["rules"]' in files["migsafe.toml"]
    assert migsafe("incident", "check", cwd=shop).code == 0
    assert migsafe("rules", "test", RULE, cwd=shop).code == 0


def test_no_value_of_the_old_database_is_written_or_printed(shop: Path, migsafe: Program):
    done = migsafe("incident", "new", *ASKED, cwd=shop)
    exports = [
        migsafe("incident", "export", RULE, "--format", form, "--audience", audience, cwd=shop).out
        for form in ("md", "html", "txt")
        for audience in ("team", "company", "client")
    ]
    texts = [done.out, done.err, *exports, *_written(shop).values()]
    assert not [c for c in CANARIES for text in texts if c.lower() in text.lower()]


def test_the_old_database_still_fails_after_its_values_were_replaced(
    shop: Path, migsafe: Program, database: Callable[[str], bytes]
):
    migsafe("incident", "new", *ASKED, cwd=shop)
    old = (shop / f"fixtures/rules/{RULE}/fail/{RULE}/old.sql").read_text(encoding="utf-8")
    assert old.count("INSERT INTO") == 2
    with pytest.raises(Exception, match="UNIQUE constraint failed"):
        database(old + BROKEN)


def test_a_second_incident_of_the_hazard_keeps_the_rule_and_adds_its_own_page(
    shop: Path, migsafe: Program
):
    assert migsafe("incident", "new", *ASKED, cwd=shop).code == 0
    rule = (shop / f"rules/{RULE}/rule.toml").read_text(encoding="utf-8")
    done = migsafe("incident", "new", *ASKED, "--id", "addresses-again", cwd=shop)
    assert done.code == 0, done.out + done.err
    assert (shop / f"rules/{RULE}/rule.toml").read_text(encoding="utf-8") == rule
    assert (shop / f"rules/{RULE}/postmortem-addresses-again.md").is_file()
    assert (shop / f"fixtures/rules/{RULE}/fail/addresses-again/old.sql").is_file()
    assert migsafe("incident", "check", cwd=shop).code == 0
    again = migsafe("incident", "new", *ASKED, "--id", "addresses-again", cwd=shop)
    assert (again.code, "already" in again.err) == (2, True)


def test_a_report_says_which_failure_it_is(shop: Path, migsafe: Program):
    migsafe("check", "--output", "json=run.json", cwd=shop)
    done = migsafe("incident", "new", "--from-check", "run.json", *ASKED, cwd=shop)
    assert done.out.startswith("failing: migrations/0002_unique.sql:2")
    (shop / "run.json").write_text("{}", encoding="utf-8")
    wrong = migsafe("incident", "new", "--from-check", "run.json", *ASKED, "--id", "x", cwd=shop)
    assert (wrong.code, "is not a report" in wrong.err) == (2, True)


def test_a_trace_from_the_field_says_which_failure_it_is(shop: Path, migsafe: Program):
    (shop / "migrations/0003_note.sql").write_text(
        "CREATE TABLE kept (note TEXT NOT NULL, title TEXT NOT NULL);\n"
        "INSERT INTO kept SELECT note, NULL FROM account;\n",
        encoding="utf-8",
    )
    (shop / "migrations/0002_unique.sql").write_text("SELECT 1;\n" + FIXED, encoding="utf-8")
    (shop / "crash.txt").write_text(
        "Traceback (most recent call last):\n  File '/home/me/app.py', line 3\n"
        "sqlite3.IntegrityError: NOT NULL constraint failed: kept.title\n",
        encoding="utf-8",
    )
    done = migsafe("incident", "new", "--trace", "crash.txt", "--yes", cwd=shop)
    assert done.out.startswith("failing: migrations/0003_note.sql:2"), done.out + done.err
    assert not [t for t in _written(shop).values() if "/home/me" in t and "Traceback" not in t]


def test_a_crash_that_no_replay_shows_makes_a_page_without_proof(shop: Path, migsafe: Program):
    (shop / "migrations/0002_unique.sql").write_text(FIXED, encoding="utf-8")
    (shop / "crash.txt").write_text("java.lang.IllegalStateException: x\n", encoding="utf-8")
    done = migsafe("incident", "new", "--trace", "crash.txt", "--yes", "--no-rule", cwd=shop)
    assert done.code == 0, done.out + done.err
    assert (shop / "rules/illegal-state-exception/postmortem.md").is_file()
    assert migsafe("incident", "check", cwd=shop).code == 1


def test_without_a_failure_there_is_nothing_to_learn(shop: Path, migsafe: Program):
    (shop / "migrations/0002_unique.sql").write_text(FIXED, encoding="utf-8")
    done = migsafe("incident", "new", "--yes", cwd=shop)
    assert done.code == 3
    assert "--sample" in done.err
    assert not (shop / "rules").exists()


def test_a_rule_is_made_from_a_template_where_none_exists(project: Make, migsafe: Program):
    root = project(
        {
            **PROJECT,
            "migsafe.toml": PROJECT["migsafe.toml"] + '[launch]\nqueries = "launch.sql"\n',
            "launch.sql": "SELECT nickname FROM account;\n",
            "migrations/0002_unique.sql": "ALTER TABLE account ADD COLUMN nick TEXT;\n",
            "fix/0002_unique.sql": "ALTER TABLE account ADD COLUMN nickname TEXT;\n",
        }
    )
    done = migsafe("incident", "new", *ASKED, "--hazard", "screen-asks-for-more", cwd=root)
    assert done.code == 0, done.out + done.err
    text = (root / "rules/screen-asks-for-more/rule.toml").read_text(encoding="utf-8")
    assert "extends" not in text
    assert "find" in text
    assert "[incident]" in text
    report = migsafe("check", "--format", "json", cwd=root).json
    assert "screen-asks-for-more" in {f["rule"] for f in report["findings"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fixed", "nowhere.sql"), "nowhere.sql does not exist"),
        (("--finding", "99"), "the check shows no finding 99"),
        (("--id", "Not A Name"), "cannot be a name"),
        (("--rule", "rows-lost"), "does not tell them apart"),
        (("--next-update", "soon"), "soon"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    shop: Path, migsafe: Program, arguments: tuple[str, ...], words: str
):
    done = migsafe("incident", "new", "--yes", *arguments, cwd=shop)
    assert done.code == 2
    assert words in done.err
    assert not (shop / "rules").exists()


# -- at a terminal ---------------------------------------------------------------------------------


# A test that runs in the background inherits that interruptions are ignored.
_INTERRUPTIBLE = """
import signal
from migsafe.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


class Terminal:
    """The program at a terminal of its own, answered like a person would."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.main, other = pty.openpty()
        self.program = subprocess.Popen(
            [sys.executable, "-c", _INTERRUPTIBLE, *arguments],
            cwd=root,
            stdin=other,
            stdout=other,
            stderr=other,
            env={"PATH": os.environ["PATH"], "TERM": "dumb", "MIGSAFE_CACHE": "off"},
            start_new_session=True,
        )
        os.close(other)
        self.seen = ""

    def until(self, words: str) -> None:
        last = time.monotonic() + 200
        while words not in self.seen:
            assert time.monotonic() < last, self.seen
            ready, _, _ = select.select([self.main], [], [], 1)
            if ready:
                self.seen += os.read(self.main, 65536).decode()

    def say(self, text: str) -> None:
        os.write(self.main, f"{text}\n".encode())

    def end(self) -> int:
        code = self.program.wait(timeout=200)
        os.close(self.main)
        return code


def test_questions_are_asked_and_an_interruption_loses_no_answer(shop: Path, migsafe: Program):
    terminal = Terminal(shop, "incident", "new", "--fixed", "fix/0002_unique.sql")
    terminal.until("Which rule guards it?")
    terminal.say("1")
    terminal.until("Who is affected?")
    terminal.say("people with two accounts")
    terminal.until("Which versions?")
    os.killpg(terminal.program.pid, signal.SIGINT)
    terminal.until("migsafe incident resume")
    assert terminal.end() == 4
    name = re.findall(r"incident resume ([a-z0-9-]+)", terminal.seen)[-1]
    done = migsafe("incident", "resume", name, "--yes", "--versions", "before 2.1", cwd=shop)
    assert done.code == 0, done.out + done.err
    page = next((shop / "rules").glob("*/postmortem.md")).read_text(encoding="utf-8")
    assert "people with two accounts" in page
    assert "before 2.1" in page
    assert not list((shop / ".migsafe").rglob("*.toml"))


def test_without_a_terminal_the_draft_waits_for_its_answers(shop: Path, migsafe: Program):
    done = migsafe("incident", "new", "--fixed", "fix/0002_unique.sql", cwd=shop)
    assert (done.code, "not a terminal" in done.err) == (2, True)
    assert not (shop / "rules").exists()
    assert migsafe("incident", "resume", "--yes", cwd=shop).code == 0
    assert (shop / f"rules/{RULE}/postmortem.md").is_file()


def test_the_record_holds_what_the_check_showed(shop: Path, migsafe: Program):
    migsafe("incident", "new", *ASKED, cwd=shop)
    shown = json.loads(migsafe("incident", "list", "--format", "json", cwd=shop).out)
    assert [entry["id"] for entry in shown] == [RULE]
