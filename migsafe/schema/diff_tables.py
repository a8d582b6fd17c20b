"""How two states of one table differ."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from migsafe.model.schema import Change, Check, Column, ForeignKey, Index, Schema, Table, fold_name
from migsafe.schema import shown
from migsafe.schema.same import (
    collation_key,
    default_key,
    foreign_key_key,
    same_text,
    type_key,
)


def table(old: Table, new: Table, before: Schema, after: Schema) -> Iterator[Change]:
    """The differences of two tables of one name; what either side does not know is left out."""
    yield from _options(old, new)
    if old.virtual or new.virtual:
        return
    yield from _columns(old, new)
    if old.complete and new.complete:
        yield from _uniques(old, new, before, after)
        yield from _foreign_keys(old, new, before, after)
        yield from _checks(old, new)


# -- options -----------------------------------------------------------------------------------


def _options(old: Table, new: Table) -> Iterator[Change]:
    if old.virtual != new.virtual:
        yield _option(new, "virtual", old.virtual or "no", new.virtual or "no")
    if not (old.complete and new.complete):
        return
    pairs = (
        ("autoincrement", old.autoincrement, new.autoincrement),
        ("without rowid", old.without_rowid, new.without_rowid),
        ("strict", old.strict, new.strict),
    )
    for aspect, left, right in pairs:
        if left != right:
            yield _option(new, aspect, shown.yes(left), shown.yes(right))


def _option(of: Table, aspect: str, left: str, right: str) -> Change:
    return Change("option", "altered", of.name, aspect, aspect, left, right)


# -- columns -----------------------------------------------------------------------------------


def _columns(old: Table, new: Table) -> Iterator[Change]:
    left = {fold_name(c.name): c for c in old.columns}
    right = {fold_name(c.name): c for c in new.columns}
    if new.complete:
        for key, column in left.items():
            if key not in right:
                text = shown.column(column)
                yield Change("column", "removed", new.name, column.name, before=text)
    for key, column in right.items():
        if key in left:
            yield from _column(new.name, left[key], column)
        elif old.complete:
            yield Change("column", "added", new.name, column.name, after=shown.column(column))
    if old.complete and new.complete:
        yield from _moved(new, list(left), list(right))


def _key_text(column: Column) -> str:
    return str(column.primary_key or "no")


_ASPECTS: tuple[tuple[str, Callable[[Column], object], Callable[[Column], str]], ...] = (
    ("type", lambda c: type_key(c.type), lambda c: c.type or "none"),
    ("not null", lambda c: c.not_null, lambda c: shown.yes(c.not_null)),
    ("default", lambda c: default_key(c.default), lambda c: c.default or "none"),
    ("primary key", lambda c: c.primary_key, _key_text),
    ("collation", collation_key, collation_key),
)
"""Aspect, what is compared, and how it reads."""


def _column(table_name: str, old: Column, new: Column) -> Iterator[Change]:
    if old == new:
        return
    for aspect, key, text in _ASPECTS:
        if key(old) != key(new):
            yield Change("column", "altered", table_name, new.name, aspect, text(old), text(new))
    if not _same_generated(old, new):
        left, right = shown.generated(old) or "no", shown.generated(new) or "no"
        yield Change("column", "altered", table_name, new.name, "generated", left, right)


def _same_generated(old: Column, new: Column) -> bool:
    if bool(old.generated) != bool(new.generated) or old.stored != new.stored:
        return False
    unread = "?" in {old.generated, new.generated}
    return unread or same_text(old.generated, new.generated)


def _moved(of: Table, left: list[str], right: list[str]) -> Iterator[Change]:
    """The fewest columns that, set aside, leave both sides in the same order."""
    common = set(left) & set(right)
    ranks = {name: i for i, name in enumerate(n for n in left if n in common)}
    order = [name for name in right if name in common]
    if order == list(ranks):
        return
    kept = _longest_rising([ranks[name] for name in order])
    for name in order:
        if ranks[name] not in kept:
            column = of.column(name)
            shown_name = column.name if column else name
            places = str(left.index(name) + 1), str(right.index(name) + 1)
            yield Change("column", "altered", of.name, shown_name, "position", *places)


def _longest_rising(numbers: list[int]) -> set[int]:
    """A longest rising subsequence of distinct numbers, as a set."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        at = bisect_left(ends, number)
        before[number] = ends[at - 1] if at else None
        ends[at : at + 1] = [number]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = before[last]
    return found


# -- constraints -------------------------------------------------------------------------------


def _folded(columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(map(fold_name, columns)))


def _uniques(old: Table, new: Table, before: Schema, after: Schema) -> Iterator[Change]:
    left = {_folded(u.columns): u for u in old.uniques}
    right = {_folded(u.columns): u for u in new.uniques}
    for key, unique in left.items():
        if key not in right and key not in _demands(new, after, but=before):
            text = shown.listed(unique.columns)
            yield Change("unique", "removed", new.name, unique.name, before=text)
    for key, unique in right.items():
        if key not in left and key not in _demands(old, before, but=after):
            text = shown.listed(unique.columns)
            yield Change("unique", "added", new.name, unique.name, after=text)


def _demands(of: Table, schema: Schema, but: Schema) -> set[tuple[str, ...]]:
    """What the unique indexes of a table demand that the other schema does not have."""
    return {
        _folded(c.name for c in index.columns)
        for key, index in schema.indexes.items()
        if key not in but.indexes
        and fold_name(index.table) == fold_name(of.name)
        and _like_clause(index, of)
    }


def _like_clause(index: Index, table: Table) -> bool:
    """Does this index demand what a UNIQUE clause on the same columns would?"""
    if not index.unique or index.where:
        return False
    for term in index.columns:
        column = None if term.expression else table.column(term.name)
        if column is None or (term.collation or collation_key(column)) != collation_key(column):
            return False
    return True


def was_clause(index: Index, there: Schema, here: Schema) -> bool:
    """Does a UNIQUE clause that only `there` has demand what this index of `here` does?"""
    mine, other = here.table(index.table), there.table(index.table)
    if mine is None or other is None or not _like_clause(index, mine):
        return False
    wanted = _folded(c.name for c in index.columns)
    clauses = {_folded(u.columns) for u in other.uniques}
    return wanted in clauses - {_folded(u.columns) for u in mine.uniques}


def _foreign_keys(old: Table, new: Table, before: Schema, after: Schema) -> Iterator[Change]:
    left = {foreign_key_key(f, before): f for f in old.foreign_keys}
    right = {foreign_key_key(f, after): f for f in new.foreign_keys}
    for key, foreign in left.items():
        if key not in right:
            text = shown.foreign_key(foreign)
            yield Change("foreign key", "removed", new.name, foreign.name, before=text)
    for key, foreign in right.items():
        if key not in left:
            text = shown.foreign_key(foreign)
            yield Change("foreign key", "added", new.name, foreign.name, after=text)
        else:
            yield from _foreign_key(new.name, left[key], foreign)


def _foreign_key(table_name: str, old: ForeignKey, new: ForeignKey) -> Iterator[Change]:
    # Without a name of its own a foreign key goes by its columns.
    name = new.name or ", ".join(new.columns)
    pairs = (
        ("on delete", old.on_delete, new.on_delete),
        ("on update", old.on_update, new.on_update),
        ("deferred", shown.yes(old.deferred), shown.yes(new.deferred)),
    )
    for aspect, left, right in pairs:
        if left != right:
            yield Change("foreign key", "altered", table_name, name, aspect, left, right)


def _checks(old: Table, new: Table) -> Iterator[Change]:
    left, right = list(_without(old.checks, new.checks)), list(_without(new.checks, old.checks))
    named = {fold_name(c.name): c for c in left if c.name}
    for check in right:
        match = named.pop(fold_name(check.name), None) if check.name else None
        if match is None:
            yield Change("check", "added", new.name, check.name, after=check.expression)
            continue
        left.remove(match)
        yield Change("check", "altered", new.name, check.name, "expression", match.expression,
                     check.expression)  # fmt: skip
    for check in left:
        yield Change("check", "removed", new.name, check.name, before=check.expression)


def _without(checks: Iterable[Check], others: Iterable[Check]) -> Iterator[Check]:
    """The checks whose expression is not among the others."""
    texts = [c.expression for c in others]
    return (c for c in checks if not any(same_text(c.expression, text) for text in texts))
