"""A server's rows in a small SQLite database, on which the checks of rows are made."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal

from migsafe.engines.session import ServerError, Session
from migsafe.model.migration import Dialect
from migsafe.model.schema import Column, ForeignKey, Schema, Table, fold_name
from migsafe.replay.servers.running import named
from migsafe.replay.servers.running import quoted as quoted_there
from migsafe.sql.tokens import quoted

LIMIT = 200_000
"""Rows of all tables together that a mirror takes."""

_INTEGERS = frozenset({
    "smallint", "integer", "bigint", "tinyint", "mediumint", "int", "serial", "bigserial",
})  # fmt: skip
_LONGEST = 2**63
_UNREADABLE = "the server refuses to read them"


@dataclass(frozen=True, slots=True)
class Mirror:
    """The bytes of the SQLite database, and the tables that are not in it, each with the reason."""

    data: bytes
    left_out: tuple[tuple[str, str], ...] = ()


def mirror(
    session: Session, schema: Schema, dialect: Dialect, ignore: Iterable[str] = ()
) -> Mirror:
    """Every table of the schema with its rows: keys and references declared, JSON in one spelling.

    Tables named in `ignore` are left out; so are those beyond the `LIMIT` of rows, which are told.
    """
    hidden = {fold_name(name) for name in ignore}
    left: list[tuple[str, str]] = []
    room = LIMIT
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        copy.execute("PRAGMA foreign_keys = OFF")
        copy.execute("PRAGMA user_version = 1")  # without any page there is nothing to serialize
        copy.execute("BEGIN")
        for key, table in sorted(schema.tables.items()):
            if key in hidden or not table.columns:
                continue
            count = _count(session, table, dialect)
            if count is None or count > room:
                left.append((table.name, _UNREADABLE if count is None else too_many()))
                continue
            room -= count
            copy.execute(_definition(table))
            _fill(copy, session, table, dialect)
        copy.execute("COMMIT")
        return Mirror(copy.serialize(), tuple(left))


def too_many() -> str:
    """Why a table beyond the limit is left out."""
    return f"more than {LIMIT:,} rows of all tables together are not compared"


def _count(session: Session, table: Table, dialect: Dialect) -> int | None:
    try:
        return int(session.execute(f"SELECT count(*) FROM {named(dialect, table.name)}")[0][0])
    except ServerError:
        return None


def _shown(table: Table) -> list[Column]:
    return [c for c in table.columns if not c.generated]


def _definition(table: Table) -> str:
    parts = [_column(c, table) for c in _shown(table)]
    key = table.primary_key
    if key:
        parts.append(f"PRIMARY KEY ({_listed(key)})")
    parts += [_reference(f) for f in table.foreign_keys]
    return f"CREATE TABLE {quoted(table.name)} ({', '.join(parts)})"


def _column(column: Column, table: Table) -> str:
    kind = column.type.lower().partition("(")[0].split(" unsigned")[0].strip()
    whole = "INTEGER" if kind in _INTEGERS and len(table.primary_key) == 1 else ""
    declared = whole if column.primary_key else ""
    needed = " NOT NULL" if column.not_null else ""
    return f"{quoted(column.name)} {declared}{needed}"


def _reference(key: ForeignKey) -> str:
    parent = f" ({_listed(key.ref_columns)})" if key.ref_columns else ""
    return f"FOREIGN KEY ({_listed(key.columns)}) REFERENCES {quoted(key.ref_table)}{parent}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))


def _fill(copy: sqlite3.Connection, session: Session, table: Table, dialect: Dialect) -> None:
    columns = _shown(table)
    names = ", ".join(quoted_there(dialect, c.name) for c in columns)
    rows = session.execute(f"SELECT {names} FROM {named(dialect, table.name)}")
    marks = ", ".join("?" * len(columns))
    copy.executemany(
        f"INSERT OR IGNORE INTO {quoted(table.name)} VALUES ({marks})",
        ([plain(value) for value in row] for row in rows),
    )


def plain(value: object) -> object:
    """The value as SQLite can hold it: equal values of other types or spellings become the same."""
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if -_LONGEST <= value < _LONGEST else str(value)
    if isinstance(value, str):
        return _one_spelling(value) if value[:1] in {"{", "["} else value.replace("\0", "")
    return value


def _number(value: Decimal) -> object:
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value() and abs(value) < _LONGEST:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value.normalize())


def _one_spelling(text: str) -> str:
    """JSON without the differences of spelling that jsonb does not keep (datatype-json.html)."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
