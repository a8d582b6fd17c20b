"""Rows that are there under another row's number, where a copy gave out new numbers."""

from __future__ import annotations

import sqlite3

from migsafe.model.schema import Table, fold_name
from migsafe.replay.declared import rowid_alias
from migsafe.replay.lineage import MOVED, SAME, Lineage
from migsafe.sql.tokens import quoted


def renumbered_rows(database: sqlite3.Connection, old: Table, new: Table, lineage: Lineage) -> int:
    """How many different old rows stand whole under another number now.

    Needs the old data attached as `old`. Asked only where a statement that fills the table leaves
    its INTEGER PRIMARY KEY out or computes it: else rows that exchange their values would look as
    if they had exchanged their numbers.
    """
    key = rowid_alias(old)
    if not key or fold_name(rowid_alias(new)) != fold_name(key):
        return 0
    writes = lineage.writes(new, key, key)
    shared = [(was, now) for was, now in lineage.columns(old, new) if was != key]
    if not shared or all(w.how in {SAME, MOVED} for w in writes):
        return 0
    were = ", ".join(quoted(was) for was, _ in shared)
    are = ", ".join(quoted(now) for _, now in shared)
    before = f"SELECT {quoted(key)}, {were} FROM old.{quoted(old.name)}"
    after = f"SELECT {quoted(key)}, {are} FROM main.{quoted(new.name)}"
    gone = f"SELECT {were} FROM ({before} EXCEPT {after})"
    come = f"SELECT {are} FROM ({after} EXCEPT {before})"
    row = database.execute(f"SELECT count(*) FROM ({gone} INTERSECT {come})").fetchone()
    return int(row[0])
