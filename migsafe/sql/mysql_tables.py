"""Read CREATE TABLE of MySQL and MariaDB."""

from __future__ import annotations

from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Table
from migsafe.sql import mysql_partitions as partitions
from migsafe.sql import mysql_parts as parts
from migsafe.sql.mysql_columns import Draft, element
from migsafe.sql.reader import Reader, UnreadError

_QUERIES = {"SELECT", "VALUES", "WITH", "TABLE", "("}


def create_table(reader: Reader, common: Operation) -> tuple[Operation, ...]:
    """The rest of CREATE TABLE, from the table's name on.

    An index of the table follows as an operation of its own with the option `inline`, because in
    the model only UNIQUE and PRIMARY KEY clauses live in the table.
    """
    name = reader.relation()
    common = replace(common, table=name)
    if reader.accept("LIKE"):
        return (_like(common, reader.relation()),)
    if reader.ahead("(", "LIKE"):
        reader.at += 2
        source = reader.relation()
        reader.expect(")")
        return (_like(common, source),)
    draft = Draft(name)
    if reader.peek() == "(" and reader.peek(1) not in _QUERIES:
        _body(reader, draft)
    made, options = _options(reader, draft, common)
    common = replace(common, definition=made, options=(*common.options, *draft.extras, *options))
    if _query_follows(reader):
        common = _as_query(reader, common)
    elif not draft.columns:
        raise UnreadError("a column expected")
    return common, *inline(draft, common)


def _like(common: Operation, source: str) -> Operation:
    """CREATE TABLE .. LIKE: columns and indexes of another table, but no foreign keys."""
    made = Table(common.table, temporary=common.temporary, complete=False)
    return replace(
        common, definition=made, sources=(source,), options=(*common.options, f"like={source}")
    )


def inline(draft: Draft, common: Operation) -> tuple[Operation, ...]:
    """The indexes that a table's body declares."""
    return tuple(
        Operation(
            Kind.CREATE_INDEX,
            table=index.table,
            name=index.name,
            definition=index,
            if_not_exists=common.if_not_exists or lenient,
            temporary=common.temporary,
            options=("inline", *options),
            line=common.line,
        )
        for index, options, lenient in draft.indexes
    )


def _body(reader: Reader, draft: Draft) -> None:
    reader.expect("(")
    element(reader, draft)
    while reader.accept(","):
        element(reader, draft)
    reader.expect(")")


def _options(reader: Reader, draft: Draft, common: Operation) -> tuple[Table, tuple[str, ...]]:
    found = dict(options(reader))
    partitioned, names = partitions.by(reader) if reader.ahead("PARTITION", "BY") else ("", ())
    made = replace(
        draft.made(complete=True),
        temporary=common.temporary,
        partitioned=partitioned,
        options=tuple(sorted(found.items())),
    )
    return made, (f"partitions={','.join(names)}",) if names else ()


def options(reader: Reader) -> list[tuple[str, str]]:
    """The options of a table, one after the other, commas between them or not."""
    found = []
    while option := parts.table_option(reader):
        found.append(option)
        reader.accept(",")
    return found


# -- CREATE TABLE .. SELECT -----------------------------------------------------------------------


def _query_follows(reader: Reader) -> bool:
    at = reader.at
    reader.accept_any("IGNORE", "REPLACE")
    reader.accept("AS")
    found = reader.peek() in _QUERIES
    reader.at = at
    return found


def _as_query(reader: Reader, common: Operation) -> Operation:
    from migsafe.sql import mysql_rows  # noqa: PLC0415 - sqlglot is imported only where rows move

    conflict = reader.accept_any("IGNORE", "REPLACE")
    reader.accept("AS")
    return mysql_rows.create_as(reader, replace(common, conflict=conflict))
