"""Read statements that move rows: INSERT, UPDATE, DELETE, SELECT, CREATE TABLE .. AS.

Our tokens give the skeleton and every text (source is sliced, never regenerated); sqlglot gives
the shape of expressions, through `migsafe.sql.query`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from migsafe.model.migration import Assignment, Kind, Operation, Reference
from migsafe.model.schema import Column, Table
from migsafe.sql import query
from migsafe.sql.reader import Reader, UnreadError, separated
from migsafe.sql.tokens import Token

_VERBS = {"INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "VALUES"}
_TAIL = ("RETURNING", "ORDER", "LIMIT", "WINDOW")
_QUERY_CLAUSES = ("FROM", "WHERE", "GROUP", "HAVING", "UNION", "INTERSECT", "EXCEPT", *_TAIL)


def read(reader: Reader) -> tuple[Operation, ...]:
    """The operation of a statement that moves or reads rows.

    Where sqlglot cannot read its expressions, a second operation of kind UNREAD says so.
    """
    line = reader.line()
    prefix = reader.source(reader.until(*_VERBS)) if reader.peek() == "WITH" else ""
    verb = reader.peek()
    shape, problem = query.shape(reader.sql, reader.dialect)
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
    found = replace(found, line=line, query=query_text, references=_placed(reader, shape))
    if problem:
        return found, Operation(Kind.UNREAD, value=problem, line=line)
    return (found,)


def create_as(reader: Reader, name: str, temporary: bool, lenient: bool, line: int) -> Operation:
    """CREATE TABLE .. AS SELECT, from AS on. The table keeps no constraint of its source."""
    reader.expect("AS")
    body = reader.rest()
    if not body:
        raise UnreadError("a SELECT expected")
    shape, problem = query.shape(reader.sql, reader.dialect)
    if problem:
        raise UnreadError(problem)
    texts = _select_list(body, reader)
    made = Table(
        name,
        tuple(Column(n) for n in shape.outputs),
        temporary=temporary,
        complete=False,
    )
    return Operation(
        Kind.CREATE_TABLE,
        table=name,
        definition=made,
        if_not_exists=lenient,
        temporary=temporary,
        assignments=_assigned(shape, shape.outputs, texts),
        sources=shape.sources,
        narrowing=shape.narrowing,
        references=_placed(reader, shape),
        line=line,
    )


def _placed(reader: Reader, shape: query.Shape) -> tuple[Reference, ...]:
    first = reader.line(reader.tokens[0])
    return tuple(replace(r, line=first + r.line) for r in shape.references)


def _insert(reader: Reader, shape: query.Shape) -> Operation:
    conflict = "REPLACE" if reader.next().upper == "REPLACE" else ""
    if reader.accept("OR"):
        conflict = reader.next().upper
    reader.expect("INTO")
    schema, table = reader.qualified()
    if reader.accept("AS"):
        reader.name()
    columns = reader.names() if reader.peek() == "(" else ()
    body = reader.rest()
    upsert = _upsert(body)
    if upsert is not None and not conflict:
        conflict = "UPSERT"
    body = body[:upsert] if upsert is not None else body
    return Operation(
        Kind.INSERT,
        table=table,
        temporary=schema.lower() == "temp",
        conflict=conflict,
        columns=columns,
        assignments=_assigned(shape, columns, _texts(body, reader)),
        sources=shape.sources,
        narrowing=shape.narrowing,
        query=reader.source(body) if shape.fills else "",
    )


def _upsert(body: Sequence[Token]) -> int | None:
    depth = 0
    for at, token in enumerate(body[:-1]):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.upper == "ON" and body[at + 1].upper == "CONFLICT":
            return at
    return None


def _texts(body: Sequence[Token], reader: Reader) -> list[str]:
    """The source of each value that an INSERT's first row, or its SELECT, gives."""
    if body and body[0].upper == "VALUES":
        return _first_row(body, reader)
    return _select_list(body, reader)


def _first_row(body: Sequence[Token], reader: Reader) -> list[str]:
    depth = 0
    for at, token in enumerate(body):
        depth += (token.text == "(") - (token.text == ")")
        if at > 1 and depth == 0:
            return [reader.source(term) for term in separated(body[2:at])]
    return []


def _select_list(body: Sequence[Token], reader: Reader) -> list[str]:
    start = _outer(body, ("SELECT",), 0)
    if start is None:
        return []
    start += 1
    if start < len(body) and body[start].upper in {"DISTINCT", "ALL"}:
        start += 1
    end = _outer(body, _QUERY_CLAUSES, start)
    terms = separated(body[start : len(body) if end is None else end])
    return [reader.source(_without_alias(t)) for t in terms]


def _outer(tokens: Sequence[Token], words: tuple[str, ...], start: int) -> int | None:
    """The first of these words outside brackets."""
    depth = 0
    for at in range(start, len(tokens)):
        token = tokens[at]
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.upper in words:
            return at
    return None


def _without_alias(term: Sequence[Token]) -> Sequence[Token]:
    return term[:-2] if len(term) > 2 and term[-2].upper == "AS" else term


def _assigned(
    shape: query.Shape, columns: tuple[str, ...], texts: list[str]
) -> tuple[Assignment, ...]:
    fills = shape.fills
    same = len(texts) == len(fills)
    return tuple(
        Assignment(
            columns[at] if at < len(columns) and fill.kind != "star" else "",
            texts[at] if same else "",
            fill.kind,
            fill.source_table,
            fill.source_column,
            fill.guarded,
        )
        for at, fill in enumerate(fills)
    )


def _update(reader: Reader, shape: query.Shape) -> Operation:
    reader.expect("UPDATE")
    conflict = reader.next().upper if reader.accept("OR") else ""
    _, table = reader.qualified()
    reader.until("SET")
    reader.expect("SET")
    terms = separated(reader.until("FROM", "WHERE", *_TAIL))
    reader.until("WHERE", *_TAIL)
    where = _where(reader)
    pairs = [pair for term in terms for pair in _pairs(term, reader)]
    return Operation(
        Kind.UPDATE,
        table=table,
        conflict=conflict,
        where=where,
        assignments=_set(shape, pairs),
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
    at = _outer(term, ("=", "=="), 0)
    if at is None or at + 1 > len(term):
        raise UnreadError("column = expression expected")
    text = reader.source(term[at + 1 :])
    if term[0].text != "(":
        return [(term[at - 1].name, text)]
    return [(t.name, text) for t in term[1 : at - 1] if t.text != ","]


def _set(shape: query.Shape, pairs: list[tuple[str, str]]) -> tuple[Assignment, ...]:
    if len(pairs) != len(shape.fills):
        return tuple(Assignment(name, text, "expression") for name, text in pairs)
    return tuple(
        Assignment(name, text, f.kind, f.source_table, f.source_column, f.guarded)
        for (name, text), f in zip(pairs, shape.fills, strict=True)
    )


def _delete(reader: Reader) -> Operation:
    reader.expect("DELETE")
    reader.expect("FROM")
    _, table = reader.qualified()
    reader.until("WHERE", *_TAIL)
    return Operation(Kind.DELETE, table=table, where=_where(reader))
