"""What one statement did to a database besides its result: locks, rewritten files, rows read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a table, index, view or sequence; `mode` is pg_locks' name, such as ShareLock.

    `granted` is False for one that was only waited for.
    """

    relation: str
    mode: str
    granted: bool = True


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows that a statement read from a table in full scans."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class Observed:
    """What PostgreSQL shows after a statement; names as in `Schema`, each tuple sorted.

    `locks` are those that the statement took and its transaction did not hold before. `rewritten`
    are tables, `rebuilt` indexes that were there before and lie in another file now (also after
    TRUNCATE). `written` is the rows that were inserted, updated and deleted, by table.
    """

    locks: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    scans: tuple[Scan, ...] = ()
    written: tuple[Scan, ...] = ()

    def modes(self, relation: str) -> tuple[str, ...]:
        """The modes of the locks taken on that relation."""
        return tuple(lock.mode for lock in self.locks if lock.relation == relation)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The cheapest way in which MariaDB or MySQL accepts to alter a table.

    `algorithm` is INSTANT, NOCOPY (MariaDB only), INPLACE or COPY; `lock` the weakest that goes
    with it: NONE (rows can be read and written meanwhile), SHARED (read) or EXCLUSIVE. `rebuilt`:
    the table got another file.
    """

    algorithm: str
    lock: str
    rebuilt: bool
