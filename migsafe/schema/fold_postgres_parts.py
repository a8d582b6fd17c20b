"""What the steps of PostgreSQL's fold have in common: looking up, putting in, taking out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from migsafe.model.migration import Operation
from migsafe.model.schema import Schema, Table, fold_name

T = TypeVar("T")


def without(objects: Mapping[str, T], keys: Iterable[str]) -> Mapping[str, T]:
    """The objects without those of these keys."""
    gone = set(keys)
    return {k: v for k, v in objects.items() if k not in gone} if gone else objects


def put(schema: Schema, table: Table) -> Schema:
    """The schema with this table in place of its namesake."""
    key = fold_name(table.name)
    return replace(schema, tables={**schema.tables, key: table})


def known(schema: Schema, name: str) -> tuple[Schema, Table]:
    """The table, and the schema in which it is known, if only by name."""
    table = schema.table(name)
    if table is not None:
        return schema, table
    unknown = Table(name, complete=False)
    return replace(put(schema, unknown), complete=False), unknown


def relations(schema: Schema) -> set[str]:
    """The folded names of tables, indexes, views and sequences: they share one space."""
    found = {*schema.tables, *schema.indexes, *schema.views, *schema.sequences}
    for table in schema.tables.values():
        found |= {fold_name(u.name) for u in table.uniques} | {fold_name(table.key_name)}
    return found


def cascades(operation: Operation) -> bool:
    """Does the statement say CASCADE?"""
    return "cascade" in operation.options


def together(operation: Operation) -> set[str]:
    """The folded names that the same statement drops: they hold nothing of each other."""
    marked = (option.partition("=") for option in operation.options)
    return {fold_name(name) for word, _, name in marked if word == "together"}


def referring(schema: Schema, parent: str) -> list[Table]:
    """The other tables with a foreign key to this one (its folded name)."""
    return [
        t
        for key, t in schema.tables.items()
        if key != parent and any(fold_name(f.ref_table) == parent for f in t.foreign_keys)
    ]


def without_links(schema: Schema, before: Table, after: Table) -> Schema:
    """Without the foreign keys to the keys of a table that it has before and no longer after."""
    lost = _keys(before) - _keys(after)
    parent = fold_name(before.name)
    for table in schema.tables.values():
        kept = tuple(
            f
            for f in table.foreign_keys
            if fold_name(f.ref_table) != parent
            or _folded(f.ref_columns or before.primary_key) not in lost
        )
        if len(kept) < len(table.foreign_keys):
            schema = put(schema, replace(table, foreign_keys=kept))
    return schema


def _keys(table: Table) -> set[frozenset[str]]:
    return {_folded(names) for names in (table.primary_key, *(u.columns for u in table.uniques))}


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(fold_name, names))


def views_on(schema: Schema, names: set[str]) -> set[str]:
    """The keys of the views that read one of these, and of those that read such views."""
    found: set[str] = set()
    wanted = set(names)
    while wanted:
        above = {
            k
            for k, v in schema.views.items()
            if k not in found and any(fold_name(m) in wanted for m in v.mentions)
        }
        found |= above
        wanted = above
    return found


def without_views(schema: Schema, gone: Iterable[str]) -> Schema:
    """Without these views, and the indexes of materialised ones."""
    keys = set(gone)
    if not keys:
        return schema
    indexes = {k: i for k, i in schema.indexes.items() if fold_name(i.table) not in keys}
    return replace(schema, views=without(schema.views, keys), indexes=indexes)


def without_owned(schema: Schema, table: str, column: str) -> Schema:
    """Without the sequences that belong to a table, or to one of its columns."""
    start = fold_name(f"{table}.{column}")
    gone = {
        k
        for k, s in schema.sequences.items()
        if fold_name(s.owner) == start or (not column and fold_name(s.owner).startswith(start))
    }
    return replace(schema, sequences=without(schema.sequences, gone)) if gone else schema
