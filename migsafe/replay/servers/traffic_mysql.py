"""A service keeps running while a migration waits for a table's metadata lock: MariaDB and MySQL.

Every change of a table needs its metadata lock alone, for a moment at least, and waits for each
transaction that has used the table; whoever comes later waits behind it (MySQL manual, "Metadata
Locking"). It is played: a session reads the table and stays in its transaction, the statement
comes, then a later session reads as well.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby

from migsafe.engines.postgres_session import first_word
from migsafe.engines.session import ServerError, Session
from migsafe.model.migration import Dialect, Migration
from migsafe.model.outcome import Observation, Outcome, Place
from migsafe.model.sample import Sample
from migsafe.replay.run import Sent
from migsafe.replay.servers.plan import Ask, ServerPlan
from migsafe.replay.servers.running import copied, quoted, session_in, upgrade
from migsafe.replay.servers.traffic import outcome_of

_SCENES = 16
_ROUNDS = 6
"""How many scenes are played at most, in how many replays."""
_SHORT = 60
"""Seconds: a migration that gives up a lock sooner does not stop a service."""
_TIMEOUT = "1205"  # ER_LOCK_WAIT_TIMEOUT
_SHORTLY = "SET lock_wait_timeout = 1"  # seconds; less is not to be had on MySQL
_LOOKS = 500
_PAUSE = 0.01  # seconds between two looks at whether the migration waits
_CHANGES = frozenset(
    {"ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE", "OPTIMIZE", "REPAIR", "LOCK"}
)
_ANYTHING = frozenset({"CALL", "EXECUTE"})
_WORDS = re.compile(r"[\w$]+")
_PATIENCE = re.compile(r"\b(?:NOWAIT|WAIT\s+(\d+))\b", re.IGNORECASE)
"""What MariaDB's statements say of the time they wait ("WAIT and NOWAIT" in its manual)."""
_TABLES = "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'"


@dataclass(frozen=True, slots=True)
class Scene:
    """A table to read at the statement of that number, which may change it."""

    number: int
    table: str
    place: Place
    seconds: int


@dataclass(slots=True)
class _Script:
    """Learns from one run which statement may wait for which table; a hook."""

    scenes: list[Scene] = field(default_factory=list)
    _tables: list[str] = field(default_factory=list)
    _number: int = -1

    def before(self, ask: Ask, sent: Sent) -> None:
        self._number += 1
        if self._number == 0:
            self._tables = sorted(str(row[0]) for row in ask(_TABLES))
        said = _PATIENCE.search(sent.sql)
        seconds = int(said[1] or 0) if said else int(ask("SELECT @@lock_wait_timeout")[0][0])
        if sent.place.path and seconds > _SHORT:
            self.scenes += (
                Scene(self._number, t, sent.place, seconds) for t in self._concerned(sent.sql)
            )

    def _concerned(self, sql: str) -> Iterator[str]:
        word = first_word(sql)
        named = {w.lower() for w in _WORDS.findall(sql)}
        for table in self._tables:
            if word in _ANYTHING or (word in _CHANGES and table.lower() in named):
                yield table


def asked_for(plan: ServerPlan) -> bool:
    """Is there a service to play on such a server?"""
    return plan.live_traffic and plan.dialect is Dialect.MYSQL


def check(plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...]) -> Outcome:
    """Replay the migrations beside a service. They are known to come through."""
    template = plan.templates[sample.path]
    script = _Script()
    with copied(plan, template) as database:
        attempt = upgrade(plan, database, pending, script.before)
    if attempt.raised is not None:
        note = f"the locks were not seen to the end: {attempt.raised.message}"
        return outcome_of(sample, (), notes=(note,))
    scenes = script.scenes[:_SCENES]
    shown, tried = _played(plan, template, pending, scenes)
    seen = tuple(_queue(list(each)) for _, each in groupby(shown, key=lambda s: s.number))
    complete = len(scenes) == len(script.scenes)
    return replace(outcome_of(sample, seen), tried=tried + 1, complete=complete)


def _queue(scenes: Sequence[Scene]) -> Observation:
    first = scenes[0]
    tables = " and ".join(s.table for s in scenes)
    detail = (
        f"the metadata lock on {tables} waited for an open transaction, for up to "
        f"{first.seconds:,} s, and every later read waited behind it"
    )
    return Observation("lock-queue", first.place, first.table, name="metadata", detail=detail)


def _played(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], scenes: Sequence[Scene]
) -> tuple[list[Scene], int]:
    """The scenes in which later reads waited, in order, and the number of replays it took."""
    left, shown = list(scenes), list[Scene]()
    rounds = 0
    while left and rounds < _ROUNDS:
        rounds += 1
        with copied(plan, template) as database:
            stage = _Stage(plan, database, {s.number: s for s in reversed(left)})
            upgrade(plan, database, pending, stage.before, stage.after)
            stage.end()
        shown += stage.shown
        left = [s for s in left if s not in stage.tried]
        if not stage.tried:
            break
    return sorted(shown, key=lambda s: (s.number, s.table)), rounds


@dataclass(slots=True)
class _Stage:
    """Plays scenes, one for a statement, while a migration runs in that database; hooks."""

    plan: ServerPlan
    database: str
    scenes: dict[int, Scene]
    shown: list[Scene] = field(default_factory=list)
    tried: list[Scene] = field(default_factory=list)
    _number: int = -1
    _playing: _Playing | None = None

    def before(self, ask: Ask, _: Sent) -> None:
        self._number += 1
        scene = self.scenes.get(self._number)
        if scene is not None:
            self.tried.append(scene)
            number = int(ask("SELECT connection_id()")[0][0])
            self._playing = _Playing(self.plan, self.database, scene, number)
            self._playing.begin()

    def after(self, _: Ask, __: Sent) -> None:
        self.end()

    def end(self) -> None:
        """Wait for what still plays."""
        playing, self._playing = self._playing, None
        if playing is not None and playing.ended():
            self.shown.append(playing.scene)


class _Playing:
    """One scene: its reader has the table when the migration's statement begins."""

    def __init__(self, plan: ServerPlan, database: str, scene: Scene, number: int) -> None:
        self.scene = scene
        self._plan, self._database, self._number = plan, database, number
        self._read = f"SELECT 1 FROM {quoted(plan.dialect, scene.table)} LIMIT 1"
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
            with suppress(ServerError), _transaction(self._plan, self._database) as reader:
                reader.execute(self._read)
                self._ready.set()
                self._harm = self._waits() and self._queues()
        finally:
            self._ready.set()

    def _waits(self) -> bool:
        """Does the migration come to wait for the table?"""
        question = (
            "SELECT count(*) FROM information_schema.processlist"
            f" WHERE id = {self._number} AND state LIKE 'Waiting for table metadata lock%'"
        )
        with session_in(self._plan, self._database) as beside:
            for _ in range(_LOOKS):
                if int(beside.execute(question)[0][0]):
                    return True
                if self._over.wait(_PAUSE):
                    break
        return False

    def _queues(self) -> bool:
        """Does a session that comes later wait behind the migration?"""
        try:
            with _transaction(self._plan, self._database) as later:
                later.execute(self._read)
        except ServerError as error:
            return error.code == _TIMEOUT
        return False


@contextmanager
def _transaction(plan: ServerPlan, database: str) -> Iterator[Session]:
    with session_in(plan, database) as session:
        session.execute(_SHORTLY)
        session.execute("START TRANSACTION")
        yield session
        session.execute("ROLLBACK")
