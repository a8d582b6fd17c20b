"""How two schemas differ: structure by structure, never by their raw text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import and_, is_
from typing import TypeVar

from migsafe.model.schema import Change, Index, IndexColumn, Schema, Table, Trigger, View, fold_name
from migsafe.schema import diff_tables, shown
from migsafe.schema.same import same_text

T = TypeVar("T")


def diff(before: Schema, after: Schema) -> tuple[Change, ...]:
    """Every difference, in a stable order: tables with their parts, indexes, triggers, views.

    Names are compared without case, a type without case and spacing, an expression by its tokens.
    Names of constraints do not count. A UNIQUE clause and a unique index on the same columns
    demand the same, as do a foreign key without columns and one on the parent's primary key: no
    change. What is not known on one side (an incomplete table, a text that could not be read) is
    not compared. A `Change` of a table or view has no `name` beside its `table`.
    """
    if before is after:
        return ()
    return (*_tables(before, after), *_indexes(before, after), *_triggers(before, after),
            *_views(before, after))  # fmt: skip


def changed(before: Mapping[str, T], after: Mapping[str, T]) -> set[str]:
    """The keys that are not bound to the very same object on both sides.

    A step replaces, adds or removes next to nothing and keeps the order of all else, so that the
    many that stay are passed over from both ends, without a look at each in Python.
    """
    if before is after:
        return set()
    old, new = list(before.items()), list(after.items())
    start = _shared(before, after, before.values(), after.values())
    ends = [(reversed([*m]), reversed([*m.values()])) for m in (before, after)]
    end = _shared(ends[0][0], ends[1][0], ends[0][1], ends[1][1])
    end = min(end, len(old) - start, len(new) - start)
    left, right = dict(old[start : len(old) - end]), dict(new[start : len(new) - end])
    return {key for key in left.keys() | right.keys() if left.get(key) is not right.get(key)}


def _shared(
    keys: Iterable[str], others: Iterable[str], values: Iterable[T], other_values: Iterable[T]
) -> int:
    """How many pairs are the same from the start."""
    same = [*map(and_, map(is_, keys, others), map(is_, values, other_values))]
    return same.index(False) if False in same else len(same)


def _pairs(before: Mapping[str, T], after: Mapping[str, T]) -> Iterator[tuple[T | None, T | None]]:
    """Both sides of every key, sorted, without those that are the same object."""
    for key in sorted(changed(before, after)):
        yield before.get(key), after.get(key)


def _tables(before: Schema, after: Schema) -> Iterator[Change]:
    for old, new in _pairs(before.tables, after.tables):
        if old is None and new is not None:
            if new.complete or after.complete:
                yield Change("table", "added", new.name, after=shown.table(new))
        elif new is None and old is not None:
            if old.complete or before.complete:
                yield Change("table", "removed", old.name, before=shown.table(old))
        elif old is not None and new is not None and old != new:
            yield from diff_tables.table(old, new, before, after)


# -- indexes -----------------------------------------------------------------------------------


def _indexes(before: Schema, after: Schema) -> Iterator[Change]:
    for old, new in _pairs(before.indexes, after.indexes):
        if old is None and new is not None:
            if not diff_tables.was_clause(new, before, after):
                yield Change("index", "added", new.table, new.name, after=shown.index(new))
        elif new is None and old is not None:
            if not diff_tables.was_clause(old, after, before):
                yield Change("index", "removed", old.table, old.name, before=shown.index(old))
        elif old is not None and new is not None and old != new:
            yield from _index(old, new, before.table(old.table), after.table(new.table))


def _index(
    old: Index, new: Index, old_table: Table | None, new_table: Table | None
) -> Iterator[Change]:
    def altered(aspect: str, left: str, right: str) -> Change:
        return Change("index", "altered", new.table, new.name, aspect, left, right)

    if fold_name(old.table) != fold_name(new.table):
        yield altered("table", old.table, new.table)
    if not _same_terms(old, new, old_table, new_table):
        yield altered("columns", shown.terms(old.columns), shown.terms(new.columns))
    if old.unique != new.unique:
        yield altered("unique", shown.yes(old.unique), shown.yes(new.unique))
    if "?" not in {old.where, new.where} and not same_text(old.where, new.where):
        yield altered("where", old.where, new.where)


def _same_terms(old: Index, new: Index, old_table: Table | None, new_table: Table | None) -> bool:
    if len(old.columns) != len(new.columns):
        return False
    pairs = zip(old.columns, new.columns, strict=True)
    return all(
        _same_term(a, b) and _collation(a, old_table) == _collation(b, new_table) for a, b in pairs
    )


def _same_term(a: IndexColumn, b: IndexColumn) -> bool:
    if "?" in {a.name, b.name}:
        return True
    names = same_text(a.name, b.name) if a.expression else fold_name(a.name) == fold_name(b.name)
    return names and a.expression == b.expression and a.descending == b.descending


def _collation(term: IndexColumn, table: Table | None) -> str:
    """The collation a term is compared by: its own, or its column's (lang_createindex.html)."""
    column = None if table is None or term.expression else table.column(term.name)
    return term.collation or (column.collation if column else "") or "BINARY"


# -- triggers and views ------------------------------------------------------------------------


def _triggers(before: Schema, after: Schema) -> Iterator[Change]:
    for old, new in _pairs(before.triggers, after.triggers):
        if old is None and new is not None:
            yield Change("trigger", "added", new.table, new.name, after=shown.trigger(new))
        elif new is None and old is not None:
            yield Change("trigger", "removed", old.table, old.name, before=shown.trigger(old))
        elif old is not None and new is not None and old != new:
            yield from _trigger(old, new)


def _trigger(old: Trigger, new: Trigger) -> Iterator[Change]:
    def altered(aspect: str, left: str, right: str) -> Change:
        return Change("trigger", "altered", new.table, new.name, aspect, left, right)

    if fold_name(old.table) != fold_name(new.table):
        yield altered("table", old.table, new.table)
    if (old.timing or "BEFORE") != (new.timing or "BEFORE"):
        yield altered("timing", old.timing or "BEFORE", new.timing or "BEFORE")
    if not same_text(old.event, new.event):
        yield altered("event", old.event, new.event)
    if old.body and new.body and not same_text(old.body, new.body):
        yield altered("body", old.body, new.body)


def _views(before: Schema, after: Schema) -> Iterator[Change]:
    for old, new in _pairs(before.views, after.views):
        if old is None and new is not None:
            yield Change("view", "added", new.name, after=new.select)
        elif new is None and old is not None:
            yield Change("view", "removed", old.name, before=old.select)
        elif old is not None and new is not None and old != new:
            yield from _view(old, new)


def _view(old: View, new: View) -> Iterator[Change]:
    if old.select and new.select and not same_text(old.select, new.select):
        yield Change("view", "altered", new.name, aspect="select", before=old.select,
                     after=new.select)  # fmt: skip
    left, right = ", ".join(old.columns), ", ".join(new.columns)
    if fold_name(left) != fold_name(right):
        yield Change("view", "altered", new.name, aspect="columns", before=left, after=right)
