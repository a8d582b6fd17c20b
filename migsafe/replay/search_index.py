"""Full-text indexes beside the tables that they index: does each still find the rows it names?

An index with external content keeps rowids of another table and is not told when that table is
rebuilt (fts5.html, section 4.4.3; fts3.html, section 6.2.2). PRAGMA integrity_check looks into
full-text indexes from SQLite 3.44 on only; their own check is older.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Kind
from migsafe.model.outcome import Observation, Place
from migsafe.model.schema import Schema, Table, fold_name
from migsafe.replay.lineage import Lineage
from migsafe.sql.tokens import quoted

_CHECKS = {
    # rank 1: compare with the external content too
    "fts5": "INSERT INTO main.{t} ({t}, rank) VALUES ('integrity-check', 1)",
    "fts4": "INSERT INTO main.{t} ({t}) VALUES ('integrity-check')",
}
_CONTENT = re.compile(r"""\bcontent\s*=\s*(?:(["'`])(?P<quoted>.+?)\1|(?P<bare>\w+))""", re.I)
_WRITES = {Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.CREATE_TABLE}


def check(
    old: bytes, database: sqlite3.Connection, after: Schema, lineage: Lineage
) -> Iterator[Observation]:
    """Search indexes that do not fit their content now, and did before the migration.

    Only those that a pending statement may have touched, by their own name or their content's.
    """
    for table in after.tables.values():
        if table.virtual.lower() not in _CHECKS:
            continue
        content = _content(database, table.name)
        guilty = _writers(lineage, {fold_name(table.name), fold_name(content)} - {""})
        if guilty and not _fits(database, table) and _fitted(old, table):
            of = f" {content}" if content else " its rows"
            yield Observation(
                "integrity",
                guilty[-1],
                table=content or table.name,
                name=table.name,
                error=f"search index {table.name} does not fit{of}",
                affected=1,
                total=1,
            )


def _content(database: sqlite3.Connection, table: str) -> str:
    """The table that the index takes its rows from; "" where it keeps them itself."""
    row = database.execute(
        "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    found = _CONTENT.search(row[0]) if row else None
    return (found["quoted"] or found["bare"] or "") if found else ""


def _writers(lineage: Lineage, names: set[str]) -> list[Place]:
    """Where rows of these tables (folded names) are written, under any of their names."""
    found = []
    for place, operation in reversed(lineage.entries):
        if operation.kind is Kind.RENAME_TABLE and fold_name(operation.new_name) in names:
            names.add(fold_name(operation.table))
        writes = operation.kind in _WRITES and fold_name(operation.table) in names
        if writes or operation.kind in {Kind.OPAQUE, Kind.UNREAD}:
            found.append(place)
    return found[::-1]


def _fits(database: sqlite3.Connection, table: Table) -> bool:
    """False only where the index itself says so, not where it cannot be asked."""
    database.execute("SAVEPOINT search_index")
    try:
        database.execute(_CHECKS[table.virtual.lower()].format(t=quoted(table.name)))
    except sqlite3.Error as error:
        return error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT
    finally:
        database.execute("ROLLBACK TO search_index")
        database.execute("RELEASE search_index")
    return True


def _fitted(old: bytes, table: Table) -> bool:
    with closing(engine.clone(old)) as pristine:
        return _fits(pristine, table)
