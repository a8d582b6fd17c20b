"""SQLite: read a sample, clone it in memory, run what is not trusted, stop what takes too long."""

from __future__ import annotations

from migsafe.engines.sqlite_files import is_sound, read_database, read_sample
from migsafe.engines.sqlite_guard import TooSlow, looks, outside, read_only, stop_after
from migsafe.engines.sqlite_memory import attached_old, clone, empty, version, write_clone

__all__ = [
    "TooSlow",
    "attached_old",
    "clone",
    "empty",
    "is_sound",
    "looks",
    "outside",
    "read_database",
    "read_only",
    "read_sample",
    "stop_after",
    "version",
    "write_clone",
]
