"""Rows without orphans: where some are taken away, those that refer to them go as well."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from migsafe.model.content import Content, Row
from migsafe.model.schema import ForeignKey, Schema, fold_name

Orphan = tuple[str, Row]
"""A row that refers to one which is not there: its table and its values."""


def linked(
    rows: tuple[Content, ...], schema: Schema, broken: Collection[Orphan]
) -> tuple[Content, ...]:
    """Without the rows whose parents went, but for those that were orphans before (`broken`).

    The old schema would not have let them stay.
    """
    while fresh := orphans(rows, schema) - set(broken):
        rows = tuple(
            replace(c, rows=tuple(r for r in c.rows if (c.table, r) not in fresh)) for c in rows
        )
    return rows


def orphans(rows: Sequence[Content], schema: Schema) -> frozenset[Orphan]:
    """The rows that refer to a row which is not there."""
    by_name = {fold_name(c.table): c for c in rows}
    found: set[Orphan] = set()
    for key, content in by_name.items():
        table = schema.tables.get(key)
        for link in table.foreign_keys if table else ():
            parent = by_name.get(fold_name(link.ref_table))
            columns = _parents_key(schema, link)
            if parent is None:
                parent = Content(link.ref_table, columns, ())
            if columns:
                found.update((content.table, row) for row in _lost(content, link, parent, columns))
    return frozenset(found)


def _parents_key(schema: Schema, link: ForeignKey) -> tuple[str, ...]:
    """The parent's columns; none where its rows lie in other tables, or nothing is known of it."""
    above = schema.tables.get(fold_name(link.ref_table))
    if above is None or above.partitioned:
        return ()
    return link.ref_columns or above.primary_key


def _lost(
    content: Content, link: ForeignKey, parent: Content, columns: tuple[str, ...]
) -> Iterator[Row]:
    there = set(_values(parent, columns))
    for row, values in zip(content.rows, _values(content, link.columns), strict=True):
        if None not in values and values not in there:
            yield row


def _values(content: Content, columns: Sequence[str]) -> list[Row]:
    names = [fold_name(c) for c in content.columns]
    if not all(fold_name(c) in names for c in columns):
        return [(None,) for _ in content.rows]  # a generated column, whose values are not kept
    at = [names.index(fold_name(c)) for c in columns]
    return [tuple(row[n] for n in at) for row in content.rows]
