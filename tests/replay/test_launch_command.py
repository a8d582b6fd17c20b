"""The project's own smoke test runs on a private copy, and only its end is told."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from migsafe.model.outcome import Place
from migsafe.replay import command, programs
from migsafe.replay.plan import Command

PLACE = Place("migsafe.toml", 3)


@pytest.fixture
def run(database, tmp_path, monkeypatch):
    """Runs a Python text as the command; gives what was seen, and leaves no file behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    data = database("CREATE TABLE secret (word TEXT); INSERT INTO secret VALUES ('hunter2');")

    def check(text: str, *more: str, seconds: float = 30.0):
        argv = (sys.executable, "-c", f"import sys, os, sqlite3, time\n{text}", "{db}", *more)
        seen = list(command.check(data, Command(argv, tmp_path, PLACE), seconds))
        assert list(temporary.iterdir()) == []
        return seen

    return check


def test_without_a_command_nothing_runs(database):
    assert list(command.check(database(""), None, 1.0)) == []


def test_exit_code_0_is_well(run):
    assert run("sys.exit(0)") == []


def test_any_other_exit_code_is_a_launch_failure_without_what_was_printed(run):
    word = "sqlite3.connect(sys.argv[1]).execute('SELECT word FROM secret').fetchone()[0]"
    (seen,) = run(f"sys.exit({word})")
    assert (seen.kind, seen.place, seen.error, seen.detail) == (
        "launch-command",
        PLACE,
        "exit code 1",
        "",
    )
    assert run(f"raise SystemExit(0 if {word} == 'hunter2' else 9)") == []


def test_a_signal_is_named(run):
    (seen,) = run("os.kill(os.getpid(), 11)")
    assert seen.error == "killed by SIGSEGV"


def test_what_does_not_end_is_stopped_with_all_that_it_started(run, tmp_path):
    note = tmp_path / "child"
    text = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    (seen,) = run(text, seconds=2.0)
    assert seen.error == "not done after 2 s"
    assert _is_gone(int(note.read_text()))


def _is_gone(process: int) -> bool:
    """An orphan that was killed may stay for a moment as a zombie, until it is waited for."""
    with suppress(OSError, IndexError):
        for _ in range(200):
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "Z":
                return True
            time.sleep(0.02)
        return False
    return True


def test_it_runs_in_the_projects_folder_with_the_users_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SMOKE", "yes")
    assert run("sys.exit(os.environ['SMOKE'] != 'yes')") == []
    assert run(f"sys.exit(not os.path.samefile(os.getcwd(), {str(tmp_path)!r}))") == []


def test_the_path_stands_wherever_it_is_asked_for(run):
    assert run("sys.exit(sys.argv[2] != '--at=' + sys.argv[1] + '!')", "--at={db}!") == []


def test_each_run_has_a_copy_of_its_own(run):
    text = "c = sqlite3.connect(sys.argv[1]); c.execute('DROP TABLE secret'); c.commit()"
    assert run(text) == []
    assert run(text) == []


def test_standard_input_is_empty(run):
    assert run("sys.exit(sys.stdin.read() != '')") == []


def test_what_cannot_start_says_nothing_about_the_migration(database, tmp_path):
    program = tmp_path / "smoke"
    program.write_bytes(b"\x00\x01 no program at all")
    program.chmod(0o755)
    asked = Command(("./smoke", "{db}"), tmp_path, PLACE)
    with pytest.raises(programs.CannotStart) as caught:
        list(command.check(database(""), asked, 5.0))
    assert caught.value.exit_code == 2
    assert caught.value.place == "migsafe.toml:3"
    assert os.linesep not in caught.value.message


def test_the_sample_is_not_touched(database, tmp_path):
    data = database("CREATE TABLE t (a); INSERT INTO t VALUES (1);")
    kept = bytes(data)
    text = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM t')"
    argv = (sys.executable, "-c", f"{text}; c.commit()", "{db}")
    assert list(command.check(data, Command(argv, tmp_path, PLACE), 30.0)) == []
    assert data == kept
