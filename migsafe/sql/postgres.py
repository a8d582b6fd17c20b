"""Statements of PostgreSQL, told by their first word (manual, part VI, SQL Commands).

Names without quotes are folded to lower case; objects of the schema `public` are written without
it, all others as `schema.name`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Index, IndexColumn, Table, Trigger, View
from migsafe.sql import postgres_columns as columns
from migsafe.sql import postgres_commands as commands
from migsafe.sql import postgres_objects as objects
from migsafe.sql import postgres_session as session
from migsafe.sql.postgres_alter import alter_index, alter_table, alter_view
from migsafe.sql.reader import Read, Reader, UnreadError, mentions, normalised
from migsafe.sql.tokens import NAMES, STRING, Token, joined, stripped

Make = Callable[[Reader, Operation], Operation]


# -- CREATE -----------------------------------------------------------------------------------


def _create(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("CREATE")
    options: list[str] = []
    while phrase := reader.words(*_PREFIXES):
        options.append(phrase.lower())
    kind = reader.words(*_CREATED)
    make = _MAKERS.get(kind)
    if make is None:
        return objects.create(reader, tuple(options), kind)
    line = reader.line()
    if reader.accept("CONCURRENTLY"):
        options.append("concurrently")
    lenient = reader.if_not_exists()
    common = Operation(
        Kind.CREATE_TABLE,
        if_not_exists=lenient,
        temporary=bool({"temp", "temporary"} & set(options)),
        options=tuple(options),
        line=line,
    )
    return (make(reader, common),)


_PREFIXES = (
    ("OR", "REPLACE"),
    ("TEMP",),
    ("TEMPORARY",),
    ("UNLOGGED",),
    ("UNIQUE",),
    ("MATERIALIZED",),
    ("RECURSIVE",),
    ("CONSTRAINT",),
    ("FOREIGN",),
    ("GLOBAL",),
    ("LOCAL",),
    ("TRUSTED",),
    ("PROCEDURAL",),
)
_CREATED = (("TABLE",), ("INDEX",), ("VIEW",), ("TRIGGER",))


def _create_table(reader: Reader, common: Operation) -> Operation:
    name = reader.relation()
    common = replace(common, table=name)
    made = Table(name, temporary=common.temporary, unlogged="unlogged" in common.options)
    if reader.accept("PARTITION", "OF"):
        return _partition(reader, common, made)
    if reader.accept("OF"):
        reader.relation()
        body = columns.table_body(reader, name) if reader.peek() == "(" else made
        reader.rest()
        return replace(common, definition=replace(body, complete=False))
    if reader.peek() == "(" and not _is_query_list(reader):
        body = columns.table_body(reader, name)
        made = replace(body, temporary=made.temporary, unlogged=made.unlogged)
    made = _table_options(reader, made)
    if reader.peek() == "AS":
        from migsafe.sql import dml  # noqa: PLC0415 - sqlglot is imported only where rows move

        return dml.create_as(reader, common)
    return replace(common, definition=made)


def _is_query_list(reader: Reader) -> bool:
    """CREATE TABLE t (a, b) AS SELECT: names without types."""
    named = [t.kind in NAMES for t in reader.tokens[reader.at + 1 : reader.at + 2]]
    return any(named) and reader.peek(2) in {",", ")"}


def _partition(reader: Reader, common: Operation, made: Table) -> Operation:
    parent = reader.relation()
    body = columns.table_body(reader, common.table) if reader.peek() == "(" else made
    bound = reader.until("PARTITION", "WITH", "USING", "TABLESPACE")
    options = ("default",) if joined(bound) == "DEFAULT" else ()
    made = replace(body, partition_of=parent, complete=False)
    made = _table_options(reader, made)
    return replace(
        common,
        definition=made,
        sources=(parent,),
        options=(*common.options, "partition", *options),
    )


def _table_options(reader: Reader, made: Table) -> Table:
    while reader and reader.peek() != "AS":
        if reader.accept("INHERITS"):
            parents = tuple(joined(t).lower() for t in reader.terms())
            made = replace(made, inherits=parents, complete=False)
        elif reader.accept("PARTITION", "BY"):
            made = replace(made, partitioned=_partitioning(reader))
        elif reader.accept("WITH") and reader.peek() == "(":
            reader.group()
        elif reader.accept("USING") or reader.accept("TABLESPACE") or reader.accept("SERVER"):
            reader.name()
        elif reader.accept("ON", "COMMIT"):
            reader.words(("DROP",), ("DELETE", "ROWS"), ("PRESERVE", "ROWS"))
        elif reader.accept("OPTIONS"):
            reader.group()
        elif not reader.accept("WITHOUT", "OIDS"):
            raise UnreadError(f"{reader.next().text} is not expected after the columns")
    return made


def _partitioning(reader: Reader) -> str:
    method = reader.next().upper
    return f"{method} ({joined(reader.group())})"


def _create_index(reader: Reader, common: Operation) -> Operation:
    name = "" if reader.peek() == "ON" else reader.relation()
    reader.expect("ON")
    only = reader.accept("ONLY")
    table = reader.relation()
    method = reader.name().lower() if reader.accept("USING") else ""
    terms = tuple(_term(t) for t in reader.terms() if t)
    if not terms:
        raise UnreadError("an indexed column expected")
    include = reader.names() if reader.accept("INCLUDE") else ()
    distinct = not reader.accept("NULLS", "NOT", "DISTINCT")
    reader.accept("NULLS", "DISTINCT")
    if reader.accept("WITH"):
        reader.group()
    if reader.accept("TABLESPACE"):
        reader.name()
    where = normalised(reader.rest()) if reader.accept("WHERE") else ""
    made = Index(
        name,
        table,
        terms,
        "unique" in common.options,
        where,
        "" if method == "btree" else method,
        include,
        nulls_distinct=distinct,
        only=only,
    )
    options = (*common.options, *(("only",) if only else ()))
    return replace(
        common, kind=Kind.CREATE_INDEX, table=table, name=name, definition=made, options=options
    )


def _term(term: Sequence[Token]) -> IndexColumn:
    if len(term) > 2 and term[-2].upper == "NULLS":
        term = term[:-2]
    descending = len(term) > 1 and term[-1].upper == "DESC"
    if len(term) > 1 and term[-1].upper in {"ASC", "DESC"}:
        term = term[:-1]
    if term[0].kind in NAMES and (len(term) == 1 or term[1].text not in {"(", "."}):
        return IndexColumn(_folded(term[0]), False, _collation(term), descending)
    end = next((i for i in range(len(term), 0, -1) if term[i - 1].text == ")"), len(term))
    return IndexColumn(joined(stripped(term[:end])), True, _collation(term), descending)


def _folded(token: Token) -> str:
    return token.text.lower() if token.upper else token.name


def _collation(term: Sequence[Token]) -> str:
    at = next((i for i, t in enumerate(term) if t.upper == "COLLATE"), None)
    return "" if at is None or at + 1 >= len(term) else term[at + 1].name


def _create_view(reader: Reader, common: Operation) -> Operation:
    name = reader.relation()
    named = reader.names() if reader.peek() == "(" else ()
    while reader and reader.peek() != "AS":
        reader.next()
    reader.expect("AS")
    body = reader.rest()
    if not body:
        raise UnreadError("a SELECT expected")
    options = common.options
    words = [t.upper for t in body]
    if words[-3:] == ["WITH", "NO", "DATA"]:
        body, options = body[:-3], (*options, "no data")
    elif words[-2:] == ["WITH", "DATA"]:
        body = body[:-2]
    made = View(name, joined(body), named, mentions(body), "materialized" in common.options)
    return replace(common, kind=Kind.CREATE_VIEW, name=name, definition=made, options=options)


def _create_trigger(reader: Reader, common: Operation) -> Operation:
    name = reader.name()
    timing = reader.words(("BEFORE",), ("AFTER",), ("INSTEAD", "OF"))
    event = joined(reader.until("ON"))
    reader.expect("ON")
    table = reader.relation()
    body = reader.rest()
    made = Trigger(name, table, timing, event, joined(body), ())
    return replace(common, kind=Kind.CREATE_TRIGGER, table=table, name=name, definition=made)


_MAKERS: dict[str, Make] = {
    "TABLE": _create_table,
    "INDEX": _create_index,
    "VIEW": _create_view,
    "TRIGGER": _create_trigger,
}


# -- ALTER and DROP ---------------------------------------------------------------------------


def _alter(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("ALTER")
    if reader.accept("TABLE") or reader.accept("FOREIGN", "TABLE"):
        return alter_table(reader)
    if reader.accept("INDEX"):
        return alter_index(reader)
    if reader.accept("MATERIALIZED", "VIEW"):
        return alter_view(reader, materialised=True)
    if reader.accept("VIEW"):
        return alter_view(reader)
    return objects.alter(reader)


_DROPS = {
    "TABLE": Kind.DROP_TABLE,
    "FOREIGN TABLE": Kind.DROP_TABLE,
    "INDEX": Kind.DROP_INDEX,
    "VIEW": Kind.DROP_VIEW,
    "MATERIALIZED VIEW": Kind.DROP_VIEW,
}


def _drop(reader: Reader) -> tuple[Operation, ...]:
    reader.expect("DROP")
    if reader.accept("TRIGGER"):
        return (_drop_trigger(reader),)
    what = reader.words(
        ("TABLE",), ("FOREIGN", "TABLE"), ("INDEX",), ("VIEW",), ("MATERIALIZED", "VIEW")
    )
    if not what:
        return objects.drop(reader)
    line = reader.line()
    options = ["materialized"] if what == "MATERIALIZED VIEW" else []
    if reader.accept("CONCURRENTLY"):
        options.append("concurrently")
    lenient = reader.if_exists()
    names = reader.relations()
    if word := reader.accept_any("CASCADE", "RESTRICT"):
        options.append(word.lower())
    if len(names) > 1 and what != "INDEX" and "cascade" not in options:
        options += [f"together={name}" for name in names]
    kind = _DROPS[what]
    is_table = kind is Kind.DROP_TABLE
    return tuple(
        Operation(
            kind,
            table=name if is_table else "",
            name="" if is_table else name,
            if_exists=lenient,
            options=tuple(options),
            line=line,
        )
        for name in names
    )


def _drop_trigger(reader: Reader) -> Operation:
    line = reader.line()
    lenient = reader.if_exists()
    name = reader.name()
    reader.expect("ON")
    table = reader.relation()
    word = reader.accept_any("CASCADE", "RESTRICT").lower()
    return Operation(
        Kind.DROP_TRIGGER,
        table=table,
        name=name,
        if_exists=lenient,
        options=(word,) if word else (),
        line=line,
    )


def _rows(reader: Reader) -> tuple[Operation, ...]:
    from migsafe.sql import dml  # noqa: PLC0415 - sqlglot is imported only where rows move

    setting = _set_config(reader)
    return (setting,) if setting else dml.read(reader)


def _set_config(reader: Reader) -> Operation | None:
    """`SELECT set_config('name', 'value', is_local)` is a SET (manual, 9.28.1)."""
    words = [t.text.lower() for t in reader.tokens[:5]]
    if words[:1] != ["select"] or "set_config" not in words:
        return None
    at = words.index("set_config") + 1
    terms = [t for t in reader.tokens[at:] if t.text not in {"(", ")", ","}]
    if len(terms) != 3 or terms[0].kind != STRING or terms[1].kind != STRING:
        return None
    line = reader.line()
    reader.rest()
    local = ("local",) if terms[2].upper == "TRUE" else ()
    return Operation(
        Kind.SET, name=terms[0].name.lower(), value=terms[1].name, options=local, line=line
    )


STATEMENTS: dict[str, Read] = {
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "INSERT": _rows,
    "UPDATE": _rows,
    "DELETE": _rows,
    "SELECT": _rows,
    "VALUES": _rows,
    "WITH": _rows,
    "TABLE": _rows,
    "(": _rows,
    **commands.STATEMENTS,
    **session.STATEMENTS,
}
"""The reader of each statement, by its first word."""
