"""Chance and the clock, the same in every replay: equal input must give an equal report.

random() and randomblob() follow a sequence that begins anew with every sample, and 'now' is noon of
the day of the check. CURRENT_TIMESTAMP, CURRENT_DATE and CURRENT_TIME are calls of functions of
these names (SQLite, date.c), which are replaced like the others.
"""

from __future__ import annotations

import atexit
import itertools
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, lru_cache, partial

_NOW = re.compile(
    r"'now'|\bcurrent_(?:timestamp|date|time)\b|\b(?:date|time|datetime|julianday|unixepoch)\s*\(\s*\)"
    r"|\bstrftime\s*\(\s*(?:'[^']*'|\"[^\"]*\")\s*\)",
    re.IGNORECASE,
)
_KEYWORDS = {"current_timestamp": "datetime", "current_date": "date", "current_time": "time"}
_CLOCKS = ("date", "time", "datetime", "julianday", "unixepoch", "strftime")
_Value = str | bytes | int | float | None
_launches: Iterator[int] = itertools.count()


def begin() -> None:
    """A sample's replays begin: each launch draws from a sequence of its own, the same each time.

    A launch after a kill must not draw what the killed one has stored.
    """
    global _launches  # noqa: PLW0603 - the count is of this process, as its replays are
    _launches = itertools.count()


def freeze(database: sqlite3.Connection, now: str, *texts: str) -> None:
    """Replace chance, and where a text or the schema asks for it the clock, on this connection.

    `now` is a UTC time such as "2026-11-23 12:00:00"; "" leaves the clock alone.
    """
    source = random.Random(next(_launches))  # noqa: S311 - it is meant to be foreseen
    # A function cannot be replaced while a statement of the connection runs.
    with suppress(sqlite3.OperationalError):
        database.create_function("random", 0, lambda: source.getrandbits(64) - (1 << 63))
        database.create_function("randomblob", 1, lambda n: source.randbytes(max(int(n or 0), 1)))
        if now and (any(map(reads_clock, texts)) or _schema_reads_clock(database)):
            for name in _CLOCKS:
                # deterministic: an index or a generated column may use them
                database.create_function(name, -1, _clock(name, now), deterministic=True)
            for name, like in _KEYWORDS.items():
                # not deterministic: ADD COLUMN refuses them as a default, as it should
                database.create_function(name, 0, partial(_clock(like, now), now))


@lru_cache(maxsize=10_000)
def reads_clock(text: str) -> bool:
    """Does the SQL ask for the time of the day it runs?"""
    return _NOW.search(text) is not None


def _schema_reads_clock(database: sqlite3.Connection) -> bool:
    query = (
        "SELECT sql FROM sqlite_master"
        " WHERE sql LIKE '%now%' OR sql LIKE '%()%' OR sql LIKE '%current_%'"
    )
    try:
        return any(reads_clock(str(sql)) for (sql,) in database.execute(query))
    except sqlite3.Error:
        return False


def _clock(name: str, now: str) -> Callable[..., _Value]:
    """The built-in function of that name, for which it is always `now`."""
    format_first = int(name == "strftime")

    def told(*given: _Value) -> _Value:
        values = [now if isinstance(v, str) and v.lower() == "now" else v for v in given]
        if len(values) == format_first:
            values.append(now)
        marks = ", ".join("?" * len(values))
        row: tuple[_Value] = _built_in().execute(f"SELECT {name}({marks})", values).fetchone()
        return row[0]

    return told


@cache
def _built_in() -> sqlite3.Connection:
    """A database whose functions nobody has replaced."""
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    atexit.register(database.close)
    return database
