"""One connection to a database server: a statement at a time, stopped where it takes too long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from migsafe.engines.sqlite_guard import TooSlow

__all__ = ["Rows", "ServerError", "Session", "TooSlow", "time_limit"]

Rows = Sequence[tuple[Any, ...]]


class ServerError(Exception):
    """A statement failed. Nothing in it is a value of a row.

    `code` is the SQLSTATE on PostgreSQL ("23505") and the error number on MariaDB and MySQL
    ("1062"); `position` the 1-based character of the statement, 0 for unknown; the names are those
    that the server tells, "" where it tells none. `lost`: the connection is gone.
    """

    def __init__(
        self,
        code: str,
        message: str,
        position: int = 0,
        names: tuple[str, str, str] = ("", "", ""),
        lost: bool = False,
    ) -> None:
        super().__init__(code, message, position, names, lost)
        self.code = code
        self.message = message
        self.position = position
        self.table, self.column, self.constraint = names
        self.lost = lost

    def __str__(self) -> str:
        return self.message


class Session(Protocol):
    """A connection in autocommit mode, as the server's own client would open it.

    `columns` are the names of the columns that the last statement gave, () for none.
    """

    columns: tuple[str, ...]

    @property
    def database(self) -> str:
        """The database it was opened in."""

    def in_transaction(self) -> bool:
        """Is a transaction open, be it a failed one?"""

    def execute(self, sql: str, seconds: float | None = None) -> Rows:
        """Run one statement as it stands: nothing in it is a parameter. Its rows, [] for none.

        Numbers, booleans and bytes come as such, everything else as text. Raises ServerError, and
        TooSlow after that many seconds.
        """

    def cancel(self) -> None:
        """Stop what runs on this connection; for another thread."""

    def close(self) -> None:
        """End the connection, with its transaction. Closing twice does nothing."""


@contextmanager
def time_limit(cancel: Callable[[], None], seconds: float | None) -> Iterator[None]:
    """Cancel what runs inside when the time is over. Raises TooSlow.

    What ends on its own in the same moment is never hit: the cancelling is waited for.
    """
    if seconds is None:
        yield
        return
    fired = threading.Event()
    running = threading.Lock()
    over = False

    def stop() -> None:
        with running:
            if not over:
                fired.set()
                cancel()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except ServerError as error:
        if fired.is_set():
            raise TooSlow from error
        raise
    finally:
        timer.cancel()
        with running:
            over = True
    if fired.is_set():
        raise TooSlow
