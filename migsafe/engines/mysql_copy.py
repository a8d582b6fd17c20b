"""A second database like a first one, as MariaDB and MySQL have no templates."""

from __future__ import annotations

from collections.abc import Sequence

from migsafe.engines.session import ServerError, Session

_FREELY = (
    "SET foreign_key_checks = 0",
    "SET unique_checks = 0",
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",  # old rows may hold what today's mode refuses
)


def fill(session: Session, source: str, *, rows: bool) -> None:
    """Make in the session's own, empty database what the database `source` has.

    Tables with their rows (or without), sequences, views, routines and triggers. The session's
    settings are changed: it is of no more use afterwards.
    """
    for setting in _FREELY:
        session.execute(setting)
    kinds = {
        str(name): str(kind)
        for name, kind in session.execute(
            f"SELECT table_name, table_type FROM information_schema.tables"
            f" WHERE table_schema = '{source}' ORDER BY table_name"
        )
    }
    for name in (n for n, kind in kinds.items() if kind == "SEQUENCE"):
        _create(session, source, "SEQUENCE", name, 1)
    for name in (n for n, kind in kinds.items() if kind == "BASE TABLE"):
        _create(session, source, "TABLE", name, 1)
        if rows:
            _rows(session, source, name)
    _routines(session, source)
    _views(session, source, [n for n, kind in kinds.items() if kind == "VIEW"])
    triggers = session.execute(
        f"SELECT trigger_name FROM information_schema.triggers"
        f" WHERE trigger_schema = '{source}' ORDER BY event_object_table, action_order"
    )
    for (name,) in triggers:
        _create(session, source, "TRIGGER", str(name), 2)


def quoted(name: str) -> str:
    """The name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def _create(session: Session, source: str, kind: str, name: str, column: int) -> None:
    told = session.execute(f"SHOW CREATE {kind} {source}.{quoted(name)}")
    session.execute(str(told[0][column]).replace(f"`{source}`.", ""))


def _rows(session: Session, source: str, table: str) -> None:
    """Generated columns are computed anew."""
    listed = session.execute(
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_schema = '{source}' AND table_name = {_text(table)}"
        " AND coalesce(generation_expression, '') = '' ORDER BY ordinal_position"
    )
    names = ", ".join(quoted(str(name)) for (name,) in listed)
    to = quoted(table)
    session.execute(f"INSERT INTO {to} ({names}) SELECT {names} FROM {source}.{to}")


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _routines(session: Session, source: str) -> None:
    listed = session.execute(
        "SELECT routine_type, routine_name FROM information_schema.routines"
        f" WHERE routine_schema = '{source}' ORDER BY 1, 2"
    )
    for kind, name in listed:
        _create(session, source, str(kind), str(name), 2)


def _views(session: Session, source: str, names: Sequence[str]) -> None:
    """Views in an order in which each finds those it reads: what fails is tried again."""
    while names:
        left = [name for name in names if not _created(session, source, name)]
        if len(left) == len(names):
            return  # broken in the source as well: nothing can be read from them there either
        names = left


def _created(session: Session, source: str, view: str) -> bool:
    try:
        _create(session, source, "VIEW", view, 1)
    except ServerError:
        return False
    return True
