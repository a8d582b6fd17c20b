"""How a database differs from what Room expects of it: as Room itself looks before it opens it.

Room compares what its TableInfo, FtsTableInfo and ViewInfo read (androidx.room.util), and throws
"Migration didn't properly handle" where they differ. It does not look at CHECK clauses,
collations, AUTOINCREMENT, UNIQUE clauses, triggers, the order of columns or further tables.
"""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.model.schema import Change, Column, ForeignKey, Index, Schema, Table, fold_name
from migsafe.schema import shown
from migsafe.schema.same import same_text

_OWN = {"room_master_table", "android_metadata", "sqlite_sequence"}
"""Tables that Room, Android and SQLite look after themselves."""
_GENERATED = "index_"
"""Names of indexes that begin so are Room's own: they do not count."""


def diff(fresh: Schema, after: Schema) -> tuple[Change, ...]:
    """What Room finds wrong with `after`, where `fresh` is the schema that it exported.

    A view's text is compared by its tokens, where Room compares every space.
    """
    return (*_tables(fresh, after), *_views(fresh, after))


def _tables(fresh: Schema, after: Schema) -> Iterator[Change]:
    for key, expected in fresh.tables.items():
        if key in _OWN:
            continue
        found = after.tables.get(key)
        if found is None:
            yield Change("table", "removed", expected.name, before=shown.table(expected))
        elif expected.virtual or found.virtual:
            if expected.virtual != found.virtual:
                kinds = (expected.virtual or "no", found.virtual or "no")
                yield Change("option", "altered", expected.name, "virtual", "virtual", *kinds)
        else:
            yield from _columns(expected, found)
            yield from _foreign_keys(expected, found)
            yield from _indexes(_of(fresh, expected), _of(after, found))


# -- columns ------------------------------------------------------------------------------------


def _columns(expected: Table, found: Table) -> Iterator[Change]:
    left, right = ({c.name: c for c in t.columns} for t in (expected, found))  # with case
    for name, column in left.items():
        if name not in right:
            text = shown.column(column)
            yield Change("column", "removed", expected.name, name, before=text)
        else:
            yield from _column(expected.name, column, right[name])
    for name, column in right.items():
        if name not in left:
            yield Change("column", "added", expected.name, name, after=shown.column(column))


def _column(table: str, expected: Column, found: Column) -> Iterator[Change]:
    def altered(aspect: str, before: str, after: str) -> Change:
        return Change("column", "altered", table, expected.name, aspect, before, after)

    if affinity(expected.type) != affinity(found.type):
        yield altered("affinity", affinity(expected.type), affinity(found.type))
    if expected.not_null != found.not_null:
        yield altered("not null", shown.yes(expected.not_null), shown.yes(found.not_null))
    if expected.primary_key != found.primary_key:
        places = (str(c.primary_key or "no") for c in (expected, found))
        yield altered("primary key", *places)
    if expected.default is not None and not _same_default(expected.default, found.default):
        yield altered("default", expected.default, found.default or "none")


def affinity(declared: str) -> str:
    """The affinity that Room reads from a declared type (TableInfo.findAffinity).

    It tells SQLite's NUMERIC from nothing, and calls it UNDEFINED; no type at all is a BLOB.
    """
    words = declared.upper()
    if not words:
        return "BLOB"
    for name, parts in (
        ("INTEGER", ("INT",)),
        ("TEXT", ("CHAR", "CLOB", "TEXT")),
        ("BLOB", ("BLOB",)),
        ("REAL", ("REAL", "FLOA", "DOUB")),
    ):
        if any(part in words for part in parts):
            return name
    return "UNDEFINED"


def _same_default(expected: str, found: str | None) -> bool:
    """Text for text, but for one pair of brackets around all of it."""
    return found is not None and _bare(expected) == _bare(found)


def _bare(default: str) -> str:
    text = default.strip()
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text


# -- foreign keys, indexes, views ---------------------------------------------------------------


def _foreign_keys(expected: Table, found: Table) -> Iterator[Change]:
    left, right = ({_key(f): f for f in t.foreign_keys} for t in (expected, found))
    for key, foreign in left.items():
        if key not in right:
            text = shown.foreign_key(foreign)
            yield Change("foreign key", "removed", expected.name, before=text)
    for key, foreign in right.items():
        if key not in left:
            yield Change("foreign key", "added", expected.name, after=shown.foreign_key(foreign))


def _key(foreign: ForeignKey) -> tuple[object, ...]:
    actions = (foreign.on_delete, foreign.on_update)
    return (foreign.ref_table, *actions, foreign.columns, foreign.ref_columns)


def _of(schema: Schema, table: Table) -> dict[object, Index]:
    key = fold_name(table.name)
    return {_demand(i): i for i in schema.indexes.values() if fold_name(i.table) == key}


def _demand(index: Index) -> object:
    name = _GENERATED if index.name.startswith(_GENERATED) else index.name
    terms = tuple((c.name, c.descending) for c in index.columns if not c.expression)
    return name, index.unique, terms


def _indexes(expected: dict[object, Index], found: dict[object, Index]) -> Iterator[Change]:
    for key, index in expected.items():
        if key not in found:
            text = shown.index(index)
            yield Change("index", "removed", index.table, index.name, before=text)
    for key, index in found.items():
        if key not in expected:
            yield Change("index", "added", index.table, index.name, after=shown.index(index))


def _views(fresh: Schema, after: Schema) -> Iterator[Change]:
    for key, expected in fresh.views.items():
        found = after.views.get(key)
        if found is None:
            yield Change("view", "removed", expected.name, before=expected.select)
        elif not same_text(expected.select, found.select):
            yield Change("view", "altered", expected.name, aspect="select",
                         before=expected.select, after=found.select)  # fmt: skip
