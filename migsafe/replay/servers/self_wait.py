"""Notice a migration that waits for itself: its second connection wants what its first one holds.

PostgreSQL cannot: it sees no cycle of locks (manual, 13.3.4), only a first session that is slow.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from migsafe.engines.session import ServerError, Session
from migsafe.errors import MigsafeError
from migsafe.replay.servers.traffic_seen import spelled

_EVERY = 0.3  # seconds between two looks
_LOOKS = 3
"""How often the same wait is seen before it is taken for one that never ends."""

_QUESTION = """
SELECT w.pid, w.query_start::text, b.pid, b.state_change::text, l.relation::regclass::text, l.mode
  FROM pg_catalog.pg_stat_activity w
  JOIN pg_catalog.pg_stat_activity b ON b.pid = ANY (pg_catalog.pg_blocking_pids(w.pid))
  JOIN pg_catalog.pg_locks l ON l.pid = w.pid AND NOT l.granted
 WHERE w.datname = pg_catalog.current_database() AND b.datname = w.datname
   AND b.state LIKE 'idle in transaction%'
   AND w.application_name <> 'migsafe' AND b.application_name <> 'migsafe'
 ORDER BY w.pid
"""


@dataclass(slots=True)
class Watched:
    """What was seen: the wait in a sentence, "" for none, and the table that is waited for."""

    said: str = ""
    table: str = ""
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def watched(connect: Callable[[], Session]) -> Iterator[Watched]:
    """Look at the connections of a migration while it runs, and end one that waits for another.

    The migration must be alone in the database that `connect` gives a session in. Where two of its
    connections wait for each other and one of them does nothing, that is for ever: one thread
    serves both.
    """
    seen = Watched()
    thread = threading.Thread(target=_watch, args=(connect, seen), daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        seen.over.set()
        thread.join()


def _watch(connect: Callable[[], Session], seen: Watched) -> None:
    if seen.over.wait(_EVERY):
        return
    with suppress(MigsafeError, ServerError), closing(connect()) as beside:
        _look(beside, seen)


def _look(beside: Session, seen: Watched) -> None:
    last: tuple[object, ...] = ()
    times = 0
    while not seen.over.wait(_EVERY):
        rows = beside.execute(_QUESTION)
        now = tuple(rows[0]) if rows else ()
        times = times + 1 if now and now == last else 0
        last = now
        if times == _LOOKS - 1:
            *_, table, mode = now
            seen.table = "" if str(table).isdecimal() else str(table or "")
            seen.said = _said(seen.table, str(mode))
            beside.execute(f"SELECT pg_catalog.pg_terminate_backend({now[0]})")
            return


def _said(table: str, mode: str) -> str:
    on = f" on {table}" if table else ""
    return (
        f"a second connection of the migration waits for {spelled(mode)}{on}, "
        "which its first one locks until it ends: it waits for itself"
    )
