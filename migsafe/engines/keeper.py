"""A program that keeps one database server for as long as another process lives.

It is run by its path, on the standard library alone. The other process holds the writing end of
its standard input: when that closes, however that process ended, the server is stopped and its
folder removed. The first line of the input says what to run (`Task`), and each line of the output
is one thing to know: {"folder": ...} when the server has been started, {"error": ...} when it could
not be, or has ended by itself.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

FOLDER = "{folder}"
"""Stands in a command for the folder that is made for the server."""
SCRATCH = "{scratch}"
"""Stands in a command for a second folder, in memory where that can be, until the server starts."""

_LOG = "log"
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_MEMORY_NEEDED = 500_000_000  # bytes free
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, prctl(2)
_LOOK_EVERY = 0.5  # seconds between two looks whether the server still runs
_PATIENCE = 20.0  # seconds until a server that does not stop is killed


class Task(TypedDict):
    """What to run: commands before the server, the server, and the signal that stops it at once."""

    base: str  # the folder in which to make the server's folder
    user: list[int] | None  # user and group to run as; None: as this process
    before: list[list[str]]
    server: list[str]
    stop: int
    environment: dict[str, str]


class _Failed(Exception):
    """The server cannot be had; the text says why."""


def main() -> None:
    """Run what standard input says until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that is served
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    task: Task = json.loads(sys.stdin.buffer.readline())
    folder = Path(tempfile.mkdtemp(prefix="migsafe-", dir=task["base"]))
    try:
        if task["user"]:
            os.chown(folder, *task["user"])
        _keep(task, folder)
    except (_Failed, OSError, subprocess.SubprocessError) as error:
        _tell(error=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _tell(**known: str) -> None:
    with suppress(OSError):  # nobody may be left to be told
        print(json.dumps(known), flush=True)  # noqa: T201 - the program's answer


def _keep(task: Task, folder: Path) -> None:
    with (folder / _LOG).open("ab") as log:
        _prepare(task, folder, log.fileno())
        server = _start(task, task["server"], folder, log.fileno())
        try:
            _tell(folder=str(folder))
            while not select.select([sys.stdin], [], [], _LOOK_EVERY)[0]:
                if server.poll() is not None:
                    raise _Failed(_last_words(folder))
        finally:
            _stop(server, task["stop"])


def _prepare(task: Task, folder: Path, log: int) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="migsafe-", dir=_memory() or folder))
    try:
        if task["user"]:
            os.chown(scratch, *task["user"])
        for command in task["before"]:
            there = [word.replace(SCRATCH, str(scratch)) for word in command]
            if _start(task, there, folder, log).wait() != 0:
                raise _Failed(_last_words(folder))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _memory() -> Path | None:
    """A folder in memory with room for a new server's files: writing there waits for no disk."""
    try:
        room = os.statvfs(_MEMORY)
    except OSError:
        return None
    usable = os.access(_MEMORY, os.W_OK | os.X_OK)
    return _MEMORY if usable and room.f_bavail * room.f_frsize > _MEMORY_NEEDED else None


def _start(task: Task, command: list[str], folder: Path, log: int) -> subprocess.Popen[bytes]:
    user, group = task["user"] or (None, None)
    return subprocess.Popen(  # noqa: S603 - what the process that is served asked for
        [word.replace(FOLDER, str(folder)) for word in command],
        cwd=folder,
        env=task["environment"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )


def _die_with_parent() -> None:
    """Should this program itself be killed, Linux ends the server (prctl(2))."""
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGQUIT, 0, 0, 0)


def _last_words(folder: Path) -> str:
    """The line of the log that says what went wrong."""
    lines = (folder / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line.strip() for line in lines if line.strip()]
    bad = [line for line in told if "FATAL" in line or "ERROR" in line or "error:" in line]
    return (bad or told or ["it ended without a word"])[-1]


def _stop(server: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        server.send_signal(number)
    with suppress(subprocess.TimeoutExpired):
        server.wait(_PATIENCE)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)  # it leads a session of its own
    server.wait()


if __name__ == "__main__":
    main()
