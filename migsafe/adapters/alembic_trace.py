"""See every statement that a program sends to SQLite, and the line of the script that sends it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from migsafe.adapters.alembic_body import Found
from migsafe.adapters.alembic_scripts import places
from migsafe.adapters.files import relative
from migsafe.errors import UnreadableMigration


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement as it was sent, without its parameters.

    `path` is the revision script (relative to the project's root) and `line` (1-based) where it
    was sent from: "" and 0 where that is Alembic itself or env.py. `many`: by executemany.
    """

    sql: str
    path: str
    line: int
    connection: sqlite3.Connection
    many: bool = False


Hook = Callable[[Sent], None]


@dataclass(slots=True)
class Tracer:
    """Calls back around each statement; `failed` is the last one that the engine refused."""

    root: Path
    versions: tuple[Path, ...]
    before: Hook
    after: Hook
    failed: Sent | None = None
    _muted: bool = False
    _known: dict[str, tuple[Found, ...]] = field(default_factory=dict)
    _scripts: dict[str, Path | None] = field(default_factory=dict)

    def sent(self, sql: str, connection: sqlite3.Connection, many: bool) -> Sent | None:
        """The statement with its place; None while a callback asks questions of its own."""
        if self._muted:
            return None
        path, line = self._place(sys._getframe(2), sql)  # noqa: SLF001 - the documented way to it
        return Sent(sql, path, line, connection, many)

    def place_here(self, sql: str) -> tuple[str, int]:
        """The script's line that sends this statement; for a caller between it and the server."""
        return self._place(sys._getframe(2), sql)  # noqa: SLF001 - the documented way to it

    def call(self, hook: Hook, sent: Sent) -> None:
        """Call back; what the callback itself sends is not traced."""
        self._muted = True
        try:
            hook(sent)
        finally:
            self._muted = False

    def _place(self, frame: FrameType | None, sql: str) -> tuple[str, int]:
        while frame is not None:
            file = self._script(frame.f_code.co_filename)
            if file is not None:
                return relative(file, self.root), self._line(file, frame.f_lineno, sql)
            frame = frame.f_back
        return "", 0

    def _script(self, name: str) -> Path | None:
        """The file, where it lies in a folder of revisions.

        Every statement asks it of every frame, so that each name is looked up only once.
        """
        if name not in self._scripts:
            self._scripts[name] = self._looked_up(name)
        return self._scripts[name]

    def _looked_up(self, name: str) -> Path | None:
        if name.startswith("<"):
            return None
        file = Path(os.path.realpath(name))
        return next((self._named(file, v) for v in self.versions if _within(file, v)), None)

    def _named(self, file: Path, versions: Path) -> Path:
        return versions / file.relative_to(os.path.realpath(versions))

    def _line(self, file: Path, line: int, sql: str) -> int:
        """Where the text of a statement stands, seen from the line of the call that sends it."""
        found = (f.statement for f in self._found(file) if f.line == line)
        here = [s for s in found if s.origin == "sql"]
        same = [s for s in here if s.sql in sql]
        if not same and len(here) == 1:
            same = here  # SQLAlchemy writes :name as ?
        return same[0].span.line if same else line

    def _found(self, file: Path) -> tuple[Found, ...]:
        name = relative(file, self.root)
        if name not in self._known:
            try:
                self._known[name] = places(file, name)
            except UnreadableMigration:
                self._known[name] = ()
        return self._known[name]

    def place_of(self, trace: TracebackType | None) -> tuple[str, int]:
        """The innermost line of a revision script in a traceback, "" and 0 where there is none."""
        found = ("", 0)
        while trace is not None:
            file = self._script(trace.tb_frame.f_code.co_filename)
            if file is not None:
                found = (relative(file, self.root), trace.tb_lineno)
            trace = trace.tb_next
        return found


def _within(file: Path, folder: Path) -> bool:
    return file.is_relative_to(os.path.realpath(folder))


class _Cursor(sqlite3.Cursor):
    """A cursor whose statements are traced."""

    def execute(self, sql: str, *parameters: Any) -> _Cursor:
        with _traced(self.connection, sql, False):
            super().execute(sql, *parameters)
        return self

    def executemany(self, sql: str, *parameters: Any) -> _Cursor:
        with _traced(self.connection, sql, True):
            super().executemany(sql, *parameters)
        return self

    def executescript(self, sql: str) -> _Cursor:
        with _traced(self.connection, sql, False):
            super().executescript(sql)
        return self


class Connection(sqlite3.Connection):
    """A connection whose cursors are traced once `tracer` is set."""

    tracer: Tracer | None = None

    def cursor(self, factory: Any = None) -> Any:
        """A traced cursor, unless the caller brings its own kind."""
        return super().cursor(factory or _Cursor)


@contextmanager
def _traced(connection: sqlite3.Connection, sql: str, many: bool) -> Iterator[None]:
    tracer = connection.tracer if isinstance(connection, Connection) else None
    sent = tracer.sent(sql, connection, many) if tracer else None
    if tracer is None or sent is None:
        yield
        return
    tracer.call(tracer.before, sent)
    try:
        yield
    except sqlite3.Error:
        tracer.failed = sent
        raise
    tracer.call(tracer.after, sent)
