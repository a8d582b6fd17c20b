"""One sample in two sizes: what a migration costs on each shows how its work grows.

A sample with enough rows of its own is halved. A small one is multiplied: whole copies of its
rows, each copy with keys of its own, so that the copies stand beside one another as the data of
several users would, and no row refers to a row of another copy.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from migsafe.engines import sqlite as engine
from migsafe.model.schema import Column, ForeignKey, Schema, Table, fold_name
from migsafe.replay.declared import rowid_alias
from migsafe.replay.schemas import schema_of
from migsafe.sql.tokens import quoted

_FEW = 200
"""A table with fewer rows is not halved: it is a list of kinds or settings, and does not grow."""

_MOST = 40_000
"""A multiplied sample holds at most this many rows in all."""

_WIDEST = 1 << 40
"""Keys that lie further apart than this cannot be moved on without overflow."""

_REFERS = re.compile(r"(?P<to>\w+?)_?id", re.IGNORECASE)
_MARK = (
    "CASE typeof({c}) WHEN 'text' THEN {c} || '~' || migsafe_n"
    " WHEN 'blob' THEN CAST({c} || '~' || migsafe_n AS BLOB)"
    " WHEN 'null' THEN NULL ELSE {c} + migsafe_n * 1000003 END"
)


@dataclass(frozen=True, slots=True)
class Size:
    """A database, and the rows of each of its growing tables (by folded name)."""

    data: bytes
    rows: Mapping[str, int]


def counted(data: bytes, names: Collection[str]) -> Size:
    """The sample as it is, with the rows of those of the named tables that it has."""
    with closing(engine.clone(data)) as database:
        return _size(data, database, _named(schema_of(database), names))


def halved(data: bytes, names: Collection[str]) -> Size:
    """A copy without every other row of the named tables, small tables left alone.

    Neither triggers nor foreign keys act on the deletion.
    """
    with closing(engine.clone(data)) as database:
        tables = _named(schema_of(database), names)
        with _unguarded(database):
            for table in tables:
                if _count(database, table.name) >= _FEW:
                    database.execute(_every_other(table))
        return _size(database.serialize(), database, tables)


def multiplied(
    data: bytes, names: Collection[str], compared: Collection[str], sizes: tuple[int, int]
) -> tuple[Size, Size]:
    """Two copies in which the named tables are multiplied until the largest has so many rows.

    The tables keep their proportion. Columns named in `compared` (folded) get other values in each
    copy, as keys do. What the old schema's constraints refuse is left out.
    """
    rows = counted(data, names).rows
    largest, total = max(rows.values(), default=0), sum(rows.values())
    ratio = sizes[1] // sizes[0]
    times = min(-(-sizes[0] // max(largest, 1)), max(_MOST // max(total, 1) // ratio, 1))
    few, many = (_grown(data, names, compared, n) for n in (times, times * ratio))
    return few, many


def _grown(data: bytes, names: Collection[str], compared: Collection[str], times: int) -> Size:
    with closing(engine.clone(data)) as database:
        schema = schema_of(database)
        tables = _named(schema, names)
        strides = {fold_name(t.name): _stride(database, t) for t in tables}
        copies = _Copies(schema, tables, strides, compared)
        with _unguarded(database):
            for table in tables:
                _multiply(database, copies, table, times)
        return _size(database.serialize(), database, tables)


def _multiply(database: sqlite3.Connection, copies: _Copies, table: Table, times: int) -> None:
    if times < 2:
        return
    dangling = _dangling(database, table)
    try:
        database.execute(copies.insert(table), (times - 1,))
    except sqlite3.Error:
        return  # a strict table refuses what cannot be ignored: it stays as it is
    for row in _dangling(database, table) - dangling:
        database.execute(f"DELETE FROM {quoted(table.name)} WHERE rowid = ?", (row,))


def _dangling(database: sqlite3.Connection, table: Table) -> set[int]:
    """The rows whose parents are missing (pragma.html#pragma_foreign_key_check)."""
    if not table.foreign_keys or table.without_rowid:
        return set()
    try:
        found = database.execute(f"PRAGMA foreign_key_check({quoted(table.name)})")
        return {row[1] for row in found if row[1] is not None}
    except sqlite3.Error:
        return set()


# -- tables -----------------------------------------------------------------------------------


def _named(schema: Schema, names: Collection[str]) -> list[Table]:
    """Those of the tables that hold rows of their own, parents first where they are told apart."""
    keys = {fold_name(name) for name in names}
    found = [t for k, t in sorted(schema.tables.items()) if k in keys and not t.virtual]
    parents = {fold_name(f.ref_table) for t in found for f in t.foreign_keys}
    return sorted(found, key=lambda t: fold_name(t.name) not in parents)


def _size(data: bytes, database: sqlite3.Connection, tables: list[Table]) -> Size:
    return Size(data, {fold_name(t.name): _count(database, t.name) for t in tables})


def _count(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0])


def _every_other(table: Table) -> str:
    key = ", ".join(map(quoted, table.primary_key)) if table.without_rowid else "rowid"
    names = [f"migsafe_{n}" for n in range(max(len(table.primary_key), 1))]
    given = ", ".join(names if table.without_rowid else names[:1])
    return (
        f"WITH numbered ({given}, migsafe_n) AS"
        f" (SELECT {key}, row_number() OVER (ORDER BY {key}) FROM {quoted(table.name)})"
        f" DELETE FROM {quoted(table.name)}"
        f" WHERE ({key}) IN (SELECT {given} FROM numbered WHERE migsafe_n % 2 = 0)"
    )


@contextmanager
def _unguarded(database: sqlite3.Connection) -> Iterator[None]:
    """Foreign keys off and triggers away, in one transaction."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    triggers = database.execute(query).fetchall()
    database.execute("PRAGMA foreign_keys = OFF")
    database.execute("BEGIN")
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {quoted(name)}")
    yield
    for _, sql in triggers:
        database.execute(sql)
    database.execute("COMMIT")


# -- copies of rows ---------------------------------------------------------------------------


def _stride(database: sqlite3.Connection, table: Table) -> int:
    """How far a copy's integer keys lie from the original's; 0 where they cannot be moved."""
    key = rowid_alias(table)
    if not key:
        return 0
    query = f"SELECT max({quoted(key)}), min({quoted(key)}) FROM {quoted(table.name)}"
    high, low = database.execute(query).fetchone()
    if high is None or max(abs(high), abs(low)) > _WIDEST:
        return 0
    return int(high - low + 1)


@dataclass(slots=True)
class _Copies:
    """How each column of a copied row comes from the original's, `migsafe_n` being the copy."""

    schema: Schema
    tables: list[Table]
    strides: dict[str, int]
    compared: Collection[str]
    marked: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for table in self.tables:
            for key in self._keys(table):
                if not any(self._change(table, name) for name in key):
                    self.marked |= {(fold_name(table.name), fold_name(name)) for name in key}

    def insert(self, table: Table) -> str:
        """The statement that adds as many copies of all rows as its parameter says."""
        columns = [c for c in table.columns if not c.generated]
        names = ", ".join(quoted(c.name) for c in columns)
        values = ", ".join(self._value(table, c) for c in columns)
        name = quoted(table.name)
        return (
            "WITH RECURSIVE migsafe_copy (migsafe_n) AS"
            " (SELECT 1 UNION ALL SELECT migsafe_n + 1 FROM migsafe_copy WHERE migsafe_n < ?)"
            f" INSERT OR IGNORE INTO {name} ({names})"
            f" SELECT {values} FROM migsafe_copy CROSS JOIN {name}"
        )

    def _value(self, table: Table, column: Column) -> str:
        change = self._change(table, column.name) or "{c}"
        return change.replace("{c}", quoted(column.name))

    def _change(self, table: Table, column: str, depth: int = 0) -> str:
        """The expression for a copy's value of `{c}`, "" where it stays."""
        key = fold_name(table.name)
        if fold_name(rowid_alias(table)) == fold_name(column):
            stride = self.strides.get(key, 0)
            return f"{{c}} + migsafe_n * {stride}" if stride else "NULL"
        parent, referred = self._parent(table, column)
        if parent is not None and depth < 5:
            change = self._change(parent, referred, depth + 1)
            return "" if change == "NULL" else change
        marked = fold_name(column) in self.compared or (key, fold_name(column)) in self.marked
        return _MARK if marked else ""

    def _parent(self, table: Table, column: str) -> tuple[Table | None, str]:
        """The copied table and the column that a column refers to, declared or by its name."""
        for foreign in table.foreign_keys:
            names = [fold_name(name) for name in foreign.columns]
            if fold_name(column) in names:
                return self._referred(foreign, names.index(fold_name(column)))
        match = _REFERS.fullmatch(column)
        wanted = _plurals(fold_name(match["to"])) if match else set()
        parent = next((t for t in self.tables if fold_name(t.name) in wanted), None)
        return (parent, rowid_alias(parent)) if parent and rowid_alias(parent) else (None, "")

    def _referred(self, foreign: ForeignKey, at: int) -> tuple[Table | None, str]:
        wanted = fold_name(foreign.ref_table)
        parent = next((t for t in self.tables if fold_name(t.name) == wanted), None)
        names = foreign.ref_columns or (parent.primary_key if parent else ())
        return (parent, names[at]) if at < len(names) else (None, "")

    def _keys(self, table: Table) -> Iterator[tuple[str, ...]]:
        if table.primary_key and not rowid_alias(table):
            yield table.primary_key
        yield from (u.columns for u in table.uniques)
        for index in self.schema.indexes.values():
            if index.unique and fold_name(index.table) == fold_name(table.name):
                yield tuple(c.name for c in index.columns if not c.expression)


def _plurals(word: str) -> set[str]:
    return {word, f"{word}s", f"{word}es", f"{word.removesuffix('y')}ies"}
