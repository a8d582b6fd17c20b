"""The server of a dialect, found or started when it is first needed and once for a run."""

from __future__ import annotations

import atexit
import os

from migsafe.engines.servers import Server
from migsafe.model.migration import Dialect

_RUNNING: dict[tuple[int, Dialect, str], Server] = {}
"""By process too: a forked child does not use its parent's sessions."""


def server(dialect: Dialect, dsn: str = "") -> Server:
    """The server for that dialect: the user's at `dsn`, else one of our own.

    It is closed at the end of this process. Raises NoServer where none can be had, ConfigError for
    a dsn that cannot be read and ValueError for SQLite, which has no server.
    """
    key = (os.getpid(), dialect, dsn)
    if key not in _RUNNING:
        _RUNNING[key] = _opened(dialect, dsn)
        atexit.register(_RUNNING[key].close)
    return _RUNNING[key]


def _opened(dialect: Dialect, dsn: str) -> Server:
    from migsafe.engines import mysql, postgres  # noqa: PLC0415 - only who asks needs them

    if dialect is Dialect.POSTGRES:
        return postgres.open_server(dsn)
    if dialect is Dialect.MYSQL:
        return mysql.open_server(dsn)
    raise ValueError("SQLite has no server")
