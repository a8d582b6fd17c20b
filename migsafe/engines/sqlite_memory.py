"""Databases in memory: clones of a sample's bytes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

HEADER = b"SQLite format 3\x00"
"""The first 16 bytes of every database that is not empty (fileformat2.html, section 1.2)."""

_BUILT_IN = {"binary", "nocase", "rtrim"}
_SMALL = 200_000  # bytes
_ANDROID = ("LOCALIZED", "UNICODE")
_COLLATE = re.compile(r"\bcollate\s+(?:([\"'`\[])([^\"'`\]]+)[\"'`\]]|(\w+))", re.IGNORECASE)


def version() -> str:
    """The version of the SQLite library that runs here, such as "3.40.1"."""
    return sqlite3.sqlite_version


@cache
def empty() -> bytes:
    """The bytes of a database without any object: one page."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        # An in-memory database has no page, and nothing to serialise, before its first write.
        database.execute("PRAGMA user_version = 0")
        return database.serialize()


def clone(data: bytes) -> sqlite3.Connection:
    """An in-memory database with these contents (b"": an empty one), in autocommit mode.

    It can grow to SQLite's limit for such databases, 1 GiB by default
    (c3ref/c_deserialize_freeonclose.html). Collations that are not built in, among them Android's
    LOCALIZED and UNICODE, compare by code point; functions that an app registers stay unknown.
    The caller closes it. Raises sqlite3.Error for bytes that are no database.
    """
    database = sqlite3.connect(":memory:", isolation_level=None)
    try:
        database.deserialize(in_rollback_mode(data) if data else empty())
        stub_collations(database, _ANDROID)
        if _may_collate(data):
            stub_collations(database, _collations(database, "main"))
    except BaseException:
        database.close()
        raise
    return database


def in_rollback_mode(data: bytes) -> bytes:
    """The same database, marked as one without a write-ahead log.

    A database in memory cannot have a log: bytes 18 and 19 must be 1, not 2
    (fileformat2.html, section 1.3.3).
    """
    if data[18:20] == b"\x01\x01":
        return data
    return data[:18] + b"\x01\x01" + data[20:]


def collation_names(sql: str) -> set[str]:
    """The collations named in SQL text that SQLite does not have itself."""
    found = {match[2] or match[3] for match in _COLLATE.finditer(sql)}
    return {name for name in found if name.lower() not in _BUILT_IN}


def _may_collate(data: bytes) -> bool:
    """Could the schema name a collation? Looking at a small file's bytes is faster than asking."""
    return len(data) > _SMALL or b"collate" in data.lower()


def _collations(database: sqlite3.Connection, schema: str) -> set[str]:
    query = f"SELECT sql FROM {schema}.sqlite_master WHERE sql LIKE '%collate%'"
    try:
        texts = database.execute(query).fetchall()
    except sqlite3.Error:
        return set()  # whoever reads the database next is told what is wrong with it
    return set().union(*(collation_names(str(text)) for (text,) in texts))


def stub_collations(database: sqlite3.Connection, names: Iterable[str]) -> None:
    """Register plain comparisons under these names."""
    for name in sorted(names):
        database.create_collation(name, _compare)


def _compare(a: str, b: str) -> int:
    return (a > b) - (a < b)


def write_clone(data: bytes, path: Path) -> None:
    """Write the database to a new file. Raises OSError where that cannot be."""
    path.write_bytes(in_rollback_mode(data) if data else empty())


@contextmanager
def attached_old(connection: sqlite3.Connection, data: bytes) -> Iterator[None]:
    """A pristine copy of `data` as the schema `old` on the connection, for as long as it lasts.

    The connection must not be in a transaction, neither before nor after: SQLite can then not
    detach (lang_detach.html). What is still to be read from `old` is lost at the end.
    """
    connection.execute("ATTACH ':memory:' AS old")
    try:
        connection.deserialize(in_rollback_mode(data) if data else empty(), name="old")
        stub_collations(connection, _collations(connection, "old"))
        yield
    finally:
        connection.execute("DETACH old")
