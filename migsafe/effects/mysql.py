"""The cheapest way in which MySQL and MariaDB carry out an operation, and who waits meanwhile.

`mysql_alter.toml` and `mariadb_alter.toml` are the matrices. Every ALTER TABLE also waits for the
transactions that use the table, for a moment at its start and its end: its metadata lock, which is
no lock of these (MySQL manual, 10.11.4 Metadata Locking).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from migsafe.effects import mysql_columns as columns
from migsafe.model.evidence import Effect
from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Schema, Table, fold_name

ALGORITHMS = ("instant", "nocopy", "inplace", "copy")
"""From cheap to dear; MySQL has no NOCOPY."""

LOCKS = ("NONE", "SHARED", "EXCLUSIVE")
_ONLINE_COPY = 110200  # from here on MariaDB lets writes pass while it copies (MDEV-16329)
_MOMENT = {Kind.DROP_TABLE: "DROP TABLE Statement", Kind.TRUNCATE: "TRUNCATE TABLE Statement"}
_BUILDS = {Kind.CREATE_INDEX, Kind.ADD_CONSTRAINT}
_LAYOUT = {Kind.ADD_COLUMN, Kind.DROP_COLUMN}


@dataclass(frozen=True, slots=True)
class Server:
    """The oldest server in use, and whether its session checks foreign keys.

    `version` as in `effects.versions.Version`.
    """

    product: str
    version: int
    checks: bool = True

    @property
    def maria(self) -> bool:
        """MariaDB rather than MySQL?"""
        return self.product == "mariadb"


@cache
def _matrix(product: str) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    text = (files("migsafe.effects") / f"{product}_alter.toml").read_text(encoding="utf-8")
    return {key: tuple(rows) for key, rows in tomllib.loads(text).items()}


def effects(
    schema: Schema, operations: tuple[Operation, ...], server: Server
) -> tuple[Effect, ...]:
    """What the operations of one statement do to tables; `schema` is the one before it.

    Each has the algorithm that it needs by itself. What an operation forces upon the others of its
    statement is there where it costs more: an index that is built beside a new column rebuilds the
    table, and a demanded ALGORITHM=COPY copies.
    """
    keyed = any(_primary(o) for o in operations)
    found = [
        (at, operation, effect)
        for at, operation in enumerate(operations)
        for effect in _effects(_renamed(schema, operations[:at]), operation, server, keyed)
    ]
    builds = any(o.kind in _BUILDS and e.rebuilds_index for _, o, e in found)
    return tuple(
        replace(_demanded(_joined(effect, o, builds), o, server), operation=at)
        for at, o, effect in found
    )


def _joined(effect: Effect, operation: Operation, builds: bool) -> Effect:
    """A column that comes or goes where the same statement builds an index (measured; online)."""
    if not builds or operation.kind not in _LAYOUT or effect.algorithm not in {"instant", "nocopy"}:
        return effect
    why = "an index is built in the same statement"
    return replace(effect, algorithm="inplace", rewrites=True, scans=True, why=why)


def _renamed(schema: Schema, done: tuple[Operation, ...]) -> Schema:
    """The schema in which columns have the names that CHANGE gave them just before."""
    for operation in done:
        table = schema.table(operation.table)
        if operation.kind is not Kind.RENAME_COLUMN or table is None:
            continue
        old = fold_name(operation.column)
        named = tuple(
            replace(c, name=operation.new_name) if fold_name(c.name) == old else c
            for c in table.columns
        )
        tables = {**schema.tables, fold_name(table.name): replace(table, columns=named)}
        schema = replace(schema, tables=tables)
    return schema


def _primary(operation: Operation) -> bool:
    made = operation.definition
    return isinstance(made, Table) and bool(made.primary_key)


def _effects(schema: Schema, operation: Operation, server: Server, keyed: bool) -> Iterator[Effect]:
    if operation.kind in _MOMENT and operation.table:
        source = f"MySQL manual, {_MOMENT[operation.kind]}"
        yield Effect(0, operation.table, "EXCLUSIVE", True, True, source=source)
        return
    if operation.kind is Kind.LOCK_TABLE:
        yield from _locked(operation)
        return
    if not operation.table or "inline" in operation.options:
        return
    table = schema.table(operation.table)
    keys = columns.keys(operation, table, _indexed(schema, table), server.maria, server.checks)
    if keyed and keys == ("drop_constraint primary key",):
        keys = ("add_constraint primary key",)
    if keys == ("create_index fulltext",) and table is not None and _searched(schema, table):
        keys = ("create_index fulltext more",)
    rows = [(key, row) for key in keys if (row := _row(key, server)) is not None]
    if not rows:
        return
    key, row = max(rows, key=lambda found: _cost(found[1]))
    effect = _effect(operation.table, row, columns.why(key, operation, table), server)
    yield _limited(effect, operation, key, schema, server)


def _indexed(schema: Schema, table: Table | None) -> frozenset[str]:
    """The folded names of the columns that stand in a key of the table."""
    if table is None:
        return frozenset()
    own = [i for i in schema.indexes.values() if fold_name(i.table) == fold_name(table.name)]
    terms = [c.name for i in own for c in i.columns if not c.expression]
    terms += [name for unique in table.uniques for name in unique.columns]
    return frozenset(map(fold_name, (*terms, *table.primary_key)))


def _locked(operation: Operation) -> Iterator[Effect]:
    mode = operation.option("mode")
    if mode is None or not operation.table:
        return
    reads = "write" in mode
    lock = "EXCLUSIVE" if reads else "SHARED"
    yield Effect(0, operation.table, lock, reads, True, source="MySQL manual, LOCK TABLES")


def _row(key: str, server: Server) -> Mapping[str, Any] | None:
    """The newest row that the server's version has reached; a key's first word stands in."""
    rows = _matrix(server.product)
    listed = rows.get(key) or rows.get(key.partition(" ")[0], ())
    reached = [row for row in listed if row.get("since", 0) <= server.version]
    return reached[-1] if reached else None


def _rank(algorithm: str) -> int:
    return ALGORITHMS.index(algorithm)


def _cost(row: Mapping[str, Any]) -> tuple[int, int, bool]:
    """By what the dearest of several rows is told."""
    lock = LOCKS.index(row.get("lock", LOCKS[0]))
    return _rank(row["algorithm"]), lock, row.get("rewrites", False)


def _effect(table: str, row: Mapping[str, Any], why: str, server: Server) -> Effect:
    algorithm = row["algorithm"]
    rewrites = row.get("rewrites", algorithm == "copy")
    rebuilds = row.get("rebuilds", algorithm == "copy")
    effect = Effect(
        0,
        table,
        "",
        rewrites=rewrites,
        scans=rewrites or rebuilds,
        rebuilds_index=rebuilds,
        algorithm=algorithm,
        why=why,
        source=row["source"],
    )
    return _with_lock(effect, row.get("lock") or _least_lock(algorithm, server))


def _least_lock(algorithm: str, server: Server) -> str:
    online = server.maria and server.version >= _ONLINE_COPY
    return "SHARED" if algorithm == "copy" and not online else "NONE"


def _with_lock(effect: Effect, lock: str) -> Effect:
    return replace(
        effect, lock=lock, blocks_reads=lock == "EXCLUSIVE", blocks_writes=lock != "NONE"
    )


def _copied(effect: Effect, server: Server, why: str) -> Effect:
    copied = replace(
        effect, algorithm="copy", rewrites=True, scans=True, rebuilds_index=True, why=why
    )
    return _with_lock(copied, max(effect.lock, _least_lock("copy", server), key=LOCKS.index))


# -- what the table itself does not allow ---------------------------------------------------------


def _limited(
    effect: Effect, operation: Operation, key: str, schema: Schema, server: Server
) -> Effect:
    """The effect on this table: its engine, row format and other keys may forbid what is cheap."""
    table = schema.table(operation.table)
    if table is None:
        return effect
    options = dict(table.options)
    engine = options.get("engine", "innodb")
    moves = operation.kind in _LAYOUT or key == "change position"
    if engine != "innodb" and (moves or operation.kind is Kind.CREATE_INDEX):
        return _copied(effect, server, f"{table.name} is a table of {engine}")
    if server.maria and key == "add_column placed" and _computes(table):
        return _copied(effect, server, "the table has a virtual column")
    if moves and effect.algorithm in {"instant", "nocopy"} and "virtual" not in key:
        special = _special(schema, table, options.get("row_format", ""))
        if special:
            effect = replace(effect, algorithm="inplace", rewrites=True, scans=True, why=special)
    if effect.rewrites and effect.lock == "NONE" and _searched(schema, table):
        effect = _with_lock(effect, "SHARED")
    return effect


def _computes(table: Table) -> bool:
    return any(c.generated and not c.stored for c in table.columns)


def _special(schema: Schema, table: Table, row_format: str) -> str:
    """Why no column of the table can come or go at once; "" where it can."""
    if row_format == "compressed":
        return "its ROW_FORMAT is COMPRESSED"
    return "it has a FULLTEXT index" if _searched(schema, table) else ""


def _searched(schema: Schema, table: Table) -> bool:
    name = fold_name(table.name)
    return any(
        i.method == "fulltext" and fold_name(i.table) == name for i in schema.indexes.values()
    )


# -- what the statement demands -------------------------------------------------------------------


def _demanded(effect: Effect, operation: Operation, server: Server) -> Effect:
    """ALGORITHM= and LOCK= may ask for more than is needed; less than that fails."""
    algorithm, lock = operation.option("algorithm"), operation.option("lock")
    if algorithm in ALGORITHMS and effect.algorithm and _rank(algorithm) > _rank(effect.algorithm):
        if algorithm == "copy":
            effect = _copied(effect, server, "ALGORITHM=COPY is demanded")
        else:
            slow = operation.kind in _LAYOUT and algorithm == "inplace" and not server.maria
            effect = replace(effect, algorithm=algorithm, rewrites=effect.rewrites or slow)
    wanted = (lock or "").upper()
    if wanted in LOCKS and effect.algorithm and LOCKS.index(wanted) > LOCKS.index(effect.lock):
        effect = replace(_with_lock(effect, wanted), why=f"LOCK={wanted} is demanded")
    return effect
