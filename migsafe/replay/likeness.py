"""How a database that took another way to the head differs from one that took the usual way."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Migration
from migsafe.model.schema import Change, Schema, Table, fold_name
from migsafe.replay import frozen
from migsafe.replay.interrupted import End, one_launch
from migsafe.replay.plan import Plan
from migsafe.replay.schemas import schema_of
from migsafe.schema.diff import diff
from migsafe.sql.tokens import quoted

Start = tuple[bytes, tuple[Migration, ...]]
"""A database, and what it has still to run."""


def ends(plan: Plan, starts: Sequence[Start]) -> list[End]:
    """Where each launch ends."""
    found: dict[tuple[object, ...], End] = {}
    result = []
    for data, pending in starts:
        key = (data, *(m.revision for m in pending))
        if key not in found:
            frozen.begin()
            found[key] = one_launch(plan, data, pending)[0]
        result.append(found[key])
    return result


@dataclass(frozen=True, slots=True)
class Differs:
    """One difference: `what` is schema, rows or values.

    `here` and `there` count the table's rows in the database and in the other. `touched`: the last
    launch changed the table's rows.
    """

    what: str
    table: str
    detail: str = ""
    here: int = 0
    there: int = 0
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Landed:
    """A database `before` and `after` a launch (on a server: mirrors of its rows).

    `failed`: the launch did not come through. `fixed`: two runs write the same values. `schema` is
    the server's, None where `after` says it itself.
    """

    before: bytes
    after: bytes
    failed: bool = False
    fixed: bool = True
    schema: Schema | None = None


def differences(here: Landed, there: Landed, ignored: Collection[str]) -> Iterator[Differs]:
    """How the first differs from the second; tables with these names (folded) do not count.

    Values are compared only where two runs write the same.
    """
    with (
        closing(engine.clone(here.after)) as mine,
        closing(engine.clone(there.after)) as other,
        closing(engine.clone(here.before)) as was,
    ):
        now, wanted, old = schema_of(mine), schema_of(other), schema_of(was)
        yield from _schema(there.schema or wanted, here.schema or now, ignored)
        for key in sorted(now.tables.keys() & wanted.tables.keys()):
            pair = now.tables[key], wanted.tables[key]
            if key not in ignored and not any(t.virtual or t.temporary for t in pair):
                touched = _touched((was, old), (mine, pair[0]))
                values = here.fixed and there.fixed
                yield from _rows((mine, other), pair, touched=touched, values=values)


def changed(before: bytes, after: bytes) -> frozenset[str]:
    """The tables (folded) of which something is gone or other than it was, as far as rows say."""
    with closing(engine.clone(before)) as was, closing(engine.clone(after)) as now:
        old, new = schema_of(was), schema_of(now)
        return frozenset(
            key
            for key, table in old.tables.items()
            if not table.virtual and _is_other((was, table), (now, new.tables.get(key)))
        )


def _is_other(
    old: tuple[sqlite3.Connection, Table], new: tuple[sqlite3.Connection, Table | None]
) -> bool:
    table = new[1]
    if table is None:
        return True
    columns = _shared(old[1], table)
    return _contents(old[0], old[1].name, columns) != _contents(new[0], table.name, columns)


def _schema(wanted: Schema, mine: Schema, ignored: Collection[str]) -> Iterator[Differs]:
    for change in diff(wanted, mine):
        if fold_name(change.table or change.name) not in ignored and change.aspect != "position":
            yield Differs("schema", change.table, _said(change))


def _said(change: Change) -> str:
    thing = " ".join(w for w in (change.what, _subject(change)) if w)
    if change.how != "altered":
        return f"{thing} is {'missing' if change.how == 'removed' else 'there besides'}"
    return f"{thing}: {change.aspect} is {change.after or 'none'}, not {change.before or 'none'}"


def _subject(change: Change) -> str:
    return ".".join(dict.fromkeys(n for n in (change.table, change.name) if n))


_Pair = tuple[Table, Table]


def _rows(
    databases: tuple[sqlite3.Connection, sqlite3.Connection],
    pair: _Pair,
    *,
    touched: bool,
    values: bool,
) -> Iterator[Differs]:
    here, there = (_count(d, t.name) for d, t in zip(databases, pair, strict=True))
    name = pair[0].name
    if here != there:
        yield Differs("rows", name, "", here, there, touched)
    elif values and here:
        columns = _shared(*pair)
        mine, other = (_contents(d, t.name, columns) for d, t in zip(databases, pair, strict=True))
        if mine != other:
            changed = [
                c
                for c in columns
                if _contents(databases[0], name, [c]) != _contents(databases[1], name, [c])
            ]
            yield Differs("values", name, ", ".join(changed), here, there, touched)


def _shared(one: Table, other: Table) -> list[str]:
    return sorted(c.name for c in one.columns if other.column(c.name) is not None)


def _touched(old: tuple[sqlite3.Connection, Schema], new: tuple[sqlite3.Connection, Table]) -> bool:
    was = old[1].table(new[1].name)
    if was is None or was.virtual:
        return True
    columns = _shared(was, new[1])
    return _contents(old[0], was.name, columns) != _contents(new[0], new[1].name, columns)


def _count(database: sqlite3.Connection, table: str) -> int:
    (count,) = database.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    return int(count)


def _contents(database: sqlite3.Connection, table: str, columns: Sequence[str]) -> int:
    """A digest of these columns of all rows, in any order of the rows."""
    database.text_factory = bytes
    names = ", ".join(map(quoted, columns)) or "count(*)"
    total = 0
    for row in database.execute(f"SELECT {names} FROM {quoted(table)}"):
        digest = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
        total = (total + int.from_bytes(digest, "big")) % (1 << 128)
    return total
