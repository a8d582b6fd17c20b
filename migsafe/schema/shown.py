"""Parts of a schema as short readable text, for the two sides of a `Change`."""

from __future__ import annotations

from collections.abc import Iterable

from migsafe.model.schema import Column, ForeignKey, Index, IndexColumn, Table, Trigger


def yes(value: bool) -> str:
    """A property that holds or does not."""
    return "yes" if value else "no"


def listed(names: Iterable[str]) -> str:
    """Names in brackets: `(a, b)`."""
    return f"({', '.join(names)})"


def table(value: Table) -> str:
    """A table's columns, or the module of a virtual table."""
    if value.virtual:
        return f"virtual table using {value.virtual}"
    return listed(c.name for c in value.columns) if value.columns else ""


def column(value: Column) -> str:
    """A column's declaration: `TEXT NOT NULL DEFAULT ''`."""
    parts = [value.type]
    if value.primary_key:
        parts.append("PRIMARY KEY")
    if value.not_null:
        parts.append("NOT NULL")
    if value.default is not None:
        parts.append(f"DEFAULT {value.default}")
    if value.collation:
        parts.append(f"COLLATE {value.collation}")
    if value.generated:
        parts.append(generated(value))
    return " ".join(p for p in parts if p)


def generated(value: Column) -> str:
    """How a generated column comes about; "" for an ordinary one."""
    if not value.generated:
        return ""
    return f"AS ({value.generated}) {'STORED' if value.stored else 'VIRTUAL'}"


def foreign_key(value: ForeignKey) -> str:
    """A foreign key: `(a) references t (id) on delete CASCADE`."""
    text = f"{listed(value.columns)} references {value.ref_table}"
    if value.ref_columns:
        text += f" {listed(value.ref_columns)}"
    for event, action in (("delete", value.on_delete), ("update", value.on_update)):
        if action != "NO ACTION":
            text += f" on {event} {action}"
    return text + (" deferred" if value.deferred else "")


def terms(columns: Iterable[IndexColumn]) -> str:
    """The terms of an index: `(a, b COLLATE NOCASE DESC)`."""
    return listed(_term(c) for c in columns)


def _term(value: IndexColumn) -> str:
    collation = f" COLLATE {value.collation}" if value.collation else ""
    return f"{value.name}{collation}{' DESC' if value.descending else ''}"


def index(value: Index) -> str:
    """An index: `unique (a, b) where c IS NULL`."""
    where = f" where {value.where}" if value.where else ""
    return f"{'unique ' if value.unique else ''}{terms(value.columns)}{where}"


def trigger(value: Trigger) -> str:
    """When a trigger runs: `AFTER INSERT`."""
    return f"{value.timing or 'BEFORE'} {value.event}"
