"""The checks that every replay makes on its own: integrity, links, rows, values, drift."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import replace

from migsafe.engines import sqlite as engine
from migsafe.model.outcome import Observation
from migsafe.model.schema import Change, Schema, Table, fold_name
from migsafe.replay import orphans
from migsafe.replay.declared import rowid_alias
from migsafe.replay.kept import Kept
from migsafe.replay.lineage import SAME, Lineage
from migsafe.replay.links import Links
from migsafe.replay.numbering import renumbered_rows
from migsafe.replay.plan import LaunchPlan
from migsafe.replay.values import Counts, Pair, changed_columns, judged, pair
from migsafe.schema import room
from migsafe.schema.diff import diff
from migsafe.sql.tokens import quoted

_MEANT = {"null", "expression", "parameter"}
LOSSES = {
    "rows-lost", "links-lost", "became-null", "renumbered", "values-cut", "values-changed",
}  # fmt: skip
"""The kinds of observation on what users entered and do not have any more."""


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
    old: bytes, database: sqlite3.Connection, origin: Mapping[str, str], *, quick: bool = False
) -> Iterator[Observation]:
    """PRAGMA integrity_check must say nothing that it did not say of the old database.

    `quick`: PRAGMA quick_check, which does not compare indexes with their tables and costs a third
    (pragma.html#pragma_quick_check).
    """
    now = _integrity(database, quick=quick)
    if not now:
        return
    with closing(engine.clone(old)) as pristine:
        known = _integrity(pristine, quick=quick)
    for new_name, old_name in origin.items():
        for text, count in list(known.items()):
            known[re.sub(rf"\b{re.escape(old_name)}\b", new_name, text, flags=re.I)] += count
    fresh = Counter({t: n for t, n in now.items() if n > _times(known, t)})
    if fresh:
        count = sum(fresh.values())
        yield Observation("integrity", error=sorted(fresh)[0], affected=count, total=count)


def _times(known: Counter[str], text: str) -> int:
    return sum(n for t, n in known.items() if t.lower() == text.lower())


def _integrity(database: sqlite3.Connection, *, quick: bool) -> Counter[str]:
    check = "quick_check" if quick else "integrity_check"
    try:
        # A migration may have left it on, and the check would look away (pragma.html).
        database.execute("PRAGMA ignore_check_constraints = OFF")
        rows = [_text(r[0]) for r in database.execute(f"PRAGMA {check}(20)")]
    except sqlite3.Error as error:
        rows = [str(error)]
    return Counter(row for row in rows if row != "ok")


def rows(
    database: sqlite3.Connection,
    before: Schema,
    after: Schema,
    origin: Mapping[str, str],
    lineage: Lineage,
    kept: Kept | None = None,
) -> Iterator[Observation]:
    """Rows and links lost, values that became NULL, were cut or changed unasked, ids renumbered.

    Needs the old data attached as `old`. What is proven to be as it was is noted in `kept`.
    """
    now = {old: new for new, old in origin.items()}
    kept = Kept() if kept is None else kept
    links = Links(database, (before, after), now, lineage)
    for key, table in sorted(before.tables.items()):
        new = after.tables.get(now.get(key, key))
        if new is None or table.virtual or new.virtual or table.temporary:
            continue
        total = _count(database, table.name, "old")
        if not total:
            continue
        both = pair(table, new, lineage)
        now_there = _count(database, new.name)
        intact = both is not None and kept.note(database, both, total, now_there)
        counts = (total, now_there)
        changed = [] if intact else list(_table_rows(database, table, new, counts, lineage))
        if any(o.kind == "rows-lost" for o in changed):
            parent = orphans.of_only(database, both, links, (table, new))
            changed = [_said(o, parent) for o in changed]
        yield from changed
        if not any(o.kind == "renumbered" for o in changed):
            yield from _values(database, both, before, links, intact=intact)
            yield from _sequence(database, table, new, lineage)


def _table_rows(
    database: sqlite3.Connection, old: Table, new: Table, counts: tuple[int, int], lineage: Lineage
) -> Iterator[Observation]:
    total, now = counts
    lost = total - now
    if lost > 0:
        yield Observation("rows-lost", table=new.name, affected=lost, total=total)
    elsewhere = renumbered_rows(database, old, new, lineage)
    renumbered = max(_missing_ids(database, old, new) - max(lost, 0), elsewhere)
    if renumbered > 0:
        yield Observation("renumbered", table=new.name, affected=renumbered, total=total)


def _said(seen: Observation, parent: str) -> Observation:
    """Rows that only pointed nowhere are cleared away on purpose."""
    if seen.kind != "rows-lost" or not parent:
        return seen
    return replace(seen, name=parent, detail=f"they pointed to no row of {parent}", deliberate=True)


def _values(
    database: sqlite3.Connection,
    both: Pair | None,
    before: Schema,
    links: Links,
    *,
    intact: bool,
) -> Iterator[Observation]:
    if both is None or not both.columns:
        return
    found = {} if intact else {c.new: c for c in changed_columns(database, both)}
    told = {name: links.lineage.told(both.new, c.old, name) for name, c in found.items()}
    lost = {name: (gone, seen) for name, gone, seen in links.lost(both, told)}
    yield from (seen for _, seen in lost.values())
    for name, counts in found.items():
        in_links = lost[name][0] if name in lost else 0
        loose = orphans.cut_loose(database, both, links, counts) if counts.gone else 0
        yield from _became_null(both.new, counts, in_links + loose, links.lineage)
        if name not in lost:
            yield from judged(both, counts, links.lineage, before)


def _became_null(
    new: Table, counts: Counts, in_links: int, lineage: Lineage
) -> Iterator[Observation]:
    """NULLs that are not told as lost links already, nor links that pointed nowhere."""
    column = new.column(counts.new)
    gone = counts.gone - in_links
    if gone > 0 and column is not None and not column.not_null:
        writes = [w for w in lineage.writes(new, counts.old, counts.new) if w.how != SAME]
        yield Observation(
            "became-null",
            table=new.name,
            column=counts.new,
            affected=gone,
            total=counts.filled,
            # Whoever writes an expression for the column means what it gives.
            deliberate=bool(writes) and all(w.how in _MEANT for w in writes),
        )


def _sequence(
    database: sqlite3.Connection, old: Table, new: Table, lineage: Lineage
) -> Iterator[Observation]:
    """AUTOINCREMENT promises ids that were never used before (autoinc.html, section 3)."""
    if not (old.autoincrement and new.autoincrement) or lineage.touches_sequences():
        return
    query = (
        "SELECT coalesce((SELECT max(seq) FROM {0}.sqlite_sequence WHERE name = ?), 0),"
        " coalesce((SELECT max(rowid) FROM {0}.{1}), 0)"
    )
    was = database.execute(query.format("old", quoted(old.name)), (old.name,)).fetchone()
    now = database.execute(query.format("main", quoted(new.name)), (new.name,)).fetchone()
    again = max(was) - max(now)
    if again > 0:
        yield Observation("sequence-reset", table=new.name, affected=again, total=max(was))


def _count(database: sqlite3.Connection, table: str, schema: str = "main") -> int:
    try:
        row = database.execute(f"SELECT count(*) FROM {schema}.{quoted(table)}").fetchone()
    except sqlite3.Error:
        return 0
    return int(row[0])


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


def undecodable(
    old: bytes, database: sqlite3.Connection, schema: Schema, kept: Kept
) -> Iterator[Observation]:
    """Text that is not valid UTF-8 now, and was not so before; what is `kept` was so before."""
    for table in schema.tables.values():
        columns = [c.name for c in table.columns if not kept.holds(table, c.name)]
        if table.virtual or not columns or _decodes(database, table, columns):
            continue
        now = _broken_columns(database, table, columns)
        with closing(engine.clone(old)) as pristine:
            before = _broken_columns(pristine, table, columns)
        for column, count in sorted(now.items()):
            fresh = count - before[column]
            if fresh > 0:
                total = _count(database, table.name)
                yield Observation(
                    "undecodable", table=table.name, column=column, affected=fresh, total=total
                )


_GROUP = 20_000  # rows whose text is put together at a time


def _decodes(database: sqlite3.Connection, table: Table, columns: Collection[str]) -> bool:
    """Is every text in the columns valid UTF-8? SQLite joins the texts; Python decodes once."""
    database.text_factory = str
    is_text = {n: f"typeof({n}) = 'text'" for n in map(quoted, columns)}
    joined = ", ".join(f"group_concat(CASE WHEN {t} THEN {n} END)" for n, t in is_text.items())
    query = f"SELECT {joined} FROM main.{quoted(table.name)}"
    if len(is_text) == 1:  # a column without any text is done with at half the price
        query += f" WHERE {' '.join(is_text.values())}"
    groups = "" if table.without_rowid else f" GROUP BY rowid / {_GROUP}"
    try:
        deque(database.execute(query + groups), maxlen=0)
    except sqlite3.Error:
        return False
    return True


def _broken_columns(
    database: sqlite3.Connection, table: Table, columns: Collection[str]
) -> Counter[str]:
    broken: Counter[str] = Counter()
    database.text_factory = bytes
    try:
        for column in columns:
            name = quoted(column)
            query = f"SELECT {name} FROM main.{quoted(table.name)} WHERE typeof({name}) = 'text'"
            broken[column] = sum(not _is_utf8(row[0]) for row in database.execute(query))
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
    before: Schema, after: Schema, launch: LaunchPlan, ignore: Collection[str]
) -> Iterator[Observation]:
    """How the migrated schema differs from a fresh install.

    `removed` in the comparison of fresh with migrated means: missing on migrated databases.
    """
    if launch.fresh is None:
        return
    differences = room.diff if launch.room else diff
    for change in differences(launch.fresh, after):
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
