"""The statements that a framework's operations become on a server, and what they then mean.

An operation of a framework is written as the DDL that the framework sends and read by our own
reader, so that it gives exactly the operations of the same statement in a file. What the program
leaves open stands in the text as one of two names, and is open in the operations as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Column, Table
from migsafe.sql.parse import operations
from migsafe.sql.tokens import quoted

UNKNOWN_TYPE = "unknown_to_migsafe"
"""Stands for a type that only running the program can tell; read as the type ""."""
UNKNOWN_VALUE = "unknown_to_migsafe()"
"""Stands for an expression that only running the program can tell; read as "?"."""


def named(name: str, dialect: Dialect, schema: str = "") -> str:
    """A name in quotes, with its schema where it has one."""
    own = quoted(name, dialect)
    return f"{quoted(schema, dialect)}.{own}" if schema else own


def listed(names: Iterable[str], dialect: Dialect) -> str:
    """`("a", "b")`."""
    return f"({', '.join(quoted(n, dialect) for n in names)})"


def text_of(value: object, dialect: Dialect) -> str:
    """A plain value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    said = str(value).replace("'", "''")
    return f"'{said.replace(chr(92), chr(92) * 2)}'" if dialect is Dialect.MYSQL else f"'{said}'"


def read(texts: Iterable[str], dialect: Dialect, line: int) -> tuple[Operation, ...]:
    """The operations of these statements, all of them at one line of the program."""
    found = (o for text in texts for o in operations(text, dialect))
    return tuple(replace(_opened(o), line=line) for o in found)


def _opened(operation: Operation) -> Operation:
    made = operation.definition
    if not isinstance(made, Table) or not any(map(_is_open, made.columns)):
        return operation
    columns = tuple(_as_unknown(c) if _is_open(c) else c for c in made.columns)
    return replace(operation, definition=replace(made, columns=columns))


def _is_open(column: Column) -> bool:
    return UNKNOWN_TYPE in f"{column.type} {column.default} {column.generated}"


def _as_unknown(column: Column) -> Column:
    return replace(
        column,
        type="" if UNKNOWN_TYPE in column.type else column.type,
        default="?" if UNKNOWN_TYPE in (column.default or "") else column.default,
        generated="?" if UNKNOWN_TYPE in column.generated else column.generated,
    )


def lenient(made: Iterable[Operation], kind: Kind) -> tuple[Operation, ...]:
    """The same operations, where those of one kind are left out if the object is there."""
    return tuple(replace(o, if_not_exists=True) if o.kind is kind else o for o in made)
