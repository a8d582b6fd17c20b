"""The rows of a server's database as values, and as INSERT statements of its dialect."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from migsafe.engines.session import ServerError, Session
from migsafe.model.content import Content, Row, Value
from migsafe.model.migration import Dialect
from migsafe.model.schema import Schema, Table, fold_name
from migsafe.replay.servers.running import quoted

LIMIT = 50_000
"""Rows of all tables together beyond which a database is not taken apart."""

SEQUENCES = "(sequences)"
"""The name of the content in which PostgreSQL's sequences stand."""

_CHUNK = 100  # rows in one INSERT
_SIMPLE = re.compile(r"[ -~\u00a1-\U0010ffff]*")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "'": "''", "\0": "\\0"}


class TooManyRows(Exception):
    """The database has more rows than are taken apart."""


def contents(
    session: Session, schema: Schema, dialect: Dialect, keep: Iterable[str]
) -> tuple[Content, ...]:
    """The rows of every table, parents before children, and what the sequences have given.

    Tables named in `keep` have only fixed columns. Raises TooManyRows.
    """
    kept = {fold_name(name) for name in keep}
    found = []
    room = LIMIT
    for table in parents_first(schema):
        content = _content(session, table, dialect, fold_name(table.name) in kept)
        room -= len(content.rows)
        if room < 0:
            raise TooManyRows
        found.append(content)
    return (*found, *_sequences(session, dialect))


def parents_first(schema: Schema) -> tuple[Table, ...]:
    """The tables in an order in which each stands behind those that it refers to, where it can."""
    done: dict[str, Table] = {}

    def add(key: str, above: tuple[str, ...]) -> None:
        table = schema.tables.get(key)
        if table is None or key in done or key in above:
            return
        for reference in table.foreign_keys:
            add(fold_name(reference.ref_table), (*above, key))
        done[key] = table

    for key in sorted(schema.tables):
        add(key, ())
    return tuple(done.values())


def qualified(dialect: Dialect, name: str) -> str:
    """A table's name in quotes; on PostgreSQL with its schema, whatever the search path is."""
    if dialect is not Dialect.POSTGRES:
        return quoted(dialect, name)
    schema, dot, table = name.partition(".")
    schema, table = (schema, table) if dot else ("public", name)
    return f"{quoted(dialect, schema)}.{quoted(dialect, table)}"


def _content(session: Session, table: Table, dialect: Dialect, keep: bool) -> Content:
    names = tuple(c.name for c in table.columns if not c.generated)
    fixed = frozenset(names) if keep else frozenset()
    if not names or table.partitioned:
        return Content(table.name, names, (), fixed)
    postgres = dialect is Dialect.POSTGRES
    order = ("ctid",) if postgres else tuple(quoted(dialect, c) for c in table.primary_key)
    by = f" ORDER BY {', '.join(order)}" if order else ""
    listed = ", ".join(quoted(dialect, n) for n in names)
    only = "ONLY " if postgres else ""
    sql = f"SELECT {listed} FROM {only}{qualified(dialect, table.name)}{by}"
    return Content(table.name, names, tuple(tuple(row) for row in session.execute(sql)), fixed)


def _sequences(session: Session, dialect: Dialect) -> Iterator[Content]:
    if dialect is not Dialect.POSTGRES:
        return
    rows: list[Row] = []
    for (name,) in session.execute(_SEQUENCES):
        try:
            last, called = session.execute(f"SELECT last_value, is_called FROM {name}")[0]
        except ServerError:
            continue  # of an extension, and not ours to read
        if called:
            rows.append((str(name), int(last)))
    yield Content(SEQUENCES, ("name", "last_value"), tuple(rows), frozenset({"name"}))


_SEQUENCES = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'S' AND n.nspname !~ '^pg_'
 ORDER BY 1
"""


# -- text -----------------------------------------------------------------------------------------


def inserts(
    found: Iterable[Content], schema: Schema, dialect: Dialect, chunk: int = 1
) -> Iterator[str]:
    """The statements that write these rows, each with its semicolon, `chunk` rows in each."""
    for content in found:
        if content.table == SEQUENCES:
            for name, last in content.rows:
                listed = f"{literal(name, dialect)}, {literal(last, dialect)}"
                yield f"SELECT pg_catalog.setval({listed});"
            continue
        table = schema.tables[fold_name(content.table)]
        always = any(c.identity == "always" for c in table.columns)
        how = " OVERRIDING SYSTEM VALUE" if always else ""
        names = ", ".join(quoted(dialect, n) for n in content.columns)
        start = f"INSERT INTO {qualified(dialect, content.table)} ({names}){how} VALUES"
        for at in range(0, len(content.rows), chunk):
            rows = content.rows[at : at + chunk]
            yield f"{start} {', '.join(_tuple(row, dialect) for row in rows)};"


def _tuple(row: Sequence[Value], dialect: Dialect) -> str:
    return f"({', '.join(literal(value, dialect) for value in row)})"


def literal(value: Value, dialect: Dialect) -> str:
    """The value as the dialect writes it, so that the server reads the same one."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return _bytes(value, dialect)
    if isinstance(value, (float, Decimal)):
        shown = format(value, "f") if isinstance(value, Decimal) else repr(value)
        return shown if math.isfinite(value) else _text(str(value), dialect)
    return str(value) if isinstance(value, int) else _text(value, dialect)


def _bytes(value: bytes, dialect: Dialect) -> str:
    if dialect is Dialect.POSTGRES:
        return f"'\\x{value.hex()}'"
    return f"x'{value.hex()}'" if value else "''"


def _text(value: str, dialect: Dialect) -> str:
    plain = _SIMPLE.fullmatch(value) is not None
    if dialect is Dialect.POSTGRES and plain:
        return "'" + value.replace("'", "''") + "'"
    text = "".join(_ESCAPES.get(c, c) for c in value)
    return f"{'E' if dialect is Dialect.POSTGRES else ''}'{text}'"
