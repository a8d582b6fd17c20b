"""Read statements of MySQL and MariaDB that move rows.

As in `dml`, our tokens give the skeleton and every text, and sqlglot the shape of expressions. An
UPDATE or DELETE of several tables gives one operation for each table that it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from migsafe.model.migration import Assignment, Kind, Operation
from migsafe.model.schema import Column, Table, fold_name
from migsafe.sql import dml, query
from migsafe.sql.readable_mysql import MODIFIERS, upsert
from migsafe.sql.reader import Reader, UnreadError, first_outside, separated
from migsafe.sql.shape import Shape
from migsafe.sql.tokens import NAMES, STRING, Token

_VERBS = ("INSERT", "REPLACE", "UPDATE", "DELETE", "SELECT", "VALUES", "TABLE")
_QUERIES = {"SELECT", "VALUES", "WITH", "TABLE", "("}
_TAIL = ("ORDER", "LIMIT", "RETURNING")


def read(reader: Reader) -> tuple[Operation, ...]:
    """The operations of a statement that moves or reads rows.

    Where sqlglot cannot read its expressions, a last operation of kind UNREAD says so.
    """
    line = reader.line()
    if reader.peek() in {"LOAD", "DO"}:
        return (replace(_load(reader) if reader.peek() == "LOAD" else _do(reader), line=line),)
    prefix = reader.source(reader.until(*_VERBS)) if reader.peek() == "WITH" else ""
    shape, problem = query.shape(reader.sql, reader.dialect)
    found = _READERS.get(reader.peek(), _select)(reader, shape)
    references = dml.placed(reader, shape)
    made = tuple(
        replace(
            o,
            line=line,
            query=f"{prefix} {o.query}" if prefix and o.query else o.query,
            references=references,
        )
        for o in found
    )
    return (*made, Operation(Kind.UNREAD, value=problem, line=line)) if problem else made


def _select(reader: Reader, shape: Shape) -> tuple[Operation, ...]:
    if reader.peek() not in _QUERIES:
        raise UnreadError("a statement expected after WITH")
    reader.rest()
    return (Operation(Kind.SELECT, sources=shape.sources, narrowing=shape.narrowing),)


def _do(reader: Reader) -> Operation:
    """DO: expressions, for what they do besides giving a value (SLEEP, GET_LOCK)."""
    reader.expect("DO")
    if not reader.rest():
        raise UnreadError("an expression expected")
    return Operation(Kind.SELECT)


def _load(reader: Reader) -> Operation:
    """LOAD DATA and LOAD XML: rows out of a file."""
    reader.expect("LOAD")
    if not reader.accept_any("DATA", "XML"):
        raise UnreadError("DATA or XML expected")
    reader.accept_any("LOW_PRIORITY", "CONCURRENT")
    options = ("local",) if reader.accept("LOCAL") else ()
    reader.expect("INFILE")
    if reader.next().kind != STRING:
        raise UnreadError("the name of a file expected")
    conflict = reader.accept_any("REPLACE", "IGNORE")
    reader.expect("INTO", "TABLE")
    table = reader.relation()
    reader.rest()
    return Operation(Kind.COPY, table=table, conflict=conflict, options=options)


def create_as(reader: Reader, common: Operation) -> Operation:
    """The query of CREATE TABLE .. SELECT: its columns follow those that are declared."""
    start = reader.at
    body = reader.rest()
    before = reader.tokens[start].start
    hidden = "".join(c if c == "\n" else " " for c in reader.sql[:before])
    shape, problem = query.shape(hidden + reader.sql[before:], reader.dialect)
    if problem:
        raise UnreadError(problem)
    declared = common.definition if isinstance(common.definition, Table) else Table(common.table)
    names = {fold_name(c.name) for c in declared.columns}
    added = tuple(Column(n) for n in shape.outputs if fold_name(n) not in names)
    made = replace(declared, columns=(*declared.columns, *added), complete=False)
    return replace(
        common,
        definition=made,
        assignments=dml.assigned(shape, shape.outputs, _texts(body, reader)),
        sources=shape.sources,
        narrowing=shape.narrowing,
        references=dml.placed(reader, shape),
    )


# -- INSERT and REPLACE ---------------------------------------------------------------------------


def _insert(reader: Reader, shape: Shape) -> tuple[Operation, ...]:
    conflict = "REPLACE" if reader.next().upper == "REPLACE" else ""
    if "IGNORE" in _modifiers(reader):
        conflict = "IGNORE"
    reader.accept("INTO")
    common = Operation(Kind.INSERT, table=reader.relation(), options=tuple(_partition(reader)))
    columns = _columns(reader)
    body = reader.rest()
    at = upsert(body)
    if at is not None:
        conflict = conflict or "UPSERT"
        body = body[:at]
    body = body[: first_outside(body, ("AS", "RETURNING"))] if _are_values(body) else body
    if not body:
        raise UnreadError("VALUES or a SELECT expected")
    if body[0].upper == "SET":
        pairs = [_pair(term, reader) for term in separated(body[1:])]
        filled = dml.set_to(shape, [(column, text) for _, column, text in pairs])
        return (
            replace(
                common,
                conflict=conflict,
                columns=tuple(a.column for a in filled),
                assignments=filled,
            ),
        )
    return (
        replace(
            common,
            conflict=conflict,
            columns=columns,
            assignments=dml.assigned(shape, columns, _texts(body, reader)),
            sources=shape.sources,
            narrowing=shape.narrowing,
            query=reader.source(body) if shape.fills else "",
        ),
    )


def _are_values(body: Sequence[Token]) -> bool:
    return bool(body) and body[0].upper in {"VALUES", "VALUE"}


def _modifiers(reader: Reader) -> set[str]:
    found = set()
    while word := reader.accept_any(*MODIFIERS):
        found.add(word)
    return found


def _partition(reader: Reader) -> Iterator[str]:
    if reader.accept("PARTITION"):
        yield f"partition={','.join(reader.names())}"


def _columns(reader: Reader) -> tuple[str, ...]:
    """The column list of an INSERT; none where the bracket holds a query."""
    if reader.peek() != "(" or reader.peek(1) in _QUERIES:
        return ()
    terms = [t for t in reader.terms() if t]
    if any(t[-1].kind not in NAMES for t in terms):
        raise UnreadError("a column's name expected")
    return tuple(t[-1].name for t in terms)


def _texts(body: Sequence[Token], reader: Reader) -> list[str]:
    """The source of each value that an INSERT's first row, or its SELECT, gives."""
    if not _are_values(body):
        return dml.select_list(body, reader)
    row = 2 if len(body) > 1 and body[1].upper == "ROW" else 1
    return dml.first_row(body[row - 1 :], reader)


def _pair(term: Sequence[Token], reader: Reader) -> tuple[str, str, str]:
    """The qualifier ("" for none), the column and the value's source of `t.a = 1`."""
    at = first_outside(term, ("=", ":="))
    if not at or at + 1 >= len(term) or term[at - 1].kind not in NAMES:
        raise UnreadError("column = expression expected")
    qualifier = term[at - 3].name if at >= 3 and term[at - 2].text == "." else ""
    return qualifier, term[at - 1].name, reader.source(term[at + 1 :])


# -- the tables of a joined UPDATE or DELETE ------------------------------------------------------


class _Item(NamedTuple):
    """One table of a FROM clause; `name` is "" for a subquery."""

    name: str
    alias: str


_JOINS = {"JOIN", "STRAIGHT_JOIN", ","}
_AFTER_ITEM = {
    "JOIN", "STRAIGHT_JOIN", "ON", "USING", "LEFT", "RIGHT", "INNER", "CROSS", "NATURAL", "OUTER",
    "FORCE", "USE", "IGNORE", "PARTITION", ",", ")", "(", "AS", "FOR",
}  # fmt: skip


def _items(tokens: Sequence[Token]) -> list[_Item]:
    """The tables and subqueries that are joined, from their tokens."""
    found: list[_Item] = []
    listing = [True]  # for each open bracket: is this a list of tables?
    expected = True
    at = 0
    while at < len(tokens):
        word = tokens[at].upper
        if word == "(":
            nested = expected and tokens[at + 1 : at + 2] and tokens[at + 1].upper not in _QUERIES
            if expected and not nested:
                at = _closing(tokens, at)
                found.append(_Item("", _alias(tokens, at + 1)))
                expected = False
            else:
                listing.append(bool(nested))
        elif word == ")":
            listing = listing[:-1] or [True]
        elif word in _JOINS and listing[-1]:
            expected = True
        elif expected and tokens[at].kind in NAMES and listing[-1]:
            item, at = _item(tokens, at)
            found.append(item)
            expected = False
        at += 1
    return found


def _closing(tokens: Sequence[Token], at: int) -> int:
    depth = 0
    for here in range(at, len(tokens)):
        depth += (tokens[here].text == "(") - (tokens[here].text == ")")
        if depth == 0:
            return here
    return len(tokens) - 1


def _item(tokens: Sequence[Token], at: int) -> tuple[_Item, int]:
    """The table that is named here, and where its name ends."""
    names = [tokens[at].name]
    while at + 2 < len(tokens) and tokens[at + 1].text == "." and tokens[at + 2].kind in NAMES:
        names.append(tokens[at + 2].name)
        at += 2
    return _Item(".".join(names), _alias(tokens, at + 1) or names[-1]), at


def _alias(tokens: Sequence[Token], at: int) -> str:
    if at < len(tokens) and tokens[at].upper == "PARTITION":
        at = _closing(tokens, at + 1) + 1
    if at < len(tokens) and tokens[at].upper == "AS":
        at += 1
    plain = at < len(tokens) and tokens[at].kind in NAMES and tokens[at].upper not in _AFTER_ITEM
    return tokens[at].name if plain else ""


def _others(items: Sequence[_Item], target: str) -> tuple[str, ...]:
    """The tables read besides the one that is written."""
    names = [i.name for i in items if i.name]
    if target in names:
        names.remove(target)
    return tuple(dict.fromkeys(names))


def _real(items: Sequence[_Item], alias: str) -> str:
    """The table behind an alias or a name."""
    key = fold_name(alias)
    found = next((i.name for i in items if fold_name(i.alias) == key), None)
    return alias if found is None else found


# -- UPDATE and DELETE ----------------------------------------------------------------------------


def _update(reader: Reader, shape: Shape) -> tuple[Operation, ...]:
    reader.expect("UPDATE")
    ignore = "IGNORE" in _modifiers(reader)
    items = _items(reader.until("SET"))
    reader.expect("SET")
    terms = separated(reader.until("WHERE", *_TAIL))
    where, options = _where(reader)
    if not items or not terms or not all(terms):
        raise UnreadError("UPDATE table SET column = expression expected")
    pairs = [_pair(term, reader) for term in terms]
    filled = dml.set_to(shape, [(column, text) for _, column, text in pairs])
    groups: dict[str, list[Assignment]] = {}
    for (qualifier, _, _), assignment in zip(pairs, filled, strict=True):
        table = _real(items, qualifier) if qualifier else items[0].name
        groups.setdefault(table, []).append(assignment)
    joined = len(items) > 1
    unsure = joined and not all(qualifier for qualifier, _, _ in pairs)
    common = Operation(
        Kind.UPDATE,
        conflict="IGNORE" if ignore else "",
        where=where,
        narrowing=("join",) if joined else shape.narrowing,
        options=(*options, "uncertain table") if unsure else options,
    )
    inner = tuple(s for s in shape.sources if s not in {i.name for i in items})
    if shape.references:  # what was read says which names stand for a query of WITH
        items = [i for at, i in enumerate(items) if not at or i.name in shape.sources]
    return tuple(
        replace(
            common,
            table=table,
            assignments=tuple(assigned),
            sources=(*_others(items, table), *inner),
        )
        for table, assigned in groups.items()
    )


def _where(reader: Reader) -> tuple[str | None, tuple[str, ...]]:
    """The predicate, and LIMIT as an option."""
    where = reader.source(reader.until(*_TAIL)) if reader.accept("WHERE") else None
    reader.until("LIMIT", "RETURNING")
    options: tuple[str, ...] = ()
    if reader.accept("LIMIT"):
        options = (f"limit={reader.source(reader.until('RETURNING'))}",)
    reader.rest()
    return where, options


def _delete(reader: Reader, _: Shape) -> tuple[Operation, ...]:
    reader.expect("DELETE")
    ignore = "IGNORE" in _modifiers(reader)
    common = Operation(Kind.DELETE, conflict="IGNORE" if ignore else "")
    if not reader.accept("FROM"):
        aliases = _targets(reader)
        reader.expect("FROM")
        return _delete_joined(reader, common, aliases)
    at = reader.at
    aliases = _targets(reader)
    if reader.accept("USING"):
        return _delete_joined(reader, common, aliases)
    reader.at = at
    table = reader.relation()
    reader.until("WHERE", *_TAIL)
    where, options = _where(reader)
    return (replace(common, table=table, where=where, options=options),)


def _targets(reader: Reader) -> list[str]:
    """The tables to delete from: `a, b.*, db.c`."""
    found = []
    while True:
        names = [reader.name()]
        while reader.accept("."):
            if reader.accept("*"):
                break
            names.append(reader.name())
        found.append(".".join(names))
        if not reader.accept(","):
            return found


def _delete_joined(reader: Reader, common: Operation, aliases: list[str]) -> tuple[Operation, ...]:
    items = _items(reader.until("WHERE", *_TAIL))
    where, options = _where(reader)
    if not items:
        raise UnreadError("the tables that are joined expected")
    common = replace(
        common,
        where=where,
        options=options,
        narrowing=("join",) if len(items) > 1 else (),
    )
    targets = [_real(items, alias) for alias in aliases]
    return tuple(replace(common, table=t, sources=_others(items, t)) for t in targets)


_Read = Callable[[Reader, Shape], tuple[Operation, ...]]
_READERS: dict[str, _Read] = {
    "INSERT": _insert,
    "REPLACE": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
}
