"""Read every row of a database through a project's SQLAlchemy models: what they cannot read."""

from __future__ import annotations

import sqlite3
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, Table, create_engine, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.orm import Mapper, Session, registry
from sqlalchemy.pool import NullPool

from migsafe.model.schema import fold_name
from migsafe.sql.tokens import quoted

Seen = dict[str, str | int]
"""`kind` (unreadable, null, missing), `table`, `column`, `name` (the class of the error), counts of
rows `affected` and in `total`, and `detail`, a text without values."""


_PART = 1000  # objects of a class that are in memory at a time
_TRIED = 10_000  # rows of a class that are loaded one by one, where loading all of them fails


@dataclass(frozen=True, slots=True)
class Mapped:
    """The tables that models describe, and the classes that are mapped to them."""

    tables: tuple[Table, ...]
    mappers: tuple[Mapper[Any], ...]


def mapped_by(target: object) -> Mapped:
    """What a MetaData, a registry, a declarative base or a module with some of them maps.

    Raises what SQLAlchemy raises where mapped classes do not fit together.
    """
    holders = list(vars(target).values()) if isinstance(target, ModuleType) else [target]
    metadata: dict[int, MetaData] = {}
    registries: dict[int, registry] = {}
    for holder in holders:
        for found in (holder, _attribute(holder, "metadata"), _attribute(holder, "registry")):
            if isinstance(found, MetaData):
                metadata[id(found)] = found
            if isinstance(found, registry):
                registries[id(found)] = found
                metadata[id(found.metadata)] = found.metadata
    for known in registries.values():
        known.configure()
    tables = (t for m in metadata.values() for t in m.tables.values())
    mappers = (m for r in registries.values() for m in r.mappers)
    return Mapped(
        tuple(sorted(tables, key=lambda t: t.fullname)),
        tuple(sorted(mappers, key=lambda m: f"{m.class_.__module__}.{m.class_.__qualname__}")),
    )


def _attribute(holder: object, name: str) -> object:
    with suppress(Exception):  # a proxy outside of its context raises whatever it likes
        return getattr(holder, name, None)
    return None


def look(mapped: Mapped, path: str) -> Iterator[Seen]:
    """What the models find missing in the SQLite file, and how many of its rows they cannot read.

    First column by column, through the types; then each mapped class whose tables are well.
    """
    engine = create_engine(URL.create("sqlite", database=path), poolclass=NullPool)
    broken: set[object] = set()
    with engine.connect() as connection:
        for table in mapped.tables:
            seen = list(_table(connection, table))
            if any(s["kind"] != "null" for s in seen):
                broken.add(table)
            yield from seen
    for mapper in mapped.mappers:
        if mapper.inherits is None and not broken.intersection(_tables(mapper)):
            yield from _loaded(engine, mapper)


def _tables(mapper: Mapper[Any]) -> Iterator[object]:
    """The tables of a class, of those that inherit from it, and of what they load with them."""
    for each in mapper.self_and_descendants:
        yield from each.tables
        for relationship in each.relationships:
            yield from relationship.mapper.tables


# -- a table, through its types -----------------------------------------------------------------


def _table(connection: Connection, table: Table) -> Iterator[Seen]:
    known = _columns(connection, table)
    if not known:
        yield _missing(table, "", f"the models read the table {table.fullname}, which is missing")
        return
    there = [c for c in table.columns if fold_name(c.name) in known]
    for column in table.columns:
        if column not in there:
            text = f"the models read {table.fullname}.{column.name}, which is missing"
            yield _missing(table, column.name, text)
    total, nulls = _nulls(connection, table, there)
    for column, count in nulls.items():
        words = f"hold NULL in {table.fullname}.{column.name}, which the models have as NOT NULL"
        yield _rows("null", (table, column.name), "NULL", (count, total), words)
    if not _reads(connection, there):
        for column in there:
            yield from _column(connection, table, column, total)


def _missing(table: Table, column: str, text: str) -> Seen:
    return _rows("missing", (table, column), "", (0, 0), text)


def _rows(
    kind: str, at: tuple[Table, str], name: str, counts: tuple[int, int], detail: str
) -> Seen:
    return {
        "kind": kind,
        "table": at[0].fullname,
        "column": at[1],
        "name": name,
        "affected": counts[0],
        "total": counts[1],
        "detail": detail,
    }


def _columns(connection: Connection, table: Table) -> set[str]:
    """The names (folded) of what the database has; empty where there is no such table or view."""
    schema = f"{quoted(table.schema)}." if table.schema else ""
    query = f"PRAGMA {schema}table_xinfo({quoted(table.name)})"
    try:
        return {fold_name(row[1]) for row in connection.exec_driver_sql(query)}
    except DBAPIError:
        return set()


def _nulls(
    connection: Connection, table: Table, columns: Iterable[Column[Any]]
) -> tuple[int, dict[Column[Any], int]]:
    """How many rows there are, and in how many a column is NULL that must not be."""
    needed = [c for c in columns if not c.nullable]
    terms = ", ".join(["count(*)", *(f"count({quoted(c.name)})" for c in needed)])
    schema = f"{quoted(table.schema)}." if table.schema else ""
    query = f"SELECT {terms} FROM {schema}{quoted(table.name)}"
    total, *filled = connection.exec_driver_sql(query).one()
    counts = zip(needed, filled, strict=True)
    return total, {column: total - count for column, count in counts if count < total}


def _reads(connection: Connection, columns: list[Column[Any]]) -> bool:
    """Does every row come through? One pass over all columns: mostly nothing is wrong."""
    try:
        deque(connection.execute(select(*columns)), maxlen=0)
    except Exception:
        return False
    return True


def _column(
    connection: Connection, table: Table, column: Column[Any], total: int
) -> Iterator[Seen]:
    kind = type(column.type).__name__
    for name, count in sorted(_errors(connection, column, total).items()):
        words = f"cannot be read through {kind}: {table.fullname}.{column.name} raises {name}"
        yield _rows("unreadable", (table, column.name), name, (count, total), words)


def _errors(connection: Connection, column: Column[Any], total: int) -> Counter[str]:
    """By class the errors of a column's values; the type's code fails one row at a time."""
    errors: Counter[str] = Counter()
    try:
        result = connection.execute(select(column))
    except Exception as error:
        return Counter({_name(error): total})
    for _ in range(total):
        try:
            result.fetchone()
        except DBAPIError as error:
            return Counter({_name(error): _undecodable(connection, column)})
        except Exception as error:
            errors[_name(error)] += 1
    result.close()
    return errors


def _name(error: Exception) -> str:
    return type(getattr(error, "orig", None) or error).__name__


def _undecodable(connection: Connection, column: Column[Any]) -> int:
    """The texts that are not UTF-8: the driver gives up at the first of them."""
    driver: Any = connection.connection.driver_connection
    before, driver.text_factory = driver.text_factory, bytes
    try:
        rows = driver.execute(str(select(column).compile(connection))).fetchall()
    except sqlite3.Error:
        return 1
    finally:
        driver.text_factory = before
    return sum(isinstance(value, bytes) and not _is_utf8(value) for (value,) in rows)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# -- a mapped class -----------------------------------------------------------------------------


def _loaded(engine: Engine, mapper: Mapper[Any]) -> Iterator[Seen]:
    """Objects of the class, where loading one takes more than its types: identities, events."""
    table = next((t for t in mapper.tables if isinstance(t, Table)), None)
    with Session(engine) as session:
        try:
            _load_all(session, mapper)
            return
        except Exception as error:
            whole = _name(error)
    if table is None:
        return
    total, errors = _one_by_one(engine, mapper)
    for name, count in sorted((errors or Counter({whole: total})).items()):
        words = f"cannot be loaded as {mapper.class_.__name__}: it raises {name}"
        yield _rows("unreadable", (table, ""), name, (count, total), words)


def _load_all(session: Session, mapper: Mapper[Any]) -> None:
    query = select(mapper.class_)
    try:
        for _ in session.execute(query.execution_options(yield_per=_PART)).partitions():
            session.expunge_all()
    except InvalidRequestError:
        # Collections that are loaded by a join do not come in parts (Session, yield_per).
        session.execute(query).unique().all()


def _one_by_one(engine: Engine, mapper: Mapper[Any]) -> tuple[int, Counter[str]]:
    """How many rows were tried, and by class the errors of loading them."""
    errors: Counter[str] = Counter()
    with Session(engine) as session:
        keys = session.execute(select(*mapper.primary_key).limit(_TRIED)).all()
        for key in keys:
            try:
                session.get(mapper.class_, tuple(key))
            except Exception as error:
                errors[_name(error)] += 1
            session.expunge_all()
    return len(keys), errors
