"""Statements of SQLAlchemy Core (`users.update().where(...).values(...)`) as operations.

What is certain is the kind of statement, its table and the columns that it sets; conditions and
values are given in the script's own words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migsafe.adapters.alembic_roles import role
from migsafe.adapters.alembic_text import (
    CORE,
    UNKNOWN,
    Scope,
    TableName,
    dotted,
    links,
    literal,
    resolved,
)
from migsafe.model.migration import Assignment, Kind, Operation

_KINDS = {"update": Kind.UPDATE, "insert": Kind.INSERT, "delete": Kind.DELETE}
_READS = {"select", "exists", "union", "union_all", "values"}


@dataclass(frozen=True, slots=True)
class _Statement:
    """A chain of calls: the one that begins it, its table, and the methods called on it."""

    name: str
    table: str
    methods: tuple[tuple[str, ast.Call], ...]


def statement_of(node: ast.expr | None, scope: Scope) -> Operation | None:
    """The operation of a Core statement; None for anything else, or for an unknown table."""
    node = resolved(node, scope)
    if not isinstance(node, ast.Call):
        return None
    found = _read(node, scope)
    if found is None:
        return None
    if found.name in _READS:
        return Operation(Kind.SELECT, line=node.lineno)
    if not found.table:
        return None
    assigned = tuple(a for name, c in found.methods if name == "values" for a in _values(c, scope))
    kind = _KINDS[found.name]
    return Operation(
        kind,
        found.table,
        columns=tuple(a.column for a in assigned) if kind is Kind.INSERT else (),
        assignments=assigned,
        where=_where(found, scope),
        line=node.lineno,
    )


def _read(node: ast.Call, scope: Scope) -> _Statement | None:
    """The innermost call of the chain that begins a statement, and what follows it."""
    chain = list(links(node))
    for at in range(len(chain) - 1, -1, -1):
        name, call = chain[at]
        if name not in CORE:
            continue
        methods = tuple(reversed(chain[:at]))
        if name in _READS or isinstance(_owner(call, scope), TableName):
            owner = _owner(call, scope)
            return _Statement(name, owner.name if isinstance(owner, TableName) else "", methods)
        first = role(call.args[0], scope) if call.args else None
        table = first.name if isinstance(first, TableName) else ""
        return _Statement(name, table, methods)
    return None


def _owner(call: ast.Call, scope: Scope) -> object:
    """What the method is called on: `users` in `users.update()`."""
    return role(call.func.value, scope) if isinstance(call.func, ast.Attribute) else None


def _values(call: ast.Call, scope: Scope) -> Iterator[Assignment]:
    for keyword in call.keywords:
        if keyword.arg:
            yield _assignment(keyword.arg, keyword.value, scope)
    for given in call.args:
        if isinstance(given, ast.Dict):
            for key, value in zip(given.keys, given.values, strict=True):
                name = _column(key, scope)
                if name:
                    yield _assignment(name, value, scope)


def _column(node: ast.expr | None, scope: Scope) -> str:
    """`"size"`, `users.c.size` and `User.size` are the column size."""
    found = literal(node, scope)
    if isinstance(found, str):
        return found
    return dotted(node).rpartition(".")[2] if isinstance(node, ast.Attribute) else ""


def _assignment(name: str, node: ast.expr, scope: Scope) -> Assignment:
    found = literal(node, scope)
    text = scope.segment(node)
    if found is None:
        return Assignment(name, text, "null")
    if found is not UNKNOWN and isinstance(found, (str, int, float)):
        return Assignment(name, text, "literal", guarded=True)
    return Assignment(name, text, "parameter")


def _where(found: _Statement, scope: Scope) -> str | None:
    said = [
        scope.segment(argument)
        for name, call in found.methods
        if name in {"where", "filter", "filter_by"}
        for argument in (*call.args, *(k.value for k in call.keywords))
    ]
    return " AND ".join(said) if said else None
