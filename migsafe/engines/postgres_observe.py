"""What a statement does on PostgreSQL, seen from its own transaction or from beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from migsafe.engines.postgres_session import PostgresSession, first_word
from migsafe.engines.session import Rows, ServerError
from migsafe.model.observed import Lock, Observed, Scan

_NAME = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"
_OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%'"

# One question for everything: a question costs its way to the server and back.
_QUESTION = f"""
SELECT c.oid, {_NAME}, c.relkind, pg_catalog.pg_relation_filenode(c.oid),
       pg_catalog.pg_stat_get_xact_tuples_returned(c.oid),
       pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid)
       + pg_catalog.pg_stat_get_xact_tuples_updated(c.oid)
       + pg_catalog.pg_stat_get_xact_tuples_deleted(c.oid),
       l.modes
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN (SELECT relation, pg_catalog.string_agg(DISTINCT mode, ',' ORDER BY mode) AS modes
               FROM pg_catalog.pg_locks
              WHERE pid = pg_catalog.pg_backend_pid() AND granted AND locktype = 'relation'
              GROUP BY relation) l ON l.relation = c.oid
 WHERE {_OURS}
"""
_BESIDE = f"""
SELECT DISTINCT coalesce({_NAME}, l.relation::text), l.mode, l.granted
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE l.locktype = 'relation' AND l.pid = {{pid}} AND (n.oid IS NULL OR {_OURS})
   AND l.database = (SELECT oid FROM pg_catalog.pg_database
                      WHERE datname = pg_catalog.current_database())
"""
_CONTROL = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"})
_INDEXES = frozenset({"i", "I"})  # pg_class.relkind
_POLLS = 0.002  # seconds between two looks at another session's locks


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation as the session sees it: `kind` as in pg_class, `modes` its own locks on it.

    `file` changes where the relation is written anew; `read` and `written` are the rows that the
    transaction has read in full scans, and changed.
    """

    name: str
    kind: str
    file: int | None
    read: int
    written: int
    modes: frozenset[str]


State = Mapping[int, Relation]
"""The relations of a database, by oid."""

_NEW = Relation("", "", None, 0, 0, frozenset())


def table_names(ask: Callable[[str], Rows]) -> list[tuple[str, str]]:
    """The tables that hold rows: their names as in `Schema`, and quoted for SQL."""
    asked = ask(
        f"SELECT {_NAME}, c.oid::regclass::text FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind IN ('r', 'm') AND {_OURS} ORDER BY 1"
    )
    return [(str(name), str(spelled)) for name, spelled in asked]


def look(ask: Callable[[str], Rows]) -> State:
    """The state that the session sees which answers."""
    return {
        int(oid): Relation(name, kind, file, int(read), int(written), _modes(modes))
        for oid, name, kind, file, read, written, modes in ask(_QUESTION)
    }


class Observer:
    """Watches the statements of one session, which alone changes its database.

    One question after each statement (before the first: one more) is all that it asks in the
    session itself.
    """

    def __init__(self, session: PostgresSession) -> None:
        self._session = session
        self._before: State = {}
        self._known = False

    def run(self, sql: str, seconds: float | None = None) -> tuple[Rows, Observed]:
        """Run the statement; its rows, and what it did.

        Where no transaction is open the statement gets one of its own, else its locks would be
        gone; so it must be one that can run in a transaction. Raises ServerError and TooSlow: that
        transaction is then rolled back. What begins or ends a transaction only runs.
        """
        if first_word(sql) in _CONTROL:
            self._known = False
            return self._session.execute(sql, seconds), Observed()
        own = not self._session.in_transaction()
        if own:
            self._session.execute("BEGIN")
        try:
            if own or not self._known:
                self._before = look(self._session.execute)
            rows = self._session.execute(sql, seconds)
            seen = self._after()
        except BaseException:
            self._known = False
            if own and self._session.in_transaction():
                self._session.execute("ROLLBACK")
            raise
        if own and self._session.in_transaction():
            self._session.execute("COMMIT")
        return rows, seen

    def _after(self) -> Observed:
        """What changed, unless the statement ended the transaction: nothing is held then."""
        if not self._session.in_transaction():
            self._known = False
            return Observed()
        after = look(self._session.execute)
        seen = difference(self._before, after)
        self._before, self._known = after, True
        return seen


def _modes(text: str | None) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def difference(before: State, after: State) -> Observed:
    """What a statement did between two states of the same transaction."""
    made = [(_NEW, now) for oid, now in after.items() if oid not in before]
    kept = [(before[oid], now) for oid, now in after.items() if oid in before]
    gone = {old.name: old for oid, old in before.items() if oid not in after}
    locks = {Lock(now.name, mode) for old, now in (*kept, *made) for mode in now.modes - old.modes}
    locks |= {Lock(name, "AccessExclusiveLock") for name in gone}
    # An index that a type change makes anew under its old name may still have its old file.
    again = [(gone[now.name], now) for _, now in made if now.name in gone]
    moved = [now for old, now in (*kept, *again) if old.file and now.file not in {old.file, None}]
    return Observed(
        tuple(sorted(locks, key=lambda lock: (lock.relation, lock.mode))),
        tuple(sorted(now.name for now in moved if now.kind not in _INDEXES)),
        tuple(sorted(now.name for now in moved if now.kind in _INDEXES)),
        _counts((now.name, now.read - old.read) for old, now in (*kept, *made)),
        _counts((now.name, now.written - old.written) for old, now in (*kept, *made)),
    )


def _counts(counted: Iterable[tuple[str, int]]) -> tuple[Scan, ...]:
    return tuple(Scan(name, rows) for name, rows in sorted(counted) if rows > 0)


# -- from beside ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Watch:
    """Polls the locks of a session from another one, in a thread."""

    beside: PostgresSession
    pid: int
    seen: set[Lock] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def poll(self) -> None:
        question = _BESIDE.format(pid=self.pid)
        while not self.over.is_set():
            try:
                self.seen |= {Lock(*row) for row in self.beside.execute(question)}
            except ServerError:
                return
            self.over.wait(_POLLS)


def run_watched(
    session: PostgresSession, beside: PostgresSession, sql: str, seconds: float | None = None
) -> tuple[Rows, tuple[Lock, ...]]:
    """Run a statement that can be in no transaction, such as CREATE INDEX CONCURRENTLY.

    Its locks are those that a second session, `beside`, saw from time to time: on a small table
    a short one can be missed. Raises ServerError and TooSlow.
    """
    watch = _Watch(beside, session.pid)
    thread = threading.Thread(target=watch.poll, daemon=True)
    thread.start()
    try:
        rows = session.execute(sql, seconds)
    finally:
        watch.over.set()
        thread.join()
    return rows, tuple(sorted(watch.seen, key=lambda lock: (lock.relation, lock.mode)))
