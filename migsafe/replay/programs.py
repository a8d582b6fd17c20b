"""Processes in which the project's own code runs: started, asked, ended when time is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from migsafe.errors import ConfigError, MigsafeError, ReplayAborted
from migsafe.replay.plan import Program

START_SECONDS = 60.0
"""How long the project's code may take to be imported."""

_TIDYING = 2.0
"""Seconds that a process has to end by itself, once it is asked nothing more."""


class CannotStart(ConfigError):
    """What is configured does not run here: that says nothing about the migration."""


class Died(Exception):
    """The process ended, or was ended, before it answered; the text says how."""


def kill(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a session, with all that it started."""
    with suppress(ProcessLookupError, PermissionError):  # gone already, or nearly (macOS)
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def said(code: int) -> str:
    """An exit code in words, "" for 0; below 0 it is the signal that killed the process."""
    if code >= 0:
        return f"exit code {code}" if code else ""
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


class Worker:
    """A process that has imported the program and answers questions about databases."""

    def __init__(self, program: Program) -> None:
        """Start it. Raises CannotStart, or ReplayAborted where a package is missing."""
        self._program = program
        paths = [p for p in sys.path if p]
        start = f"import sys; sys.path[:] = {paths!r}; "
        start += "from migsafe.adapters.launch_worker import main; main()"
        # A session of its own: what the code starts ends with it.
        self._process = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-c", start],
            cwd=program.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._require_ready()
        except BaseException:
            self.stop()
            raise

    def _require_ready(self) -> None:
        program = self._program
        task = {"kind": program.kind, "target": program.target, "root": str(program.root)}
        try:
            answer = self.ask(task, START_SECONDS)
        except Died as died:
            answer = {"cannot": f"importing it ends the process: {died}", "hint": ""}
        if "cannot" in answer:
            kind: type[MigsafeError] = ReplayAborted if answer.get("missing") else CannotStart
            raise kind(
                f"launch.{program.kind}: {answer['cannot']}",
                place=f"{program.place.path}:{program.place.line}",
                hint=answer["hint"],
            )

    def ask(self, question: object, seconds: float) -> dict[str, Any]:
        """The answer to a question. Raises Died where none comes in time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            kill(self._process)

        clock = threading.Timer(seconds, end)
        clock.start()
        try:
            with suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(question).encode() + b"\n")
                self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            clock.cancel()
            clock.join()
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        if late.is_set():
            raise Died(f"not done after {seconds:g} s")
        raise Died(said(self._process.wait()) or "its process ended without an answer")

    def stop(self) -> None:
        """End the process, which may tidy up first, and what it started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_TIDYING)
        kill(self._process)
        self._process.stdout.close()


_waiting: dict[Program, Worker] = {}
"""Workers that stay for the next database: to import a project's models takes long."""


def require(program: Program) -> None:
    """Import it once. Raises CannotStart, or ReplayAborted where a package is missing."""
    worker = Worker(program)
    if program.kind == "models":
        _waiting[program] = worker
    else:
        worker.stop()


def ask(program: Program, path: str, seconds: float) -> dict[str, Any]:
    """What the program says of a database, from a process that stays. Raises as Worker does."""
    worker = _waiting.get(program)
    if worker is None:
        worker = _waiting[program] = Worker(program)
    try:
        return worker.ask(path, seconds)
    except Died:
        _waiting.pop(program).stop()
        raise


def ask_alone(program: Program, path: str, seconds: float) -> dict[str, Any]:
    """The same from a process that is there for this database only."""
    worker = Worker(program)
    try:
        return worker.ask(path, seconds)
    finally:
        worker.stop()


@contextmanager
def ended() -> Iterator[None]:
    """No process is left when this ends. (Those of a worker process end with its pipes.)"""
    try:
        yield
    finally:
        while _waiting:
            _waiting.popitem()[1].stop()
