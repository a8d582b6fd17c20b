"""A session on MariaDB or MySQL through PyMySQL, which is pure Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from migsafe.engines.servers import Address, NoServer, plugged
from migsafe.engines.session import Rows, ServerError, time_limit

_INTEGERS = (1, 2, 3, 8, 9, 13)  # TINY, SHORT, LONG, LONGLONG, INT24, YEAR: column types
_IN_TRANSACTION = 1  # SERVER_STATUS_IN_TRANS (protocol, status flags)
_LOST = frozenset({1053, 1927, 2006, 2013, 2014, 2055})  # shutdown, killed, gone, lost
_RAISED = frozenset({1643, 1644, 1645})  # SIGNAL and RESIGNAL say what their code likes
_SYNTAX = frozenset({1064, 1149})
_NAMED = frozenset({
    1046, 1048, 1049, 1050, 1051, 1054, 1060, 1061, 1068, 1072, 1091, 1146, 1171, 1205, 1213, 1214,
    1215, 1216, 1217, 1235, 1264, 1265, 1305, 1317, 1359, 1360, 1364, 1406, 1451, 1452, 1553, 1813,
    1822, 1824, 1826, 1828, 1829, 1830, 1832, 1833, 1834, 1845, 1846, 1847, 3780, 3819, 3820, 4025,
    4161,
})  # fmt: skip
"""Errors whose quoted words are names of the schema only (errmsg-utf8.txt of MariaDB 10.11)."""

_KEY = re.compile(r"for key '([^']*)'\Z")
_COLUMN = re.compile(r"for column ((?:`[^`]*`\.)*`[^`]*`|'[^']*')(?= at row \d+\Z)")
_DUPLICATE = frozenset({1062, 1586})
_AT_LINE = re.compile(r"at line \d+\Z")
_IN_QUOTES = re.compile(r"'.*'", re.DOTALL)


class MysqlSession:
    """One connection; see `Session`."""

    def __init__(self, address: Address, database: str) -> None:
        """Connect. Raises NoServer where the server or the database does not let us in."""
        import pymysql  # noqa: PLC0415 - an extra

        self._error = pymysql.err.MySQLError
        self._address = address
        self.database = database
        self.columns: tuple[str, ...] = ()
        try:
            self._connection = pymysql.connect(
                host=address.host or None,
                unix_socket=address.socket or None,
                defer_connect=True,
                user=address.user,
                password=address.password,
                database=database or None,
                charset="utf8mb4",
                autocommit=True,
                conv=_converters(),
                ssl_disabled=address.tls is False,
            )
            self._connection.connect(plugged(address))
        except (self._error, OSError, RuntimeError) as error:
            code = error.args[0] if error.args else 0
            told = f"refuses (error {code})" if code in {1044, 1045, 1049, 1698} else "is not there"
            raise NoServer(f"the MySQL or MariaDB server at {address.shown} {told}") from None
        self._closed = False
        self.id = self._connection.thread_id()

    def in_transaction(self) -> bool:
        """Is a transaction open?"""
        return bool(self._connection.server_status & _IN_TRANSACTION)

    def execute(self, sql: str, seconds: float | None = None) -> Rows:
        """Run one statement as it stands: without arguments PyMySQL interprets nothing."""
        with time_limit(self.cancel, seconds):
            return self._run(sql)

    def _run(self, sql: str) -> Rows:
        if self._closed:
            raise ServerError("2006", "the connection is closed", lost=True)
        self.columns = ()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                self.columns = tuple(str(c[0]) for c in cursor.description or ())
                rows = list(cursor.fetchall())
                while cursor.nextset():  # a procedure that is called gives several
                    pass
                return rows
        except self._error as error:
            raise self._failed(error.args) from None
        except (OSError, UnicodeError, RuntimeError):
            self.close()
            raise ServerError("2013", "the server closed the connection", lost=True) from None

    def _failed(self, told: tuple[Any, ...]) -> ServerError:
        number = told[0] if told and isinstance(told[0], int) else 0
        lost = number in _LOST or number == 0
        if lost:
            self.close()
        message = "the server closed the connection" if lost else cleaned(number, str(told[1]))
        return ServerError(str(number), _without(self.database, message), lost=lost)

    def cancel(self) -> None:
        """Stop what runs here, through a connection of its own."""
        with suppress(NoServer, ServerError):
            other = MysqlSession(self._address, "")
            try:
                other.execute(f"KILL QUERY {self.id}")
            finally:
                other.close()

    def close(self) -> None:
        """End the connection."""
        if not self._closed:
            self._closed = True
            with suppress(self._error, OSError):
                self._connection.close()


def _converters() -> Mapping[int, Callable[[str], Any]]:
    """Types that cannot fail to convert; dates stay text, as MySQL knows the day 0000-00-00."""
    known: dict[int, Callable[[str], Any]] = dict.fromkeys(_INTEGERS, int)
    known.update({4: float, 5: float, 0: Decimal, 246: Decimal})  # FLOAT, DOUBLE, (NEW)DECIMAL
    return known


def _without(database: str, message: str) -> str:
    """Names without the database of ours that they lie in: it is called otherwise in every run."""
    if not database:
        return message
    return message.replace(f"`{database}`.", "").replace(f"'{database}.", "'")


def cleaned(number: int, message: str) -> str:
    """The message of that error without values of rows.

    Only the errors of `_NAMED` quote nothing but names; of the others stays what they say about a
    key or a column.
    """
    if number in _RAISED:
        return "SIGNAL raised an exception"
    if number in _NAMED:
        return message
    if number in _SYNTAX:
        place = _AT_LINE.search(message)
        return " ".join(["syntax error", place[0]] if place else ["syntax error"])
    # At the very end only what the server adds can stand: a value is followed by its quote.
    subject = (_KEY if number in _DUPLICATE else _COLUMN).search(message)
    start, _, rest = message.partition("'")
    if subject:
        return f"{start.rstrip(' :')} {subject[0]}"
    return _IN_QUOTES.sub("'...'", f"{start}'{rest}") if rest else message
