"""A database as an SQL script that a person can review and `sqlite3` or a sample can be made of."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from migsafe.model.schema import Schema, Table, fold_name
from migsafe.schema.inspect import inspect
from migsafe.sql.tokens import quoted

_ROWID_NAMES = ("rowid", "_rowid_", "oid")
_MOST_PIECES = 40  # text in more pieces than this is easier to read as bytes
_MOST_CHARACTERS = 100  # SQLite's functions take at most 127 arguments (limits.html)
_CONTENT = re.compile(r"\bcontent\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|(\w+))", re.IGNORECASE)
_LARGE = 1 << 62


@dataclass(frozen=True, slots=True)
class _Object:
    """One object of the schema, in its own words."""

    kind: str
    name: str
    sql: str


def script(connection: sqlite3.Connection) -> str:
    """The database `main` as SQL text, a statement a line, always in the same order.

    Running it on a new database gives the same schema and the same rows, to the byte: rowids of
    tables without an INTEGER PRIMARY KEY, text that is not UTF-8 or holds control characters, real
    numbers to the last bit, `sqlite_sequence`, encoding, `user_version`, `application_id`.
    Full-text and R-Tree tables are written by what they show, not by the tables in which they keep
    it. Left out are statistics (`sqlite_stat1` ...), free pages and what other modules compute.
    Rows that break a NOT NULL, STRICT or UNIQUE of their table cannot be written as INSERTs: such
    a script fails where it is run. The connection is only read from.
    Raises sqlite3.Error where the database cannot be read.
    """
    with _plain(connection):
        return "".join(f"{line}\n" for line in _lines(connection))


@contextmanager
def _plain(connection: sqlite3.Connection) -> Iterator[None]:
    factories = connection.row_factory, connection.text_factory
    connection.row_factory, connection.text_factory = None, str
    try:
        yield
    finally:
        connection.row_factory, connection.text_factory = factories


def rowid_name(table: Table) -> str:
    """The name under which a table's rowid is reached; "" where there is none.

    A column of that name hides it, WITHOUT ROWID tables have none (rowidtable.html).
    """
    taken = {fold_name(c.name) for c in table.columns}
    return "" if table.without_rowid else next((n for n in _ROWID_NAMES if n not in taken), "")


def _lines(connection: sqlite3.Connection) -> Iterator[str]:
    schema = inspect(connection)
    objects = list(_objects(connection, schema))
    encoding = _pragma(connection, "encoding")
    yield from _settings(connection, encoding)
    yield "BEGIN;"
    for item in (o for o in objects if o.kind == "table"):
        yield _ended(item.sql)
        yield from _rows(connection, item, schema.tables[fold_name(item.name)], encoding)
    yield from _sequences(connection, objects, encoding)
    for kind in ("index", "view", "trigger"):
        yield from (_ended(o.sql) for o in objects if o.kind == kind)
    yield from _rebuilds(objects, schema)
    yield "COMMIT;"


def _pragma(connection: sqlite3.Connection, name: str) -> str:
    return str(connection.execute(f"PRAGMA main.{name}").fetchone()[0])


def _settings(connection: sqlite3.Connection, encoding: str) -> Iterator[str]:
    if encoding != "UTF-8":
        # Only a database without content takes an encoding (pragma.html#pragma_encoding).
        yield f"PRAGMA encoding = '{encoding}';"
    yield "PRAGMA foreign_keys = OFF;"
    if _breaks_checks(connection):
        yield "PRAGMA ignore_check_constraints = ON;"
    for name in ("user_version", "application_id"):
        value = _pragma(connection, name)
        if value != "0":
            yield f"PRAGMA {name} = {value};"


def _breaks_checks(connection: sqlite3.Connection) -> bool:
    try:
        found = connection.execute("PRAGMA main.quick_check").fetchall()
    except sqlite3.Error:
        return False  # a CHECK calls a function of the app: it cannot be asked
    return any(str(row[0]).startswith("CHECK constraint") for row in found)


def _objects(connection: sqlite3.Connection, schema: Schema) -> Iterator[_Object]:
    """What statements made, oldest first, without what SQLite and virtual tables made."""
    known = {
        "table": schema.tables,
        "index": schema.indexes,
        "trigger": schema.triggers,
        "view": schema.views,
    }
    query = "SELECT type, name, sql FROM main.sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    for kind, name, sql in connection.execute(query).fetchall():
        if fold_name(name) in known[kind]:
            yield _Object(kind, name, sql)


def _ended(sql: str) -> str:
    """The statement with its semicolon, which must not become part of a comment."""
    return f"{sql}\n;" if "--" in sql.rpartition("\n")[2] else f"{sql};"


# -- rows --------------------------------------------------------------------------------------


def _rows(
    connection: sqlite3.Connection, item: _Object, table: Table, encoding: str
) -> Iterator[str]:
    if not writable(connection, table):
        return
    columns = _columns(connection, item.name)
    key = kept_rowid(connection, table)
    names = ([key] if key else []) + [quoted(c) for c in columns]
    # The bytes of a text are asked for as a blob: they may be no text at all.
    values = ", ".join(f"typeof({n}), iif(typeof({n}) = 'text', CAST({n} AS BLOB), {n})"
                       for n in names)  # fmt: skip
    order = f" ORDER BY {key}" if key else ""
    query = f"SELECT {values} FROM main.{quoted(item.name)}{order}"
    start = f"INSERT INTO {quoted(item.name)} ({', '.join(names)}) VALUES ("
    writer = _Writer(connection, encoding)
    for row in connection.execute(query):
        yield f"{start}{', '.join(map(writer.literal, row[::2], row[1::2]))});"


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns that can be written: hidden is 0 (pragma.html#pragma_table_xinfo)."""
    rows = connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
    return [row[1] for row in rows if row[6] == 0]


def kept_rowid(connection: sqlite3.Connection, table: Table) -> str:
    """The name of a rowid that no column shows, "" where there is none to keep.

    Rows that are inserted in order get 1, 2, 3, ... by themselves (autoinc.html).
    """
    if table.virtual:
        return "rowid" if table.virtual.startswith("fts") else ""
    key = rowid_name(table)
    if not key or _shows_rowid(connection, table.name):
        return ""
    query = f"SELECT count(*), min({key}), max({key}) FROM main.{quoted(table.name)}"
    try:
        count, first, last = connection.execute(query).fetchone()
    except sqlite3.OperationalError:
        return ""  # a table WITHOUT ROWID whose text could not be read
    return key if count and (first, last) != (1, count) else ""


def writable(connection: sqlite3.Connection, table: Table) -> bool:
    """Are the table's rows its own? Those of some virtual tables are another's, or computed."""
    if not table.virtual:
        return True
    query = "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?"
    row = connection.execute(query, (table.name,)).fetchone()
    return row is not None and _keeps_rows(str(row[0]), table.virtual)


def _shows_rowid(connection: sqlite3.Connection, table: str) -> bool:
    """Is there an INTEGER PRIMARY KEY? Any other primary key has an index (rowidtable.html)."""
    columns = connection.execute(f"PRAGMA main.table_xinfo({quoted(table)})").fetchall()
    keys = [row[2].upper() for row in columns if row[5]]
    indexes = connection.execute(f"PRAGMA main.index_list({quoted(table)})").fetchall()
    return keys == ["INTEGER"] and not any(row[3] == "pk" for row in indexes)


def _keeps_rows(sql: str, module: str) -> bool:
    if module.startswith("fts"):
        return _CONTENT.search(sql) is None
    return module.startswith("rtree")


def rebuilds(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The statements that make full-text indexes over other tables' rows anew."""
    schema = inspect(connection)
    return tuple(_rebuilds(list(_objects(connection, schema)), schema))


def _rebuilds(objects: list[_Object], schema: Schema) -> Iterator[str]:
    """Full-text indexes over the rows of another table are made again (fts5.html, 4.4.3)."""
    for item in objects:
        table = schema.tables.get(fold_name(item.name)) if item.kind == "table" else None
        content = _CONTENT.search(item.sql) if table and table.virtual.startswith("fts") else None
        if content and any(content.groups()):
            name = quoted(item.name)
            yield f"INSERT INTO {name} ({name}) VALUES ('rebuild');"


def _sequences(
    connection: sqlite3.Connection, objects: list[_Object], encoding: str
) -> Iterator[str]:
    """The counters of AUTOINCREMENT tables (autoinc.html)."""
    counting = any(o.kind == "table" and "autoincrement" in o.sql.lower() for o in objects)
    query = "SELECT 1 FROM main.sqlite_master WHERE name = 'sqlite_sequence'"
    if not counting or connection.execute(query).fetchone() is None:
        return
    yield "DELETE FROM sqlite_sequence;"
    table = Table("sqlite_sequence")
    yield from _rows(connection, _Object("table", table.name, ""), table, encoding)


# -- values ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Writer:
    connection: sqlite3.Connection
    encoding: str

    def literal(self, kind: str, value: Any) -> str:
        """The value as an SQL expression; `kind` is what typeof() says."""
        if kind == "text":
            return self._text(bytes(value))
        if kind == "blob":
            return f"x'{bytes(value).hex()}'"
        if kind == "real":
            return self._real(value)
        return "NULL" if value is None else str(value)

    def _text(self, raw: bytes) -> str:
        try:
            value = raw.decode(self.encoding)
        except UnicodeDecodeError:
            return _as_bytes(raw)
        return _readable(value) or _as_bytes(raw)

    def _real(self, value: float) -> str:
        if math.isinf(value):
            return "9e999" if value > 0 else "-9e999"
        text = repr(value)
        # SQLite does not round every decimal number correctly (before 3.47 on most machines).
        (read,) = self.connection.execute(f"SELECT {text}").fetchone()
        return text if read == value else _exactly(value)


def _as_bytes(raw: bytes) -> str:
    return f"CAST(x'{raw.hex()}' AS TEXT)"


def _readable(value: str) -> str:
    """The text with what a reader or a terminal would not see written as char(); "": too much."""
    if value.isprintable():
        return _literal(value)
    pieces = [(shown, "".join(part)) for shown, part in groupby(value, str.isprintable)]
    hidden = [part for shown, part in pieces if not shown]
    if len(pieces) > _MOST_PIECES or max(map(len, hidden)) > _MOST_CHARACTERS:
        return ""
    return " || ".join(_literal(part) if shown else _characters(part) for shown, part in pieces)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _characters(value: str) -> str:
    return f"char({', '.join(str(ord(c)) for c in value)})"


def _exactly(value: float) -> str:
    """The number as an integer times a power of two: every step of it is exact."""
    fraction, exponent = math.frexp(value)
    text, exponent = f"{int(fraction * (1 << 53))} * 1.0", exponent - 53
    sign = "*" if exponent > 0 else "/"
    steps, rest = divmod(abs(exponent), 62)
    return text + f" {sign} {_LARGE}" * steps + (f" {sign} {1 << rest}" if rest else "")
