"""Servers of our own come, go with whoever asked for them, and leave nothing behind."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from migsafe.engines import mysql, postgres, servers
from migsafe.engines.mysql import MysqlServer
from migsafe.engines.postgres import PostgresServer
from migsafe.engines.servers import Kept, Names, NoServer, programs
from migsafe.engines.session import Session

PACKAGES = [str(Path(__file__).resolve().parents[2]), sysconfig.get_path("purelib")]
HOLD = """
import sys
sys.path[:0] = {packages}
from migsafe.engines import {engine} as engine
server = engine.open_server()
server.create_database()
print(server.address.socket, flush=True)
{then}
"""
WAIT = "sys.stdin.read()"


def holder(
    engine: str, then: str, python: str = sys.executable, **options: object
) -> subprocess.Popen[bytes]:
    """A process that has a server, and its socket's path on the first line of its output."""
    code = HOLD.format(packages=PACKAGES, engine=engine, then=then)
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [python, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **options,
    )


def folder_of(process: subprocess.Popen[bytes]) -> Path:
    assert process.stdout
    told = process.stdout.readline().decode().strip()
    assert told, "the process got no server"
    return Path(told).parent


def finished(process: subprocess.Popen[bytes]) -> None:
    process.wait(30)
    for stream in (process.stdin, process.stdout):
        assert stream
        stream.close()


def running(folder: Path) -> list[str]:
    """The command lines of the processes that name the folder."""
    told = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True)
    return [line for line in told.stdout.splitlines() if str(folder) in line]


def assert_gone(folder: Path) -> None:
    end = time.monotonic() + 30
    while (folder.exists() or running(folder)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not folder.exists()
    assert running(folder) == []


KILLS: dict[str, Callable[[subprocess.Popen[bytes]], None]] = {
    "killed": lambda process: process.send_signal(signal.SIGKILL),
    "terminated": lambda process: process.send_signal(signal.SIGTERM),
    "interrupted": lambda process: os.killpg(process.pid, signal.SIGINT),
}


def test_servers_started_at_once_go_with_their_processes(postgres: PostgresServer) -> None:
    held = {way: holder("postgres", WAIT, start_new_session=True) for way in KILLS}
    held["raised"] = holder("postgres", "raise ValueError")
    held["forgotten"] = holder("postgres", "")
    folders = {way: folder_of(process) for way, process in held.items()}
    assert len(set(folders.values())) == len(folders)
    for way, kill in KILLS.items():
        assert running(folders[way])
        kill(held[way])
    for way, process in held.items():
        finished(process)
        assert_gone(folders[way])


@pytest.mark.slow
def test_mariadb_goes_with_a_process_that_is_killed(mysql: MysqlServer) -> None:
    process = holder("mysql", WAIT)
    folder = folder_of(process)
    assert running(folder)
    process.kill()
    finished(process)
    assert_gone(folder)


@pytest.mark.slow
def test_nothing_is_left_even_where_the_keeper_is_killed(postgres: PostgresServer) -> None:
    if sys.platform != "linux":
        pytest.skip("not run: only Linux tells a process of its parent's death")
    process = holder("postgres", WAIT)
    folder = folder_of(process)
    told = subprocess.run(
        ["ps", "-wweo", "pid,ppid,args"], capture_output=True, text=True, check=True
    )
    keepers = [
        int(line.split()[0])
        for line in told.stdout.splitlines()
        if "keeper.py" in line and line.split()[1] == str(process.pid)
    ]
    assert len(keepers) == 1
    os.kill(keepers[0], signal.SIGKILL)
    end = time.monotonic() + 30
    while running(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert running(folder) == []
    process.kill()
    finished(process)
    subprocess.run(["rm", "-r", folder], check=True)


def python_for(user: dict[str, object]) -> str:
    """A Python that this user can run and our packages work with; "" for none."""
    check = f"import sys; sys.path[:0] = {PACKAGES}; import pg8000, migsafe.engines.postgres"
    for program in (sys.executable, "/usr/bin/python3"):
        with suppress(OSError):
            tried = subprocess.run(  # type: ignore[call-overload]
                [program, "-c", check], capture_output=True, check=False, **user
            )
            if tried.returncode == 0:
                return program
    return ""


@pytest.mark.slow
def test_a_user_without_rights_has_a_server_too(postgres: PostgresServer) -> None:
    if os.geteuid() != 0:
        pytest.skip("not run: every other test runs without root's rights already")
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}
    python = python_for(user)
    if not python:
        pytest.skip("not run: no Python here that another user can run")
    process = holder("postgres", WAIT, python, **user)
    folder = folder_of(process)
    assert folder.stat().st_uid == nobody.pw_uid
    process.terminate()
    finished(process)
    assert_gone(folder)


@pytest.mark.parametrize("kind", ["closed", "long"])
def test_a_folder_that_the_server_cannot_use_is_not_used(
    kind: str, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / ("x" * 90 if kind == "long" else "closed")
    base.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.tempdir", str(base))
    account = servers._account(("postgres",))
    if kind == "closed" and account is None:
        assert servers._base(account) == str(base)
    else:
        assert servers._base(account) != str(base)


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(NoServer, match=r"Nonesuch does not start: .*no such option"):
        Kept("Nonesuch", [["sh", "-c", "echo 'error: no such option'; exit 3"]], ["true"], 15)


def test_a_server_that_ends_at_once_is_not_waited_for() -> None:
    kept = Kept("Nonesuch", [], ["sh", "-c", "echo 'FATAL: out of luck'; exit 1"], 15)

    def refuse() -> Session:
        raise NoServer("nobody is there")

    with pytest.raises(NoServer, match="out of luck"):
        kept.first_session(refuse)
    kept.close()
    assert not kept.folder.exists()


# -- finding ----------------------------------------------------------------------------------


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "_PLACES", ())
    monkeypatch.setattr(postgres, "_WHEELS", ())
    monkeypatch.setattr(mysql, "_PLACES", ())


@pytest.mark.usefixtures("nothing_installed")
def test_without_a_server_the_message_says_where_one_was_looked_for() -> None:
    with pytest.raises(NoServer, match=r"no PostgreSQL: .* PATH") as error:
        postgres.open_server()
    assert "[engine] dsn" in error.value.hint
    with pytest.raises(NoServer, match=r"no MariaDB or MySQL: .* PATH") as error:
        mysql.open_server()
    assert "[engine] dsn" in error.value.hint


def made(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


@pytest.mark.usefixtures("nothing_installed")
def test_the_newest_complete_installation_comes_first(tmp_path: Path) -> None:
    made(tmp_path / "pg/9.6/bin", "postgres", "initdb")
    made(tmp_path / "pg/15/bin", "postgres", "initdb")
    made(tmp_path / "pg/16/bin", "postgres")
    found = list(programs("postgres", (f"{tmp_path}/pg/*/bin",), ("initdb",)))
    assert found == [tmp_path / "pg/15/bin/postgres", tmp_path / "pg/9.6/bin/postgres"]


def test_a_program_on_path_comes_before_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "own", "postgres", "initdb")
    made(tmp_path / "pg/15/bin", "postgres", "initdb")
    monkeypatch.setenv("PATH", str(tmp_path / "own"))
    found = list(programs("postgres", (f"{tmp_path}/pg/*/bin",), ("initdb",)))
    assert found[0] == tmp_path / "own/postgres"


def test_names_are_told_from_those_of_others() -> None:
    names = Names()
    assert Names.key_of(next(names)) == names.key
    assert next(names) != next(names)
    for other in ("migsafe", "migsafe_1", "migsafe_prod_1", "postgres", "migsafe_0000000a_x"):
        assert Names.key_of(other) is None
