"""What became of the values of old rows: NULL now, of another type, cut, or changed unasked.

Old and new rows are joined by their primary key. Values are compared as they are stored: without
the columns' affinity and collation (datatype3.html, sections 4.2 and 7.1).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from migsafe.model.outcome import Observation, Place
from migsafe.model.schema import Schema, Table, Trigger, fold_name
from migsafe.replay.lineage import LEFT_OUT, MOVED, Lineage, Write
from migsafe.sql.tokens import quoted

AT_ONCE = 100
"""Columns compared by one SELECT: SQLite allows 2,000 results and 1,000 levels (limits.html)."""

_NUMBERS = "('integer', 'real')"


@dataclass(frozen=True, slots=True)
class Pair:
    """A table before and after: the join of its rows, and the columns that can be compared."""

    old: Table
    new: Table
    keys: tuple[tuple[str, str], ...]  # old name, new name
    columns: tuple[tuple[str, str], ...]  # likewise; without the key

    @property
    def join(self) -> str:
        """SQL: is the new row `n` what became of the old row `o`?"""
        return " AND ".join(f"n.{quoted(now)} = o.{quoted(was)}" for was, now in self.keys)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one column, how many old rows ...; `filled` of them have a value at all."""

    old: str
    new: str
    filled: int
    gone: int  # have NULL now
    changed: int  # have another text or number now
    retyped: int  # have a value of another type now
    cut: int  # have only the beginning of their text now
    emptied: int  # have an empty text now


def pair(old: Table, new: Table, lineage: Lineage) -> Pair | None:
    """The two tables joined; None where no key that both have says which row became which."""
    columns = dict(lineage.columns(old, new))
    keys = [(k, columns.get(k, "")) for k in old.primary_key]
    if not keys or {fold_name(n) for _, n in keys} != {fold_name(k) for k in new.primary_key}:
        return None
    made = {c.name for t in (old, new) for c in t.columns if c.generated}
    others = ((o, n) for o, n in columns.items() if o not in old.primary_key and not {o, n} & made)
    return Pair(old, new, tuple(keys), tuple(others))


def joined(pair: Pair) -> str:
    """The FROM clause of old rows (`o`) beside what became of them (`n`)."""
    old, new = quoted(pair.old.name), quoted(pair.new.name)
    return f"FROM old.{old} AS o JOIN main.{new} AS n ON {pair.join}"


def changed_columns(database: sqlite3.Connection, pair: Pair) -> Iterator[Counts]:
    """The columns in which some value is another one now, with their counts."""
    for start in range(0, len(pair.columns), AT_ONCE):
        part = pair.columns[start : start + AT_ONCE]
        any_differs = " OR ".join(differs(f"o.{quoted(o)}", f"n.{quoted(n)}") for o, n in part)
        query = f"SELECT 1 {joined(pair)} WHERE {any_differs} LIMIT 1"
        if database.execute(query).fetchone() is not None:
            yield from _counted(database, pair, part)


def differs(old: str, new: str) -> str:
    """SQL: is the one value stored otherwise than the other (the numbers 1 and 1.0 are not)?"""
    return f"+{old} COLLATE BINARY IS NOT +{new}"


def _counted(
    database: sqlite3.Connection, pair: Pair, part: Sequence[tuple[str, str]]
) -> Iterator[Counts]:
    sums = [s for o, n in part for s in _sums(f"o.{quoted(o)}", f"n.{quoted(n)}")]
    row = [int(x) for x in database.execute(f"SELECT {', '.join(sums)} {joined(pair)}").fetchone()]
    width = len(row) // len(part)
    for at, (old, new) in enumerate(part):
        counts = Counts(old, new, *row[at * width : (at + 1) * width])
        if counts.gone or counts.changed or counts.retyped:
            yield counts


def _sums(old: str, new: str) -> tuple[str, ...]:
    """The counts of `Counts` from `filled` on, as SQL."""
    both = f"{old} IS NOT NULL AND {new} IS NOT NULL"
    texts = f"typeof({old}) = 'text' AND typeof({new}) = 'text'"
    was, now = f"CAST({old} AS BLOB)", f"CAST({new} AS BLOB)"
    size = f"length({now})"
    other_text = f"CAST({old} AS TEXT) COLLATE BINARY <> CAST({new} AS TEXT)"
    numbers = f"typeof({old}) IN {_NUMBERS} AND typeof({new}) IN {_NUMBERS}"
    return (
        f"count({old})",
        f"total({old} IS NOT NULL AND {new} IS NULL)",
        f"total({both} AND {differs(old, new)} AND {other_text})",
        f"total({both} AND typeof({old}) <> typeof({new}) AND NOT ({numbers}))",
        f"total({texts} AND {size} > 0 AND {size} < length({was})"
        f" AND substr({was}, 1, {size}) = {now})",
        f"total({texts} AND {size} = 0 AND trim({old}) <> '')",
    )


# -- which of it nobody asked for -----------------------------------------------------------------


def judged(pair: Pair, counts: Counts, lineage: Lineage, schema: Schema) -> Iterator[Observation]:
    """At most one observation on the values that a column has now instead of its old ones.

    What a statement writes out is what its author wants; only a text that its expression leaves
    empty in some rows is told, as deliberate. `schema` is the old one, for its triggers.
    """
    writes = lineage.writes(pair.new, counts.old, counts.new)
    if any(w.written_out for w in writes):
        yield from _emptied(pair, counts, writes)
        return
    place = next((w.place for w in reversed(writes) if w.how != MOVED), None)
    moved = next((w.place for w in reversed(writes) if w.how == MOVED), None)
    lost = 0 if any(w.how == LEFT_OUT for w in writes) else counts.cut + counts.emptied
    if lost and lost == counts.changed:
        yield _seen("values-cut", pair, counts, lost, moved or place)
    elif counts.changed and moved is None and not _follows_parent(pair, counts):
        yield _unasked(pair, counts, writes, place, schema)
    elif counts.retyped:
        yield _seen("type-changed-values", pair, counts, counts.retyped, moved or place)


def _seen(kind: str, pair: Pair, counts: Counts, affected: int, place: Place | None) -> Observation:
    return Observation(
        kind,
        place,
        table=pair.new.name,
        column=counts.new,
        affected=affected,
        total=counts.filled,
    )


def _emptied(pair: Pair, counts: Counts, writes: Sequence[Write]) -> Iterator[Observation]:
    """An expression that gives '' for some rows only; one that says '' itself means it."""
    told = [w for w in writes if w.written_out]
    guilty = told[-1]
    computed = all(w.how in {"expression", "subquery"} and "''" not in w.expression for w in told)
    if computed and 0 < counts.emptied < counts.filled:
        yield Observation(
            "values-cut",
            guilty.place,
            table=pair.new.name,
            column=counts.new,
            affected=counts.emptied,
            total=counts.filled,
            detail="the expression gives an empty text for them",
            deliberate=True,
        )


def _follows_parent(pair: Pair, counts: Counts) -> bool:
    """May a foreign key's action have changed it?"""
    actions = {
        action
        for table, name in ((pair.old, counts.old), (pair.new, counts.new))
        for key in table.foreign_keys
        if fold_name(name) in map(fold_name, key.columns)
        for action in (key.on_update, key.on_delete)
    }
    return bool(actions & {"CASCADE", "SET DEFAULT"})


def _unasked(
    pair: Pair, counts: Counts, writes: Sequence[Write], place: Place | None, schema: Schema
) -> Observation:
    trigger = next((t.name for t in schema.triggers.values() if _may_write(t, pair, counts)), "")
    left_out = next((w.place for w in reversed(writes) if w.how == LEFT_OUT), None)
    seen = _seen("values-changed", pair, counts, counts.changed, left_out or place)
    if left_out is not None:
        return replace(seen, detail="the copy leaves the column out")
    if trigger:
        # Whichever statement set it off is found by the table's name.
        return replace(seen, name=trigger, detail=f"trigger {trigger} writes it", place=None)
    return seen


def _may_write(trigger: Trigger, pair: Pair, counts: Counts) -> bool:
    """Does the trigger name the table (by either name), and its body the column?"""
    tables = {fold_name(pair.old.name), fold_name(pair.new.name)}
    columns = {counts.old, counts.new}
    return bool(tables & set(trigger.mentions)) and any(_names(trigger.body, c) for c in columns)


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None
