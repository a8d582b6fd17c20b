"""`migsafe lint` as a user runs it: reports, files in focus, standard input, colours."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, age INTEGER);\n"
UNIQUE = "CREATE UNIQUE INDEX users_email ON users (email);\n"
NO_DEFAULT = "ALTER TABLE users ADD COLUMN name TEXT NOT NULL;\n"
HISTORY = {"migrations/0001_users.sql": USERS, "migrations/0002_unique.sql": UNIQUE}
FAILING = {**HISTORY, "migrations/0003_name.sql": NO_DEFAULT}


def test_text_report_names_place_source_message_remedy_and_verdict(project, migsafe):
    run = migsafe("lint", cwd=project(HISTORY))
    assert run.code == 0
    assert run.err == ""
    lines = run.out.splitlines()
    assert lines[0].startswith("read 2 statements of 2 migrations in ")
    assert "warning  migrations/0002_unique.sql:1  unique-index-over-duplicates" in lines
    assert "   1 | CREATE UNIQUE INDEX users_email ON users (email)" in lines
    assert any(line.startswith("     | ^ email of users") for line in lines)
    assert any(line.startswith("  instead: ") for line in lines)
    assert "  more: migsafe rules explain unique-index-over-duplicates" in lines
    assert any(line.startswith("not run: ") and "migsafe check" in line for line in lines)
    assert lines[-1] == "safe: 1 warning"


def test_json_report_is_the_contract(project, inside):
    run = inside("lint", "--format", "json", cwd=project(FAILING))
    assert run.code == 1
    report = run.json
    assert list(report) == [
        "schema_version",
        "tool",
        "verdict",
        "fail_on",
        "max_blast",
        "checked",
        "findings",
        "not_run",
        "notes",
        "replay",
        "timings",
    ]
    assert (report["schema_version"], report["verdict"], report["replay"]) == (1, "unsafe", None)
    assert report["tool"]["command"] == "lint"
    assert report["checked"] == {
        "framework": "numbered",
        "dialect": "sqlite",
        "migrations": 3,
        "statements": 3,
    }
    worst = report["findings"][0]
    place = (worst["path"], worst["line"], worst["column"], worst["revision"], worst["stage"])
    assert place == ("migrations/0003_name.sql", 1, 1, "0003", "analyse")
    for key in ("rule", "severity", "confidence", "message", "fingerprint", "evidence"):
        assert worst[key]
    assert worst["suppressed"] is None
    assert all(set(entry) == {"what", "why"} for entry in report["not_run"])


@pytest.mark.parametrize(
    ("least", "code"), [("note", 1), ("warning", 1), ("error", 0), ("blocker", 0)]
)
def test_fail_on_sets_what_fails(project, inside, least, code):
    run = inside("lint", "--fail-on", least, "--format", "json", cwd=project(HISTORY))
    assert run.code == code
    assert run.json["fail_on"] == least
    assert run.json["verdict"] == ("unsafe" if code else "safe")


def test_fail_on_of_the_command_line_beats_the_configuration(project, inside):
    root = project({**HISTORY, "migsafe.toml": 'fail_on = "warning"\n'})
    assert inside("lint", cwd=root).code == 1
    assert inside("lint", "--fail-on", "error", cwd=root).code == 0


def test_files_are_the_focus_and_the_whole_history_is_read(project, migsafe):
    root = project(FAILING)
    run = migsafe("lint", "migrations/0002_unique.sql", "--format", "json", cwd=root)
    assert run.code == 0
    assert run.rules == ["unique-index-over-duplicates"], "the table is known from 0001"
    assert run.json["checked"]["migrations"] == 1
    (root / "migsafe.toml").touch()
    inside = migsafe("lint", "0003_name.sql", "--format", "json", cwd=root / "migrations")
    assert inside.code == 1
    assert {f["path"] for f in inside.json["findings"]} == {"migrations/0003_name.sql"}
    absolute = migsafe("lint", root / "migrations/0003_name.sql", cwd=root)
    assert absolute.code == 1


def test_a_folder_stands_for_the_migrations_in_it(project, inside):
    run = inside("lint", "migrations", "--format", "json", cwd=project(FAILING))
    assert run.code == 1
    assert run.json["checked"]["migrations"] == 3


def test_a_file_that_is_no_migration_is_noted(project, inside):
    root = project({**FAILING, "README.md": "hello\n"})
    run = inside("lint", "README.md", "--format", "json", cwd=root)
    assert run.code == 0
    assert run.json["findings"] == []
    assert run.json["not_run"][0] == {
        "what": "README.md",
        "why": "not one of the project's migrations",
    }


def test_a_file_that_does_not_exist_is_a_usage_error(project, inside):
    run = inside("lint", "migrations/0009.sql", cwd=project(HISTORY))
    assert (run.code, run.out) == (2, "")
    assert run.err == "migsafe: the file migrations/0009.sql does not exist\n"


def test_files_of_several_sets_are_looked_for_in_all_of_them(project, inside):
    root = project(
        {
            "app/0001_a.sql": USERS,
            "cache/0001_b.sql": "CREATE TABLE cached (id INTEGER PRIMARY KEY);\n",
            "migsafe.toml": '[[migrations]]\npath = "app"\n[[migrations]]\npath = "cache"\n',
        }
    )
    run = inside("lint", "app/0001_a.sql", "nothing.txt", cwd=root)
    assert run.code == 2
    run = inside("lint", "app/0001_a.sql", "migsafe.toml", "--format", "json", cwd=root)
    assert run.json["checked"]["migrations"] == 1
    assert [n["what"] for n in run.json["not_run"] if "rules" not in n["what"]] == ["migsafe.toml"]
    assert inside("lint", "--format", "json", cwd=root).json["checked"]["migrations"] == 2


def test_standard_input_is_one_more_migration_after_the_head(project, migsafe):
    run = migsafe("lint", "-", "--format", "json", cwd=project(HISTORY), stdin=NO_DEFAULT)
    assert run.code == 1
    assert {(f["path"], f["line"]) for f in run.json["findings"]} == {("<stdin>", 1)}
    assert "not-null-without-default" in run.rules


def test_standard_input_needs_no_project(project, inside):
    run = inside("lint", "-", cwd=project({}), stdin=USERS * 2)
    assert run.code == 1
    assert "<stdin>:2" in run.out


def test_standard_input_can_stand_for_a_file(project, inside):
    root = project(HISTORY)
    name = "migrations/0002_unique.sql"
    run = inside(
        "lint", "-", "--stdin-filename", name, "--format", "json", cwd=root, stdin=NO_DEFAULT
    )
    assert run.code == 1
    assert {f["path"] for f in run.json["findings"]} == {name}
    assert (root / name).read_text() == UNIQUE
    new = "migrations/0003_new.sql"
    run = inside(
        "lint", "-", "--stdin-filename", new, "--format", "json", cwd=root, stdin=NO_DEFAULT
    )
    assert {f["path"] for f in run.json["findings"]} == {new}
    assert not (root / new).exists()


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--stdin-filename", "x.sql"), b"", "--stdin-filename goes with -"),
        (("-",), b"SELECT '\xff'", "standard input is not UTF-8 text"),
        (("--output", "json"), b"", "--output json is not FORMAT=FILE"),
        (("--output", "yaml=x"), b"", "--output yaml=x is not FORMAT=FILE"),
        (("--output", "json=no/such/folder/x"), b"", "cannot be written"),
        (("--format", "yaml"), b"", "'yaml' is not one of"),
        (("--fail-on", "fatal"), b"", "'fatal' is not one of"),
        (("--frobnicate",), b"", "No such option"),
        (("--today", "tomorrow"), b"", "--today"),
    ],
)
def test_wrong_usage_is_one_sentence(project, inside, arguments, stdin, said):
    run = inside("lint", *arguments, cwd=project(HISTORY), stdin=stdin)
    assert run.code == 2
    assert said in run.err
    assert run.err.startswith("migsafe: ")
    assert run.out == ""


def test_outputs_are_written_beside_what_is_printed(project, inside):
    root = project(FAILING)
    run = inside(
        "lint", "--output", "json=a.json", "--output", "text=b.txt", "--color", "always", cwd=root
    )
    assert run.code == 1
    written = json.loads((root / "a.json").read_text())
    assert written["verdict"] == "unsafe"
    text = (root / "b.txt").read_text()
    assert text.splitlines()[-1].startswith("unsafe: ")
    assert "\x1b[" in run.out
    assert "\x1b[" not in text


def test_quiet_and_verbose(project, inside):
    allowed = '-- migsafe: allow unique-index-over-duplicates reason="emails are merged on login"\n'
    root = project({**FAILING, "migrations/0002_unique.sql": allowed + UNIQUE})
    quiet = inside("lint", "-q", cwd=root).out
    assert quiet.startswith("error")
    assert "not run" not in quiet
    assert "unique-index-over-duplicates" not in quiet
    plain = inside("lint", cwd=root).out
    assert "not shown: 1 suppressed finding" in plain
    verbose = inside("lint", "-v", cwd=root).out
    assert "  allowed: emails are merged on login" in verbose


@pytest.mark.parametrize(
    ("arguments", "env", "coloured"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        (("--color", "always", "--format", "json"), {}, False),
    ],
)
def test_colours(project, inside, arguments, env, coloured):
    run = inside("lint", *arguments, cwd=project(HISTORY), env=env)
    assert ("\x1b[" in run.out) is coloured


def test_control_characters_of_a_migration_do_not_reach_the_terminal(project, inside):
    evil = 'ALTER TABLE users ADD COLUMN "\x1b[2Jname\x07\u202e" TEXT NOT NULL;\n'
    root = project({**HISTORY, "migrations/0003_e.sql": evil})
    run = inside("lint", cwd=root)
    assert run.code == 1
    assert "\x1b" not in run.out
    assert "\x07" not in run.out
    assert "\u202e" not in run.out
    assert "\\x1b[2Jname\\x07\\u202e" in run.out


@pytest.mark.parametrize("env", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "utf-8"}])
def test_names_outside_the_terminals_encoding_do_not_stop_the_report(project, migsafe, env):
    root = project(
        {
            **HISTORY,
            "migrations/0003_naïve.sql": "ALTER TABLE users ADD COLUMN größe TEXT NOT NULL;\n",
        }
    )
    run = migsafe("lint", cwd=root, env=env)
    assert run.code == 1
    assert "0003_na" in run.out
    assert run.out.splitlines()[-1].startswith("unsafe")
    assert migsafe("lint", "--format", "json", cwd=root, env=env).json["verdict"] == "unsafe"


def test_a_file_name_that_is_not_utf8_is_an_error_with_its_place(project, migsafe):
    root = project(HISTORY)
    name = b"0003_\xff.sql".decode("utf-8", "surrogateescape")
    (root / "migrations" / name).write_text(NO_DEFAULT)
    for command in ("lint", "check"):
        run = migsafe(command, cwd=root)
        assert run.code == 4
        assert run.err.startswith("migsafe: migrations/0003_\\udcff.sql: the name of the migration")
        assert "  hint: rename the file" in run.err


def test_a_closed_pipe_changes_neither_the_exit_code_nor_the_peace(project):
    for files, arguments, code in (
        (HISTORY, ["lint"], 0),
        (FAILING, ["lint"], 1),
        (HISTORY, ["rules", "list"], 4),
    ):
        with subprocess.Popen(
            [sys.executable, "-m", "migsafe", *arguments],
            cwd=project(files),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as program:
            assert program.stdout is not None
            assert program.stderr is not None
            program.stdout.close()
            assert program.stderr.read() == b""
            assert program.wait() == code


def test_help_and_version(project, migsafe):
    root = project({})
    version = migsafe("--version", cwd=root)
    assert version.code == 0
    assert version.out.startswith("migsafe 0.")
    text = migsafe("--help", cwd=root).out
    for word in ("lint", "check", "rules", "facts", "Exit codes"):
        assert word in text
    for code in "012345":
        assert f"\n  {code}  " in text
    assert migsafe("nonsense", cwd=root).code == 2
    assert "--stdin-filename" in migsafe("lint", "--help", cwd=root).out


def test_program_code_may_have_added_the_column(project, inside):
    files = {
        "migrations/0001_a.sql": "CREATE TABLE t (id INTEGER PRIMARY KEY);\n",
        "migrations/0003_c.sql": "ALTER TABLE t ADD COLUMN c_new;\nUPDATE t SET c_new = c;\n"
        "ALTER TABLE t DROP COLUMN c;\nALTER TABLE t RENAME COLUMN c_new TO c;\n",
    }
    root = project(files)
    assert "column-used-before-it-exists" in inside("lint", "--format", "json", cwd=root).rules
    (root / "migrations/0002_b.go").write_text("package migrations")
    run = inside("lint", "--format", "json", cwd=root)
    assert (run.code, run.rules) == (0, [])


def test_a_rebuild_of_a_table_that_nobody_has_seen_made_is_no_question(project, inside):
    text = (
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE n (id INTEGER PRIMARY KEY, p REFERENCES parents (id));\n"
        "INSERT INTO n (id, p) SELECT id, p FROM t;\nDROP TABLE t;\nALTER TABLE n RENAME TO t;\n"
    )
    root = project({"migrations/0007_a.sql": text})
    assert inside("lint", "--format", "json", cwd=root).rules == []
