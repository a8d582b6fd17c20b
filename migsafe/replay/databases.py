"""Read the sampled databases, all processors at once, and let SQLite look at each one once."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from migsafe import store
from migsafe.engines import sqlite as engine
from migsafe.errors import UnreadableSample

_MARK = b"sound"


@dataclass(frozen=True, slots=True)
class Database:
    """A readable sample file: its name for people, its bytes, their SHA-256 in hex.

    `sound`: PRAGMA quick_check finds nothing wrong with it; None: it has not been asked.
    """

    name: str
    data: bytes
    digest: str
    sound: bool | None = False


Found = Database | UnreadableSample


def databases(paths: Sequence[Path], root: Path) -> Iterator[tuple[Path, Found]]:
    """Each file with its database, or with why it cannot be read, in the order of the paths.

    What SQLite said of the same bytes before is in the cache.
    """
    # Reading, hashing and SQLite's own look at the pages all run without Python's lock.
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        read = tuple(threads.map(lambda path: _read(path, root), paths))
        asked = [d for d in read if isinstance(d, Database) and d.sound is None]
        mark = _MARK + sqlite3.sqlite_version.encode()
        known = store.load((d.digest for d in asked), mark)
        proven = tuple(
            threads.map(lambda at: _proven(at[0], at[1], known), zip(read, paths, strict=True))
        )
    fresh = {d.digest: d.sound for d in proven if isinstance(d, Database) and d.sound and d.digest}
    new = {digest: sound for digest, sound in fresh.items() if digest not in known}
    if new:
        store.save(new, mark)
    yield from zip(paths, proven, strict=True)


def _read(path: Path, root: Path) -> Found:
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    try:
        data, unproven = engine.read_database(path)
    except UnreadableSample as error:
        return _named(error, path, name)
    digest = hashlib.sha256(data).hexdigest()
    return Database(name, data, digest, None if unproven else False)


def _named(error: UnreadableSample, path: Path, name: str) -> UnreadableSample:
    place = name if not error.place else name + error.place[len(str(path)) :]
    named = UnreadableSample(error.message, place=place, hint=error.hint)
    named.__cause__ = error
    return named


def _proven(found: Found, path: Path, known: dict[str, object]) -> Found:
    if isinstance(found, UnreadableSample) or found.sound is not None:
        return found
    if known.get(found.digest) is True:
        return replace(found, sound=True)
    try:
        return replace(found, sound=engine.is_sound(found.data, path))
    except UnreadableSample as error:
        return _named(error, path, found.name)
