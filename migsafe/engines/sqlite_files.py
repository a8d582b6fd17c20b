"""Sample files: databases and SQL scripts, gzipped or not, read without touching them."""

from __future__ import annotations

import gzip
import re
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite_memory as memory
from migsafe.engines.sqlite_guard import Inside, TooSlow, stop_after
from migsafe.errors import UnreadableSample
from migsafe.model.migration import Dialect, Statement
from migsafe.sql.split import split

SCRIPT_SECONDS = 120.0
"""How long an SQL script may take to build its database."""

_SIBLINGS = ("-wal", "-journal")
_FATAL = ("malformed", "not a database", "encrypted", "disk i/o error")
_BROKEN_PAGE = re.compile(r"error code|invalid page number|unable to get", re.IGNORECASE)
_VALUES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"(?=:)")


def read_sample(path: Path) -> bytes:
    """The bytes of the sampled database, ready for `clone`.

    `path` is a database (told by its header, not its name) or a `.sql` script, either of them
    with `.gz` behind. A write-ahead log or a rollback journal beside a database is worked in on a
    copy (walformat.html, lockingv3.html#hot_journals). The file is only ever read.
    Raises UnreadableSample, with `place` = path or path:line, for an empty, encrypted, truncated
    or corrupt file and for a script that fails. Rows that break a constraint are no reason: old
    databases have them.
    """
    data, unproven = read_database(path)
    if unproven:
        is_sound(data, path)
    return data


def read_database(path: Path) -> tuple[bytes, bool]:
    """The bytes as `read_sample` gives them, and whether `is_sound` has still to look at them.

    Raises UnreadableSample for what is no database, and for a script that fails.
    """
    raw = _contents(path)
    if _is_script(path):
        return _built(raw, path), False
    _require_database(raw, path)
    return memory.in_rollback_mode(_recovered(path, raw)), True


def _is_script(path: Path) -> bool:
    name = path.name.lower()
    return name.removesuffix(".gz").endswith(".sql")


def _contents(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        if path.suffix.lower() == ".gz" and raw:
            raw = gzip.decompress(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableSample(
            "the sample is not a whole gzip file", place=str(path), hint="compress it again"
        ) from error
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        raise UnreadableSample(f"the sample cannot be read: {reason}", place=str(path)) from error
    if not raw:
        raise UnreadableSample(
            "the sample is empty (0 bytes)", place=str(path), hint="copy it again, or remove it"
        )
    return raw


# -- databases ---------------------------------------------------------------------------------


def _require_database(raw: bytes, path: Path) -> None:
    if not raw.startswith(memory.HEADER):
        raise UnreadableSample(
            "the sample is not a SQLite database, or it is encrypted",
            place=str(path),
            hint="decrypt it before it is sampled; a script must be called .sql",
        )


def _recovered(path: Path, raw: bytes) -> bytes:
    """The database with what its log or journal says; nothing is done beside the original."""
    beside = [p for p in (Path(f"{path}{end}") for end in _SIBLINGS) if _has_content(p)]
    if not beside or path.suffix.lower() == ".gz":
        return raw
    with TemporaryDirectory(prefix="migsafe-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(raw)
        try:
            for sibling in beside:
                shutil.copyfile(sibling, Path(folder) / sibling.name)
            _settle(copy)
            return copy.read_bytes()
        except (sqlite3.Error, OSError) as error:
            raise _corrupt(path, error) from error


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _settle(copy: Path) -> None:
    """Have SQLite work the log into the database, or roll the journal back."""
    with closing(sqlite3.connect(copy, isolation_level=None)) as database:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        database.execute("PRAGMA journal_mode = DELETE").fetchall()


def is_sound(data: bytes, path: Path) -> bool:
    """Does PRAGMA quick_check find nothing wrong with the database?

    False for what is no reason to refuse it, such as a row that breaks a CHECK. Raises
    UnreadableSample for a corrupt file.
    """
    if len(data) < _size_by_header(data):
        raise _corrupt(path, "it is shorter than its header says")
    try:
        with closing(memory.clone(data)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            rows = database.execute("PRAGMA quick_check(100)").fetchall()
    except sqlite3.DatabaseError as error:
        # Functions, modules and collations of the app are missing here: no fault of the file.
        if any(words in str(error).lower() for words in _FATAL):
            raise _corrupt(path, error) from error
        return False
    if any(_BROKEN_PAGE.search(str(row[0])) for row in rows):
        raise _corrupt(path, "a page cannot be read")
    return [tuple(row) for row in rows] == [("ok",)]


def _size_by_header(data: bytes) -> int:
    """The size in bytes that the header gives, 0 where it does not (fileformat2.html, 1.3.8)."""
    size = int.from_bytes(data[16:18], "big")
    page = 65536 if size == 1 else size
    current = data[24:28] == data[92:96]
    return page * int.from_bytes(data[28:32], "big") if current else 0


def _corrupt(path: Path, reason: object) -> UnreadableSample:
    return UnreadableSample(
        f"the sample is corrupt: {_clean(str(reason))}",
        place=str(path),
        hint="copy it again while no app has it open, or remove it",
    )


# -- scripts -----------------------------------------------------------------------------------


def _built(raw: bytes, path: Path) -> bytes:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableSample("the script is not UTF-8 text", place=f"{path}:{line}") from error
    statements = split(text, Dialect.SQLITE, str(path))
    with closing(memory.clone(b"")) as database:
        memory.stub_collations(database, memory.collation_names(text))
        database.execute("PRAGMA foreign_keys = OFF")
        try:
            with stop_after(database, SCRIPT_SECONDS):
                _run(database, statements, path)
        except TooSlow as error:
            reason = f"the script is not done after {SCRIPT_SECONDS:g} s"
            raise UnreadableSample(reason, place=str(path)) from error
        return database.serialize()


def _run(database: sqlite3.Connection, statements: tuple[Statement, ...], path: Path) -> None:
    inside = Inside()
    database.set_authorizer(inside)
    for statement in statements:
        try:
            database.execute(statement.sql).fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            reason = "it reaches for another file" if inside.refused else _clean(str(error))
            place = f"{path}:{statement.span.line}"
            raise UnreadableSample(f"the script fails: {reason}", place=place) from error
    if database.in_transaction:
        database.execute("COMMIT")


def _clean(message: str) -> str:
    """An engine's message in one line, without values of rows."""
    return _VALUES.sub("'...'", message).replace("\n", " ").strip()
