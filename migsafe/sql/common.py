"""Statements that SQLite and PostgreSQL write alike."""

from __future__ import annotations

from migsafe.model.migration import Kind, Operation
from migsafe.sql.reader import Reader


def savepoint(reader: Reader) -> tuple[Operation, ...]:
    """SAVEPOINT name, RELEASE [SAVEPOINT] name."""
    line = reader.line()
    kind = Kind.SAVEPOINT if reader.next().upper == "SAVEPOINT" else Kind.RELEASE
    reader.accept("SAVEPOINT")
    return (Operation(kind, name=reader.name(), line=line),)


def maintenance(reader: Reader) -> tuple[Operation, ...]:
    """A statement that changes neither schema nor rows, whatever it says."""
    line = reader.line()
    reader.rest()
    return (Operation(Kind.MAINTENANCE, line=line),)
