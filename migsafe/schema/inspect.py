"""The schema of a live SQLite database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from migsafe.model.schema import Index, Schema, Table, Trigger, View, fold_name
from migsafe.schema import pragmas
from migsafe.sql.parse import create

_SHADOW_ENDINGS = (
    "content", "data", "idx", "config", "docsize", "segments", "segdir", "stat", "node", "rowid",
    "parent",
)  # fmt: skip
"""What FTS3-5 and R-Tree append to a name for the tables they keep (fts5.html, rtree.html)."""
_MODULE = re.compile(r"\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE)

Object = Table | Index | Trigger | View


def inspect(connection: sqlite3.Connection, ignore: Collection[str] = ()) -> Schema:
    """The schema of the database `main`: read from its own text (schematab.html).

    Left out are SQLite's own tables, the tables in which virtual tables keep their content, and
    the tables named in `ignore` with all that is on them. The connection is only read from.
    Raises sqlite3.Error where the schema itself is broken.
    """
    rows = _stored(connection)
    hidden = _shadows(connection, rows) | {fold_name(name) for name in ignore}
    schema: dict[str, dict[str, Object]] = {"table": {}, "index": {}, "trigger": {}, "view": {}}
    for kind, name, table, sql in rows:
        if fold_name(name) not in hidden and fold_name(table) not in hidden:
            schema[kind][fold_name(name)] = _object(connection, kind, name, table, sql)
    return Schema(
        tables={k: v for k, v in schema["table"].items() if isinstance(v, Table)},
        indexes={k: v for k, v in schema["index"].items() if isinstance(v, Index)},
        triggers={k: v for k, v in schema["trigger"].items() if isinstance(v, Trigger)},
        views={k: v for k, v in schema["view"].items() if isinstance(v, View)},
    )


def _stored(connection: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    """Kind, name, table and text of every object that a statement made."""
    cursor = connection.cursor()
    cursor.row_factory = None
    query = "SELECT type, name, tbl_name, sql FROM main.sqlite_master WHERE sql IS NOT NULL"
    found = ((_text(k), _text(n), _text(t), _text(s)) for k, n, t, s in cursor.execute(query))
    return [row for row in found if not row[1].lower().startswith("sqlite_")]


def _text(value: str | bytes) -> str:
    """Text whatever the connection's `text_factory` makes of it."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _shadows(connection: sqlite3.Connection, rows: list[tuple[str, str, str, str]]) -> set[str]:
    """The tables that virtual tables keep for themselves (vtab.html#xshadowname).

    `PRAGMA table_list` knows them from SQLite 3.37 on, where the module is built in; elsewhere
    the customary names tell.
    """
    virtual = [fold_name(name) for _, name, _, sql in rows if _module(sql)]
    if not virtual:
        return set()
    names = {f"{name}_{ending}" for name in virtual for ending in _SHADOW_ENDINGS}
    cursor = connection.cursor()
    cursor.row_factory = None
    for row in cursor.execute("PRAGMA main.table_list"):
        if _text(row[2]) == "shadow":
            names.add(fold_name(_text(row[1])))
    return names


def _module(sql: str) -> str:
    """The module of a CREATE VIRTUAL TABLE, "" for any other text."""
    if not re.match(r"CREATE\s+VIRTUAL\b", sql, re.IGNORECASE):
        return ""
    found = _MODULE.search(sql)
    return found.group(1).lower() if found else "unknown"


@lru_cache(maxsize=4096)
def _read(sql: str) -> Object | None:
    """A fleet of databases has the same few texts: each is read once."""
    return create(sql)


def _object(connection: sqlite3.Connection, kind: str, name: str, table: str, sql: str) -> Object:
    made = _read(sql)
    if kind == "table":
        return _table(connection, name, sql, made)
    if kind == "index":
        return made if isinstance(made, Index) else pragmas.index(connection, name, table)
    if kind == "trigger":
        return made if isinstance(made, Trigger) else Trigger(name, table)
    return made if isinstance(made, View) else View(name)


def _table(connection: sqlite3.Connection, name: str, sql: str, made: Object | None) -> Table:
    module = _module(sql)
    if module:
        return Table(name, virtual=module)
    columns = tuple(pragmas.columns(connection, name))
    if isinstance(made, Table) and tuple(c.name for c in made.columns) == columns:
        return made if made.name == name else replace(made, name=name)
    return pragmas.table(connection, name)
