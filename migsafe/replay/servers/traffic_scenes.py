"""Play what running code does while a migration waits for a lock: PostgreSQL, really."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from migsafe.effects.postgres import blocks_reads
from migsafe.engines.session import ServerError, Session
from migsafe.replay.run import Sent
from migsafe.replay.servers.plan import Ask, ServerPlan
from migsafe.replay.servers.running import session_in

DEADLOCK = "40P01"
_CLOSED_OUT = "55P03"  # lock_not_available: it would have had to wait
_LOOKS = 500
_PAUSE = 0.01  # seconds between two looks at whether the migration waits
_READS, _WRITES = "ACCESS SHARE", "ROW EXCLUSIVE"
_SHORTLY = "SET LOCAL lock_timeout = '300ms'"  # far more than a lock takes that is free


@dataclass(frozen=True, slots=True)
class Scene:
    """What to try at a statement that takes the lock `mode` on `table` (an oid).

    `held` 0: a session uses the table already, and another one comes later. Else it is a table that
    the migration has locked before: a session that uses `table` goes on to `held`.
    """

    number: int
    table: int
    mode: str
    held: int = 0


@dataclass(slots=True)
class Stage:
    """Plays scenes, at most one for a statement, while a migration runs in that database.

    `shown` are those in which the running code came to harm, `tried` all that were played.
    """

    plan: ServerPlan
    database: str
    scenes: dict[int, Scene]
    shown: list[Scene] = field(default_factory=list)
    tried: list[Scene] = field(default_factory=list)
    _number: int = -1
    _playing: _Playing | None = None

    def before(self, ask: Ask, _: Sent) -> None:
        """Set the scene at the statement; a hook."""
        self._number += 1
        scene = self.scenes.get(self._number)
        if scene is not None:
            pid = int(ask("SELECT pg_catalog.pg_backend_pid()")[0][0])
            self.tried.append(scene)
            self._playing = _Playing(self.plan, self.database, scene, pid)
            self._playing.begin()

    def after(self, _: Ask, __: Sent) -> None:
        """Leave the scene; a hook."""
        self.end()

    def end(self) -> None:
        """Wait for what still plays."""
        playing, self._playing = self._playing, None
        if playing is not None and playing.ended():
            self.shown.append(playing.scene)


class _Playing:
    """One scene: its first session has its lock when the migration's statement begins."""

    def __init__(self, plan: ServerPlan, database: str, scene: Scene, pid: int) -> None:
        self.scene = scene
        self._plan, self._database, self._pid = plan, database, pid
        self._ready, self._over = threading.Event(), threading.Event()
        self._harm = False
        self._thread = threading.Thread(target=self._play, daemon=True)

    def begin(self) -> None:
        self._thread.start()
        self._ready.wait()

    def ended(self) -> bool:
        self._over.set()
        self._thread.join()
        return self._harm

    def _play(self) -> None:
        try:
            with suppress(ServerError), _transaction(self._plan, self._database) as first:
                first.execute(_SHORTLY)
                _lock(first, self.scene.table, _READS if self._before_readers() else _WRITES)
                self._ready.set()
                if self._waits():
                    self._harm = self._harmed(first)
        finally:
            self._ready.set()

    def _before_readers(self) -> bool:
        return not self.scene.held and blocks_reads(self.scene.mode)

    def _waits(self) -> bool:
        """Does the migration come to wait for the table?"""
        question = (
            "SELECT count(*) FROM pg_catalog.pg_locks WHERE NOT granted AND locktype = 'relation'"
            f" AND pid = {self._pid} AND relation = {self.scene.table}"
        )
        with session_in(self._plan, self._database) as beside:
            for _ in range(_LOOKS):
                if int(beside.execute(question)[0][0]):
                    return True
                if self._over.wait(_PAUSE):
                    break
        return False

    def _harmed(self, first: Session) -> bool:
        return _deadlocks(first, self.scene.held) if self.scene.held else self._queues()

    def _queues(self) -> bool:
        """Does a session that comes later wait behind the migration?"""
        try:
            with _transaction(self._plan, self._database) as later:
                later.execute(_SHORTLY)
                _lock(later, self.scene.table, _READS if self._before_readers() else _WRITES)
        except ServerError as error:
            return error.code == _CLOSED_OUT
        return False


def _deadlocks(first: Session, held: int) -> bool:
    """Go on to the table that the migration holds. The server ends who notices first: this one."""
    first.execute("SET LOCAL lock_timeout = 0")
    first.execute("SAVEPOINT patience")
    try:
        first.execute("SET LOCAL deadlock_timeout = '100ms'")
    except ServerError:  # who is no superuser waits a second
        first.execute("ROLLBACK TO SAVEPOINT patience")
    try:
        _lock(first, held, _WRITES)
    except ServerError as error:
        return error.code == DEADLOCK
    return False


def _lock(session: Session, table: int, mode: str) -> None:
    """Take the lock of a read or of a write, without a trigger or a row."""
    name = session.execute(f"SELECT {table}::regclass::text")[0][0]
    session.execute(f"LOCK TABLE ONLY {name} IN {mode} MODE")


@contextmanager
def _transaction(plan: ServerPlan, database: str) -> Iterator[Session]:
    with session_in(plan, database) as session:
        session.execute("BEGIN")
        yield session
        session.execute("ROLLBACK")
