"""The shape of a statement about rows, from sqlglot's tree."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from migsafe.model.migration import Dialect
from migsafe.sql import tree
from migsafe.sql.fills import collapses, fills, set_fills
from migsafe.sql.references import Names
from migsafe.sql.shape import Shape

_NOT_READ = "its expressions could not be read"


def shape(sql: str, dialect: Dialect) -> tuple[Shape, str]:
    """The statement's shape, and a sentence on what could not be read ("" for nothing)."""
    statement = tree.parse(sql, dialect)
    if statement is None:
        return Shape(), _NOT_READ
    try:
        return _shape(statement, Names(statement, sql, dialect)), ""
    except Exception:  # broken SQL that the parser lets through gives trees of any shape
        return Shape(), _NOT_READ


def _shape(statement: exp.Expr, names: Names) -> Shape:
    if isinstance(statement, exp.Update):
        filled = tuple(set_fills(statement, names))
        sources = tuple(_unique(_items_sources(statement, names, ())))
        return Shape(filled, (), sources, ("join",) if sources else (), names.references())
    inner = isinstance(statement, (exp.Insert, exp.Create))
    query = statement.args.get("expression") if inner else statement
    return Shape(
        tuple(fills(query, names)),
        _outputs(query),
        tuple(_unique(_sources(query, names, ()))),
        tuple(_unique(_narrowing(query, names, ()))),
        names.references(),
    )


def _unique(words: Iterator[str]) -> dict[str, None]:
    return dict.fromkeys(words)


def _outputs(query: exp.Expr | None) -> tuple[str, ...]:
    """The names of a query's columns; none unless all are known."""
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    if not isinstance(query, exp.Select):
        return ()
    names = tuple(e.alias_or_name for e in query.expressions)
    return names if all(names) and "*" not in names else ()


# -- what is read, and what drops rows on the way -------------------------------------------------
#
# `inside` are the common table expressions that are being walked: one may name itself.


def _sources(query: exp.Expr | None, names: Names, inside: tuple[int, ...]) -> Iterator[str]:
    if isinstance(query, exp.SetOperation):
        yield from _sources(query.this, names, inside)
        yield from _sources(query.expression, names, inside)
    elif isinstance(query, exp.Subquery):
        yield from _sources(query.this, names, inside)
    elif isinstance(query, exp.Select):
        yield from _items_sources(query, names, inside)


def _items_sources(query: exp.Expr, names: Names, inside: tuple[int, ...]) -> Iterator[str]:
    for _, item in tree.parts(query):
        inner = _query_behind(item, names)
        if inner is None and isinstance(item, exp.Table) and item.name:
            yield names.name_of(item)
        elif inner is not None and id(inner) not in inside:
            yield from _sources(inner, names, (*inside, id(inner)))


def _query_behind(item: exp.Expr, names: Names) -> exp.Expr | None:
    return item.this if isinstance(item, exp.Subquery) else names.shared(item)


def _narrowing(query: exp.Expr | None, names: Names, inside: tuple[int, ...]) -> Iterator[str]:
    if isinstance(query, exp.Subquery):
        yield from _narrowing(query.this, names, inside)
    elif isinstance(query, exp.SetOperation):
        if query.args.get("distinct") or not isinstance(query, exp.Union):
            yield "distinct"
        yield from _limit(query)
        yield from _narrowing(query.this, names, inside)
        yield from _narrowing(query.expression, names, inside)
    elif isinstance(query, exp.Select):
        yield from _clauses(query)
        yield from _items_narrowing(query, names, inside)


def _limit(query: exp.Expr) -> Iterator[str]:
    if query.args.get("limit"):
        yield "limit"


def _clauses(query: exp.Select) -> Iterator[str]:
    if query.args.get("where") or query.args.get("having"):
        yield "where"
    if query.args.get("distinct"):
        yield "distinct"
    if query.args.get("group") or collapses(query):
        yield "group"
    yield from _limit(query)


def _items_narrowing(query: exp.Select, names: Names, inside: tuple[int, ...]) -> Iterator[str]:
    for join, item in tree.parts(query):
        if join is not None and str(join.args.get("side") or "").upper() not in {"LEFT", "FULL"}:
            yield "join"
        inner = _query_behind(item, names)
        if inner is not None and id(inner) not in inside:
            yield from _narrowing(inner, names, (*inside, id(inner)))
