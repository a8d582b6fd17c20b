"""What the names of a revision script stand for: Alembic's `op`, a connection, a table, ..."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from enum import Enum

from migsafe.adapters.alembic_calls import BatchTable
from migsafe.adapters.alembic_text import (
    Scope,
    TableName,
    constructed,
    dotted,
    labels_of,
    literal,
    table_of_class,
)


class Role(Enum):
    """What a value can do to the database."""

    OP = "op"  # alembic.op
    CONTEXT = "context"  # alembic's migration context
    BIND = "bind"  # a connection, an engine or a session
    HARMLESS = "harmless"  # the standard library, SQLAlchemy's own constructors
    FOREIGN = "foreign"  # imported from somewhere else: it may do anything
    LOCAL = "local"  # any other value


Known = Role | BatchTable | TableName

_HARMLESS_MODULES = {"sqlalchemy", "alembic", "__future__", "typing_extensions"}
_DANGEROUS_MODULES = {"sqlite3", "subprocess", "importlib", "ctypes"}
_SESSIONS = {"Session", "sessionmaker", "scoped_session", "AsyncSession"}
_BINDS = {"get_bind", "connect", "connection", "begin", "begin_nested", "execution_options", "bind"}
LOOKS = {"inspect", "from_engine", "Inspector", "MetaData", "reflect", "Table", "automap_base",
         "prepare", "isinstance", "print", "str", "repr", "type", "hasattr", "id"}  # fmt: skip
"""Functions that only look at a connection given to them."""


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Known]]:
    """The names that an import binds, and what they stand for."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            full = f"{module}.{alias.name}"
            yield alias.asname or alias.name, _module_role(full)
        elif alias.asname:
            yield alias.asname, _module_role(alias.name)
        else:
            yield alias.name.partition(".")[0], _module_role(alias.name.partition(".")[0])


def _module_role(name: str) -> Role:
    if name == "alembic.op":
        return Role.OP
    if name == "alembic.context":
        return Role.CONTEXT
    top = name.partition(".")[0]
    if top in _DANGEROUS_MODULES:
        return Role.FOREIGN
    if top in _HARMLESS_MODULES or top in sys.stdlib_module_names:
        return Role.HARMLESS
    return Role.FOREIGN


def role(node: ast.expr, scope: Scope) -> Known:
    """What an expression stands for."""
    if isinstance(node, ast.Name):
        return _of_name(node.id, scope)
    if isinstance(node, ast.Attribute):
        return _of_attribute(node, scope)
    if isinstance(node, ast.Call):
        return _of_call(node, scope)
    if isinstance(node, ast.Await):
        return role(node.value, scope)
    if isinstance(node, ast.Subscript):
        return _of_subscript(node, scope)
    return Role.LOCAL


def _of_name(name: str, scope: Scope) -> Known:
    found = scope.names.get(name)
    if isinstance(found, (Role, BatchTable, TableName)):
        return found
    return Role.HARMLESS if found is None and hasattr(builtins, name) else Role.LOCAL


def _of_attribute(node: ast.Attribute, scope: Scope) -> Known:
    full = dotted(node)
    if full in {"alembic.op", "alembic.context"} and "alembic" in scope.names:
        return _module_role(full)
    owner = role(node.value, scope)
    if isinstance(owner, TableName) and node.attr == "__table__":
        return owner
    if owner is Role.CONTEXT and node.attr in {"bind", "connection"}:
        return Role.BIND
    if owner is Role.BIND and node.attr == "dialect":
        return Role.HARMLESS
    if owner in {Role.CONTEXT, Role.BIND, Role.OP, Role.FOREIGN, Role.HARMLESS}:
        return owner
    return Role.LOCAL


def _of_subscript(node: ast.Subscript, scope: Scope) -> Known:
    """`metadata.tables["users"]` is a table."""
    found = literal(node.slice, scope)
    tables = isinstance(node.value, ast.Attribute) and node.value.attr == "tables"
    return TableName(found) if tables and isinstance(found, str) else Role.LOCAL


def _of_call(node: ast.Call, scope: Scope) -> Known:
    name = dotted(node.func).rpartition(".")[2]
    if isinstance(node.func, ast.Attribute):
        name = node.func.attr
        made = _of_method(role(node.func.value, scope), name)
        if made is not None:
            return made
    elif role(node.func, scope) is Role.BIND:
        return Role.BIND  # a session maker
    if name in _SESSIONS:
        return Role.BIND
    if name in {"table", "Table"} and node.args:
        table = literal(node.args[0], scope)
        return TableName(table) if isinstance(table, str) else Role.LOCAL
    return Role.LOCAL


def _of_method(owner: Known, name: str) -> Known | None:
    if owner in {Role.OP, Role.CONTEXT}:
        if name in {"get_bind", "get_connection"}:
            return Role.BIND
        return Role.CONTEXT if name in {"get_context", "autocommit_block"} else Role.LOCAL
    if owner is Role.BIND:
        return Role.BIND if name in _BINDS else Role.LOCAL
    return None


def reaches(node: ast.Call, scope: Scope) -> bool:
    """Is a connection, or `op` itself, handed to this call?"""
    given = [*node.args, *(k.value for k in node.keywords)]
    return any(_can_write(role(a, scope)) for a in given)


def names_foreign(node: ast.expr, scope: Scope) -> bool:
    """Is a class or table from another module handed to this call, as a whole or a part of it?"""
    if not isinstance(node, ast.Call):
        return False
    given = [*node.args, *(k.value for k in node.keywords)]
    return any(_is_foreign(n, scope) for a in given for n in _values(a))


def _is_foreign(node: ast.expr, scope: Scope) -> bool:
    return isinstance(node, ast.Name) and role(node, scope) is Role.FOREIGN


def _values(node: ast.expr) -> Iterator[ast.expr]:
    """The expression and what stands in it, but for the functions that it calls."""
    yield node
    for child in ast.iter_child_nodes(node):
        called = isinstance(node, ast.Call) and child is node.func
        if isinstance(child, ast.expr) and not (called and isinstance(child, ast.Name)):
            yield from _values(child)


def _can_write(known: Known) -> bool:
    return known in {Role.OP, Role.BIND, Role.CONTEXT} or isinstance(known, BatchTable)


def lasting(found: object) -> bool:
    """Must a name keep this meaning although another branch gave it none?"""
    return isinstance(found, (Role, BatchTable)) and _can_write(found)


def class_meaning(node: ast.ClassDef, scope: Scope) -> object:
    """What a class of the script is known as: a table, an enum's labels, or nothing special."""
    table = table_of_class(node, scope)
    return TableName(table) if table else labels_of(node, scope) or Role.LOCAL


def meaning(node: ast.expr, scope: Scope) -> object:
    """What a name is bound to by an expression that is no constant."""
    found = role(node, scope)
    return (constructed(node) or found) if found is Role.LOCAL else found
