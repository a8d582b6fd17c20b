"""What a version means that a database, a list of samples or a folder's name gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from migsafe.adapters.sqldir import number
from migsafe.model.migration import History, Migration

_PREFIX = 4  # Alembic itself asks for four characters of an abbreviated revision


def revision_of(history: History, value: object) -> str | None:
    """The revision that a version value stands for, or None where the history knows none.

    In this order: the exact revision; the same number, whatever its leading zeros (7 -> "0007",
    never 0); the name of the file or folder; for Alembic an unambiguous beginning of at least
    four characters; the newest migration of a released version of that name.
    """
    text = str(value).strip() if value is not None else ""
    if not text or isinstance(value, bool):
        return None
    if history.get(text) is not None:
        return text
    for same in (_same_number, _same_name, _abbreviated, _newest_of):
        test = same(history, text)
        found = [m.revision for m in history.migrations if test(m)]
        if len(found) == 1:
            return found[0]
    return None


def _same_number(history: History, text: str) -> Callable[[Migration], bool]:
    wanted = number(text)
    dotted = "." in text and history.framework != "flyway"  # an app's version, not a migration's
    if wanted is None or not any(wanted) or dotted:
        return lambda _: False
    return lambda migration: number(migration.revision) == wanted


def _newest_of(history: History, text: str) -> Callable[[Migration], bool]:
    having = {r.revision for r in history.released if r.version == text}
    newest = next((m for m in reversed(history.migrations) if m.revision in having), None)
    return lambda migration: migration is newest


def _same_name(_: History, text: str) -> Callable[[Migration], bool]:
    return lambda migration: text in _names(migration.path)


def _names(path: str) -> set[str]:
    file = PurePosixPath(path)
    stem = file.stem
    if stem in {"up", "migration"}:
        return {file.parent.name, path}
    return {path, file.name, stem, stem.removesuffix(".up")}


def _abbreviated(history: History, text: str) -> Callable[[Migration], bool]:
    if history.framework != "alembic" or len(text) < _PREFIX:
        return lambda _: False
    return lambda migration: migration.revision.startswith(text)
