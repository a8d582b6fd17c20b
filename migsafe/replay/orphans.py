"""Old rows that pointed to no row: a migration that clears them away loses nothing of use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from migsafe.model.schema import Table, fold_name
from migsafe.replay.lineage import LEFT_OUT
from migsafe.replay.links import Link, Links
from migsafe.replay.values import Counts, Pair, joined
from migsafe.sql.tokens import quoted


def of_only(
    database: sqlite3.Connection, both: Pair | None, links: Links, tables: tuple[Table, Table]
) -> str:
    """The parent table where every row that is gone had no parent in it, "" where some had.

    `tables` are the child's before and after. Without a key that both have (`both` is None) the
    rows cannot be told apart; then the old orphans must be as many as the rows that went.
    """
    old, new = tables
    for link in links.declared(old, new):
        orphan = f"(o.{quoted(link.old)} IS NOT NULL AND NOT {link.was})"
        if both is not None:
            gone = f"FROM old.{quoted(old.name)} AS o WHERE NOT EXISTS ({_became(both)})"
            query = f"SELECT count(*), total({orphan}) {gone}"
        else:
            left = f"(SELECT count(*) FROM main.{quoted(new.name)})"
            query = f"SELECT count(*) - {left}, total({orphan}) FROM old.{quoted(old.name)} AS o"
        gone_rows, orphans = database.execute(query).fetchone()
        if gone_rows == orphans > 0:
            return link.new_parent.name
    return ""


def _became(both: Pair) -> str:
    return f"SELECT 1 FROM main.{quoted(both.new.name)} AS n WHERE {both.join}"


def cut_loose(database: sqlite3.Connection, both: Pair, links: Links, counts: Counts) -> int:
    """How many values of a link are NULL now that pointed to no row before.

    0 where a copy leaves the column out: that was not done for the orphans.
    """
    if any(w.how == LEFT_OUT for w in links.lineage.writes(both.new, counts.old, counts.new)):
        return 0
    for link in _of_column(links, both, counts.new):
        new, old = f"n.{quoted(link.new)}", f"o.{quoted(link.old)}"
        query = (
            f"SELECT total({new} IS NULL AND {old} IS NOT NULL AND NOT {link.was}) {joined(both)}"
        )
        return int(database.execute(query).fetchone()[0])
    return 0


def _of_column(links: Links, both: Pair, column: str) -> Iterator[Link]:
    for link in links.declared(both.old, both.new):
        if fold_name(link.new) == fold_name(column):
            yield link
