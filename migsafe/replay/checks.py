"""The checks that every replay makes on its own: integrity, links, rows, values, drift."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing

from migsafe.engines import sqlite as engine
from migsafe.model.outcome import Observation
from migsafe.model.schema import Change, Schema, Table, fold_name
from migsafe.schema.diff import diff


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def foreign_key_counts(database: sqlite3.Connection) -> Counter[tuple[str, str]]:
    """Violations per (child table, parent table); lang: PRAGMA foreign_key_check."""
    rows = database.execute("PRAGMA foreign_key_check")
    return Counter((_text(row[0]), _text(row[2])) for row in rows)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def foreign_keys(
    old: bytes, database: sqlite3.Connection, origin: Mapping[str, str]
) -> Iterator[Observation]:
    """New violations only: what the old data already had was never the migration's doing.

    `origin` gives the old name (folded) of a table that was renamed.
    """
    try:
        now = foreign_key_counts(database)
    except sqlite3.Error as error:
        yield Observation("foreign-keys", error=str(error))
        return
    if not now:
        return
    try:
        with closing(engine.clone(old)) as pristine:
            before = _folded(foreign_key_counts(pristine), {})
    except sqlite3.Error:
        before = Counter()
    for (table, parent), count in sorted(now.items()):
        fresh = count - before[_origin(table, origin), _origin(parent, origin)]
        if fresh > 0:
            total = _count(database, table)
            yield Observation("foreign-keys", table=table, name=parent, affected=fresh, total=total)


def _folded(
    counts: Counter[tuple[str, str]], origin: Mapping[str, str]
) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for (table, parent), count in counts.items():
        found[_origin(table, origin), _origin(parent, origin)] += count
    return found


def _origin(table: str, origin: Mapping[str, str]) -> str:
    key = fold_name(table)
    return origin.get(key, key)


def integrity(
    old: bytes, database: sqlite3.Connection, origin: Mapping[str, str]
) -> Iterator[Observation]:
    """PRAGMA integrity_check must say nothing that it did not say of the old database."""
    now = _integrity(database)
    if not now:
        return
    with closing(engine.clone(old)) as pristine:
        known = _integrity(pristine)
    for new_name, old_name in origin.items():
        for text, count in list(known.items()):
            known[re.sub(rf"\b{re.escape(old_name)}\b", new_name, text, flags=re.I)] += count
    fresh = Counter({t: n for t, n in now.items() if n > _times(known, t)})
    if fresh:
        count = sum(fresh.values())
        yield Observation("integrity", error=sorted(fresh)[0], affected=count, total=count)


def _times(known: Counter[str], text: str) -> int:
    return sum(n for t, n in known.items() if t.lower() == text.lower())


def _integrity(database: sqlite3.Connection) -> Counter[str]:
    try:
        rows = [_text(r[0]) for r in database.execute("PRAGMA integrity_check(20)")]
    except sqlite3.Error as error:
        rows = [str(error)]
    return Counter(row for row in rows if row != "ok")


def rows(
    database: sqlite3.Connection, before: Schema, after: Schema, origin: Mapping[str, str]
) -> Iterator[Observation]:
    """Rows lost, values that became NULL, ids renumbered; needs the old data attached as `old`."""
    now = {old: new for new, old in origin.items()}
    for key, table in sorted(before.tables.items()):
        new = after.tables.get(now.get(key, key))
        if new is None or table.virtual or new.virtual or table.temporary:
            continue
        yield from _table_rows(database, table, new)


def _table_rows(database: sqlite3.Connection, old: Table, new: Table) -> Iterator[Observation]:
    total = _count(database, old.name, "old")
    if not total:
        return
    lost = total - _count(database, new.name)
    if lost > 0:
        yield Observation("rows-lost", table=new.name, affected=lost, total=total)
    renumbered = _missing_ids(database, old, new) - max(lost, 0)
    if renumbered > 0:
        yield Observation("renumbered", table=new.name, affected=renumbered, total=total)
    elif old.primary_key:
        yield from _became_null(database, old, new)


def _count(database: sqlite3.Connection, table: str, schema: str = "main") -> int:
    try:
        row = database.execute(f"SELECT count(*) FROM {schema}.{quoted(table)}").fetchone()
    except sqlite3.Error:
        return 0
    return int(row[0])


def rowid_alias(table: Table) -> str:
    """The INTEGER PRIMARY KEY column of a rowid table, "" where there is none."""
    if table.without_rowid or len(table.primary_key) != 1:
        return ""
    column = table.column(table.primary_key[0])
    return column.name if column and column.type.upper() == "INTEGER" else ""


def _missing_ids(database: sqlite3.Connection, old: Table, new: Table) -> int:
    """How many rows are there under another id.

    Rows that went while others came have new ids too: only rows whose other values are found again
    count, where the tables share other columns at all.
    """
    key = rowid_alias(old)
    if not key or fold_name(rowid_alias(new)) != fold_name(key):
        return 0
    gone = (
        f"FROM old.{quoted(old.name)} WHERE {quoted(key)} NOT IN"
        f" (SELECT {quoted(key)} FROM main.{quoted(new.name)})"
    )
    missing = int(database.execute(f"SELECT count(*) {gone}").fetchone()[0])
    shared = [c.name for c in old.columns if c.name != key and new.column(c.name)]
    if not missing or not shared:
        return missing
    listed = ", ".join(map(quoted, shared))
    found = (
        f"SELECT count(*) FROM (SELECT {listed} {gone} INTERSECT SELECT {listed}"
        f" FROM main.{quoted(new.name)} WHERE {quoted(key)} NOT IN"
        f" (SELECT {quoted(key)} FROM old.{quoted(old.name)}))"
    )
    moved = int(database.execute(found).fetchone()[0])
    return missing if moved else 0


def _became_null(database: sqlite3.Connection, old: Table, new: Table) -> Iterator[Observation]:
    keys = {fold_name(k) for k in old.primary_key}
    if {fold_name(k) for k in new.primary_key} != keys:
        return
    names = [
        c.name
        for c in old.columns
        if (now := new.column(c.name)) and fold_name(c.name) not in keys and not now.not_null
    ]
    if not names:
        return
    sums = ", ".join(
        f"total(o.{quoted(n)} IS NOT NULL AND n.{quoted(n)} IS NULL), count(o.{quoted(n)})"
        for n in names
    )
    join = " AND ".join(f"n.{quoted(k)} = o.{quoted(k)}" for k in old.primary_key)
    query = f"SELECT {sums} FROM old.{quoted(old.name)} o JOIN main.{quoted(new.name)} n ON {join}"
    row = database.execute(query).fetchone()
    for at, name in enumerate(names):
        gone, filled = int(row[2 * at]), int(row[2 * at + 1])
        if gone:
            yield Observation(
                "became-null", table=new.name, column=name, affected=gone, total=filled
            )


def undecodable(old: bytes, database: sqlite3.Connection, schema: Schema) -> Iterator[Observation]:
    """Text that is not valid UTF-8 now, and was not so before."""
    for table in schema.tables.values():
        if table.virtual or _decodes(database, table.name):
            continue
        now = _broken_columns(database, table)
        with closing(engine.clone(old)) as pristine:
            before = _broken_columns(pristine, table)
        for column, count in sorted(now.items()):
            fresh = count - before[column]
            if fresh > 0:
                total = _count(database, table.name)
                yield Observation(
                    "undecodable", table=table.name, column=column, affected=fresh, total=total
                )


def _decodes(database: sqlite3.Connection, table: str) -> bool:
    database.text_factory = str
    try:
        deque(database.execute(f"SELECT * FROM main.{quoted(table)}"), maxlen=0)
    except sqlite3.Error:
        return False
    return True


def _broken_columns(database: sqlite3.Connection, table: Table) -> Counter[str]:
    broken: Counter[str] = Counter()
    database.text_factory = bytes
    try:
        for column in table.columns:
            name = quoted(column.name)
            query = f"SELECT {name} FROM main.{quoted(table.name)} WHERE typeof({name}) = 'text'"
            broken[column.name] = sum(not _is_utf8(row[0]) for row in database.execute(query))
    except sqlite3.Error:
        return broken
    finally:
        database.text_factory = str
    return broken


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def drift(
    before: Schema, after: Schema, fresh: Schema, ignore: Collection[str]
) -> Iterator[Observation]:
    """How the migrated schema differs from a fresh install.

    `removed` in the comparison of fresh with migrated means: missing on migrated databases.
    """
    for change in diff(fresh, after):
        if fold_name(change.table or change.name) in ignore:
            continue
        yield Observation(
            _drift_kind(change, before, after),
            table=change.table,
            column=change.name if change.what == "column" else "",
            name="" if change.what == "column" else change.name,
            detail=_drift_text(change),
        )


def _drift_kind(change: Change, before: Schema, after: Schema) -> str:
    if change.aspect == "position":
        return "column-order"
    left = change.what == "table" and change.how == "added"
    if left and _untouched(change.table or change.name, before, after):
        return "left-over"
    return "drifted"


def _untouched(table: str, before: Schema, after: Schema) -> bool:
    old = before.table(table)
    return old is not None and old == after.table(table)


def _drift_text(change: Change) -> str:
    thing = " ".join(w for w in (change.what, _subject(change)) if w)
    if change.how == "added":
        return f"{thing} is not part of a fresh install"
    if change.how == "removed":
        return f"{thing} is missing"
    after, before = change.after or "none", change.before or "none"
    return f"{thing}: {change.aspect} is {after}, on a fresh install {before}"


def _subject(change: Change) -> str:
    if change.what in {"table", "view"}:
        return change.table or change.name
    name = change.name if change.name != change.table else ""
    if not name:
        return f"of {change.table} ({(change.before or change.after).strip('()')})"
    return f"{change.table}.{name}" if change.what == "column" else f"{name} of {change.table}"
