"""Lead one sample to the newest version and record what happened."""

from __future__ import annotations

import re
import signal
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migsafe.engines import sqlite as engine
from migsafe.errors import MigsafeError, ReplayAborted
from migsafe.model.migration import Dialect, Kind, Migration, Operation, Statement
from migsafe.model.outcome import LATE, Place, Ran
from migsafe.replay import frozen
from migsafe.replay.plan import Plan, ProgramRunner
from migsafe.replay.vetted import vetted
from migsafe.sql.parse import operations

Hook = Callable[[sqlite3.Connection, "Sent"], None]
_DECODE = re.compile(r"(Could not decode to UTF-8 column '[^']*').*", re.S)


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement that is about to run, or has just run, with its place and how to read it.

    `outside`: on a server, outside of any transaction: what came before it is done for good.
    """

    sql: str
    place: Place
    read: tuple[Operation, ...] | None = None
    dialect: Dialect = Dialect.SQLITE
    outside: bool = False

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What the statement does; read on demand where the history could not know it."""
        if self.read is not None:
            return self.read
        return operations(self.sql, self.dialect, self.place.line or 1)


@dataclass(frozen=True, slots=True)
class Raised:
    """The error that stopped a migration; `message` is free of values.

    `kind` is what an observation of it is called, "" for raised or too-slow; `table` the one that
    it is about, where that is known.
    """

    message: str
    place: Place
    sql: str = ""
    slow: bool = False
    kind: str = ""
    table: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of leading one database to the newest version."""

    raised: Raised | None
    ignored: tuple[Raised, ...] = ()
    ran: tuple[Ran, ...] = ()


def nothing(_: sqlite3.Connection, __: Sent) -> None:
    """The hook that does nothing."""


def told(error: object, database: sqlite3.Connection | None = None, sql: str = "") -> str:
    """An engine's message without values of rows: names of the schema and of the SQL stay."""
    return vetted(_line(str(error)), (sql, *_definitions(database)))


def _line(message: str) -> str:
    return _DECODE.sub(r"\1", message).replace("\n", " ").strip()


def _definitions(database: sqlite3.Connection | None) -> list[str]:
    if database is None:
        return []
    try:
        rows = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    except sqlite3.Error:
        return []
    return [str(row[0]) for row in rows]


def place_of(statement: Statement) -> Place:
    """Where a statement stands."""
    return Place(statement.span.path, statement.span.line, statement.span.column)


@contextmanager
def migrated(
    plan: Plan,
    data: bytes,
    pending: tuple[Migration, ...],
    before: Hook = nothing,
    after: Hook = nothing,
) -> Iterator[tuple[sqlite3.Connection, Attempt]]:
    """A clone of the database after the pending migrations, and how that went."""
    if plan.runner is not None:
        with _by_program(plan, data, pending, before, after) as result:
            yield result
        return
    with closing(engine.clone(data)) as database:
        yield database, run_sql(plan, database, pending, before, after)


# -- SQL --------------------------------------------------------------------------------------


def run_sql(
    plan: Plan,
    database: sqlite3.Connection,
    pending: tuple[Migration, ...],
    before: Hook = nothing,
    after: Hook = nothing,
) -> Attempt:
    """Run SQL migrations as the app's runner does: one transaction each, where it wraps them."""
    _enforce(database, plan.foreign_keys)
    frozen.freeze(database, plan.now, *(s.sql for m in pending for s in m.statements))
    ignored: list[Raised] = []
    for migration in pending:
        raised: Raised | None = None
        try:
            with engine.stop_after(database, plan.seconds, plan.looks):
                raised = _run_migration(plan, database, migration, (before, after), ignored)
        except engine.TooSlow:
            place = raised.place if raised else _file(migration)
            raised = Raised(f"not done after {plan.seconds:g} s", place, slow=True)
        if raised is not None:
            if database.in_transaction:
                database.execute("ROLLBACK")
            return Attempt(raised, tuple(ignored))
    return Attempt(None, tuple(ignored))


def _enforce(database: sqlite3.Connection, on: bool) -> None:
    database.execute(f"PRAGMA foreign_keys = {'ON' if on else 'OFF'}")


def _file(migration: Migration) -> Place:
    first = next(iter(migration.statements), None)
    return place_of(first) if first else Place(migration.path, 1)


def _run_migration(
    plan: Plan,
    database: sqlite3.Connection,
    migration: Migration,
    hooks: tuple[Hook, Hook],
    ignored: list[Raised],
) -> Raised | None:
    if plan.wrapped[migration.revision]:
        database.execute("BEGIN")
    for statement in migration.statements:
        raised = _run_statement(database, statement, hooks)
        if raised is None:
            continue
        if plan.on_error != "continue":
            return raised
        ignored.append(raised)
    return _finish(database, migration)


def _run_statement(
    database: sqlite3.Connection, statement: Statement, hooks: tuple[Hook, Hook]
) -> Raised | None:
    place = place_of(statement)
    for operation in statement.operations or ():
        reason = engine.outside(operation)
        if reason:
            return Raised(reason, place, statement.sql)
    sent = Sent(statement.sql, place, statement.operations)
    before, after = hooks
    before(database, sent)
    try:
        # Fetching drains the statement: SQLite runs a SELECT, and a RETURNING, row by row.
        for _ in database.execute(statement.sql):
            pass
    except sqlite3.Error as error:
        return Raised(told(error, database, statement.sql), place, statement.sql)
    except UnicodeDecodeError as error:  # a collation that we stand in for is given text only
        raise ReplayAborted(
            f"{place.path}:{place.line} orders text that is not valid UTF-8",
            hint="such text cannot be compared by a collation that the app registers itself",
        ) from error
    after(database, sent)
    return None


def _finish(database: sqlite3.Connection, migration: Migration) -> Raised | None:
    if not database.in_transaction:
        return None
    try:
        database.execute("COMMIT")
    except sqlite3.Error as error:
        last = migration.statements[-1]
        return Raised(f"{told(error, database)} {LATE}", place_of(last), "COMMIT")
    return None


# -- program code -----------------------------------------------------------------------------


@contextmanager
def _by_program(
    plan: Plan, data: bytes, pending: tuple[Migration, ...], before: Hook, after: Hook
) -> Iterator[tuple[sqlite3.Connection, Attempt]]:
    with tempfile.TemporaryDirectory(prefix="migsafe-") as folder:
        path = Path(folder) / "sample.db"
        engine.write_clone(data, path)
        attempt = run_program(plan, path, pending, before, after)
        with closing(engine.clone(path.read_bytes())) as database:
            yield database, attempt


def run_program(
    plan: Plan, path: Path, pending: tuple[Migration, ...], before: Hook, after: Hook
) -> Attempt:
    """Run the pending program migrations on the database file, through the project's runner."""
    assert plan.runner is not None
    trace: list[Ran] = []
    known: list[object] = []

    def note_before(sent: Any) -> None:
        if not any(sent.connection is c for c in known):
            known.append(sent.connection)
            frozen.freeze(sent.connection, plan.now, "'now'")
        place = Place(sent.path, sent.line)
        trace.append(Ran(sent.sql, place))
        before(sent.connection, Sent(sent.sql, place))

    def note_after(sent: Any) -> None:
        after(sent.connection, Sent(sent.sql, Place(sent.path, sent.line)))

    raised = None
    target = pending[-1].revision if pending else "head"
    try:
        with _alarm(plan.seconds):
            plan.runner.upgrade(path, target, plan.foreign_keys, note_before, note_after)
    except _Late:
        last = trace[-1].place if trace and trace[-1].place.path else _file(pending[0])
        raised = Raised(f"not done after {plan.seconds:g} s", last, slow=True)
    except MigsafeError as error:
        if not hasattr(error, "error_class"):
            raise
        raised = _program_error(plan.runner, error, pending, path)
    return Attempt(raised, (), tuple(trace))


class _Late(BaseException):
    """Time is up. Not an Exception, so that no `except Exception` of the user's stops it."""


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise _Late in this process's main thread when the time is up, where the system can."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(*_: object) -> None:
        raise _Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _program_error(
    runner: ProgramRunner, error: Any, pending: tuple[Migration, ...], database: Path
) -> Raised:
    known = {m.path for m in pending}
    last = _file(pending[-1]) if pending else Place("", 0)
    place = Place(error.path, error.line) if error.path in known else last
    texts = _scripts(runner.root, sorted(known))
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as migrated_file:
        texts += _definitions(migrated_file)
    return Raised(vetted(_line(error.message), texts), place, error.sql)


def _scripts(root: Path, paths: list[str]) -> list[str]:
    found = []
    for name in paths:
        with suppress(OSError):
            found.append((root / name).read_text("utf-8", "replace"))
    return found


def writes(operation: Operation) -> bool:
    """Could the operation change schema or rows?"""
    quiet = {Kind.SELECT, Kind.PRAGMA, Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK}
    quiet |= {Kind.SAVEPOINT, Kind.RELEASE, Kind.MAINTENANCE}
    return operation.kind not in quiet
