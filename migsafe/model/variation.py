"""Made-up old data: one change of an old database, and the ground on which changes are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migsafe.model.schema import Schema, fold_name


@dataclass(frozen=True, slots=True)
class Variation:
    """One change of the old database: its statements, and what it is in words without values.

    `shrinks`: rows are taken away, so that invariants about certain rows prove nothing; `enforced`:
    foreign keys are enforced while it is made, even where the app leaves them off; `partly`: what
    the old schema refuses of it is left out, instead of the whole.
    """

    statements: tuple[str, ...]
    shape: str
    table: str = ""
    column: str = ""
    shrinks: bool = False
    enforced: bool = False
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """An old database as what varies it sees it: names and counts, no value of a row.

    `tables` are those that something names; `named` the folded (table, column) pairs that
    statements name; `literals` SQL literals of the migration; `rows` how many rows a table has and
    `first_rows` the statements that fill a table which has none, both by folded name; `orphans`:
    may a foreign key point to nothing, because the app does not enforce it?
    """

    schema: Schema
    tables: tuple[str, ...]
    named: frozenset[tuple[str, str]] = frozenset()
    literals: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    first_rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    orphans: bool = False

    def first(self, table: str) -> tuple[str, ...]:
        """The statements without which the table would be empty."""
        return self.first_rows.get(fold_name(table), ())
