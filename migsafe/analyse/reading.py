"""Read every statement of a history, or take from the cache what was read before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from migsafe import store
from migsafe.model.migration import Dialect, Feature, History, Migration, Operation, Statement
from migsafe.sql.features import features
from migsafe.sql.parse import operations

_WORTH_A_CACHE = 20  # migrations


def read(history: History) -> History:
    """The same history with the operations and features of every statement read."""
    unread = [m for m in history.migrations if not _is_read(m)]
    if not unread:
        return history
    cached = len(unread) >= _WORTH_A_CACHE
    mark = store.reader_mark(history.dialect) if cached else b""
    known = store.load((m.digest for m in unread), mark) if cached else {}
    fresh: dict[str, store.Read] = {}
    done = tuple(_read(m, history.dialect, known, fresh) for m in history.migrations)
    if cached and fresh:
        store.save(fresh, mark)
    return replace(history, migrations=done)


def _is_read(migration: Migration) -> bool:
    return all(s.operations is not None and s.features is not None for s in migration.statements)


def _read(
    migration: Migration,
    dialect: Dialect,
    known: Mapping[str, store.Read],
    fresh: dict[str, store.Read],
) -> Migration:
    if _is_read(migration):
        return migration
    parts = known.get(migration.digest)
    if parts is None or len(parts) != len(migration.statements):
        parts = tuple(_parts(s, dialect) for s in migration.statements)
        if migration.digest:
            fresh[migration.digest] = parts
    pairs = zip(migration.statements, parts, strict=True)
    return replace(
        migration,
        statements=tuple(replace(s, operations=o, features=f) for s, (o, f) in pairs),
    )


def _parts(
    statement: Statement, dialect: Dialect
) -> tuple[tuple[Operation, ...], tuple[Feature, ...]]:
    line = statement.span.line
    done = statement.operations
    made = operations(statement.sql, dialect, line) if done is None else done
    if statement.origin != "sql":
        return made, ()
    needs = (replace(f, line=line + f.line) for f in features(statement.sql, dialect))
    return made, tuple(needs)
