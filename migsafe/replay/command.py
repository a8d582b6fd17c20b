"""The project's own smoke test, run on a copy of the migrated database."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.model.outcome import Observation
from migsafe.replay.plan import Command
from migsafe.replay.programs import CannotStart, kill, said

_NAME = "migrated.db"


def check(data: bytes, command: Command | None, seconds: float) -> Iterator[Observation]:
    """Run the command on a private copy of the database; it must exit with 0 within `seconds`.

    What it prints is read by nobody: it could hold values of rows. Raises CannotStart.
    """
    if command is None:
        return
    with TemporaryDirectory(prefix="migsafe-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / _NAME
        engine.write_clone(data, path)
        error = run(command, str(path), seconds)
    if error:
        yield Observation("launch-command", command.place, error=error)


def run(command: Command, database: str, seconds: float) -> str:
    """The command's failure in words, "" for none; `database` is put for `{db}`.

    Raises CannotStart.
    """
    argv = [word.replace("{db}", database) for word in command.argv]
    try:
        # A session of its own: what the command started ends with it when the time is over.
        process = subprocess.Popen(  # noqa: S603 - the user's own command, as configured
            argv,
            cwd=command.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotStart(
            f"launch.command cannot be started: {(error.strerror or 'no program').lower()}",
            place=f"{command.place.path}:{command.place.line}",
            hint="name a program on the PATH, or an executable file relative to the project",
        ) from error
    return _ended(process, seconds)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> str:
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"not done after {seconds:g} s"
    finally:
        if process.poll() is None:
            kill(process)
    return said(code)
