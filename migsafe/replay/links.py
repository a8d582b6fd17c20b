"""Links between rows: a child that knew its parent before the migration, and does not now."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from migsafe.model.outcome import Observation
from migsafe.model.schema import Schema, Table, fold_name
from migsafe.replay.lineage import Lineage
from migsafe.replay.values import Pair, joined
from migsafe.sql.tokens import quoted

DANGLING = "they point to rows that are gone"
_ID = re.compile(r"(.+?)_?id", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A column of a child table that holds its parent's key, in the old and the new schema.

    `enforced`: the new schema declares it, so that PRAGMA foreign_key_check sees dangling ones.
    """

    old: str
    new: str
    parent: Table
    new_parent: Table
    key: str
    new_key: str
    enforced: bool

    @property
    def was(self) -> str:
        """SQL: did the old row have a parent?"""
        return _exists("old", self.parent, self.key, f"o.{quoted(self.old)}")

    @property
    def still(self) -> str:
        """SQL: is that parent still there, under its old key?"""
        return _exists("main", self.new_parent, self.new_key, f"o.{quoted(self.old)}")


def _exists(schema: str, parent: Table, key: str, value: str) -> str:
    table = f"{schema}.{quoted(parent.name)}"
    return f"EXISTS (SELECT 1 FROM {table} AS p WHERE p.{quoted(key)} = {value})"


Lost = tuple[str, int, Observation]
"""The child's (new) column, how many of its values are NULL now, and all that was seen of it."""


class Links:
    """The links of one database, and which parents lost keys (asked once each)."""

    def __init__(
        self,
        database: sqlite3.Connection,
        schemas: tuple[Schema, Schema],
        now: Mapping[str, str],
        lineage: Lineage,
    ) -> None:
        self._database = database
        self._before, self._after = schemas
        self._now = now
        self.lineage = lineage
        self._shrunk: dict[str, bool] = {}

    def of(self, pair: Pair) -> Iterator[Link]:
        """The columns that are declared as references in the old schema, or look like it."""
        for old, new in pair.columns:
            found = _declared(pair.old, old) or _alike(self._before, pair.old, old)
            link = self._link((old, new), found, pair.new) if found else None
            if link:
                yield link

    def declared(self, old: Table, new: Table) -> Iterator[Link]:
        """The columns of both tables that the old schema or the new one declares as references."""
        then = {now: was for was, now in self._now.items()}
        for was, now in self.lineage.columns(old, new):
            found = _declared(old, was)
            if found is None and (found := _declared(new, now)):
                found = then.get(fold_name(found[0]), found[0]), found[1]
            link = self._link((was, now), found, new) if found else None
            if link:
                yield link

    def _link(self, names: tuple[str, str], found: tuple[str, str], child: Table) -> Link | None:
        """`found` is the old parent and its key; None where it is not there before or after."""
        parent = self._before.table(found[0])
        key = found[1] or _only_key(parent)
        after = self._after.tables.get(self._now.get(fold_name(found[0]), fold_name(found[0])))
        if parent is None or after is None or not key or parent.virtual or after.virtual:
            return None
        new_key = dict(self.lineage.columns(parent, after)).get(key)
        if not new_key:
            return None
        enforced = _declared(child, names[1]) is not None
        return Link(*names, parent, after, key, new_key, enforced)

    def lost(
        self, pair: Pair, changed: Mapping[str, bool]
    ) -> Iterator[tuple[str, int, Observation]]:
        """What each link lost.

        `changed` names the (new) columns whose values are other ones now; True where a statement
        writes out what they become, so that another parent is what its author wants.
        """
        for link in self.of(pair):
            if link.new in changed:
                lost = self._moved(pair, link, told=changed[link.new])
            elif not link.enforced and self._lost_keys(link):
                lost = self._dangling(pair, link)
            else:
                continue
            if lost:
                yield lost

    def _moved(self, pair: Pair, link: Link, *, told: bool) -> Lost | None:
        new, old = f"n.{quoted(link.new)}", f"o.{quoted(link.old)}"
        elsewhere = "0" if told else f"{new} <> {old} AND {link.still}"
        total, gone, moved = self._counted(
            pair,
            f"total({link.was})",
            f"total({new} IS NULL AND {link.was})",
            f"total({elsewhere} AND {link.was})",
        )
        if not gone + moved:
            return None
        return link.new, gone, _seen(pair, link, gone + moved, total)

    def _dangling(self, pair: Pair, link: Link) -> Lost | None:
        new, old = f"n.{quoted(link.new)}", f"o.{quoted(link.old)}"
        filled, total, lost = self._counted(
            pair,
            f"count({old})",
            f"total({link.was})",
            f"total({new} = {old} AND {link.was} AND NOT {link.still})",
        )
        # A name alone proves little: most values must have been keys of the other table.
        if not lost or (2 * total < filled and _declared(pair.old, link.old) is None):
            return None
        seen = replace(_seen(pair, link, lost, total), detail=DANGLING)
        return link.new, 0, seen

    def _counted(self, pair: Pair, *sums: str) -> tuple[int, ...]:
        row = self._database.execute(f"SELECT {', '.join(sums)} {joined(pair)}").fetchone()
        return tuple(int(x) for x in row)

    def _lost_keys(self, link: Link) -> bool:
        name = fold_name(link.parent.name)
        if name not in self._shrunk:
            query = (
                f"SELECT EXISTS (SELECT 1 FROM old.{quoted(link.parent.name)}"
                f" WHERE {quoted(link.key)} NOT IN"
                f" (SELECT {quoted(link.new_key)} FROM main.{quoted(link.new_parent.name)}"
                f" WHERE {quoted(link.new_key)} IS NOT NULL))"
            )
            self._shrunk[name] = bool(self._database.execute(query).fetchone()[0])
        return self._shrunk[name]


def _seen(pair: Pair, link: Link, affected: int, total: int) -> Observation:
    return Observation(
        "links-lost",
        table=pair.new.name,
        column=link.new,
        name=link.new_parent.name,
        affected=affected,
        total=total,
    )


def _declared(table: Table, column: str) -> tuple[str, str] | None:
    """The parent table and its key ("": its primary key) of a foreign key of one column."""
    for key in table.foreign_keys:
        if [fold_name(c) for c in key.columns] == [fold_name(column)]:
            return key.ref_table, key.ref_columns[0] if key.ref_columns else ""
    return None


def _alike(schema: Schema, table: Table, column: str) -> tuple[str, str] | None:
    """The table that `folder_id` or `folderId` is named after, in singular or plural."""
    match = _ID.fullmatch(column)
    if match is None:
        return None
    base = fold_name(match[1])
    plurals = (base, f"{base}s", f"{base}es", f"{base[:-1]}ies" if base.endswith("y") else base)
    for name in plurals:
        parent = schema.tables.get(name)
        if parent is not None and parent is not table and _only_key(parent):
            return parent.name, ""
    return None


def _only_key(table: Table | None) -> str:
    key = table.primary_key if table else ()
    return key[0] if len(key) == 1 else ""


Asks = Callable[[sqlite3.Connection], bool | None]


def watch(seen: Observation) -> Asks:
    """Asks a database on its way whether so many links are lost already.

    None where the tables cannot be asked at this moment.
    """
    left = seen.total - seen.affected
    child, column = quoted(seen.table), quoted(seen.column)

    def ask(database: sqlite3.Connection) -> bool | None:
        try:
            keys: Sequence[tuple[str]] = database.execute(
                "SELECT name FROM pragma_table_info(?) WHERE pk > 0", (seen.name,)
            ).fetchall()
            if len(keys) != 1:
                return None
            parents = f"SELECT {quoted(keys[0][0])} FROM main.{quoted(seen.name)}"
            query = f"SELECT count(*) <= {left} FROM main.{child} WHERE {column} IN ({parents})"
            return bool(database.execute(query).fetchone()[0])
        except sqlite3.Error:
            return None

    return ask
