"""The schema of a live PostgreSQL database, from its catalogues (manual, System Catalogs).

Objects that belong to an extension are left out, and so is what a partition or a child has only
because its parent has it (indexes, triggers, constraints but the primary key). Not null says what
holds: of the columns of a primary key it is always true.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from migsafe.model.migration import Dialect
from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Schema,
    Table,
    Trigger,
    Unique,
    UserType,
    View,
    fold_name,
)
from migsafe.model.schema import Sequence as OwnSequence
from migsafe.schema import postgres_catalogue as catalogue
from migsafe.sql.reader import mentions, normalised
from migsafe.sql.tokens import joined, stripped, tokenize

Execute = Callable[[str], Iterable[Sequence[Any]]]
"""Runs one statement and gives its rows."""

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_IDENTITY = {"a": "always", "d": "by default"}  # pg_attribute.attidentity
_TYPES = {"e": "enum", "d": "domain", "c": "composite"}  # pg_type.typtype
_BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE, _INSTEAD = 2, 4, 8, 16, 32, 64
"""Bits of pg_trigger.tgtype (src/include/catalog/pg_trigger.h)."""


def inspect(execute: Execute, ignore: Collection[str] = ()) -> Schema:
    """The schema of the database that `execute` speaks to, without the tables named in `ignore`.

    Names and texts are as the session's search_path shows them: it must be the default one. Both a
    name on two tables (triggers may share theirs) and its table make the key of the second.
    """
    hidden = {fold_name(name) for name in ignore}
    tables = {
        fold_name(table.name): table
        for table in _tables(execute)
        if fold_name(table.name) not in hidden
    }
    indexes = [i for i in _indexes(execute) if fold_name(i.table) not in hidden]
    triggers = [t for t in _triggers(execute) if fold_name(t.table) not in hidden]
    return Schema(
        tables=tables,
        indexes={fold_name(index.name): index for index in indexes},
        triggers=_by_name(triggers),
        views={fold_name(view.name): view for view in _views(execute)},
        types={fold_name(made.name): made for made in _types(execute)},
        sequences={fold_name(one.name): one for one in _sequences(execute)},
    )


def _by_name(triggers: Iterable[Trigger]) -> Mapping[str, Trigger]:
    found: dict[str, Trigger] = {}
    for trigger in triggers:
        key = fold_name(trigger.name)
        found[f"{fold_name(trigger.table)}.{key}" if key in found else key] = trigger
    return found


def _normal(text: str | None) -> str:
    """Normalised text, without brackets around all of it."""
    return normalised(tokenize(text or "", Dialect.POSTGRES))


def _names(text: str) -> tuple[str, ...]:
    return tuple(map(str, json.loads(text or "[]")))


# -- tables -----------------------------------------------------------------------------------


def _tables(execute: Execute) -> Iterator[Table]:
    columns = _grouped(execute(catalogue.COLUMNS))
    constraints = _grouped(execute(catalogue.CONSTRAINTS))
    for oid, name, persistence, partitioning, is_partition, parents in execute(catalogue.TABLES):
        above = _names(parents)
        made = Table(
            name,
            tuple(_column(row) for row in columns.get(oid, ())),
            temporary=persistence == "t",
            unlogged=persistence == "u",
            partitioned=joined(tokenize(partitioning or "", Dialect.POSTGRES)),
            partition_of=above[0] if is_partition and above else "",
            inherits=() if is_partition else above,
        )
        yield _constrained(made, constraints.get(oid, ()))


def _grouped(rows: Iterable[Sequence[Any]]) -> Mapping[Any, list[Sequence[Any]]]:
    """Rows by their first value, without it."""
    found: dict[Any, list[Sequence[Any]]] = {}
    for first, *rest in rows:
        found.setdefault(first, []).append(rest)
    return found


def _column(row: Sequence[Any]) -> Column:
    name, type_, not_null, default, identity, generated, collation, serial = row
    own_numbers = bool(serial) and str(default).startswith("nextval(")
    computed = bool(generated)
    return Column(
        name,
        type_,
        bool(not_null),
        None if own_numbers or computed else default,
        collation=collation or "",
        generated=_normal(default) if computed else "",
        stored=generated == "s",
        identity="serial" if own_numbers else _IDENTITY.get(identity, ""),
    )


def _constrained(table: Table, rows: Iterable[Sequence[Any]]) -> Table:
    uniques: list[Unique] = []
    foreign_keys: list[ForeignKey] = []
    checks: list[Check] = []
    for kind, name, columns, text, valid, enforced, distinct, *reference in rows:
        if kind == "p":
            table = _keyed(table, name, _names(columns))
        elif kind == "f":
            foreign_keys.append(_foreign_key(name, _names(columns), bool(valid), reference))
        elif kind == "c":
            checks.append(Check(_normal(text), name, bool(valid), bool(enforced)))
        elif kind == "u":
            uniques.append(Unique(_names(columns), name, nulls_distinct=bool(distinct)))
        elif kind == "x":
            terms = _normal(text).removeprefix("EXCLUDE ")
            uniques.append(Unique(_names(columns), name, exclusion=terms))
    return replace(
        table, uniques=tuple(uniques), foreign_keys=tuple(foreign_keys), checks=tuple(checks)
    )


def _keyed(table: Table, name: str, key: Sequence[str]) -> Table:
    places = {column: at for at, column in enumerate(key, 1)}
    columns = tuple(replace(c, primary_key=places.get(c.name, 0)) for c in table.columns)
    return replace(table, columns=columns, key_name=name)


def _foreign_key(
    name: str, columns: tuple[str, ...], valid: bool, reference: Sequence[Any]
) -> ForeignKey:
    parent, ref_columns, on_delete, on_update, deferrable, deferred = reference
    return ForeignKey(
        columns,
        parent,
        _names(ref_columns),
        _ACTIONS.get(on_delete, "NO ACTION"),
        _ACTIONS.get(on_update, "NO ACTION"),
        deferred=bool(deferred),
        name=name,
        valid=valid,
        deferrable=bool(deferrable),
    )


# -- what stands on tables --------------------------------------------------------------------


def _indexes(execute: Execute) -> Iterator[Index]:
    for row in execute(catalogue.INDEXES):
        name, table, terms, include, where, unique, method, valid, distinct, only = row
        yield Index(
            name,
            table,
            tuple(_term(*term) for term in json.loads(terms)),
            bool(unique),
            _normal(where),
            "" if method == "btree" else method,
            _names(include),
            bool(valid),
            bool(distinct),
            bool(only),
        )


def _term(column: str | None, expression: str, collation: str | None, down: bool) -> IndexColumn:
    if column is not None:
        return IndexColumn(column, False, collation or "", down)
    return IndexColumn(_normal(expression), True, collation or "", down)


def _triggers(execute: Execute) -> Iterator[Trigger]:
    for name, table, bits, columns, text in execute(catalogue.TRIGGERS):
        timing = "BEFORE" if bits & _BEFORE else "INSTEAD OF" if bits & _INSTEAD else "AFTER"
        yield Trigger(name, table, timing, _event(int(bits), _names(columns)), _body(text, table))


def _event(bits: int, columns: Sequence[str]) -> str:
    update = "UPDATE OF " + ", ".join(columns) if columns else "UPDATE"
    events = ((_INSERT, "INSERT"), (_DELETE, "DELETE"), (_UPDATE, update), (_TRUNCATE, "TRUNCATE"))
    return " OR ".join(text for bit, text in events if bits & bit)


def _body(text: str, table: str) -> str:
    """What stands after ON <table> in the definition that the server writes."""
    tokens = tokenize(text, Dialect.POSTGRES)
    on = next(i for i, token in enumerate(tokens) if token.upper == "ON")
    after = on + 2
    while tokens[after].text == ".":
        after += 2
    return joined(tokens[after:])


def _views(execute: Execute) -> Iterator[View]:
    for name, text, materialised in execute(catalogue.VIEWS):
        tokens = tokenize(str(text).rstrip().rstrip(";"), Dialect.POSTGRES)
        tokens = list(stripped(tokens))
        yield View(name, joined(tokens), (), mentions(tokens), bool(materialised))


# -- types and sequences ----------------------------------------------------------------------


def _types(execute: Execute) -> Iterator[UserType]:
    for name, kind, labels, base, not_null, checks in execute(catalogue.TYPES):
        yield UserType(
            name,
            _TYPES.get(kind, "other"),
            _names(labels),
            base or "",
            bool(not_null),
            tuple(Check(_normal(text), of, bool(ok)) for of, text, ok in json.loads(checks)),
        )


def _sequences(execute: Execute) -> Iterator[OwnSequence]:
    for name, type_, owner in execute(catalogue.SEQUENCES):
        yield OwnSequence(name, type_, owner or "")
