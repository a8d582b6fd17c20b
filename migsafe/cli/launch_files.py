"""Read the launch files: the fresh install's schema, the first queries, the invariants."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from migsafe.adapters import room
from migsafe.cli.launch_code import launch_callable, launch_models
from migsafe.cli.launch_command import launch_command
from migsafe.cli.project import Project
from migsafe.engines import sqlite as engine
from migsafe.errors import ConfigError
from migsafe.model.migration import Dialect, Kind, Statement
from migsafe.model.outcome import Place
from migsafe.model.schema import Schema
from migsafe.replay import first_inserts
from migsafe.replay.launch import asked
from migsafe.replay.plan import Insert, LaunchPlan, Query
from migsafe.schema.inspect import inspect
from migsafe.sql.parse import operations
from migsafe.sql.split import split
from migsafe.sql.tokens import PARAMETER, tokenize

_SECONDS = 30.0
"""How long the fresh install's schema may take."""
_UNREADABLE = ("syntax error", "unrecognized token", "incomplete input")


def launch_plan(project: Project) -> LaunchPlan:
    """What the configuration says of the launch.

    Raises ConfigError for a file that is missing or that SQLite cannot read, and for a query that
    fails on a fresh install too.
    """
    launch = project.config.launch
    schema = _statements(project, launch.schema, "schema")
    fresh, inserts = _fresh(schema, project)
    queries = _statements(project, launch.queries, "queries")
    invariants = _statements(project, launch.invariants, "invariants")
    _require_selects(invariants, project)
    _require_readable((*queries, *invariants), schema)
    return LaunchPlan(
        fresh,
        launch.schema or "",
        tuple(_query(s) for s in queries),
        tuple(_query(s) for s in invariants),
        launch.foreign_keys,
        launch_command(project.config),
        launch_callable(project.config),
        launch_models(project.config),
        inserts,
        _by_room("schema", launch.schema),
    )


def queries_of(project: Project, name: str | None, section: str, key: str) -> tuple[Query, ...]:
    """The statements of a configured file, () for none. Raises ConfigError."""
    return tuple(_query(s) for s in _statements(project, name, key, section))


def _statements(
    project: Project, name: str | None, key: str, section: str = "launch"
) -> tuple[Statement, ...]:
    if name is None:
        return ()
    path = project.config.root / name
    shown = Path(name).as_posix()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(
            f"{name} cannot be read: {reason}", hint=f"see [{section}] {key}"
        ) from error
    if _by_room(key, name):
        statements = room.statements(text, shown)
    else:
        statements = split(text, project.history.dialect, shown)
    _require_inside(statements, project.history.dialect)
    return statements


def _by_room(key: str, name: str | None) -> bool:
    return key == "schema" and name is not None and name.lower().endswith(room.SUFFIX)


def _query(statement: Statement) -> Query:
    span = statement.span
    return Query(statement.sql, Place(span.path, span.line, span.column))


def _place(statement: Statement) -> str:
    return f"{statement.span.path}:{statement.span.line}"


def _fresh(
    schema: tuple[Statement, ...], project: Project
) -> tuple[Schema | None, tuple[Insert, ...]]:
    """The fresh install's schema, and an insert into each of its tables that works there."""
    if not project.config.launch.schema:
        return None, ()
    with closing(engine.clone(engine.empty())) as database:
        _execute(database, schema)
        fresh = inspect(database)
        enforced = project.config.launch.foreign_keys
        return fresh, tuple(first_inserts.found(database, fresh, enforced=enforced))


def _execute(database: sqlite3.Connection, schema: tuple[Statement, ...]) -> None:
    for statement in schema:
        try:
            with engine.stop_after(database, _SECONDS):
                database.execute(statement.sql).fetchall()
        except (sqlite3.Error, sqlite3.Warning, engine.TooSlow) as error:
            reason = str(error) or f"it is not done after {_SECONDS:g} s"
            raise ConfigError(
                f"the fresh install's schema fails: {reason}",
                place=_place(statement),
                hint="see [launch] schema",
            ) from error


def _require_inside(statements: tuple[Statement, ...], dialect: Dialect) -> None:
    """A launch file is run on copies: it must reach no other file."""
    for statement in statements:
        for operation in operations(statement.sql, dialect):
            if engine.outside(operation):
                raise ConfigError(
                    "a launch file must stay inside the database: no ATTACH, no VACUUM INTO",
                    place=_place(statement),
                )


def _require_selects(invariants: tuple[Statement, ...], project: Project) -> None:
    for statement in invariants:
        kinds = {o.kind for o in operations(statement.sql, project.history.dialect)}
        if not kinds <= {Kind.SELECT, Kind.UNREAD}:
            raise ConfigError(
                "an invariant must be a SELECT that returns no row",
                place=_place(statement),
                hint="see [launch] invariants",
            )


def _require_one_kind(statement: Statement) -> None:
    """Python binds parameters by place or by name, not both (sqlite3, "Placeholders")."""
    marks = {t.text[0] for t in tokenize(statement.sql, Dialect.SQLITE) if t.kind == PARAMETER}
    if "?" in marks and len(marks) > 1:
        raise ConfigError(
            "the query has parameters with names and without", place=_place(statement)
        )


def _require_readable(statements: tuple[Statement, ...], schema: tuple[Statement, ...]) -> None:
    """A query that no database could answer is a mistake in the file, not a finding."""
    with closing(engine.clone(engine.empty())) as database:
        _execute(database, schema)
        for statement in statements:
            _require_one_kind(statement)
            try:
                asked(database, f"EXPLAIN {statement.sql}").fetchall()
            except sqlite3.Error as error:
                if schema or any(words in str(error) for words in _UNREADABLE):
                    where = "on a fresh install too" if schema else "on any database"
                    raise ConfigError(
                        f"the query fails {where}: {error}", place=_place(statement)
                    ) from error
