"""Schemas over time: each object's states, and from which statement until which they held."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect
from migsafe.model.schema import (
    Change,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Schema,
    Sequence,
    Table,
    Trigger,
    UserType,
    View,
    fold_name,
)
from migsafe.schema.diff import changed, diff
from migsafe.sql.tokens import quoted

Row = tuple[object, ...]
Rows = dict[tuple[str, ...], Row]  # (facts table, identity ...) -> values, since and until apart

_NAMES = {
    "table_state": 1,
    "column_state": 2,
    "index_state": 2,
    "foreign_key_state": 1,
    "check_state": 1,
    "trigger_state": 2,
    "view_state": 1,
    "dependency_state": 3,
    "type_state": 1,
    "sequence_state": 1,
}
"""How many leading values stand before `since` and `until` in each facts table."""


def find_table(schema: Schema, name: str) -> Table | None:
    """The table that a bare name means: a temporary one hides a main one."""
    return schema.tables.get("temp." + fold_name(name)) or schema.table(name)


def affinity(declared: str) -> str:
    """The affinity of a declared type (datatype3.html, section 3.1)."""
    text = declared.upper()
    if "INT" in text:
        return "INTEGER"
    if any(word in text for word in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not text or "BLOB" in text:
        return "BLOB"
    if any(word in text for word in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


@dataclass(frozen=True, slots=True)
class Open:
    """The last schema that was seen, and the states that hold in it with what began them."""

    schema: Schema
    since: Mapping[tuple[str, ...], tuple[int, Row]]


def timeline(
    steps: tuple[Step, ...], dialect: Dialect = Dialect.SQLITE, past: Open | None = None
) -> tuple[dict[str, list[Row]], Open | None]:
    """The rows of the states that have ended, and those that hold; `past`: before these steps."""
    result: dict[str, list[Row]] = {name: [] for name in _NAMES}
    if not steps:
        return result, past
    open_since = dict(past.since) if past else {}
    before = past.schema if past else Schema()
    for at, after in _versions(steps, past):
        _advance(result, open_since, at, _differing(before, after, dialect))
        before = after
    return result, Open(before, open_since)


def lasting(states: Open | None) -> dict[str, list[Row]]:
    """The rows of the states that hold at the end."""
    result: dict[str, list[Row]] = {name: [] for name in _NAMES}
    for key, (since, values) in states.since.items() if states else ():
        _close(result, key, values, since, None)
    return result


def _versions(steps: tuple[Step, ...], past: Open | None) -> Iterator[tuple[int, Schema]]:
    known = past.schema if past else steps[0].before
    if past is None:
        yield 0, known
    for step in steps:
        if step.before is not known:  # a sample tells more, or program code stood between
            yield step.id - 1, step.before
        if step.after is not step.before:
            yield step.id, step.after
        known = step.after


def _advance(
    result: dict[str, list[Row]],
    open_since: dict[tuple[str, ...], tuple[int, Row]],
    at: int,
    rows: tuple[Rows, Rows],
) -> None:
    old, new = rows
    for key, values in old.items():
        if new.get(key) != values and key in open_since:
            since, _ = open_since.pop(key)
            _close(result, key, values, since, at)
    for key, values in new.items():
        if old.get(key) != values:
            open_since[key] = (at, values)


def _close(
    result: dict[str, list[Row]], key: tuple[str, ...], values: Row, since: int, until: int | None
) -> None:
    cut = _NAMES[key[0]]
    result[key[0]].append((*values[:cut], since, until, *values[cut:]))


def _differing(before: Schema, after: Schema, dialect: Dialect) -> tuple[Rows, Rows]:
    """The rows of the objects that are not the very same object in both schemas."""
    old: Rows = {}
    new: Rows = {}
    for a, b, rows in _pairs(before, after):
        for key in sorted(changed(a, b)):
            one, two = a.get(key), b.get(key)
            old.update(rows(before, key, one, dialect) if one is not None else {})
            new.update(rows(after, key, two, dialect) if two is not None else {})
    return old, new


_RowsOf = Callable[[Schema, str, object, Dialect], Rows]


def _pairs(
    before: Schema, after: Schema
) -> Iterable[tuple[Mapping[str, object], Mapping[str, object], _RowsOf]]:
    yield before.tables, after.tables, _table_rows
    yield before.indexes, after.indexes, _index_rows
    yield before.triggers, after.triggers, _trigger_rows
    yield before.views, after.views, _view_rows
    yield before.types, after.types, _type_rows
    yield before.sequences, after.sequences, _sequence_rows


def _table_rows(schema: Schema, key: str, table: object, dialect: Dialect) -> Rows:
    assert isinstance(table, Table)
    rows: Rows = {("table_state", key): _table_row(table)}
    for at, column in enumerate(table.columns, 1):
        rows["column_state", key, fold_name(column.name)] = _column_row(table, at, column, dialect)
    for unique in table.uniques:
        columns = _joined(unique.columns)
        terms = _terms(table, unique.columns, dialect)
        row = (table.name, unique.name, "unique", True, columns, "", terms, "", True)
        rows["index_state", key, "unique", columns.lower()] = row
    if table.primary_key:
        columns, terms = _joined(table.primary_key), _terms(table, table.primary_key, dialect)
        row = (table.name, table.key_name, "primary key", True, columns, "", terms, "", True)
        rows["index_state", key, "pk"] = row
    for at, foreign in enumerate(table.foreign_keys):
        rows["foreign_key_state", key, str(at)] = _foreign_row(schema, table, foreign, dialect)
    for check in table.checks:
        rows["check_state", key, check.expression] = (
            table.name, check.expression, check.name, check.valid,
        )  # fmt: skip
    return rows


def _table_row(table: Table) -> Row:
    return (
        table.name,
        table.autoincrement,
        table.without_rowid,
        table.strict,
        table.virtual,
        table.temporary,
        table.complete,
        table.partitioned,
        table.partition_of,
        table.unlogged,
        *(dict(table.options).get(name, "") for name in ("engine", "row_format")),
    )


def _column_row(table: Table, at: int, column: Column, dialect: Dialect) -> Row:
    alias = (
        table.primary_key == (column.name,)
        and column.type.upper() == "INTEGER"
        and not table.without_rowid
    )
    return (
        table.name,
        column.name,
        at,
        column.type,
        affinity(column.type),
        column.not_null or _key_not_null(table, column, dialect),
        column.default,
        column.primary_key,
        alias,
        column.collation,
        bool(column.generated),
        column.identity,
        *(_text(table, column) if dialect is Dialect.MYSQL else ("", "", "", None, None, "")),
    )


def _text(table: Table, column: Column) -> Row:
    """What only MySQL says of a column."""
    from migsafe.schema import types_mysql  # noqa: PLC0415 - each dialect on demand

    capacity = types_mysql.characters(column, table)
    name = types_mysql.charset(column, table) if capacity is not None else ""
    octets = types_mysql.octets(column, table)
    compares = types_mysql.collation(column, table)
    return name, column.on_update, column.comment, capacity, octets, compares


def _key_not_null(table: Table, column: Column, dialect: Dialect) -> bool:
    """Key columns take no NULL, but for SQLite (withoutrowid.html, stricttables.html)."""
    strict = dialect is not Dialect.SQLITE or table.without_rowid or table.strict
    return column.primary_key > 0 and strict


def _foreign_row(schema: Schema, table: Table, foreign: ForeignKey, dialect: Dialect) -> Row:
    parent = schema.table(foreign.ref_table)
    ref_columns = foreign.ref_columns or (parent.primary_key if parent else ())
    return (
        table.name,
        _joined(foreign.columns),
        foreign.ref_table,
        _joined(ref_columns),
        foreign.on_delete,
        foreign.on_update,
        ", ".join(quoted(c, dialect) for c in foreign.columns),
        ", ".join(quoted(c, dialect) for c in ref_columns),
        foreign.name,
        foreign.valid,
        foreign.deferred,
    )


def _index_rows(schema: Schema, key: str, index: object, dialect: Dialect) -> Rows:
    assert isinstance(index, Index)
    columns = _joined(term.name for term in index.columns)
    table = schema.table(index.table) or Table(index.table)
    terms = ", ".join(_term(table, term, dialect) for term in index.columns)
    own = (index.table, index.name, "index", index.unique, columns, index.where)
    row = (*own, terms, index.method, index.valid)
    return {("index_state", "", key): row}


def _terms(table: Table, names: Iterable[str], dialect: Dialect) -> str:
    return ", ".join(_term(table, IndexColumn(name), dialect) for name in names)


def _term(table: Table, term: IndexColumn, dialect: Dialect) -> str:
    """An index term as SQL, with the collation that it compares by."""
    column = None if term.expression else table.column(term.name)
    collation = term.collation or (column.collation if column else "")
    text = term.name if term.expression else quoted(term.name, dialect)
    if term.length:
        return f"left({text}, {term.length})"
    if dialect is not Dialect.SQLITE:
        return f'{text} COLLATE "{collation}"' if term.collation else text
    if term.expression and not collation:
        return text
    # Always written out: a copied column brings the collation of its old table along.
    return f"{text} COLLATE {collation or 'BINARY'}"


def _trigger_rows(_: Schema, key: str, trigger: object, __: Dialect) -> Rows:
    assert isinstance(trigger, Trigger)
    row = (trigger.name, trigger.table, trigger.timing, trigger.event, trigger.body)
    rows: Rows = {("trigger_state", key): row}
    rows.update(_dependencies("trigger", key, trigger.name, trigger.mentions))
    return rows


def _view_rows(_: Schema, key: str, view: object, __: Dialect) -> Rows:
    assert isinstance(view, View)
    rows: Rows = {("view_state", key): (view.name, view.select)}
    rows.update(_dependencies("view", key, view.name, view.mentions))
    return rows


def _type_rows(_: Schema, key: str, made: object, __: Dialect) -> Rows:
    assert isinstance(made, UserType)
    return {("type_state", key): (made.name, made.kind, json.dumps(made.labels), made.base)}


def _sequence_rows(_: Schema, key: str, made: object, __: Dialect) -> Rows:
    assert isinstance(made, Sequence)
    return {("sequence_state", key): (made.name, made.owner, made.type)}


def _dependencies(what: str, key: str, name: str, mentions: tuple[str, ...]) -> Rows:
    return {("dependency_state", what, key, table): (what, name, table) for table in mentions}


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)


def migration_changes(steps: tuple[Step, ...], numbers: dict[str, int]) -> Iterator[Row]:
    """What each migration as a whole changes, placed at the last statement that touched it."""
    for revision, group in _by_revision(steps):
        if group[0].before is group[-1].after:
            continue
        for c in diff(group[0].before, group[-1].after):
            at = _last_touching(group, c)
            yield (
                numbers[revision],
                at,
                c.what,
                c.how,
                c.table,
                c.name,
                c.aspect,
                c.before,
                c.after,
            )


def _by_revision(steps: tuple[Step, ...]) -> Iterator[tuple[str, list[Step]]]:
    group: list[Step] = []
    for step in steps:
        if group and group[0].revision != step.revision:
            yield group[0].revision, group
            group = []
        group.append(step)
    if group:
        yield group[0].revision, group


def _last_touching(group: list[Step], change: Change) -> int:
    table, name = fold_name(change.table), fold_name(change.name)
    exact = [s for s in group if any(_same(c, table, name) for c in s.changes)]
    near = [s for s in group if any(fold_name(c.table) == table for c in s.changes)]
    return (exact or near or group)[-1].id


def _same(change: Change, table: str, name: str) -> bool:
    return fold_name(change.table) == table and fold_name(change.name) == name
