"""PostgreSQL's statements about the session: transactions, settings, blocks, calls."""

from __future__ import annotations

from migsafe.model.migration import Kind, Operation
from migsafe.sql.common import maintenance, savepoint
from migsafe.sql.postgres_body import block
from migsafe.sql.reader import Read, Reader, UnreadError
from migsafe.sql.tokens import joined


def _begin(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    if not reader.accept("START", "TRANSACTION"):
        reader.expect("BEGIN")
        reader.accept_any("WORK", "TRANSACTION")
    reader.rest()
    return (Operation(Kind.BEGIN, line=line),)


def _commit(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.next()
    reader.accept_any("WORK", "TRANSACTION")
    if reader.accept("PREPARED"):
        reader.next()
    _chain(reader)
    return (Operation(Kind.COMMIT, line=line),)


def _chain(reader: Reader) -> None:
    if reader.accept("AND"):
        reader.accept("NO")
        reader.expect("CHAIN")


def _rollback(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.next()
    reader.accept_any("WORK", "TRANSACTION")
    name = ""
    if reader.accept("TO"):
        reader.accept("SAVEPOINT")
        name = reader.name()
    elif reader.accept("PREPARED"):
        reader.next()
    _chain(reader)
    return (Operation(Kind.ROLLBACK, name=name, line=line),)


def _set(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("SET")
    scope = reader.accept_any("LOCAL", "SESSION").lower()
    options = (scope,) if scope == "local" else ()
    if reader.peek() in {"TRANSACTION", "CHARACTERISTICS", "CONSTRAINTS", "AUTHORIZATION"}:
        name = reader.next().text.lower()
        return (Operation(Kind.SET, name=name, value=joined(reader.rest()), line=line),)
    if reader.accept("TIME", "ZONE"):
        name = "timezone"
    else:
        name = reader.relation()
        if name == "role":
            return (Operation(Kind.SET, name=name, value=joined(reader.rest()), line=line),)
        if not reader.accept_any("TO", "="):
            raise UnreadError("SET name = value expected")
    values = reader.rest()
    if not values:
        raise UnreadError("a value expected")
    value = values[0].name if len(values) == 1 else joined(values)
    return (Operation(Kind.SET, name=name, value=value, options=options, line=line),)


def _reset(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    word = reader.next().upper
    name = joined(reader.rest()).lower()
    value = "DEFAULT" if word == "RESET" else ""
    return (Operation(Kind.SET, name=name or "all", value=value, line=line),)


def _call(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("CALL")
    name = reader.relation()
    reader.group()
    return (Operation(Kind.CALL, name=name, line=line),)


def _do(reader: Reader) -> tuple[Operation, ...]:
    from migsafe.sql.parse import operations  # noqa: PLC0415 - a body holds statements of any kind

    return block(reader, operations)


def _prepared(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    word = reader.next().upper
    name = reader.name() if reader else ""
    reader.rest()
    if word == "EXECUTE":
        return (Operation(Kind.OPAQUE, name=name, value="a prepared statement", line=line),)
    return (Operation(Kind.MAINTENANCE, name=name, line=line),)


STATEMENTS: dict[str, Read] = {
    "BEGIN": _begin,
    "START": _begin,
    "COMMIT": _commit,
    "END": _commit,
    "ROLLBACK": _rollback,
    "ABORT": _rollback,
    "SAVEPOINT": savepoint,
    "RELEASE": savepoint,
    "SET": _set,
    "RESET": _reset,
    "DISCARD": _reset,
    "CALL": _call,
    "DO": _do,
    "ANALYZE": maintenance,
    "EXPLAIN": maintenance,
    "SHOW": maintenance,
    "LISTEN": maintenance,
    "NOTIFY": maintenance,
    "UNLISTEN": maintenance,
    "CHECKPOINT": maintenance,
    "LOAD": maintenance,
    "PREPARE": _prepared,
    "EXECUTE": _prepared,
    "DEALLOCATE": _prepared,
}
