"""Samples: the old databases that users still have."""

from __future__ import annotations

from dataclasses import dataclass

BASE = "base"
"""The version of a database that has had no migration yet."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled old database.

    `path` is where the user's file lies (relative to the project); `revision` the last migration
    it has had, None for a database before the first one; `weight` the number of devices it stands
    for; `data` the database's bytes, `digest` their SHA-256 in hex; `tracked` whether the
    database itself says its version (a version table, PRAGMA user_version), so that a second
    launch can read it again; `sound` that SQLite found nothing wrong with the data
    (PRAGMA quick_check).
    """

    path: str
    revision: str | None
    data: bytes
    digest: str
    weight: float = 1.0
    tracked: str = ""  # "" | "table" | "user_version"
    sound: bool = False
