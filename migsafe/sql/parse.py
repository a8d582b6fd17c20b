"""One statement -> its operations. Never raises: what cannot be read is an UNREAD operation."""

from __future__ import annotations

from collections.abc import Callable

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Index, Table, Trigger, View
from migsafe.sql import create as definitions
from migsafe.sql import tokens
from migsafe.sql.reader import Reader, Unread, mentions

Read = Callable[[Reader], tuple[Operation, ...]]


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
    reader = Reader(sql, dialect, first_line)
    read = _STATEMENTS.get(reader.peek())
    try:
        if read is None:
            raise Unread(f"{_shown(reader)} does not start a statement that is known")
        found = read(reader)
        reader.end()
    except Unread as error:
        return (Operation(Kind.UNREAD, value=str(error), line=first_line),)
    return found


def _shown(reader: Reader) -> str:
    return reader.tokens[0].text if reader.tokens else "nothing"


def create(sql: str, dialect: Dialect = Dialect.SQLITE) -> Table | Index | Trigger | View | None:
    """The object that a CREATE statement makes; None where it makes none or cannot be read."""
    found = operations(sql, dialect)
    return found[0].definition if found else None


# -- CREATE -----------------------------------------------------------------------------------


def _create(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("CREATE")
    temporary = bool(reader.accept_any("TEMP", "TEMPORARY"))
    unique = reader.accept("UNIQUE")
    virtual = reader.accept("VIRTUAL")
    what = reader.accept_any("TABLE", "INDEX", "TRIGGER", "VIEW")
    if not what:
        raise Unread(f"CREATE {reader.next().text} is not known")
    line = reader.line()
    lenient = reader.if_not_exists()
    schema, name = reader.qualified()
    temporary = temporary or schema.lower() == "temp"
    if what == "INDEX":
        return (_create_index(reader, name, unique, lenient, line),)
    if what == "TABLE":
        return _create_table(reader, name, virtual, temporary, lenient, line)
    made = (
        definitions.trigger(reader, name) if what == "TRIGGER" else definitions.view(reader, name)
    )
    return (
        Operation(
            Kind.CREATE_TRIGGER if isinstance(made, Trigger) else Kind.CREATE_VIEW,
            table=made.table if isinstance(made, Trigger) else "",
            name=name,
            definition=made,
            if_not_exists=lenient,
            temporary=temporary,
            line=line,
        ),
    )


def _create_index(reader: Reader, name: str, unique: bool, lenient: bool, line: int) -> Operation:
    made = definitions.index(reader, name, unique)
    return Operation(
        Kind.CREATE_INDEX,
        table=made.table,
        name=name,
        definition=made,
        if_not_exists=lenient,
        line=line,
    )


def _create_table(
    reader: Reader, name: str, virtual: bool, temporary: bool, lenient: bool, line: int
) -> tuple[Operation, ...]:
    if reader.ahead("AS"):
        from migsafe.sql import dml  # noqa: PLC0415 - sqlglot is imported only where rows move

        return (dml.create_as(reader, name, temporary, lenient, line),)
    if virtual:
        made = definitions.virtual(reader, name)
    else:
        made = definitions.table(reader, name, temporary)
    return (
        Operation(
            Kind.CREATE_TABLE,
            table=name,
            definition=made,
            if_not_exists=lenient,
            temporary=temporary,
            line=line,
        ),
    )


# -- ALTER and DROP ---------------------------------------------------------------------------


def _alter(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("ALTER", "TABLE")
    line = reader.line()
    _, table = reader.qualified()
    if reader.accept("RENAME"):
        return (_rename(reader, table, line),)
    if reader.accept("ADD"):
        reader.accept("COLUMN")
        made = definitions.added_column(reader, table)
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
        raise Unread(f"DROP {reader.next().text} is not known")
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
    value = ""
    if reader.accept("="):
        value = reader.source(reader.rest())
    elif reader.peek() == "(":
        value = reader.source(reader.group())
    return (Operation(Kind.PRAGMA, name=name, value=value, line=line),)


def _begin(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.rest()
    return (Operation(Kind.BEGIN, line=line),)


def _commit(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.rest()
    return (Operation(Kind.COMMIT, line=line),)


def _rollback(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("ROLLBACK")
    reader.accept_any("TRANSACTION", "WORK")
    name = ""
    if reader.accept("TO"):
        reader.accept("SAVEPOINT")
        name = reader.name()
    return (Operation(Kind.ROLLBACK, name=name, line=line),)


def _savepoint(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    kind = Kind.SAVEPOINT if reader.next().upper == "SAVEPOINT" else Kind.RELEASE
    reader.accept("SAVEPOINT")
    return (Operation(kind, name=reader.name(), line=line),)


def _attach(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("ATTACH")
    reader.accept("DATABASE")
    file = reader.until("AS")
    reader.expect("AS")
    value = file[0].name if len(file) == 1 else reader.source(file)
    return (Operation(Kind.ATTACH, name=reader.name(), value=value, line=line),)


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


def _maintenance(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.rest()
    return (Operation(Kind.MAINTENANCE, line=line),)


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
    "SAVEPOINT": _savepoint,
    "RELEASE": _savepoint,
    "ATTACH": _attach,
    "DETACH": _detach,
    "VACUUM": _vacuum,
    "ANALYZE": _maintenance,
    "REINDEX": _maintenance,
    "EXPLAIN": _maintenance,
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
