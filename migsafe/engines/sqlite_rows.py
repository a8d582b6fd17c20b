"""The rows of a SQLite database as values, and a database with other values in their place."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing

from migsafe.engines import sqlite_memory as memory
from migsafe.engines.sqlite_script import kept_rowid, rebuilds, writable
from migsafe.model.content import Content, Row, Value
from migsafe.model.schema import Table, fold_name
from migsafe.schema.inspect import inspect
from migsafe.sql.tokens import quoted

_SEQUENCE = "sqlite_sequence"


def contents(data: bytes, keep: Collection[str] = ()) -> tuple[Content, ...]:
    """The rows of every table that has any, by rowid; those named in `keep` are left out.

    A rowid that no column shows is a column of its own, as in `sqlite_script.script`. Raises
    sqlite3.Error for rows that cannot be read.
    """
    kept = {fold_name(name) for name in keep}
    with closing(memory.clone(data)) as database:
        encoding = str(database.execute("PRAGMA encoding").fetchone()[0])
        tables = [t for key, t in inspect(database).tables.items() if key not in kept]
        found = [_content(database, table, encoding) for table in tables]
        if _has_sequence(database):
            found.append(_content(database, Table(_SEQUENCE), encoding))
    return tuple(c for c in found if c is not None and c.rows)


def _has_sequence(database: sqlite3.Connection) -> bool:
    query = f"SELECT 1 FROM sqlite_master WHERE name = '{_SEQUENCE}'"
    return database.execute(query).fetchone() is not None


def _content(database: sqlite3.Connection, table: Table, encoding: str) -> Content | None:
    """None for a table whose rows are another's, or are computed."""
    if not writable(database, table):
        return None
    key = kept_rowid(database, table)
    columns = _columns(database, table.name)
    names = ([key] if key else []) + [quoted(c) for c in columns]
    values = ", ".join(f"typeof({n}), iif(typeof({n}) = 'text', CAST({n} AS BLOB), {n})"
                       for n in names)  # fmt: skip
    order = f" ORDER BY {key}" if key else ""
    found = database.execute(f"SELECT {values} FROM {quoted(table.name)}{order}")
    rows = tuple(
        tuple(_value(kind, raw, encoding) for kind, raw in zip(row[::2], row[1::2], strict=True))
        for row in found
    )
    fixed = frozenset({"name"}) if table.name == _SEQUENCE else frozenset()
    return Content(table.name, tuple([key] if key else []) + tuple(columns), rows, fixed)


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    rows = database.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
    return [str(row[1]) for row in rows if row[6] == 0]


def _value(kind: str, raw: Value, encoding: str) -> Value:
    if kind != "text" or not isinstance(raw, bytes):
        return raw
    try:
        return raw.decode(encoding, _how(encoding))
    except UnicodeDecodeError as error:
        raise sqlite3.DataError("a text is cut in the middle of a character") from error


def _how(encoding: str) -> str:
    return "surrogateescape" if encoding == "UTF-8" else "surrogatepass"


def refilled(data: bytes, rows: tuple[Content, ...]) -> bytes:
    """The database with these rows in the place of those of the same tables.

    Full-text indexes over them are made anew.
    Triggers do not run and nothing is enforced but uniqueness, NOT NULL and STRICT types. Raises
    sqlite3.Error where the database does not take the rows.
    """
    with closing(memory.clone(data)) as database:
        encoding = str(database.execute("PRAGMA encoding").fetchone()[0])
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("PRAGMA secure_delete = ON")
        triggers = _without_triggers(database)
        database.execute("BEGIN")
        for content in sorted(rows, key=lambda c: c.table == _SEQUENCE):
            database.execute(f"DELETE FROM {quoted(content.table)}")
            _insert(database, content, encoding)
        database.execute("COMMIT")
        for sql in (*rebuilds(database), *triggers):
            database.execute(sql)
        return database.serialize()


def _without_triggers(database: sqlite3.Connection) -> list[str]:
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid"
    found = database.execute(query).fetchall()
    for name, _ in found:
        database.execute(f"DROP TRIGGER {quoted(name)}")
    return [str(sql) for _, sql in found]


def _insert(database: sqlite3.Connection, content: Content, encoding: str) -> None:
    columns = ", ".join(map(quoted, content.columns))
    start = f"INSERT INTO {quoted(content.table)} ({columns}) VALUES "
    for row in content.rows:
        marks = ", ".join("CAST(? AS TEXT)" if _is_odd(v) else "?" for v in row)
        database.execute(f"{start}({marks})", [*_bound(row, encoding)])


def _is_odd(value: Value) -> bool:
    """Is it a text that is not valid in UTF-8?"""
    return isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)


def _bound(row: Row, encoding: str) -> Iterator[Value]:
    """Text that is none goes in as its bytes, which only a database in UTF-8 takes so."""
    for value in row:
        if isinstance(value, str) and _is_odd(value):
            if encoding != "UTF-8":
                raise sqlite3.DataError("half of a character cannot be written in UTF-16")
            yield value.encode("utf-8", "surrogateescape")
        else:
            yield value
