"""[launch] command and [engine] in a whole check: where they are told, and what is refused."""

from __future__ import annotations

import sys

import pytest

OLD = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
CREATE TABLE log (what TEXT);
CREATE TRIGGER noted AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (iif(new.a, 1, 2)); END;
INSERT INTO t VALUES (1, 'hunter2');
"""
FILES = {
    "migrations/0001_t.sql": OLD.partition("INSERT INTO t ")[0],
    "migrations/0002_u.sql": "UPDATE t SET a = 'x' || a;\n",
    "samples/old.sql": OLD,
    "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
}
SAMPLES = '[samples]\npath = "samples"\n'
SMOKE = """\
import sqlite3, sys
word = sqlite3.connect(sys.argv[1]).execute("SELECT a FROM t").fetchone()[0]
print(word)
sys.exit(word)
"""


@pytest.fixture
def check(project, inside):
    """Runs `migsafe check` on the project with these settings, and more files."""

    def run(settings: str, *arguments: str, **more: str):
        root = project({**FILES, "migsafe.toml": SAMPLES + settings, **more})
        return inside("check", "--no-made", *arguments, cwd=root)

    return run


def command(*words: str) -> str:
    return f"[launch]\ncommand = {[sys.executable, *words]!r}\n"


def test_a_failing_command_is_a_blocker_at_its_line_and_keeps_values_to_itself(check):
    run = check(command("smoke.py", "{db}"), "-v", **{"smoke.py": SMOKE})
    assert run.code == 1
    assert "blocker  migsafe.toml:4  launch-command-fails" in run.out
    assert "the launch command fails on migrated data: exit code 1" in run.out
    assert "hunter2" not in run.out + run.err


def test_a_command_that_ends_well_is_no_finding(check):
    run = check(command("-c", "import sys; open(sys.argv[1]).close()", "{db}"))
    assert (run.code, run.out.splitlines()[-1]) == (0, "safe: nothing found")


def test_the_command_has_as_long_as_a_migration(check):
    run = check(command("-c", "import time; time.sleep(600)", "{db}"), "--timeout", "0.5")
    assert run.code == 1
    assert "not done after 0.5 s" in run.out


def test_the_command_runs_once_for_each_version(check, tmp_path):
    text = "open('runs', 'a').write('x')"
    twice = FILES["samples/samples.toml"] + '[[sample]]\nfile = "new.sql"\nversion = "0001"\n'
    more = {"samples/new.sql": OLD, "samples/samples.toml": twice}
    assert check(command("-c", text, "{db}"), **more).code == 0
    assert (tmp_path / "project" / "runs").read_text() == "x"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[launch]\ncommand = ['./nothing', '{db}']\n", "there is no program ./nothing"),
        ("[launch]\ncommand = ['no-such-program-1', '{db}']\n", "there is no program"),
        ("[launch]\ncommand = ['migrations/0001_t.sql', '{db}']\n", "there is no program"),
        ("[launch]\ncommand = ['python3', 'smoke.py']\n", "never names {db}"),
        ("[launch]\ncommand = ['python3', '{db}', '{dsn}']\n", "asks for {dsn}"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(check, settings, words):
    run = check(settings)
    assert (run.code, run.out) == (2, "")
    assert words in run.err
    assert "migsafe.toml:4" in run.err


def test_a_program_that_does_not_start_ends_the_check(check, project):
    root = project({"smoke": b"\x00 no program"})
    (root / "smoke").chmod(0o755)
    run = check("[launch]\ncommand = ['./smoke', '{db}']\n")
    assert (run.code, run.out) == (2, "")
    assert "launch.command cannot be started" in run.err


def test_the_command_is_found_in_pyproject_too(project, inside):
    text = '[tool.migsafe.samples]\npath = "samples"\n\n[tool.migsafe.launch]\n'
    text += '"command" = ["false", "{db}"]\n'
    run = inside("check", cwd=project({**FILES, "pyproject.toml": text}))
    assert run.code == 1
    assert "blocker  pyproject.toml:5  launch-command-fails" in run.out


def test_the_oldest_engine_is_played_in_a_trigger(check):
    run = check("[engine]\noldest = '3.31'\n")
    assert run.code == 1
    assert "migrations/0002_u.sql:1  migration-fails" in run.out
    assert "no such function: iif (SQLite 3.32.0 has it first, users still run 3.31)" in run.out
    assert check("[engine]\noldest = '3.32'\n").code == 0


def test_what_the_text_shows_is_told_once(check):
    more = {"migrations/0002_u.sql": "INSERT INTO log SELECT iif(a, 1, 2) FROM t;\n"}
    run = check("[engine]\noldest = '3.31'\n", "--format", "json", **more)
    assert run.rules == ["statement-too-new-for-oldest-engine"]


@pytest.mark.parametrize(("oldest", "said"), [("3.25", True), ("3.26", False)])
def test_renames_before_3_26_cannot_be_played(check, oldest, said):
    more = {"migrations/0002_u.sql": "ALTER TABLE log RENAME TO notes;\n"}
    run = check(f"[engine]\noldest = '{oldest}'\n", **more)
    assert ("not run: renamed tables on SQLite 3.25" in run.out) is said


def test_a_library_that_is_not_there_is_refused(check):
    run = check("[engine]\nlibrary = 'lib/gone.so'\n")
    assert (run.code, run.out) == (2, "")
    assert "the library lib/gone.so does not exist" in run.err


def test_a_library_that_cannot_be_used_is_not_run(check):
    run = check("[engine]\nlibrary = 'lib.so'\n", **{"lib.so": "no library"})
    assert run.code == 0
    assert "not run: [engine] library (it is no library that this machine can load)" in run.out


def test_inserts_and_misfits_are_findings(check):
    more = {
        "migrations/0002_u.sql": "DROP TABLE log;\nALTER TABLE t ADD COLUMN ok BOOLEAN;\n"
        "DROP TRIGGER noted;\nUPDATE t SET ok = a;\n"
        "CREATE TRIGGER added AFTER INSERT ON t BEGIN INSERT INTO log VALUES (1); END;\n",
        "new.sql": "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, ok BOOLEAN);\n",
    }
    run = check('[launch]\nschema = "new.sql"\n', "--format", "json", **more)
    found = {(f["rule"], f["line"]) for f in run.json["findings"]}
    assert ("insert-fails-after-migration", 5) in found
    assert ("values-misfit-declared-type", 4) in found


SCRIPT = """from alembic import op

revision = "{0}"
down_revision = {1}


def upgrade():
    op.execute("{2}")
"""
ENV = """from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""
STAMPED = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO alembic_version VALUES ('a');
"""


def test_program_code_meets_the_old_engine_and_the_command_too(project, migsafe):
    files = {
        "alembic.ini": "[alembic]\nscript_location = alembic\n",
        "alembic/env.py": ENV,
        "alembic/versions/a.py": SCRIPT.format("a", None, "CREATE TABLE t (id INTEGER, a TEXT)"),
        "alembic/versions/b.py": SCRIPT.format("b", "'a'", "UPDATE t SET a = 'y'"),
        "migsafe.toml": SAMPLES
        + command("-c", "raise SystemExit(4)", "{db}")
        + "[engine]\noldest = '3.31'\n",
        "samples/old.sql": OLD + STAMPED,
    }
    run = migsafe("check", "--format", "json", cwd=project(files))
    found = {(g["kind"], g["path"]): g["error"] for g in run.json["replay"]["groups"]}
    assert found["launch-command", "migsafe.toml"] == "exit code 4"
    assert found["raised", "alembic/versions/b.py"] == (
        "no such function: iif (SQLite 3.32.0 has it first, users still run 3.31)"
    )


def test_launch_files_may_have_parameters_and_several_statements(check):
    queries = "SELECT a FROM t WHERE id = ? LIMIT ?;\nSELECT a FROM t WHERE a = :a;\n"
    queries += "INSERT INTO t (a) VALUES (@a);\n"
    invariants = "SELECT 1 FROM t WHERE a = ?;\nSELECT a FROM t LIMIT 0;\n"
    settings = '[launch]\nschema = "new.sql"\nqueries = "launch.sql"\ninvariants = "expect.sql"\n'
    more = {
        "new.sql": FILES["migrations/0001_t.sql"],
        "launch.sql": queries,
        "expect.sql": invariants,
    }
    run = check(settings, **more)
    assert (run.code, run.err) == (0, "")
    more["launch.sql"] += "SELECT gone FROM t WHERE id = ?;\n"
    run = check(settings, **more)
    assert (run.code, run.out) == (2, "")
    assert "launch.sql:4: the query fails on a fresh install too: no such column: gone" in run.err
    run = check(settings, **{**more, "launch.sql": "SELECT a FROM t\nWHERE id = ? AND a = :a;\n"})
    assert (run.code, run.out) == (2, "")
    assert "launch.sql:1: the query has parameters with names and without" in run.err
