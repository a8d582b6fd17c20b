"""A cache of what reading a migration file or replaying a sample gave, by the hash of the content.

Reading is most of the time of `lint` on a long history, replaying most of that of `check`, and what
has shipped does not change. No value of a sample's rows is kept. The cache is one SQLite file in
the user's cache folder; it is never needed, and safe to delete.
MIGSAFE_CACHE names another folder, or "off".
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from migsafe import __version__
from migsafe.model.migration import Dialect, Feature, Operation

Read = tuple[tuple[tuple[Operation, ...], tuple[Feature, ...]], ...]
"""Operations and features of each statement of one file."""

_LIMIT = 64_000_000  # bytes: a larger file is started anew
_SUM = 16  # bytes of the checksum before each value
_WAIT = 0.2  # seconds to wait for another process


def folder() -> Path | None:
    """Where the cache lies; None where there is to be none."""
    chosen = os.environ.get("MIGSAFE_CACHE", "")
    if chosen:
        return None if chosen == "off" else Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = str(Path(home) / "Library/Caches") if (home := os.environ.get("HOME", "")) else ""
    else:
        home = os.environ.get("HOME", "")
        base = os.environ.get("XDG_CACHE_HOME", "") or (f"{home}/.cache" if home else "")
    return Path(base) / "migsafe" if base else None


def reader_mark(dialect: Dialect) -> bytes:
    """What reading depends on besides the text: dialect, versions, our own readers."""
    mark = hashlib.blake2b(f"{__version__} {dialect}".encode(), digest_size=16)
    for path in _sources():
        mark.update(f"{path} {path.stat().st_mtime_ns}".encode())
    return mark.digest()


def _sources() -> Iterator[Path]:
    here = Path(__file__).parent
    yield from sorted((here / "sql").glob("*.py"))
    yield from sorted((here / "model").glob("*.py"))
    library = find_spec("sqlglot")
    if library and library.origin:
        yield Path(library.origin)


@cache
def code_mark() -> bytes:
    """What any result of this package depends on: its version and its own files, and sqlglot."""
    mark = hashlib.blake2b(__version__.encode(), digest_size=16)
    for path in sorted(_below(os.path.dirname(__file__))):  # noqa: PTH120 - runs at every start
        status = os.stat(path)  # noqa: PTH116
        mark.update(f"{path} {status.st_mtime_ns} {status.st_size}".encode())
    mark.update(_sqlglot().encode())
    return mark.digest()


def _below(folder: str) -> Iterator[str]:
    """The files of a package: its modules, and the data beside them."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name not in {"__pycache__", "_rules"}:
                    yield from _below(entry.path)
            else:
                yield entry.path


def _sqlglot() -> str:
    library = find_spec("sqlglot")
    if library is None or library.origin is None:
        return ""
    return f"{library.origin} {os.stat(library.origin).st_mtime_ns}"  # noqa: PTH116


def load(digests: Iterable[str], mark: bytes) -> dict[str, Any]:
    """What is known of the files with these digests; nothing where the cache cannot be used."""
    found: dict[str, Any] = {}
    database = _opened()
    if database is None:
        return found
    query = "SELECT value FROM read WHERE key = ?"
    with closing(database), suppress(sqlite3.Error):
        for digest in digests:
            row = database.execute(query, (_key(digest, mark),)).fetchone()
            if row:
                value = _unpacked(row[0])
                if value is not None:
                    found[digest] = value
    return found


def _packed(value: object) -> bytes:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return hashlib.blake2b(data, digest_size=_SUM).digest() + data


def _unpacked(blob: object) -> Any:
    """The value, None for an entry that is damaged: it is never even unpickled."""
    if not isinstance(blob, bytes):
        return None
    total, data = blob[:_SUM], blob[_SUM:]
    if hashlib.blake2b(data, digest_size=_SUM).digest() != total:
        return None
    return pickle.loads(data)  # noqa: S301 - written by us, into a folder of mode 0700


def save(items: Mapping[str, object], mark: bytes) -> None:
    """Keep what was read of these files; does nothing where the cache cannot be used."""
    database = _opened()
    if database is None:
        return
    with closing(database), suppress(sqlite3.Error):
        database.execute("BEGIN")
        database.executemany(
            "INSERT OR REPLACE INTO read VALUES (?, ?)",
            ((_key(digest, mark), _packed(value)) for digest, value in items.items()),
        )
        database.execute("COMMIT")


def load_value(name: str) -> Any:
    """The value kept under this name, None where there is none."""
    found = load([name], b"")
    return found.get(name)


def save_value(name: str, value: object) -> None:
    """Keep a value that can be pickled under a name that says everything it depends on."""
    save({name: value}, b"")


def _key(digest: str, mark: bytes) -> bytes:
    return hashlib.blake2b(digest.encode() + mark, digest_size=20).digest()


def _opened() -> sqlite3.Connection | None:
    """The cache, or None: an unwritable folder or a busy file only costs time."""
    place = folder()
    if place is None:
        return None
    path = place / "read.db"
    with suppress(OSError, sqlite3.Error):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LIMIT:
            path.unlink()
        database = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = OFF")
            database.execute(
                "CREATE TABLE IF NOT EXISTS read (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
            )
        except sqlite3.Error:
            database.close()
            raise
        return database
    return None
