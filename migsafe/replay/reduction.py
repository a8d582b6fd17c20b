"""A failing database that gets smaller step by step, each step kept only if it still fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from migsafe.engines import sqlite as engine
from migsafe.engines.sqlite_script import rowid_name
from migsafe.model.schema import Table, fold_name
from migsafe.replay.same_failure import Check
from migsafe.schema.inspect import inspect
from migsafe.sql.tokens import quoted

T = TypeVar("T")
_CASCADES = 60
"""So many generations of rows may hang on a deleted one; a longer chain is left as it is."""

_NUMBER = "migsafe_row"


BUDGET = 100_000
"""What making one database smaller may cost: a second or two of work (see `Reduction.fails`)."""

_PAGE = 4096
_SQL_REPLAY = 16  # what a replay costs beyond its pages: as much as this many of them
_PROGRAM_REPLAY = 1000  # the same through the project's own runner


class BudgetSpent(Exception):
    """What making it smaller may cost is spent; what was reached so far stands."""


@dataclass(slots=True)
class Reduction:
    """The smallest database so far: `data`, without its triggers, which wait in `triggers`.

    Triggers must not run while rows are taken away, but must be there when it is migrated.
    `tables` may lose rows, children before parents; `broken` are the links that were broken from
    the start, None where links are not looked at. `left` is what it may still cost, None: whatever
    it takes; `each` what a replay costs beyond the work that can be counted.
    """

    check: Check
    left: int | None
    each: int
    data: bytes
    triggers: tuple[str, ...]
    tables: tuple[Table, ...]
    broken: frozenset[tuple[object, ...]] | None
    replays: int = field(default=0)

    def whole(self, database: sqlite3.Connection | None = None) -> bytes:
        """The database with its triggers."""
        if database is None:
            with closing(engine.clone(self.data)) as copy:
                return self.whole(copy)
        for sql in self.triggers:
            database.execute(sql)
        return database.serialize()

    def fails(self, data: bytes) -> bool:
        """Does this database fail in the same way? Raises BudgetSpent.

        A replay costs its pages and the looks at its statements (`engine.looks`): about 20 us
        each, but counted, so that a busy machine finds what an idle one finds.
        """
        if self.left is not None and self.left <= 0:
            raise BudgetSpent
        self.replays += 1
        before = engine.looks()
        fails = self.check(data)
        if self.left is not None:
            self.left -= self.each + len(data) // _PAGE + engine.looks() - before
        return fails

    def attempt(self, statements: Iterable[str]) -> bool:
        """Change a copy, and keep the change where it still fails. Raises BudgetSpent.

        What changes nothing is not tried, and neither is what the old schema forbids.
        """
        with closing(engine.clone(self.data)) as database:
            try:
                for statement in statements:
                    database.execute(statement)
                if not database.total_changes or not self._linked(database):
                    return False
                data = database.serialize()
                candidate = self.whole(database)
            except sqlite3.Error:
                return False
        if not self.fails(candidate):
            return False
        self.data = data
        return True

    def _linked(self, database: sqlite3.Connection) -> bool:
        """Take rows away whose parents went: an orphan is not what the users' databases hold."""
        if self.broken is None:
            return True
        for _ in range(_CASCADES):
            fresh = _broken_links(database) - self.broken
            if not fresh:
                return True
            if any(row[1] is None for row in fresh):
                return False  # a table WITHOUT ROWID: its rows cannot be named
            for table in {row[0] for row in fresh}:
                numbers = ", ".join(str(row[1]) for row in fresh if row[0] == table)
                database.execute(f"DELETE FROM {quoted(str(table))} WHERE rowid IN ({numbers})")
        return False


def begin(
    data: bytes, keep: Iterable[str], check: Check, budget: int, *, program: bool = False
) -> Reduction:
    """Make a failing database ready; the tables named in `keep` lose nothing.

    `program`: the migrations are program code, which costs more to run.
    Raises sqlite3.Error where it cannot be taken apart.
    """
    kept = {fold_name(name) for name in keep}
    with closing(engine.clone(data)) as database:
        schema = inspect(database)
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid"
        triggers = database.execute(query).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {quoted(name)}")
        for name in _statistics(database):
            database.execute(f"DROP TABLE {quoted(name)}")
        tables = [t for key, t in schema.tables.items() if key not in kept]
        linked = any(t.foreign_keys for t in tables)
        return Reduction(
            check=check,
            left=budget,
            each=_PROGRAM_REPLAY if program else _SQL_REPLAY,
            data=database.serialize(),
            triggers=tuple(str(sql) for _, sql in triggers),
            tables=tuple(_children_first(tables)),
            broken=_broken_at_start(database) if linked else None,
        )


def _statistics(database: sqlite3.Connection) -> list[str]:
    """What ANALYZE keeps: samples of values, among them those of rows that go."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'sqlite_stat[0-9]'"
    return [str(row[0]) for row in database.execute(query).fetchall()]


def _broken_links(database: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    return frozenset(database.execute("PRAGMA foreign_key_check"))


def _broken_at_start(database: sqlite3.Connection) -> frozenset[tuple[object, ...]] | None:
    try:
        return _broken_links(database)
    except sqlite3.Error:
        return None  # a foreign key that is wrong itself


def _children_first(tables: Iterable[Table]) -> Iterator[Table]:
    left = {fold_name(t.name): t for t in tables}
    while left:
        parents = {
            fold_name(k.ref_table)
            for name, t in left.items()
            for k in t.foreign_keys
            if fold_name(k.ref_table) != name
        }
        free = [name for name in left if name not in parents] or list(left)[:1]
        for name in free:
            yield left.pop(name)


# -- taking away ----------------------------------------------------------------------------------


def thin(read: Callable[[], Sequence[T]], remove: Callable[[Sequence[T]], bool]) -> None:
    """Remove what can be: halves first, then ever smaller parts, at the end one by one.

    `read` says what is left, in a stable order; `remove` tries a part of it. All of it at once is
    not tried. One unit that must stay among n costs about 2 log2(n) tries.
    """
    left = read()
    size = (len(left) + 1) // 2
    while size:
        at, removed = 0, False
        while at < len(left):
            part = left[at : at + size]
            if len(part) < len(left) and remove(part):
                left, removed = read(), True
            else:
                at += size
        if size == 1 and not removed:
            return
        size = max(size // 2, 1)


def rows(reduction: Reduction, table: Table) -> Sequence[int]:
    """The rowids of the table's rows, or their numbers in the order of the primary key."""
    key = rowid_name(table)
    name = quoted(table.name)
    with closing(engine.clone(reduction.data)) as database:
        try:
            if key:
                query = f"SELECT {key} FROM {name} ORDER BY {key}"
                return [row[0] for row in database.execute(query)]
            count = database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        except sqlite3.Error:
            return ()  # a virtual table of a module that is not here
    return range(1, int(count) + 1)


def deletion(table: Table, part: Sequence[int]) -> str:
    """The statement that deletes a stretch of `rows`."""
    key = rowid_name(table)
    start = f"DELETE FROM {quoted(table.name)} WHERE "
    if key:
        return f"{start}{key} BETWEEN {part[0]} AND {part[-1]}"
    columns = ", ".join(quoted(c) for c in table.primary_key)
    numbered = (
        f"SELECT {columns}, row_number() OVER (ORDER BY {columns}) AS {_NUMBER}"
        f" FROM {quoted(table.name)}"
    )
    between = f"{_NUMBER} BETWEEN {part[0]} AND {part[-1]}"
    return f"{start}({columns}) IN (SELECT {columns} FROM ({numbered}) WHERE {between})"
