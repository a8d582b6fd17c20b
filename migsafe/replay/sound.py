"""Can a migration have damaged a database that was sound? SQLite itself does not allow most of it.

A statement that would break a NOT NULL, a CHECK or a UNIQUE fails. What remains are the pragmas
that switch this off or let the schema be written by hand, and direct writes to the tables of a
virtual table (howtocorrupt.html, pragma.html).
"""

from __future__ import annotations

import sqlite3

from migsafe.model.migration import Kind, Migration, Operation
from migsafe.model.schema import Schema

_HARMLESS = {
    "user_version", "application_id", "foreign_keys", "defer_foreign_keys", "recursive_triggers",
    "legacy_alter_table", "foreign_key_check", "table_info", "table_xinfo", "index_list",
    "index_info", "busy_timeout", "cache_size", "synchronous", "temp_store", "optimize",
}  # fmt: skip
"""Pragmas that neither switch a check off nor touch what is stored (pragma.html)."""

_ADDED_CHECKS = (3, 37, 0)
"""ALTER TABLE ADD COLUMN tests a new CHECK on the rows from this version on (changes.html)."""


def may_be_damaged(pending: tuple[Migration, ...], before: Schema, after: Schema) -> bool:
    """Could these migrations leave a sound database unsound, as far as their text tells?"""
    if sqlite3.sqlite_version_info < _ADDED_CHECKS:
        return True
    if any(t.virtual for schema in (before, after) for t in schema.tables.values()):
        return True
    statements = (s for migration in pending for s in migration.statements)
    return any(s.operations is None or any(map(_reaches_below, s.operations)) for s in statements)


def _reaches_below(operation: Operation) -> bool:
    if operation.kind is Kind.PRAGMA:
        return operation.name.lower() not in _HARMLESS
    return operation.kind in {Kind.OPAQUE, Kind.UNREAD, Kind.ATTACH}
