"""Statements of MySQL and MariaDB, told by their first word (MySQL manual, SQL Statements).

Names are written without their backticks, a table of another database as `database.table`. What
stands in executable comments is code, whatever version they ask for.
"""

from __future__ import annotations

from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.sql import mysql_objects as objects
from migsafe.sql import mysql_session as session
from migsafe.sql.mysql_alter import alter_table, how, waiting
from migsafe.sql.mysql_parts import account
from migsafe.sql.mysql_tables import create_table
from migsafe.sql.reader import Read, Reader, UnreadError

# -- CREATE ---------------------------------------------------------------------------------------


def _create(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("CREATE")
    options = objects.prefixes(reader)
    temporary = reader.accept("TEMPORARY")
    special = reader.accept_any("UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR")
    common = Operation(Kind.CREATE_TABLE, temporary=temporary, options=tuple(options), line=line)
    if special and reader.accept("INDEX"):
        words = (special.lower(), *options)
        return (objects.index(reader, replace(common, options=words)),)
    reader.at -= bool(special)
    if reader.accept("TABLE"):
        return create_table(reader, replace(common, if_not_exists=reader.if_not_exists()))
    what = reader.words(*((w,) for w in ("INDEX",)), *objects.KINDS)
    make = objects.CREATED.get(what)
    if make is None:
        raise UnreadError(f"CREATE {reader.next().text} is not known")
    return (make(reader, replace(common, value=_value(what))),)


def _value(what: str) -> str:
    """What tells apart the objects of one kind of operation."""
    return "" if what in {"INDEX", "VIEW", "TRIGGER", "SEQUENCE"} else what.lower()


# -- ALTER, DROP, RENAME, TRUNCATE ----------------------------------------------------------------


def _alter(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("ALTER")
    if reader.peek() in {"TABLE", "ONLINE", "OFFLINE", "IGNORE"}:
        return alter_table(reader)
    options = objects.prefixes(reader)
    what = reader.words(*objects.KINDS)
    if not what:
        raise UnreadError(f"ALTER {reader.next().text} is not known")
    common = Operation(Kind.ALTER_OTHER, value=_value(what), options=tuple(options), line=line)
    return (objects.altered(reader, what, common),)


def _drop(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("DROP")
    if reader.peek() == "PREPARE":
        reader.at -= 1
        return session.deallocate(reader)
    if reader.accept("INDEX"):
        return (_drop_index(reader, line),)
    temporary = reader.accept("TEMPORARY")
    if reader.accept_any("TABLE", "TABLES"):
        return _drop_tables(reader, temporary, line)
    what = reader.words(*objects.KINDS)
    if not what:
        raise UnreadError(f"DROP {reader.next().text} is not known")
    return objects.dropped(reader, what, line)


def _drop_index(reader: Reader, line: int) -> Operation:
    lenient = reader.if_exists()
    name = reader.name()
    reader.expect("ON")
    table = reader.relation()
    options = waiting(reader)
    while setting := how(reader):
        options.append(setting)
    return Operation(
        Kind.DROP_INDEX,
        table=table,
        name=name,
        if_exists=lenient,
        options=tuple(options),
        line=line,
    )


def _drop_tables(reader: Reader, temporary: bool, line: int) -> tuple[Operation, ...]:
    lenient = reader.if_exists()
    names = reader.relations()
    words = waiting(reader)
    word = reader.accept_any("RESTRICT", "CASCADE").lower()
    options = tuple(o for o in (*words, word) if o)
    return tuple(
        Operation(
            Kind.DROP_TABLE,
            table=name,
            if_exists=lenient,
            temporary=temporary,
            options=options,
            line=line,
        )
        for name in names
    )


def _rename(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("RENAME")
    if reader.accept("USER"):
        name = account(reader)
        reader.rest()
        return (Operation(Kind.ALTER_OTHER, name=name, value="user", line=line),)
    if not reader.accept_any("TABLE", "TABLES"):
        raise UnreadError("RENAME TABLE expected")
    lenient = reader.if_exists()
    found = []
    while True:
        old = reader.relation()
        options = tuple(waiting(reader))
        reader.expect("TO")
        found.append(
            Operation(
                Kind.RENAME_TABLE,
                table=old,
                new_name=reader.relation(),
                if_exists=lenient,
                options=options,
                line=line,
            )
        )
        if not reader.accept(","):
            return tuple(found)


def _truncate(reader: Reader) -> tuple[Operation, ...]:
    line = reader.line()
    reader.expect("TRUNCATE")
    reader.accept("TABLE")
    table = reader.relation()
    return (Operation(Kind.TRUNCATE, table=table, options=tuple(waiting(reader)), line=line),)


def _set(reader: Reader) -> tuple[Operation, ...]:
    if reader.ahead("SET", "STATEMENT") and reader.peek(2) != "=":
        return session.statement(reader)
    return session.set_(reader)


# -- rows -----------------------------------------------------------------------------------------


def _rows(reader: Reader) -> tuple[Operation, ...]:
    from migsafe.sql import mysql_rows  # noqa: PLC0415 - sqlglot is imported only where rows move

    return mysql_rows.read(reader)


_ROWS = (
    "INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "VALUES", "TABLE", "WITH", "LOAD", "DO", "(",
)  # fmt: skip

STATEMENTS: dict[str, Read] = {
    **session.STATEMENTS,
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "RENAME": _rename,
    "TRUNCATE": _truncate,
    "SET": _set,
    **dict.fromkeys(_ROWS, _rows),
}
