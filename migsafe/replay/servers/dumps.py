"""Load a plain SQL dump (pg_dump, mysqldump, or written by hand) into an empty database."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migsafe.engines.postgres_archive import folder_bytes, is_archive
from migsafe.engines.postgres_session import first_word
from migsafe.engines.session import ServerError, Session
from migsafe.errors import UnreadableSample
from migsafe.model.migration import Dialect, Statement
from migsafe.replay.servers.running import told
from migsafe.sql.split import split

ARCHIVES = (".dump", ".pgdump", ".tar")
"""Suffixes of what pg_dump writes besides SQL; any of them may also hold SQL."""
_COPY = re.compile(r"COPY\b[^;]*\bFROM\s+STDIN\b", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?:USE|(?:CREATE|DROP|ALTER)\s+(?:DATABASE|SCHEMA))\b", re.IGNORECASE)
_RIGHTS = re.compile(
    r"(?:GRANT|REVOKE|ALTER\s+DEFAULT\s+PRIVILEGES|COMMENT\s+ON\s+EXTENSION|SET|LOCK|UNLOCK)\b"
    r"|ALTER\b.*\bOWNER\s+TO\b|/\*!",
    re.IGNORECASE | re.DOTALL,
)
"""What may fail: roles, settings and rights of another server are not part of the data."""


def read(path: Path, name: str) -> bytes:
    """The dump's bytes. Raises UnreadableSample."""
    try:
        if path.is_dir():
            return folder_bytes(path)
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise UnreadableSample(reason, place=name) from error
    except (EOFError, zlib.error) as error:
        raise UnreadableSample("the sample is not a whole gzip file", place=name) from error


def load(session: Session, data: bytes, dialect: Dialect, name: str) -> None:
    """Run the dump's statements in the session. Raises UnreadableSample with the line that fails.

    What names another database is passed over, and so are the errors of roles and settings.
    """
    if is_archive(data):
        raise UnreadableSample("it is an archive of PostgreSQL's pg_dump, not SQL", place=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableSample("the dump is not UTF-8 text", place=name) from error
    lines: list[str] = []
    for statement in split(text, dialect, name):
        if _passed_over(statement, dialect):
            continue
        if dialect is Dialect.POSTGRES and _COPY.match(statement.sql):
            lines = lines or text.splitlines(keepends=True)
            _copy(session, statement, lines, name)
        else:
            _run(session, statement, name)


def _passed_over(statement: Statement, dialect: Dialect) -> bool:
    """CREATE SCHEMA makes a database in MySQL only."""
    found = _ELSEWHERE.match(statement.sql)
    if found is None:
        return False
    return dialect is Dialect.MYSQL or "SCHEMA" not in found[0].upper()


def _run(session: Session, statement: Statement, name: str) -> None:
    try:
        session.execute(statement.sql)
    except ServerError as error:
        if _RIGHTS.match(statement.sql) and first_word(statement.sql) != "COPY":
            return
        raise _unreadable(error, statement, name) from error


def _copy(session: Any, statement: Statement, lines: list[str], name: str) -> None:
    try:
        session.copy_in(statement.sql, _rows(lines, statement.span.end_line))
    except ServerError as error:
        raise _unreadable(error, statement, name) from error


def _rows(lines: list[str], at: int) -> Iterator[bytes]:
    """The lines behind the statement, up to the one that is a backslash and a dot."""
    for line in lines[at:]:
        if line.rstrip() == "\\.":
            return
        yield line.rstrip("\r\n").encode() + b"\n"


def _unreadable(error: ServerError, statement: Statement, name: str) -> UnreadableSample:
    return UnreadableSample(
        f"the server refuses the sample: {told(error)}",
        place=f"{name}:{statement.span.line}",
        hint="is the dump whole, and has the server the extensions that it needs?",
    )
