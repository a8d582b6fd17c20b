"""Running what is not trusted: no writing, nothing outside the database, not for ever."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from migsafe.errors import MigsafeError
from migsafe.model.migration import Kind, Operation

RESULT_LIMIT = 10_000_000
"""No text or blob in an untrusted query may be longer, in bytes."""

_STEPS_BETWEEN_LOOKS = 2000
"""Virtual machine instructions between two looks at the clock, well under 1 ms of work."""

_READING_PRAGMAS = frozenset({
    "table_info", "table_xinfo", "table_list", "foreign_key_list", "foreign_key_check",
    "index_list", "index_info", "index_xinfo", "data_version", "page_size",
})  # fmt: skip
"""What describes a schema, and what FTS5 and R-Tree ask when they are read."""

_SHADOWS = ("_node", "_rowid", "_parent")
"""R-Tree prepares its writes to these tables before it reads (rtree.html)."""

_REACHING_OUT = frozenset({"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"})
_OUTSIDE_PRAGMAS = frozenset({"temp_store_directory", "data_store_directory"})
_CALL = re.compile(rf"\b({'|'.join(sorted(_REACHING_OUT))})\s*\(", re.IGNORECASE)
_NO_FILE = {"", ":memory:"}

_WRITES = "the query tries to write"


class TooSlow(Exception):
    """A statement was stopped because its time was over."""


class _Clock:
    """Answers SQLite's progress handler: True stops the statement."""

    def __init__(self, seconds: float, looks: int | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._last = None if looks is None else _looks + looks
        self.fired = False

    def __call__(self) -> bool:
        global _looks  # noqa: PLW0603 - work is counted per process, whatever connection it is on
        _looks += 1
        over = self._last is not None and _looks > self._last
        self.fired = self.fired or over or time.monotonic() > self._end
        return self.fired


_looks = 0


def looks() -> int:
    """How often running statements were looked at in this process: a measure of work.

    A look is due after so many instructions of SQLite's virtual machine, so that the same
    statements on the same data give the same number, whatever else the machine does.
    """
    return _looks


_RUNNING: dict[int, list[_Clock]] = {}
"""The clocks of each connection, innermost last: a connection has one progress handler only."""


@contextmanager
def _clock(
    connection: sqlite3.Connection, seconds: float, looks: int | None = None
) -> Iterator[_Clock]:
    clock = _Clock(seconds, looks)
    clocks = _RUNNING.setdefault(id(connection), [])
    clocks.append(clock)
    connection.set_progress_handler(clock, _STEPS_BETWEEN_LOOKS)
    try:
        yield clock
    finally:
        clocks.remove(clock)
        if not clocks:
            del _RUNNING[id(connection)]
        connection.set_progress_handler(clocks[-1] if clocks else None, _STEPS_BETWEEN_LOOKS)


@contextmanager
def stop_after(
    connection: sqlite3.Connection, seconds: float, looks: int | None = None
) -> Iterator[None]:
    """Stop what runs on the connection when the time is over, whoever catches the interruption.

    `looks` (see the function) bounds the work as well, in a way that does not depend on the clock.

    Raises TooSlow. SQLite rolls an interrupted statement back, and with it an open transaction
    where the statement wrote (c3ref/interrupt.html).
    """
    with _clock(connection, seconds, looks) as clock:
        try:
            yield
        except sqlite3.Error as error:
            if clock.fired:
                raise TooSlow from error
            raise
        if clock.fired:
            raise TooSlow


# -- reading only ------------------------------------------------------------------------------


class _Reading:
    """Answers SQLite's authorizer (c3ref/set_authorizer.html): reads, and nothing else."""

    def __init__(self) -> None:
        self.refused = ""

    def __call__(self, action: int, first: str | None, second: str | None, *_: object) -> int:
        reason = _refusal(action, first or "", second or "")
        self.refused = self.refused or reason
        return sqlite3.SQLITE_DENY if reason else sqlite3.SQLITE_OK


def _refusal(action: int, first: str, second: str) -> str:
    if action in {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}:
        return ""
    if action == sqlite3.SQLITE_FUNCTION:
        return f"the query calls {second}" if second.lower() in _REACHING_OUT else ""
    if action == sqlite3.SQLITE_PRAGMA:
        return "" if first.lower() in _READING_PRAGMAS else f"the query uses PRAGMA {first}"
    if action in {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}:
        return "the query tries to attach or detach a database"
    return "" if _is_preparation(action, first) else _WRITES


def _is_preparation(action: int, table: str) -> bool:
    """Do virtual tables ask for this while they are opened? PRAGMA query_only stops the rest."""
    if action == sqlite3.SQLITE_UPDATE:
        return table == "sqlite_master"
    changes = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE}
    return action in changes and table.lower().endswith(_SHADOWS)


@contextmanager
def read_only(
    connection: sqlite3.Connection, seconds: float = 5.0, *, trusted: bool = False
) -> Iterator[None]:
    """Let only SELECTs run on the connection, for a bounded time and with bounded values.

    Functions that reach outside the database and all pragmas but those that describe a schema are
    refused, except in a query that is `trusted`: SQLite asks for every column of every view that it
    names, which takes longer than most answers. Raises MigsafeError, in one sentence, for a query
    that tries more or takes longer; other errors of SQLite pass through. Afterwards the connection
    is as it was.
    """
    reading = _Reading()
    asked = None if trusted else reading
    with _clock(connection, seconds) as clock, _guarded(connection, asked):
        try:
            yield
        except sqlite3.DatabaseError as error:
            slow = f"the query took longer than {seconds:g} s" if clock.fired else ""
            writes = _WRITES if "readonly database" in str(error) else ""
            reason = slow or reading.refused or writes
            if not reason:
                raise
            raise MigsafeError(reason, hint="a query may only read, and must end soon") from error


@contextmanager
def _guarded(connection: sqlite3.Connection, reading: _Reading | None) -> Iterator[None]:
    cursor = connection.cursor()
    cursor.row_factory = None
    (before,) = cursor.execute("PRAGMA query_only").fetchone()
    cursor.execute("PRAGMA query_only = ON")
    limit = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, RESULT_LIMIT)
    if reading is not None:
        connection.set_authorizer(reading)
    try:
        yield
    finally:
        if reading is not None:
            connection.set_authorizer(None)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limit)
        cursor.execute(f"PRAGMA query_only = {int(before)}")


# -- reaching outside --------------------------------------------------------------------------


def outside(operation: Operation) -> str | None:
    """Why the statement must not run in a replay: it reaches outside the database; None: it may.

    In memory, ATTACH of ':memory:' or '' stays inside; a pragma such as journal_mode touches no
    other file.
    """
    check = _OUTSIDE.get(operation.kind)
    reason = check(operation) if check else None
    return reason or _calls_outside(operation)


def _attaches(operation: Operation) -> str | None:
    if operation.value.strip().strip("'\"").lower() in _NO_FILE:
        return None
    return "ATTACH opens another file: a replay does not run it"


def _vacuums(operation: Operation) -> str | None:
    return "VACUUM INTO writes another file: a replay does not run it" if operation.value else None


def _sets(operation: Operation) -> str | None:
    if operation.name.lower() not in _OUTSIDE_PRAGMAS:
        return None
    return f"PRAGMA {operation.name} moves files: a replay does not run it"


_OUTSIDE: dict[Kind, Callable[[Operation], str | None]] = {
    Kind.ATTACH: _attaches,
    Kind.VACUUM: _vacuums,
    Kind.PRAGMA: _sets,
}


def _calls_outside(operation: Operation) -> str | None:
    texts = (operation.where or "", operation.value, *(a.expression for a in operation.assignments))
    for text in texts:
        call = _CALL.search(text)
        if call:
            return f"{call[1].lower()}() reaches outside the database: a replay does not run it"
    return None


class Inside:
    """An authorizer that lets a script do anything but open or move other files."""

    def __init__(self) -> None:
        self.refused = False

    def __call__(self, action: int, first: str | None, *_: object) -> int:
        """Answer as c3ref/set_authorizer.html says; VACUUM INTO asks to attach its file."""
        attaches = action == sqlite3.SQLITE_ATTACH and (first or "") not in _NO_FILE
        moves = action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _OUTSIDE_PRAGMAS
        self.refused = self.refused or attaches or moves
        return sqlite3.SQLITE_DENY if attaches or moves else sqlite3.SQLITE_OK
