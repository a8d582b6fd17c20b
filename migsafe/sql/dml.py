"""Read statements that move rows: INSERT, UPDATE, DELETE, SELECT, CREATE TABLE .. AS.

Our tokens give the skeleton and every text (source is sliced, never regenerated); sqlglot gives
the shape of expressions, through `migsafe.sql.query`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from migsafe.model.migration import Assignment, Dialect, Kind, Operation, Reference
from migsafe.model.schema import Column, Table
from migsafe.sql import plain
from migsafe.sql.reader import Reader, UnreadError, first_outside, separated
from migsafe.sql.shape import Shape
from migsafe.sql.tokens import KEYWORDS, MARK, NAMES, Token

_VERBS = {"INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "VALUES"}
_QUERIES = {"SELECT", "VALUES", "WITH"}
_TAIL = ("RETURNING", "ORDER", "LIMIT")
_QUERY_CLAUSES = (
    "FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "UNION", "INTERSECT", "EXCEPT", *_TAIL,
)  # fmt: skip


def read(reader: Reader) -> tuple[Operation, ...]:
    """The operation of a statement that moves or reads rows.

    Where sqlglot cannot read its expressions, a second operation of kind UNREAD says so.
    """
    line = reader.line()
    if reader.peek() in {"(", "TABLE"}:
        return _query(reader, line)
    hidden = _hidden(reader)
    prefix = reader.source(reader.until(*_VERBS)) if reader.peek() == "WITH" else ""
    verb = reader.peek()
    if verb not in _VERBS:
        raise UnreadError("a statement expected after WITH")
    shape, problem = _shape(reader)
    if verb in {"INSERT", "REPLACE"}:
        found = _insert(reader, shape)
    elif verb == "UPDATE":
        found = _update(reader, shape)
    elif verb == "DELETE":
        found = _delete(reader)
    else:
        reader.rest()
        found = Operation(Kind.SELECT, sources=shape.sources, narrowing=shape.narrowing)
    query_text = f"{prefix} {found.query}" if prefix and found.query else found.query
    found = replace(found, line=line, query=query_text, references=placed(reader, shape))
    if problem:
        return (*hidden, found, Operation(Kind.UNREAD, value=problem, line=line))
    return (*hidden, found)


def _shape(reader: Reader) -> tuple[Shape, str]:
    """The statement's shape, and a sentence on what could not be read ("" for nothing)."""
    found = plain.shape(reader.sql, reader.tokens)
    if found is not None:
        return found, ""
    from migsafe.sql import query  # noqa: PLC0415 - importing sqlglot takes a tenth of a second

    return query.shape(reader.sql, reader.dialect)


def _query(reader: Reader, line: int) -> tuple[Operation, ...]:
    """A bracketed SELECT, or TABLE t."""
    shape, problem = _shape(reader)
    reader.rest()
    found = Operation(Kind.SELECT, sources=shape.sources, narrowing=shape.narrowing, line=line)
    return (found, Operation(Kind.UNREAD, value=problem, line=line)) if problem else (found,)


def _hidden(reader: Reader) -> tuple[Operation, ...]:
    """What the common table expressions of PostgreSQL write (manual, 7.8.4)."""
    if reader.dialect is not Dialect.POSTGRES or reader.peek() != "WITH":
        return ()
    found: list[Operation] = []
    tokens = reader.tokens
    for at in range(1, len(tokens)):
        if tokens[at].upper in {"INSERT", "UPDATE", "DELETE"} and tokens[at - 1].text == "(":
            inner = Reader(reader.sql, reader.dialect)
            inner.at = at - 1
            text = reader.source(inner.group())
            found += read(Reader(text, reader.dialect, reader.line(tokens[at])))
    return tuple(found)


def _target(reader: Reader) -> tuple[str, bool]:
    """The table that is written, and whether it is a temporary one of SQLite."""
    if reader.dialect is Dialect.SQLITE:
        schema, table = reader.qualified()
        return table, schema.lower() == "temp"
    if reader.dialect is Dialect.POSTGRES:
        reader.accept("ONLY")
    table = reader.relation()
    reader.accept("*")
    return table, False


def create_as(reader: Reader, common: Operation) -> Operation:
    """CREATE TABLE .. AS SELECT, from AS on. The table keeps no constraint of its source."""
    reader.expect("AS")
    if reader.peek() not in _QUERIES:
        raise UnreadError("a SELECT expected")
    body = reader.rest()
    shape, problem = _shape(reader)
    if problem:
        raise UnreadError(problem)
    made = Table(
        common.table,
        tuple(Column(n) for n in shape.outputs),
        temporary=common.temporary,
        complete=False,
    )
    return replace(
        common,
        definition=made,
        assignments=assigned(shape, shape.outputs, _texts(body, reader)),
        sources=shape.sources,
        narrowing=shape.narrowing,
        references=placed(reader, shape),
    )


def placed(reader: Reader, shape: Shape) -> tuple[Reference, ...]:
    """The references of a shape, their lines counted as the caller counts."""
    first = reader.line(reader.tokens[0])
    return tuple(replace(r, line=first + r.line) for r in shape.references)


def _insert(reader: Reader, shape: Shape) -> Operation:
    conflict = "REPLACE" if reader.next().upper == "REPLACE" else ""
    if reader.accept("OR"):
        conflict = reader.next().upper
    reader.expect("INTO")
    table, temporary = _target(reader)
    if reader.accept("AS"):
        reader.name()
    columns = reader.names() if _lists_columns(reader) else ()
    body = _overriding(reader.rest())
    upsert = _upsert(body)
    if upsert is not None and not conflict:
        conflict = "UPSERT"
    body = body[:upsert] if upsert is not None else body
    return Operation(
        Kind.INSERT,
        table=table,
        temporary=temporary,
        conflict=conflict,
        columns=columns,
        assignments=assigned(shape, columns, _texts(body, reader)),
        sources=shape.sources,
        narrowing=shape.narrowing,
        query=reader.source(body) if shape.fills else "",
    )


def _lists_columns(reader: Reader) -> bool:
    """Does the bracket hold names? PostgreSQL takes a bracketed query there, too."""
    return reader.peek() == "(" and reader.peek(1) not in {*_QUERIES, "("}


def _overriding(body: Sequence[Token]) -> Sequence[Token]:
    """Without OVERRIDING {SYSTEM | USER} VALUE (PostgreSQL)."""
    return body[3:] if body and body[0].upper == "OVERRIDING" else body


def _upsert(body: Sequence[Token]) -> int | None:
    at = first_outside(body, ("ON",))
    while at is not None and (at + 1 >= len(body) or body[at + 1].upper != "CONFLICT"):
        at = first_outside(body, ("ON",), at + 1)
    return at


def _texts(body: Sequence[Token], reader: Reader) -> list[str]:
    """The source of each value that an INSERT's first row, or its SELECT, gives."""
    if body and body[0].upper == "VALUES":
        return first_row(body, reader)
    return select_list(body, reader)


def first_row(body: Sequence[Token], reader: Reader) -> list[str]:
    """The source of each value in the first row after VALUES."""
    row = body[1 : first_outside(body, (",",), 1)]
    return [reader.source(term) for term in separated(row[1:-1])]


def select_list(body: Sequence[Token], reader: Reader) -> list[str]:
    """The source of each value that a SELECT gives, without its alias."""
    start = first_outside(body, ("SELECT",))
    if start is None:
        return []
    start += 1
    if start < len(body) and body[start].upper in {"DISTINCT", "ALL"}:
        start += 1
    terms = separated(body[start : first_outside(body, _QUERY_CLAUSES, start)])
    return [reader.source(_without_alias(t)) for t in terms]


def _without_alias(term: Sequence[Token]) -> Sequence[Token]:
    if len(term) > 2 and term[-2].upper == "AS":
        return term[:-2]
    return term[:-1] if len(term) > 1 and _is_alias(term[-2], term[-1]) else term


def _is_alias(before: Token, last: Token) -> bool:
    """Two operands never stand side by side in an expression: the second is a name for it."""
    if last.kind not in NAMES or last.upper in KEYWORDS:
        return False
    if before.kind == MARK:
        return before.text == ")"
    return before.upper not in KEYWORDS or before.upper in _OPERANDS


_OPERANDS = {"END", "NULL", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"}


def assigned(shape: Shape, columns: tuple[str, ...], texts: list[str]) -> tuple[Assignment, ...]:
    """What fills the columns of an INSERT; the texts count only where there is one for each."""
    fills = shape.fills
    same = len(texts) == len(fills)
    names = _filled(shape, columns)
    return tuple(
        Assignment(
            names[at],
            texts[at] if same else "",
            fill.kind,
            fill.source_table,
            fill.source_column,
            fill.guarded,
        )
        for at, fill in enumerate(fills)
    )


def _filled(shape: Shape, columns: tuple[str, ...]) -> list[str]:
    """The column that each value goes to; "" where a star before it hides how many there are."""
    kinds = [fill.kind for fill in shape.fills]
    count = len(kinds)
    before = kinds.index("star") if "star" in kinds else count
    after = kinds[::-1].index("star") if "star" in kinds else 0
    names = [columns[at] if at < min(before, len(columns)) else "" for at in range(count)]
    if columns and after and len(columns) >= before + after:
        names[-after:] = columns[-after:]
    return names


def _update(reader: Reader, shape: Shape) -> Operation:
    reader.expect("UPDATE")
    conflict = reader.next().upper if reader.accept("OR") else ""
    table, temporary = _target(reader)
    reader.until("SET")
    reader.expect("SET")
    terms = separated(reader.until("FROM", "WHERE", *_TAIL))
    reader.until("WHERE", *_TAIL)
    where = _where(reader)
    pairs = [pair for term in terms for pair in _pairs(term, reader)]
    if not pairs:
        raise UnreadError("column = expression expected")
    return Operation(
        Kind.UPDATE,
        table=table,
        temporary=temporary,
        conflict=conflict,
        where=where,
        assignments=set_to(shape, pairs),
        sources=shape.sources,
        narrowing=shape.narrowing,
    )


def _where(reader: Reader) -> str | None:
    if not reader.accept("WHERE"):
        reader.rest()
        return None
    text = reader.source(reader.until(*_TAIL))
    reader.rest()
    return text


def _pairs(term: Sequence[Token], reader: Reader) -> list[tuple[str, str]]:
    """(column, expression) of `a = 1`, and one for each column of `(a, b) = (...)`."""
    at = first_outside(term, ("=", "=="))
    if not at or at + 1 >= len(term):
        raise UnreadError("column = expression expected")
    value = term[at + 1 :]
    if term[0].text != "(":
        return [(term[at - 1].name, reader.source(value))]
    names = [t.name for t in term[1 : at - 1] if t.text != ","]
    row = separated(value[1:-1])
    if value[0].text != "(" or value[1].upper in _QUERIES or len(row) != len(names):
        row = [value] * len(names)
    return [(name, reader.source(one)) for name, one in zip(names, row, strict=True)]


def set_to(shape: Shape, pairs: list[tuple[str, str]]) -> tuple[Assignment, ...]:
    """What an UPDATE sets, from pairs of a column and the source of its value."""
    if len(pairs) != len(shape.fills):
        return tuple(Assignment(name, text, "expression") for name, text in pairs)
    return tuple(
        Assignment(name, text, f.kind, f.source_table, f.source_column, f.guarded)
        for (name, text), f in zip(pairs, shape.fills, strict=True)
    )


def _delete(reader: Reader) -> Operation:
    reader.expect("DELETE")
    reader.expect("FROM")
    table, temporary = _target(reader)
    reader.until("WHERE", *_TAIL)
    return Operation(Kind.DELETE, table=table, temporary=temporary, where=_where(reader))
