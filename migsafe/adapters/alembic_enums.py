"""PostgreSQL's enum types, which SQLAlchemy makes along with tables or when told to."""

from __future__ import annotations

import ast

from migsafe.adapters.alembic_text import Scope
from migsafe.adapters.ddl import lenient, named, read
from migsafe.adapters.sqlalchemy_types import EnumType, created, enum_type
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import UserType

Made = tuple[Operation, ...]


def create_type(made: EnumType, line: int) -> Made:
    """The type is made where it is not there yet (SQLAlchemy's checkfirst)."""
    text = created(made)
    if text is not None:
        found = read([text], Dialect.POSTGRES, line)
        return lenient(found, Kind.CREATE_TYPE)
    name = f"{made.schema}.{made.name}" if made.schema else made.name
    definition = UserType(name, "enum")
    return (Operation(Kind.CREATE_TYPE, name=name, definition=definition, value="enum",
                      if_not_exists=True, line=line),)  # fmt: skip


def type_call(node: ast.Call, scope: Scope, dialect: Dialect) -> Made | None:
    """`sa.Enum(...).create(bind)` or `.drop(bind)`; None for what is no enum type."""
    assert isinstance(node.func, ast.Attribute)
    made = enum_type(node.func.value, scope)
    if made is None:
        return None
    if dialect is not Dialect.POSTGRES:
        return ()
    if node.func.attr == "create":
        return create_type(made, node.lineno)
    text = f"DROP TYPE IF EXISTS {named(made.name, dialect, made.schema)}"
    return read([text], dialect, node.lineno)
