"""Run an Alembic project's scripts through its own env.py, in one database of a server."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migsafe.adapters import alembic_runner as runner
from migsafe.adapters.alembic_config import Project, open_project
from migsafe.adapters.alembic_trace import Tracer
from migsafe.errors import MigsafeError, ReplayAborted
from migsafe.model.migration import Dialect

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs one statement on the connection of the scripts, unseen by the tracer, and gives its rows."""

_DRIVERS = {
    Dialect.POSTGRES: ("psycopg", "psycopg2", "pg8000"),
    Dialect.MYSQL: ("MySQLdb", "pymysql"),
}
"""Packages that SQLAlchemy can use, the project's own ones before ours."""
_NAMES = {"MySQLdb": "mysqldb"}
_BACKENDS = {Dialect.POSTGRES: "postgresql", Dialect.MYSQL: "mysql"}


@dataclass(frozen=True, slots=True)
class Target:
    """The database to run in. `socket` is a Unix socket's path, else `host` and `port` count.

    `role`: SET ROLE on each connection (PostgreSQL), "" for none.
    """

    dialect: Dialect
    database: str
    user: str
    password: str = field(default="", repr=False)
    socket: str = ""
    host: str = ""
    port: int = 0
    role: str = ""


@dataclass(frozen=True, slots=True)
class ServerSent:
    """A statement as it was sent, without its parameters.

    `path` and `line` as in `alembic_trace.Sent`. `ask` asks the same connection; `outside`: the
    connection is in autocommit mode, so that what it did before is done for good.
    """

    sql: str
    path: str
    line: int
    ask: Ask
    outside: bool


Hook = Callable[[ServerSent], None]


class ServerFailed(runner.RunnerFailed):
    """The scripts raised an error; `code` is the server's (SQLSTATE or number), "" for others.

    `message` is the server's own and may hold values of rows.
    """

    code = ""


def run(
    project: runner.AlembicRunner, target: Target, revision: str, hooks: tuple[Hook, Hook]
) -> None:
    """Lead the database to that revision: "head" or a revision up, "-base" or "-REVISION" down.

    The hooks are called before and after every statement. Raises ServerFailed where the scripts
    fail, ReplayAborted where they cannot be run at all; what a hook raises comes through.
    """
    runner.require_alembic()
    opened = open_project(project.path.absolute())
    gate = _Gate(project.root.absolute(), opened, target, hooks)
    with runner.as_it_was(opened.folder), gate.watching():
        try:
            _run(opened, target, revision)
        except (MigsafeError, KeyboardInterrupt):
            raise
        except (Exception, SystemExit) as error:
            raise _failure(error, gate) from error


def _run(project: Project, target: Target, revision: str) -> None:
    from alembic import command  # noqa: PLC0415
    from sqlalchemy import create_engine, pool  # noqa: PLC0415

    url = url_of(target)
    config = runner.config_of(project)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        if revision.startswith("-"):
            command.downgrade(config, revision[1:])
        else:
            command.upgrade(config, revision)
        if connection.in_transaction():
            connection.commit()


def url_of(target: Target) -> str:
    """SQLAlchemy's URL of the database, for a driver that can be imported here."""
    from sqlalchemy.engine import URL  # noqa: PLC0415 - here in SQLAlchemy 1.4, too

    known = _DRIVERS[target.dialect]
    driver = next((name for name in known if _usable(target.dialect, name)), None)
    if driver is None:
        raise ReplayAborted(
            f"no driver for {target.dialect} can be imported",
            hint=f"install one of {', '.join(known)} beside what the scripts import",
        )
    url = URL.create(
        f"{_BACKENDS[target.dialect]}+{_NAMES.get(driver, driver)}",
        username=target.user,
        password=target.password or None,
        host=target.host or None,
        port=target.port or None,
        database=target.database,
        query=_socket(target, driver),
    )
    return url.render_as_string(hide_password=False)


def _usable(dialect: Dialect, driver: str) -> bool:
    """Is the driver there, and does this SQLAlchemy know it (psycopg: from 2.0 on)?"""
    known = f"sqlalchemy.dialects.{_BACKENDS[dialect]}.{_NAMES.get(driver, driver)}"
    return all(importlib.util.find_spec(name) is not None for name in (driver, known))


def _socket(target: Target, driver: str) -> dict[str, str]:
    if not target.socket:
        return {}
    if driver == "pg8000":
        return {"unix_sock": target.socket}
    if target.dialect is Dialect.MYSQL:
        return {"unix_socket": target.socket}
    path = Path(target.socket)  # libpq wants the folder, and the port out of the file's name
    return {"host": str(path.parent), "port": path.name.rpartition(".")[2]}


# -- one database, and no other -------------------------------------------------------------------


class _Gate:
    """Sees every connection and every statement of SQLAlchemy while the scripts run."""

    def __init__(
        self, root: Path, project: Project, target: Target, hooks: tuple[Hook, Hook]
    ) -> None:
        self._target = target
        self._before, self._after = hooks
        self.tracer = Tracer(root, project.versions, _nothing, _nothing)
        self.failed: ServerSent | None = None
        self._sent: ServerSent | None = None
        self._opened: list[Any] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen as long as this lasts, and close whatever the scripts left open."""
        from sqlalchemy import event  # noqa: PLC0415
        from sqlalchemy.engine import Engine  # noqa: PLC0415
        from sqlalchemy.pool import Pool  # noqa: PLC0415

        listeners: tuple[tuple[Any, str, Any], ...] = (
            (Engine, "do_connect", self._connect),
            (Pool, "connect", self._connected),
            (Engine, "set_connection_execution_options", _settled),
            (Engine, "before_cursor_execute", self._send),
            (Engine, "after_cursor_execute", self._done),
            (Engine, "handle_error", self._fail),
        )
        for where, name, listener in listeners:
            event.listen(where, name, listener)
        try:
            yield
        finally:
            for where, name, listener in listeners:
                event.remove(where, name, listener)
            for connection in self._opened:
                _close(connection)

    def _connect(self, dialect: Any, _: Any, given: Any, named: Any) -> None:
        """SQLAlchemy's `do_connect` event (core/events.html, DialectEvents)."""
        name = str(named.get("dbname") or named.get("database") or named.get("db") or "")
        if dialect.name != _BACKENDS[self._target.dialect] or name != self._target.database:
            raise ReplayAborted(
                f"env.py connects to the {dialect.name} database {name!r}, not to the sampled one",
                hint=runner.RECIPE,
            )
        if getattr(dialect, "is_async", False):
            raise ReplayAborted("env.py is asynchronous", hint=runner.RECIPE)

    def _connected(self, connection: Any, _: Any) -> None:
        self._opened.append(connection)
        if self._target.role:
            quoted = '"' + self._target.role.replace('"', '""') + '"'
            _asker(connection)(f"SET ROLE {quoted}")

    def _send(
        self, connection: Any, _: Any, sql: str, parameters: Any, context: Any, many: bool
    ) -> None:
        raw = connection.connection.dbapi_connection
        path, line = self.tracer.place_here(sql)
        self._sent = ServerSent(sql, path, line, _asker(raw), _outside(raw))
        self._before(self._sent)

    def _done(self, *_: Any) -> None:
        if self._sent is not None:
            self._after(self._sent)

    def _fail(self, context: Any) -> None:
        """Called for errors of the driver only (core/events.html, handle_error)."""
        if context.statement is not None:
            self.failed = self._sent


def _settled(connection: Any, options: Any) -> None:
    """End the transaction in which pg8000 was asked for its isolation level.

    Alembic's autocommit_block asks before it switches, and pg8000, unlike psycopg, would stay in
    the transaction that the question opened.
    """
    raw = connection.connection.dbapi_connection
    if options.get("isolation_level") != "AUTOCOMMIT" or not hasattr(raw, "execute_simple"):
        return
    if not connection.in_transaction() and not raw.autocommit:
        raw.rollback()


def _nothing(_: object) -> None:
    """The tracer's hooks for SQLite's connections: there are none here."""


def _asker(connection: Any) -> Ask:
    def ask(sql: str) -> list[tuple[Any, ...]]:
        if hasattr(connection, "execute_simple"):  # pg8000 reads % in what goes through a cursor
            return [tuple(row) for row in connection.execute_simple(sql).rows or ()]
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    return ask


def _outside(connection: Any) -> bool:
    mode = getattr(connection, "autocommit", False)
    return bool(connection.get_autocommit() if callable(mode) else mode)


def _close(connection: Any) -> None:
    with suppress(Exception):  # a driver's error for one that is closed already
        connection.close()


# -- what went wrong ------------------------------------------------------------------------------


def _failure(error: BaseException, gate: _Gate) -> MigsafeError:
    if runner.asynchronous(error):
        return ReplayAborted(
            "env.py is asynchronous, and a replay hands it an ordinary connection",
            hint=runner.RECIPE,
        )
    cause = getattr(error, "orig", None) or error
    code, message = told(cause)
    path, line = gate.tracer.place_of(error.__traceback__)
    failed = gate.failed if code else None
    if failed is not None and failed.path:
        path, line = failed.path, failed.line
    name = type(cause).__name__
    raised = ServerFailed(
        message if code else (f"{name}: {message}".strip().splitlines() or [name])[0],
        place=f"{path}:{line}" if path else "",
        error_class=name,
        sql=failed.sql if failed else "",
    )
    raised.code = code
    return raised


def told(error: BaseException) -> tuple[str, str]:
    """The server's code and its message without detail; ("", text) for any other error."""
    first = error.args[0] if error.args else None
    if isinstance(first, dict) and "C" in first:  # pg8000
        return str(first["C"]), str(first.get("M", ""))
    diagnosis = getattr(error, "diag", None)  # psycopg, psycopg2
    if diagnosis is not None and getattr(diagnosis, "sqlstate", None):
        return str(diagnosis.sqlstate), str(diagnosis.message_primary or "")
    module = type(error).__module__.partition(".")[0]
    if module in {"pymysql", "MySQLdb"} and isinstance(first, int):
        return str(first), str(error.args[1]) if len(error.args) > 1 else ""
    return "", str(error)
