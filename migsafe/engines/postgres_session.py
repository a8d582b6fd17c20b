"""A session on PostgreSQL through pg8000, which is pure Python."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from migsafe.engines.servers import Address, NoServer, plugged
from migsafe.engines.session import Rows, ServerError, time_limit
from migsafe.model.migration import Dialect
from migsafe.sql.tokens import WORD, tokenize

_INTEGERS = (20, 21, 23, 26)  # int8, int2, int4, oid: pg_type.dat
_FAILED = "in failed transaction block"
_LOST = "08006"  # connection_failure (errcodes-appendix.html)
_QUOTED = re.compile(r'".*"', re.DOTALL)
_NEAR = re.compile(r'(at or near ").*(")', re.DOTALL)
_HARMLESS = re.compile(r"(?:[A-Za-z_]\w*|[^\w\s'\"]{1,3})\Z")


class PostgresSession:
    """One connection; see `Session`."""

    def __init__(self, address: Address, database: str) -> None:
        """Connect. Raises NoServer where the server or the database does not let us in."""
        from pg8000 import core, exceptions  # noqa: PLC0415 - an extra, and 0.1 s to import

        self._errors = exceptions
        self._address = address
        self.database = database
        self.columns: tuple[str, ...] = ()
        try:
            self._core = core.CoreConnection(
                address.user,
                host=address.host or None,
                sock=plugged(address),
                database=database,
                password=address.password or None,
                ssl_context=address.tls,
                application_name="migsafe",
            )
        except exceptions.DatabaseError as error:
            raise NoServer(f"{address.shown} refuses: {_error(error.args[0]).message}") from None
        except (exceptions.InterfaceError, OSError, ValueError):
            raise NoServer(f"there is no PostgreSQL server at {address.shown}") from None
        self._core.pg_types = _converters()
        self._closed = False
        self.pid = int(self.execute("SELECT pg_catalog.pg_backend_pid()")[0][0])

    def in_transaction(self) -> bool:
        """Is a transaction open, be it a failed one?"""
        return self._core._transaction_status in {b"T", b"E"}  # noqa: SLF001 - told nowhere else

    def execute(self, sql: str, seconds: float | None = None) -> Rows:
        """Run one statement through the simple protocol, in which nothing is a parameter."""
        with time_limit(self.cancel, seconds):
            return self._run(lambda: self._core.execute_simple(sql), sql)

    def copy_in(self, sql: str, lines: Iterable[bytes]) -> None:
        """Run COPY .. FROM STDIN with these lines, each with its line end."""
        self._run(lambda: self._core.execute_unnamed(sql, stream=lines), sql)

    def _run(self, ask: Callable[[], Any], sql: str) -> Rows:
        if self._closed:
            raise ServerError(_LOST, "the connection is closed", lost=True)
        self.columns = ()
        try:
            answer = ask()
            self.columns = tuple(str(c["name"]) for c in answer.columns or ())
            return [tuple(row) for row in answer.rows or ()]
        except self._errors.DatabaseError as error:
            raise _error(error.args[0]) from None
        except self._errors.InterfaceError as error:
            if _FAILED not in str(error):
                raise self._gone() from None
            if first_word(sql) == "ROLLBACK":
                return []  # pg8000 looks no further than a comment before the word
            raise ServerError("25P02", "the transaction had failed and was rolled back") from None
        except (OSError, UnicodeError, AttributeError):
            raise self._gone() from None

    def _gone(self) -> ServerError:
        self.close()
        return ServerError(_LOST, "the server closed the connection", lost=True)

    def cancel(self) -> None:
        """Stop what runs here, through a connection of its own."""
        with suppress(NoServer, ServerError):
            other = PostgresSession(self._address, self.database)
            try:
                other.execute(f"SELECT pg_catalog.pg_cancel_backend({self.pid})")
            finally:
                other.close()

    def close(self) -> None:
        """End the connection."""
        if not self._closed:
            self._closed = True
            with suppress(self._errors.InterfaceError, OSError):
                self._core.close()


def _converters() -> Mapping[int, Callable[[str], Any]]:
    """Types that cannot fail to convert; the rest stays text, such as a date beyond year 9999."""
    known: dict[int, Callable[[str], Any]] = dict.fromkeys(_INTEGERS, int)
    known.update({16: "t".__eq__, 700: float, 701: float, 1700: Decimal, 17: _bytes})
    return defaultdict(lambda: str, known)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("\\x") else text.encode()


def first_word(sql: str) -> str:
    """The first word of a statement in upper case, whatever comments stand before it."""
    return next((t.upper for t in tokenize(sql, Dialect.POSTGRES) if t.kind == WORD), "")


# -- errors -----------------------------------------------------------------------------------


def _error(fields: Mapping[str, str]) -> ServerError:
    """What the server says, without detail, hint and context: those quote rows.

    The letters are those of protocol-error-fields.html.
    """
    code = fields.get("C", "")
    return ServerError(
        code,
        cleaned(code, fields.get("M", "")),
        position=int(fields.get("P", 0)),
        names=(fields.get("t", ""), fields.get("c", ""), fields.get("n", "")),
        lost=fields.get("V") in {"FATAL", "PANIC"},
    )


def cleaned(code: str, message: str) -> str:
    """The message without values of rows.

    Data exceptions (class 22) quote the value, errors that PL/pgSQL code raises (class P0) say
    what the code likes, and a syntax error quotes the text: all others name objects and types.
    """
    if code.startswith("22"):
        return _QUOTED.sub('"..."', message).split(": ", 1)[0]
    if code.startswith("P0"):
        return "PL/pgSQL code raised an exception"
    near = _NEAR.search(message)
    if near and not _HARMLESS.match(message[near.end(1) : near.start(2)]):
        return _NEAR.sub(r"\1...\2", message)
    return message
