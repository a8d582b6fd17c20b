"""The project's own code on the migrated database: its launch callable, and its models."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.model.outcome import Observation, Place
from migsafe.replay import programs
from migsafe.replay.plan import Program
from migsafe.replay.run import told

KINDS = {
    "launch-command", "launch-callable", "model-missing", "model-unreadable", "model-unread",
}  # fmt: skip
"""The kinds of observation that code of the project's own gives rise to."""

_NAME = "migrated.db"


def check_callable(data: bytes, program: Program | None, seconds: float) -> Iterator[Observation]:
    """Call it with the path of a private copy; an exception, or False, is a failed launch.

    It has `seconds`, and a process of its own. Raises programs.CannotStart.
    """
    if program is None:
        return
    with TemporaryDirectory(prefix="migsafe-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / _NAME
        engine.write_clone(data, path)
        try:
            answer = programs.ask_alone(program, str(path), seconds)
        except programs.Died as died:
            answer = {"error": "", "message": str(died)}
    if answer:
        yield _raised(data, program, answer)


def _raised(data: bytes, program: Program, answer: dict[str, str]) -> Observation:
    error = answer["error"]
    if not error:  # our own words, not the project's
        words = answer["message"]
        return Observation("launch-callable", program.place, name=program.target, error=words)
    where = answer.get("where")
    place, source = program.place, ""
    if where:
        place = Place(where[0], int(where[1]))
        source = (program.root / where[0]).read_text("utf-8", "replace")
    text = f"{error}: {answer['message']}" if answer["message"] else error
    with closing(engine.clone(data)) as database:
        message = told(text, database, f"{error} {source}")
    return Observation("launch-callable", place, name=program.target, error=message)


def check_models(
    database: sqlite3.Connection, program: Program | None, seconds: float
) -> Iterator[Observation]:
    """Read a copy of the database through the models: what is missing, what they cannot read.

    The process that has imported the models stays for the next database (see programs.ended).
    Raises programs.CannotStart, or ReplayAborted without SQLAlchemy.
    """
    if program is None:
        return
    with TemporaryDirectory(prefix="migsafe-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / _NAME
        engine.write_clone(database.serialize(), path)
        try:
            answer = programs.ask(program, str(path), seconds)
        except programs.Died as died:
            yield Observation("model-unread", program.place, error=str(died))
            return
    for seen in answer["seen"]:
        kind = "model-missing" if seen["kind"] == "missing" else "model-unreadable"
        parts = {k: seen[k] for k in ("table", "column", "name", "affected", "total", "detail")}
        yield Observation(kind, program.place, **parts)
