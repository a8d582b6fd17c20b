"""One statement -> its operations. Never raises: what cannot be read is an UNREAD operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Index, Table, Trigger, View
from migsafe.sql import create as tables
from migsafe.sql import objects, tokens
from migsafe.sql.common import maintenance, savepoint
from migsafe.sql.reader import Read, Reader, UnreadError, mentions
from migsafe.sql.tokens import Token


def normalise(sql: str, dialect: Dialect = Dialect.SQLITE) -> str:
    """The text with one spelling for what means the same; see `tokens.normalise`."""
    return tokens.normalise(sql, dialect)


def head(sql: str, dialect: Dialect) -> str:
    """The statement's first word in upper case, "" for none."""
    return Reader(sql, dialect).peek()


def operations(sql: str, dialect: Dialect, first_line: int = 1) -> tuple[Operation, ...]:
    """What the statement does, one operation for each thing.

    `first_line` is the line of the statement's first character: operations and references count
    their lines from it. A statement that cannot be read gives one operation of kind UNREAD, whose
    `value` says why.
    """
    try:
        return _read(Reader(sql, dialect, first_line))
    except UnreadError as error:
        return (Operation(Kind.UNREAD, value=str(error), line=first_line),)


def _read(reader: Reader) -> tuple[Operation, ...]:
    read = _readers(reader.dialect).get(reader.peek())
    if read is None:
        raise UnreadError(f"{_shown(reader)} does not start a statement that is known")
    found = read(reader)
    reader.end()
    return found


def stopped_at(sql: str, dialect: Dialect) -> int:
    """The offset of the token at which a statement stops to be readable; its length where none."""
    reader = Reader(sql, dialect)
    try:
        _read(reader)
    except UnreadError as error:
        tokens = reader.tokens
        at = min(reader.at, len(tokens) - 1)
        # The token that the message names is the next one, or the one just stepped over.
        if at > 0 and f"{tokens[at].text} " not in f"{error} ":
            at -= f"{tokens[at - 1].text} " in f"{error} "
        return tokens[at].start if tokens and reader else len(sql)
    return len(sql)


def _readers(dialect: Dialect) -> Mapping[str, Read]:
    """The readers of a dialect by a statement's first word; each dialect is loaded on demand."""
    if dialect is Dialect.SQLITE:
        return _STATEMENTS
    if dialect is Dialect.POSTGRES:
        from migsafe.sql import postgres  # noqa: PLC0415

        return postgres.STATEMENTS
    from migsafe.sql import mysql  # noqa: PLC0415

    return mysql.STATEMENTS


def _shown(reader: Reader) -> str:
    return reader.tokens[0].text if reader.tokens else "nothing"


def create(sql: str, dialect: Dialect = Dialect.SQLITE) -> Table | Index | Trigger | View | None:
    """The object that a CREATE statement makes; None where it makes none or cannot be read."""
    found = operations(sql, dialect)
    made = found[0].definition if found else None
    return made if isinstance(made, Table | Index | Trigger | View) else None


# -- CREATE -----------------------------------------------------------------------------------


_TEMPORARY = ("TEMP", "TEMPORARY")


def _create(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("CREATE")
    temporary = bool(reader.accept_any(*_TEMPORARY))
    kind = reader.words(("UNIQUE", "INDEX"), ("VIRTUAL", "TABLE"), *((w,) for w in _CREATORS))
    read = _CREATORS.get(kind.split()[-1]) if kind else None
    if read is None or (temporary and kind not in _MAYBE_TEMPORARY):
        raise UnreadError(f"CREATE {reader.next().text} is not known")
    line = reader.line()
    lenient = reader.if_not_exists()
    schema, name = reader.qualified()
    common = Operation(
        Kind.CREATE_TABLE,
        name=name,
        if_not_exists=lenient,
        temporary=temporary or schema.lower() == "temp",
        line=line,
    )
    return (read(reader, kind, common),)


def _create_index(reader: Reader, kind: str, common: Operation) -> Operation:
    made = objects.index(reader, common.name, kind == "UNIQUE INDEX")
    return replace(common, kind=Kind.CREATE_INDEX, table=made.table, definition=made)


def _create_trigger(reader: Reader, _: str, common: Operation) -> Operation:
    made = objects.trigger(reader, common.name)
    return replace(common, kind=Kind.CREATE_TRIGGER, table=made.table, definition=made)


def _create_view(reader: Reader, _: str, common: Operation) -> Operation:
    made = objects.view(reader, common.name)
    return replace(common, kind=Kind.CREATE_VIEW, definition=made)


def _create_table(reader: Reader, kind: str, common: Operation) -> Operation:
    named = replace(common, table=common.name, name="")
    if kind == "VIRTUAL TABLE":
        return replace(named, definition=objects.virtual(reader, common.name))
    if reader.ahead("AS"):
        from migsafe.sql import dml  # noqa: PLC0415 - sqlglot is imported only where rows move

        return dml.create_as(reader, named)
    return replace(named, definition=tables.table(reader, common.name, common.temporary))


_CREATORS: dict[str, Callable[[Reader, str, Operation], Operation]] = {
    "TABLE": _create_table,
    "INDEX": _create_index,
    "TRIGGER": _create_trigger,
    "VIEW": _create_view,
}
_MAYBE_TEMPORARY = {"TABLE", "TRIGGER", "VIEW"}


# -- ALTER and DROP ---------------------------------------------------------------------------


def _alter(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("ALTER", "TABLE")
    line = reader.line()
    _, table = reader.qualified()
    if reader.accept("RENAME"):
        return (_rename(reader, table, line),)
    if reader.accept("ADD"):
        reader.accept("COLUMN")
        made = tables.added_column(reader, table)
        name = made.columns[0].name
        return (Operation(Kind.ADD_COLUMN, table=table, column=name, definition=made, line=line),)
    reader.expect("DROP")
    reader.accept("COLUMN")
    return (Operation(Kind.DROP_COLUMN, table=table, column=reader.name(), line=line),)


def _rename(reader: Reader, table: str, line: int) -> Operation:
    if reader.accept("TO"):
        return Operation(Kind.RENAME_TABLE, table=table, new_name=reader.name(), line=line)
    if reader.peek(1) != "TO":
        reader.accept("COLUMN")
    column = reader.name()
    reader.expect("TO")
    return Operation(
        Kind.RENAME_COLUMN, table=table, column=column, new_name=reader.name(), line=line
    )


_DROPS = {
    "TABLE": Kind.DROP_TABLE,
    "INDEX": Kind.DROP_INDEX,
    "TRIGGER": Kind.DROP_TRIGGER,
    "VIEW": Kind.DROP_VIEW,
}


def _drop(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("DROP")
    what = reader.accept_any(*_DROPS)
    if not what:
        raise UnreadError(f"DROP {reader.next().text} is not known")
    line = reader.line()
    lenient = reader.if_exists()
    schema, name = reader.qualified()
    is_table = what == "TABLE"
    return (
        Operation(
            _DROPS[what],
            table=name if is_table else "",
            name="" if is_table else name,
            if_exists=lenient,
            temporary=schema.lower() == "temp",
            line=line,
        ),
    )


# -- everything that is about the connection ------------------------------------------------------


def _pragma(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("PRAGMA")
    line = reader.line()
    _, name = reader.qualified()
    value: Sequence[Token] = ()
    if reader.accept("="):
        value = (reader.next(), *reader.rest())
    elif reader.peek() == "(":
        value = reader.group()
    signed = len(value) == 2 and value[0].text in {"+", "-"}
    if len(value) > 1 + signed:
        raise UnreadError("a pragma has one value")
    return (Operation(Kind.PRAGMA, name=name, value=_value(reader, value), line=line),)


def _value(reader: Reader, found: Sequence[Token]) -> str:
    """One value without its quotes, anything longer as it is written."""
    return found[0].name if len(found) == 1 else reader.source(found)


def _begin(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.next()
    reader.accept_any("DEFERRED", "IMMEDIATE", "EXCLUSIVE")
    _transaction(reader)
    return (Operation(Kind.BEGIN, line=line),)


def _commit(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.next()
    _transaction(reader)
    return (Operation(Kind.COMMIT, line=line),)


def _transaction(reader: Reader) -> None:
    """Step over TRANSACTION and the name that SQLite allows after it, without effect."""
    if reader.accept_any("TRANSACTION", "WORK") and reader and reader.peek() != "TO":
        reader.name()


def _rollback(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("ROLLBACK")
    _transaction(reader)
    name = ""
    if reader.accept("TO"):
        reader.accept("SAVEPOINT")
        name = reader.name()
    return (Operation(Kind.ROLLBACK, name=name, line=line),)


def _attach(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("ATTACH")
    reader.accept("DATABASE")
    file = reader.until("AS")
    reader.expect("AS")
    name = reader.name()
    if reader.accept("KEY"):
        reader.rest()
    return (Operation(Kind.ATTACH, name=name, value=_value(reader, file), line=line),)


def _detach(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("DETACH")
    reader.accept("DATABASE")
    return (Operation(Kind.DETACH, name=reader.name(), line=line),)


def _vacuum(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("VACUUM")
    name = reader.name() if reader and reader.peek() != "INTO" else ""
    value = reader.source(reader.rest()) if reader.accept("INTO") else ""
    return (Operation(Kind.VACUUM, name=name, value=value, line=line),)


def _rows(reader: Reader) -> tuple[Operation, ...]:
    from migsafe.sql import dml  # noqa: PLC0415 - sqlglot is imported only where rows move

    return dml.read(reader)


_STATEMENTS: dict[str, Read] = {
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "PRAGMA": _pragma,
    "BEGIN": _begin,
    "COMMIT": _commit,
    "END": _commit,
    "ROLLBACK": _rollback,
    "SAVEPOINT": savepoint,
    "RELEASE": savepoint,
    "ATTACH": _attach,
    "DETACH": _detach,
    "VACUUM": _vacuum,
    "ANALYZE": maintenance,
    "REINDEX": maintenance,
    "EXPLAIN": maintenance,
    "INSERT": _rows,
    "REPLACE": _rows,
    "UPDATE": _rows,
    "DELETE": _rows,
    "SELECT": _rows,
    "VALUES": _rows,
    "WITH": _rows,
}


def mentioned(sql: str, dialect: Dialect = Dialect.SQLITE) -> tuple[str, ...]:
    """The tables and views that a query names, folded and sorted."""
    return mentions(tokens.tokenize(sql, dialect))
