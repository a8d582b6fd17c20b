"""Run an Alembic project's upgrade through its own env.py, on one SQLite file and nothing else."""

from __future__ import annotations

import io
import logging
import os
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migsafe.adapters.alembic_config import Project, open_project
from migsafe.adapters.alembic_trace import Connection, Sent, Tracer
from migsafe.errors import MigsafeError, ReplayAborted

if TYPE_CHECKING:
    from alembic.config import Config

    from migsafe.adapters.alembic_server import Hook as ServerHook
    from migsafe.adapters.alembic_server import Target as ServerTarget

Hook = Callable[[Sent], None]
RECIPE = (
    "let env.py use config.attributes['connection'] where it is given "
    "(Alembic's cookbook: Sharing a Connection), else sqlalchemy.url"
)
"""What to change in an env.py that cannot be given a database."""


class RunnerFailed(MigsafeError):
    """The upgrade raised an error.

    `error_class` is the class of the error, `path` (relative to the project's root) and `line`
    the place in a revision script ("" and 0: elsewhere), `sql` the statement that the engine
    refused ("" where Python code failed).
    """

    def __init__(
        self,
        message: str,
        *,
        place: str = "",
        hint: str = "",
        error_class: str = "",
        sql: str = "",
    ) -> None:
        super().__init__(message, place=place, hint=hint)
        self.error_class = error_class
        self.sql = sql

    @property
    def path(self) -> str:
        """The revision script that failed."""
        return self.place.rpartition(":")[0]

    @property
    def line(self) -> int:
        """The line that failed."""
        return int(self.place.rpartition(":")[2] or 0)

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.message, self.place, self.hint, self.error_class, self.sql)
        return (_rebuilt, parts)


def _rebuilt(message: str, place: str, hint: str, error_class: str, sql: str) -> RunnerFailed:
    return RunnerFailed(message, place=place, hint=hint, error_class=error_class, sql=sql)


@dataclass(frozen=True, slots=True)
class AlembicRunner:
    """Runs the scripts of the project whose configuration or script folder is at `path`."""

    root: Path
    path: Path

    def upgrade(
        self, database: Path, target: str, foreign_keys: bool, before: Hook, after: Hook
    ) -> None:
        """Upgrade the SQLite file to `target` ("head" or a revision).

        The connection is handed over untouched in `config.attributes["connection"]`, its URL in
        `sqlalchemy.url`; `before` and `after` are called around every statement sent. Raises
        RunnerFailed where the scripts fail, ReplayAborted where they cannot be run at all. Output
        of the scripts is swallowed; imports, logging and the working directory are put back.
        """
        require_alembic()
        project = open_project(self.path.absolute())
        tracer = Tracer(self.root.absolute(), project.versions, before, after)
        with as_it_was(project.folder), _only(database, foreign_keys, tracer):
            try:
                _upgrade(project, database, target)
            except (MigsafeError, KeyboardInterrupt):
                raise
            except (Exception, SystemExit) as error:
                raise _failure(error, tracer) from error

    def on_server(
        self, target: ServerTarget, revision: str, before: ServerHook, after: ServerHook
    ) -> None:
        """Lead a server's database up or down to a revision; see `alembic_server.run`."""
        from migsafe.adapters import alembic_server  # noqa: PLC0415 - it builds on this module

        alembic_server.run(self, target, revision, (before, after))


def require_alembic() -> None:
    """Raise ReplayAborted where Alembic or SQLAlchemy is not installed."""
    try:
        import alembic  # noqa: F401, PLC0415 - only a replay needs them
        import sqlalchemy  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise ReplayAborted(
            f"replaying Alembic's scripts needs the package {error.name}",
            hint="pip install 'migsafe[alembic]', beside what the scripts import",
        ) from error


def _upgrade(project: Project, database: Path, target: str) -> None:
    from alembic import command  # noqa: PLC0415
    from sqlalchemy import create_engine, pool  # noqa: PLC0415

    url = f"sqlite:///{database.absolute()}"
    config = config_of(project)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)
        if connection.in_transaction():
            connection.commit()


def config_of(project: Project) -> Config:
    """Alembic's own view of the project's configuration; what it prints is swallowed."""
    from alembic.config import Config  # noqa: PLC0415

    given: dict[str, Any] = {"stdout": io.StringIO()}
    if project.toml and hasattr(Config, "toml_alembic_config"):  # from Alembic 1.16 on
        given["toml_file"] = str(project.toml)
    config = Config(str(project.ini) if project.ini else None, **given)
    if project.ini is None and project.toml is None:
        config.set_main_option("script_location", str(project.script).replace("%", "%%"))
    return config


# -- what went wrong ------------------------------------------------------------------------------


def _failure(error: BaseException, tracer: Tracer) -> MigsafeError:
    if asynchronous(error):
        return ReplayAborted(
            "env.py is asynchronous, and a replay hands it an ordinary connection", hint=RECIPE
        )
    cause = getattr(error, "orig", None) or error
    failed = tracer.failed if isinstance(cause, sqlite3.Error) else None
    path, line = tracer.place_of(error.__traceback__)
    if failed is not None and failed.path:
        path, line = failed.path, failed.line
    name = type(cause).__name__
    message = str(cause) if failed else f"{name}: {cause}"
    return RunnerFailed(
        message.strip().splitlines()[0],
        place=f"{path}:{line}" if path else "",
        error_class=name,
        sql=failed.sql if failed else "",
    )


def asynchronous(error: BaseException) -> bool:
    """Does the error say that env.py awaits its connection?"""
    if isinstance(error, ModuleNotFoundError) and error.name in {"aiosqlite", "greenlet"}:
        return True
    name, text = type(error).__name__, str(error)
    return name == "MissingGreenlet" or (
        name in {"InvalidRequestError", "ImportError"} and "asyncio" in text
    )


# -- one database, and no other -------------------------------------------------------------------


@dataclass(slots=True)
class _Gate:
    """Opens connections for SQLAlchemy: traced ones to the one file, none to anything else."""

    database: Path
    foreign_keys: bool
    tracer: Tracer
    opened: list[Connection] = field(default_factory=list)

    def connect(self, dialect: Any, _: Any, given: Any, named: Any) -> Connection:
        """SQLAlchemy's `do_connect` event (core/events.html, DialectEvents)."""
        target = str(given[0]) if given else str(named.get("database", ""))
        if dialect.name != "sqlite" or not self._is_ours(target):
            raise ReplayAborted(
                f"env.py connects to {_shown(dialect.name, target)}, not to the sampled database",
                hint=RECIPE,
            )
        if getattr(dialect, "is_async", False):
            raise ReplayAborted("env.py is asynchronous", hint=RECIPE)
        connection: Connection = sqlite3.connect(*given, **{**named, "factory": Connection})
        self.opened.append(connection)
        connection.execute(f"PRAGMA foreign_keys = {'ON' if self.foreign_keys else 'OFF'}")
        connection.tracer = self.tracer
        return connection

    def _is_ours(self, target: str) -> bool:
        name = target.removeprefix("file:").partition("?")[0]
        return bool(name) and os.path.realpath(name) == os.path.realpath(self.database)

    def close(self) -> None:
        """Close whatever the scripts left open."""
        for connection in self.opened:
            connection.tracer = None
            connection.close()


def _shown(dialect: str, target: str) -> str:
    if dialect != "sqlite":
        return f"a {dialect} server"
    return f"the SQLite database {Path(target).name or ':memory:'}"


@contextmanager
def _only(database: Path, foreign_keys: bool, tracer: Tracer) -> Iterator[None]:
    from sqlalchemy import event  # noqa: PLC0415
    from sqlalchemy.engine import Engine  # noqa: PLC0415

    with closing(_Gate(database, foreign_keys, tracer)) as gate:
        listener = gate.connect
        event.listen(Engine, "do_connect", listener)
        try:
            yield
        finally:
            event.remove(Engine, "do_connect", listener)


# -- the process as it was ------------------------------------------------------------------------


@contextmanager
def as_it_was(folder: Path) -> Iterator[None]:
    """Work in the folder of the configuration, and leave no trace in this process or on disk."""
    paths, modules = list(sys.path), set(sys.modules)
    here, writes = Path.cwd(), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    os.chdir(folder)
    _forget_relative_importers()
    try:
        with _quiet(), _logging_restored():
            yield
    finally:
        os.chdir(here)
        sys.dont_write_bytecode = writes
        sys.path[:] = paths
        _forget(folder, set(sys.modules) - modules)


def _forget_relative_importers() -> None:
    """Python remembers what "." on sys.path meant in the folder that it was in at first."""
    for name in [n for n in sys.path_importer_cache if not os.path.isabs(n)]:  # noqa: PTH117
        del sys.path_importer_cache[name]


def _forget(folder: Path, names: set[str]) -> None:
    """Drop the project's own modules, which may hold on to a database; installed ones stay."""
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        inside = file and Path(file).is_relative_to(folder) and "site-packages" not in file
        if inside:
            del sys.modules[name]


@contextmanager
def _quiet() -> Iterator[None]:
    sink = io.StringIO()
    with redirect_stdout(sink), redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _logging_restored() -> Iterator[None]:
    """env.py calls fileConfig, which replaces handlers and switches off every known logger."""
    root = logging.getLogger()
    known = logging.Logger.manager.loggerDict.values()
    loggers = [x for x in known if isinstance(x, logging.Logger)]
    before = [(x, x.level, list(x.handlers), x.disabled, x.propagate) for x in [root, *loggers]]
    try:
        yield
    finally:
        for logger, level, handlers, disabled, propagate in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers
            logger.disabled, logger.propagate = disabled, propagate
