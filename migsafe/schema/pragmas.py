"""Tables and indexes as SQLite's own pragmas tell them, where their text cannot be read.

Pragmas leave out CHECK constraints, constraint names, expressions and predicates: a table told
by them alone is marked incomplete.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from migsafe.model.schema import Column, ForeignKey, Index, IndexColumn, Table, Unique
from migsafe.sql.tokens import quoted


def _ask(connection: sqlite3.Connection, pragma: str, name: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.row_factory = None
    rows = cursor.execute(f"PRAGMA main.{pragma}({quoted(name)})").fetchall()
    return [tuple(_text(value) for value in row) for row in rows]


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def columns(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    """The names of a table's columns, generated ones too (pragma.html#pragma_table_xinfo)."""
    return (row[1] for row in _ask(connection, "table_xinfo", table))


def table(connection: sqlite3.Connection, name: str) -> Table:
    """What pragmas tell of a table; `complete` is False."""
    return Table(
        name,
        tuple(_column(row) for row in _ask(connection, "table_xinfo", name)),
        tuple(_uniques(connection, name)),
        tuple(_foreign_keys(connection, name)),
        complete=False,
    )


def _column(row: tuple[Any, ...]) -> Column:
    _, name, type_, not_null, default, key, hidden = row
    # hidden: 2 a VIRTUAL, 3 a STORED generated column (pragma.html#pragma_table_xinfo)
    return Column(
        name, type_, bool(not_null), default, key, generated="?" if hidden in {2, 3} else "",
        stored=hidden == 3,
    )  # fmt: skip


def _uniques(connection: sqlite3.Connection, name: str) -> Iterator[Unique]:
    for row in reversed(_ask(connection, "index_list", name)):
        if row[3] == "u":
            terms = _ask(connection, "index_info", row[1])
            yield Unique(tuple(term[2] for term in terms))


def _foreign_keys(connection: sqlite3.Connection, name: str) -> Iterator[ForeignKey]:
    keys: dict[int, list[tuple[Any, ...]]] = {}
    for row in _ask(connection, "foreign_key_list", name):
        keys.setdefault(row[0], []).append(row)
    for number in sorted(keys, reverse=True):
        rows = sorted(keys[number], key=lambda row: int(row[1]))
        _, _, parent, _, _, on_update, on_delete, _ = rows[0]
        parents = tuple(row[4] for row in rows if row[4] is not None)
        yield ForeignKey(tuple(row[3] for row in rows), parent, parents, on_delete, on_update)


def index(connection: sqlite3.Connection, name: str, table_name: str) -> Index:
    """What pragmas tell of an index (pragma.html#pragma_index_xinfo)."""
    listed = {row[1]: row for row in _ask(connection, "index_list", table_name)}
    row = listed.get(name)
    terms = tuple(
        IndexColumn("?" if term[1] == -2 else term[2] or "rowid", term[1] == -2, "", bool(term[3]))
        for term in _ask(connection, "index_xinfo", name)
        if term[5]
    )
    partial = row is not None and row[4]
    return Index(name, table_name, terms, row is not None and bool(row[2]), "?" if partial else "")
