"""Read CREATE, ALTER and DROP of what is no table: views, routines, triggers, users, ...

Bodies of procedures are read as far as they are plain SQL; of other routines it is kept which
tables they name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from migsafe.model.migration import Kind, Operation, Reference
from migsafe.model.schema import Index, Trigger, View
from migsafe.model.schema import Sequence as DatabaseSequence
from migsafe.sql import mysql_parts as parts
from migsafe.sql.mysql_alter import how, waiting
from migsafe.sql.mysql_body import operations
from migsafe.sql.reader import Reader, UnreadError
from migsafe.sql.tokens import WORD, Token

Make = Callable[[Reader, Operation], Operation]


def prefixes(reader: Reader) -> list[str]:
    """What stands between CREATE or ALTER and the kind of object, as options."""
    found = []
    while True:
        if reader.accept("OR", "REPLACE"):
            found.append("or replace")
        elif reader.accept("ALGORITHM"):
            reader.expect("=")
            found.append(f"algorithm={reader.name().lower()}")
        elif reader.accept("DEFINER"):
            reader.expect("=")
            found.append(f"definer={parts.account(reader)}")
        elif reader.accept("SQL", "SECURITY"):
            found.append(f"sql security={reader.name().lower()}")
        elif reader.accept("AGGREGATE"):
            found.append("aggregate")
        else:
            return found


def index(reader: Reader, common: Operation) -> Operation:
    """CREATE [UNIQUE|FULLTEXT|SPATIAL] INDEX, after INDEX; the first option is the special word."""
    special = next((o for o in common.options if o in _INDEXES), "")
    lenient = reader.if_not_exists()
    name = reader.name()
    method = parts.key_type(reader)
    reader.expect("ON")
    table = reader.relation()
    words = waiting(reader)
    columns = parts.key_parts(reader)
    for option in _index_options(reader):
        word, _, given = option.partition("=")
        if word == "using":
            method = given
        else:
            words.append(option)
    if method == "btree":  # what an index is anyway
        words.append("using=btree")
        method = ""
    method = special if special in {"fulltext", "spatial", "vector"} else method
    made = Index(name, table, columns, special == "unique", method=method)
    return replace(
        common,
        kind=Kind.CREATE_INDEX,
        table=table,
        name=name,
        definition=made,
        if_not_exists=lenient,
        options=tuple(o for o in (*common.options, *words) if o not in _INDEXES),
    )


_INDEXES = {"unique", "fulltext", "spatial", "vector"}


def _index_options(reader: Reader) -> list[str]:
    found: list[str] = []
    before = -1
    while reader and reader.at > before:
        before = reader.at
        found += parts.key_options(reader)
        if setting := how(reader):
            found.append(setting)
    return found


def view(reader: Reader, common: Operation) -> Operation:
    """CREATE VIEW and ALTER VIEW, after VIEW."""
    lenient = reader.if_not_exists()
    name = reader.relation()
    columns = reader.names() if reader.peek() == "(" else ()
    reader.expect("AS")
    if reader.peek() not in {"SELECT", "WITH", "VALUES", "TABLE", "("}:
        raise UnreadError("a SELECT expected")
    select, words = _without_check(reader.rest())
    made = View(name, parts.joined(select), columns, parts.mentions(select))
    return replace(
        common,
        kind=Kind.CREATE_VIEW,
        name=name,
        definition=made,
        if_not_exists=lenient,
        options=(*common.options, *words),
    )


def _without_check(select: Sequence[Token]) -> tuple[Sequence[Token], tuple[str, ...]]:
    """The SELECT without WITH .. CHECK OPTION behind it, and that as an option."""
    words = [t.upper for t in select[-4:]]
    for length, tail in ((4, ["WITH", "CASCADED"]), (4, ["WITH", "LOCAL"]), (3, ["WITH"])):
        if words[-length:] == [*tail, "CHECK", "OPTION"]:
            kind = "local" if tail[-1] == "LOCAL" else "cascaded"
            return select[:-length], (f"check option={kind}",)
    return select, ()


def trigger(reader: Reader, common: Operation) -> Operation:
    """CREATE TRIGGER, after TRIGGER."""
    lenient = reader.if_not_exists()
    name = reader.relation()
    timing = reader.accept_any("BEFORE", "AFTER")
    event = _events(reader)
    if not timing or not event:
        raise UnreadError("BEFORE or AFTER and an event expected")
    reader.expect("ON")
    table = reader.relation()
    if not reader.ahead("FOR", "EACH", "ROW"):
        raise UnreadError("FOR EACH ROW expected")
    body = reader.rest()
    if len(body) < 4:
        raise UnreadError("the body of the trigger is missing")
    made = Trigger(name, table, timing, event, parts.joined(body), parts.mentions(body))
    return replace(
        common,
        kind=Kind.CREATE_TRIGGER,
        table=table,
        name=name,
        definition=made,
        if_not_exists=lenient,
    )


def _events(reader: Reader) -> str:
    """One event; MariaDB 12 takes several, with OR between them."""
    found = [reader.accept_any("INSERT", "UPDATE", "DELETE")]
    while reader.accept("OR"):
        found.append(reader.accept_any("INSERT", "UPDATE", "DELETE"))
    return " OR ".join(found)


def routine(reader: Reader, common: Operation) -> Operation:
    """CREATE PROCEDURE and CREATE FUNCTION, after that word, which `value` holds."""
    lenient = reader.if_not_exists()
    name = reader.relation()
    if reader.accept("RETURNS"):  # a loadable function has no body here
        reader.rest()
        return replace(
            common, kind=Kind.CREATE_FUNCTION, name=name, if_not_exists=lenient, value="loadable"
        )
    reader.group()
    body = reader.rest()
    if not body:
        raise UnreadError("the body of the routine is missing")
    return replace(
        common,
        kind=Kind.CREATE_FUNCTION,
        name=name,
        if_not_exists=lenient,
        references=_read(body, common.line),
        body=operations(reader, body) if common.value == "procedure" else (),
    )


def _read(body: Sequence[Token], line: int) -> tuple[Reference, ...]:
    return tuple(Reference("read", name, line=line) for name in parts.mentions(body))


def event(reader: Reader, common: Operation) -> Operation:
    """CREATE EVENT, after EVENT."""
    lenient = reader.if_not_exists()
    name = reader.relation()
    reader.expect("ON", "SCHEDULE")
    body = reader.rest()
    if "DO" not in {t.upper for t in body}:
        raise UnreadError("DO expected")
    return replace(
        common,
        kind=Kind.CREATE_OTHER,
        name=name,
        if_not_exists=lenient,
        references=_read(body, common.line),
    )


def database(reader: Reader, common: Operation) -> Operation:
    """CREATE DATABASE and ALTER DATABASE, after DATABASE."""
    lenient = reader.if_not_exists()
    named = reader and not _is_option(reader)
    name = reader.name() if named else ""
    words = list(common.options)
    while option := _database_option(reader):
        words.append(option)
    return replace(
        common, kind=Kind.CREATE_SCHEMA, name=name, if_not_exists=lenient, options=tuple(words)
    )


def _is_option(reader: Reader) -> bool:
    at = reader.at
    found = bool(_database_option(reader))
    reader.at = at
    return found


def _database_option(reader: Reader) -> str:
    if reader.accept("READ", "ONLY"):
        reader.accept("=")
        return f"read only={parts.value(reader)}"
    option = parts.table_option(reader)
    return f"{option[0]}={option[1]}" if option else ""


def sequence(reader: Reader, common: Operation) -> Operation:
    """MariaDB: CREATE SEQUENCE and ALTER SEQUENCE, after SEQUENCE."""
    lenient = reader.if_not_exists() or reader.if_exists()
    name = reader.relation()
    kind = reader.name() if reader.accept("AS") else ""
    settings = reader.rest()
    if any(t.upper not in _SEQUENCE_WORDS for t in settings if t.kind == WORD):
        raise UnreadError("an option of a sequence expected")
    return replace(
        common,
        kind=Kind.CREATE_SEQUENCE,
        name=name,
        definition=DatabaseSequence(name, kind),
        if_not_exists=lenient,
        value=reader.source(settings),
    )


_SEQUENCE_WORDS = {
    "INCREMENT", "BY", "MINVALUE", "NO", "NOMINVALUE", "MAXVALUE", "NOMAXVALUE", "START", "WITH",
    "CACHE", "NOCACHE", "CYCLE", "NOCYCLE", "RESTART", "ENGINE", "COMMENT", "INNODB", "UNSIGNED",
}  # fmt: skip


def other(reader: Reader, common: Operation) -> Operation:
    """What rules know by kind and name only: users, roles, servers, tablespaces."""
    lenient = reader.if_not_exists() or reader.if_exists()
    name = parts.account(reader)
    reader.rest()
    return replace(common, kind=Kind.CREATE_OTHER, name=name, if_not_exists=lenient)


CREATED: dict[str, Make] = {
    "INDEX": index,
    "VIEW": view,
    "TRIGGER": trigger,
    "PROCEDURE": routine,
    "FUNCTION": routine,
    "EVENT": event,
    "DATABASE": database,
    "SCHEMA": database,
    "SEQUENCE": sequence,
    "USER": other,
    "ROLE": other,
    "SERVER": other,
    "TABLESPACE": other,
    "UNDO TABLESPACE": other,
    "LOGFILE GROUP": other,
    "RESOURCE GROUP": other,
    "SPATIAL REFERENCE SYSTEM": other,
}


# -- ALTER and DROP -------------------------------------------------------------------------------


def altered(reader: Reader, what: str, common: Operation) -> Operation:
    """ALTER of something that is no table, after the word for it."""
    if what == "VIEW":
        made = view(reader, common)
        return replace(made, options=(*made.options, "or replace", "alter"))
    if what in {"DATABASE", "SCHEMA"}:
        return replace(database(reader, common), kind=Kind.ALTER_OTHER, value="database")
    if what == "SEQUENCE":
        found = sequence(reader, common)
        return replace(
            found,
            kind=Kind.ALTER_SEQUENCE,
            definition=None,
            if_exists=found.if_not_exists,
            if_not_exists=False,
        )
    found = other(reader, common)
    return replace(found, kind=Kind.ALTER_OTHER, if_exists=found.if_not_exists, if_not_exists=False)


_DROPS = {
    "VIEW": Kind.DROP_VIEW,
    "TRIGGER": Kind.DROP_TRIGGER,
    "PROCEDURE": Kind.DROP_FUNCTION,
    "FUNCTION": Kind.DROP_FUNCTION,
    "DATABASE": Kind.DROP_SCHEMA,
    "SCHEMA": Kind.DROP_SCHEMA,
    "SEQUENCE": Kind.DROP_SEQUENCE,
    "EVENT": Kind.DROP_OTHER,
    "USER": Kind.DROP_OTHER,
    "ROLE": Kind.DROP_OTHER,
    "SERVER": Kind.DROP_OTHER,
    "TABLESPACE": Kind.DROP_OTHER,
    "UNDO TABLESPACE": Kind.DROP_OTHER,
    "LOGFILE GROUP": Kind.DROP_OTHER,
    "RESOURCE GROUP": Kind.DROP_OTHER,
    "SPATIAL REFERENCE SYSTEM": Kind.DROP_OTHER,
}
KINDS = tuple(tuple(word.split()) for word in _DROPS)
"""The words for the kinds of objects that are no tables and no indexes."""
_ACCOUNTS = {"USER", "ROLE"}


def dropped(reader: Reader, what: str, line: int) -> tuple[Operation, ...]:
    """DROP of something that is no table and no index, after the word for it."""
    lenient = reader.if_exists()
    read = parts.account if what in _ACCOUNTS else Reader.relation
    names = [read(reader)]
    while reader.accept(","):
        names.append(read(reader))
    word = reader.accept_any("RESTRICT", "CASCADE").lower()
    if what in {"TABLESPACE", "UNDO TABLESPACE", "LOGFILE GROUP"}:
        reader.rest()
    return tuple(
        Operation(
            _DROPS[what],
            name=name,
            value="" if what in {"VIEW", "TRIGGER", "SEQUENCE"} else what.lower(),
            if_exists=lenient,
            options=(word,) if word else (),
            line=line,
        )
        for name in names
    )
