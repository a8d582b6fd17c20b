"""The locks that PostgreSQL takes for an operation, and what the operation does to the rows.

`postgres_locks.toml`, `postgres_types.toml` and `postgres_volatile.toml` are the matrices. Where a
matrix cannot tell, the answer is None: not known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from migsafe.effects import postgres_columns as columns
from migsafe.model.evidence import Effect
from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import ForeignKey, Schema, Table, fold_name

MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
"""The lock modes of tables, weakest first (manual, 13.3.1)."""


def blocks_reads(mode: str) -> bool:
    """Does a SELECT wait for it?"""
    return mode == "ACCESS EXCLUSIVE"


def blocks_writes(mode: str) -> bool:
    """Do INSERT, UPDATE and DELETE wait for it?"""
    return mode in MODES[4:]


@dataclass(frozen=True, slots=True)
class Server:
    """What is known of the server: its oldest version in use, as server_version_num."""

    version: int
    functions: Mapping[str, str]  # the history's own functions: folded name -> volatility


@cache
def _locks() -> Mapping[str, Mapping[str, Any]]:
    text = (files("migsafe.effects") / "postgres_locks.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def effects(
    schema: Schema, operations: tuple[Operation, ...], server: Server
) -> tuple[Effect, ...]:
    """What the operations of one statement do to tables; `schema` is the one before it.

    Operations of a DO block count as those of any other statement.
    """
    return tuple(
        replace(effect, operation=at)
        for at, operation in enumerate(operations)
        for effect in _effects(schema, operation, server)
    )


def _effects(schema: Schema, operation: Operation, server: Server) -> Iterator[Effect]:
    if operation.kind is Kind.LOCK_TABLE:
        yield _effect(operation.table, operation.value, {"source": "manual, LOCK"})
        return
    if operation.kind is Kind.ALTER_TYPE:
        yield from _domain(schema, operation)
        return
    row = _row(schema, operation, server)
    if row is None or _passed_over(schema, operation):
        return
    table = _table(schema, operation)
    if row.get("lock") and table:
        own = _effect(table, row["lock"], row)
        yield columns.refined(own, schema, operation, server.version, server.functions)
    if row.get("other"):
        for name in _others(schema, operation):
            yield _effect(name, row["other"], {"source": row["source"]})


def _passed_over(schema: Schema, operation: Operation) -> bool:
    """Is there, for sure, no such table, and does IF EXISTS allow for that?"""
    name = fold_name(operation.table)
    known = {*schema.tables, *schema.views}
    return bool(name) and operation.if_exists and schema.complete and name not in known


def _effect(table: str, mode: str, row: Mapping[str, Any]) -> Effect:
    return Effect(
        0,
        table,
        mode,
        blocks_reads(mode),
        blocks_writes(mode),
        row.get("rewrites", False),
        row.get("scans", False),
        row.get("rebuilds", False),
        source=row["source"],
    )


def _row(schema: Schema, operation: Operation, server: Server) -> Mapping[str, Any] | None:
    """The most specific row of the matrix that the server's version knows."""
    rows = _locks()
    for key in _keys(schema, operation):
        row = rows.get(key)
        if row is not None and row.get("since", 0) <= server.version:
            return row
    return None


def _keys(schema: Schema, operation: Operation) -> Iterator[str]:
    kind = operation.kind.value
    if "concurrently" in operation.options:
        yield f"{kind} concurrently"
    match operation.kind:
        case Kind.ADD_CONSTRAINT:
            yield from _constraint_keys(operation)
        case Kind.ALTER_COLUMN:
            yield f"{kind} {operation.value}"
        case Kind.TABLE_OPTION:
            yield f"{kind} {operation.name}"
        case Kind.CREATE_TABLE | Kind.ADD_COLUMN:
            made = operation.definition
            if isinstance(made, Table) and made.partition_of:
                yield f"{kind} partition"
            if isinstance(made, Table) and made.foreign_keys:
                yield f"{kind} references"
        case Kind.VACUUM if "full" in operation.options:
            yield f"{kind} full"
        case _:
            pass
    yield kind


def _constraint_keys(operation: Operation) -> Iterator[str]:
    made = operation.definition
    invalid = " not valid" if "not valid" in operation.options else ""
    if operation.option("using index") is not None:
        yield "add_constraint using index"
    elif isinstance(made, Table) and made.foreign_keys:
        yield f"add_constraint foreign key{invalid}"
    elif isinstance(made, Table) and made.checks:
        yield f"add_constraint check{invalid}"
    elif "exclude" in operation.options:
        yield "add_constraint exclude"
    yield "add_constraint unique"


def _table(schema: Schema, operation: Operation) -> str:
    if operation.table:
        return operation.table
    name = fold_name(operation.name)
    if operation.kind in {Kind.DROP_INDEX, Kind.REINDEX}:
        index = schema.indexes.get(name)
        return index.table if index else ""
    return operation.name if operation.kind in {Kind.REFRESH_VIEW} else ""


def _others(schema: Schema, operation: Operation) -> tuple[str, ...]:
    """The other tables that the operation locks."""
    made = operation.definition
    if operation.kind in {Kind.ATTACH_PARTITION, Kind.DETACH_PARTITION}:
        return (operation.name,)
    table = schema.table(operation.table)
    parents: list[str] = []
    if isinstance(made, Table):
        parents += [made.partition_of] if made.partition_of else []
        parents += [f.ref_table for f in made.foreign_keys]
    elif table is not None:
        parents += [f.ref_table for f in table.foreign_keys if _goes_with(f, operation)]
    own = fold_name(operation.table)
    return tuple(dict.fromkeys(p for p in parents if fold_name(p) != own))


def _goes_with(key: ForeignKey, operation: Operation) -> bool:
    """Is the foreign key what the operation drops or validates?"""
    if operation.kind is Kind.DROP_TABLE:
        return True
    if operation.kind is Kind.DROP_COLUMN:
        return fold_name(operation.column) in map(fold_name, key.columns)
    return fold_name(key.name) == fold_name(operation.name)


def _domain(schema: Schema, operation: Operation) -> Iterator[Effect]:
    """A constraint of a domain is checked in every table that uses it (manual, ALTER DOMAIN)."""
    checked = operation.value in {"add constraint", "set not null", "validate constraint"}
    if "domain" not in operation.options or not checked or "not valid" in operation.options:
        return
    name = fold_name(operation.name)
    for table in schema.tables.values():
        if any(fold_name(c.type) == name for c in table.columns):
            row = {"scans": True, "source": "manual, ALTER DOMAIN; measured"}
            yield _effect(table.name, "SHARE", row)
