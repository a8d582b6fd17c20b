"""The shape of a query, read from sqlglot's tree: the only module that knows its node types.

Node shapes change between sqlglot's releases, so the version is pinned and each shape used here
has a contract test (tests/sql/test_query.py). Nothing of sqlglot is subclassed: its compiled build
forbids that.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from migsafe.model.migration import Dialect, Reference
from migsafe.sql.tokens import Lines, Token, tokenize

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.expressions import Expression

_NOT_READ = "its expressions could not be read"


@dataclass(frozen=True, slots=True)
class Fill:
    """What fills one column; the fields are those of `Assignment`."""

    kind: str
    source_table: str = ""
    source_column: str = ""
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement reads and how. The lines of references count from 0."""

    fills: tuple[Fill, ...] = ()
    outputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    narrowing: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


def shape(sql: str, dialect: Dialect) -> tuple[Shape, str]:
    """The statement's shape, and a sentence on what could not be read ("" for nothing)."""
    nodes = _library()
    text = _readable(sql, dialect)
    try:
        trees = nodes.parse(text, dialect)
    except Exception:  # noqa: BLE001 - whatever the parser does with odd input, it is unread
        return Shape(), _NOT_READ
    tree = trees[0] if len(trees) == 1 else None
    if tree is None or isinstance(tree, nodes.exp.Command):
        return Shape(), _NOT_READ
    try:
        return _Walk(tree, sql, nodes).shape(), ""
    except RecursionError:
        return Shape(), _NOT_READ


class _Library:
    """sqlglot, imported when the first query is read."""

    def __init__(self) -> None:
        import sqlglot  # noqa: PLC0415 - a tenth of a second that pure DDL need not pay
        from sqlglot import exp  # noqa: PLC0415

        logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
        self.exp = exp
        self._sqlglot = sqlglot
        self.constant: tuple[type, ...] = (
            exp.Literal, exp.Boolean, exp.Count, exp.Exists, exp.CurrentTimestamp,
            exp.CurrentDate, exp.CurrentTime, exp.Rand,
        )  # fmt: skip

    def parse(self, text: str, dialect: Dialect) -> list[Expression | None]:
        return list(self._sqlglot.parse(text, read=dialect.value))


@cache
def _library() -> _Library:
    return _Library()


_CONFLICT = re.compile(r"(?<![\w\"'])(OR)(\s+)(ROLLBACK|ABORT|REPLACE|FAIL|IGNORE)\b", re.I)


def _readable(sql: str, dialect: Dialect) -> str:
    """The same text, offset for offset, without words that sqlglot stumbles over."""
    tokens = tokenize(sql, dialect)
    for at, token in enumerate(tokens):
        following = [t.upper for t in tokens[at + 1 : at + 3]]
        if token.upper in {"INSERT", "UPDATE"} and len(following) == 2 and following[0] == "OR":
            sql = _over(sql, tokens[at + 1].start, tokens[at + 2].end, "")
        if token.upper == "REPLACE" and following[:1] == ["INTO"]:
            sql = _over(sql, token.start, token.end, "INSERT" if _opens(tokens, at) else "")
    return sql


def _opens(tokens: list[Token], at: int) -> bool:
    """Does this REPLACE stand for a whole INSERT, rather than after INSERT OR?"""
    return at == 0 or tokens[at - 1].upper != "OR"


def _over(sql: str, start: int, end: int, text: str) -> str:
    return sql[:start] + text.ljust(end - start) + sql[end:]


class _Walk:
    """Collects the shape of one statement's tree."""

    def __init__(self, tree: Expression, sql: str, library: _Library) -> None:
        self._tree = tree
        self._sql = sql
        self._exp = library.exp
        self._constant = library.constant
        self._lines = Lines(sql)
        self._ctes = {c.alias.lower(): c.this for c in tree.find_all(library.exp.CTE)}
        self._visiting: set[str] = set()

    def shape(self) -> Shape:
        """Everything that the tree says."""
        exp = self._exp
        if isinstance(self._tree, exp.Update):
            fills = tuple(self._set_fills(self._tree))
            sources, narrowing = self._update_sources(self._tree)
            return Shape(fills, (), sources, narrowing, self._references())
        query = self._tree.args.get("expression")
        if not isinstance(self._tree, (exp.Insert, exp.Create)):
            query = self._tree
        return Shape(
            tuple(self._fills(query)),
            self._outputs(query),
            tuple(dict.fromkeys(self._sources(query))),
            tuple(dict.fromkeys(self._narrowing(query))),
            self._references(),
        )

    # -- sources ----------------------------------------------------------------------------

    def _from(self, query: Expression) -> Iterator[Expression]:
        start = query.args.get("from_")
        if start is not None:
            yield start.this
        for join in query.args.get("joins") or ():
            yield join.this

    def _sources(self, query: Expression | None) -> Iterator[str]:
        exp = self._exp
        if isinstance(query, exp.SetOperation):
            yield from self._sources(query.this)
            yield from self._sources(query.expression)
        elif isinstance(query, exp.Subquery):
            yield from self._sources(query.this)
        elif isinstance(query, exp.Select):
            for item in self._from(query):
                yield from self._item_sources(item)

    def _item_sources(self, item: Expression) -> Iterator[str]:
        exp = self._exp
        inner = self._cte(item)
        if inner is not None:
            with _entered(self._visiting, item.name.lower()) as fresh:
                if fresh:
                    yield from self._sources(inner)
        elif isinstance(item, exp.Table) and item.name:
            yield item.name
        elif isinstance(item, exp.Subquery):
            yield from self._sources(item.this)

    def _cte(self, item: Expression) -> Expression | None:
        if not isinstance(item, self._exp.Table) or item.args.get("db"):
            return None
        return self._ctes.get(item.name.lower())

    def _update_sources(self, tree: Expression) -> tuple[tuple[str, ...], tuple[str, ...]]:
        found = [s for item in self._from(tree) for s in self._item_sources(item)]
        return tuple(dict.fromkeys(found)), (("join",) if found else ())

    def _narrowing(self, query: Expression | None) -> Iterator[str]:
        exp = self._exp
        if isinstance(query, exp.Subquery):
            yield from self._narrowing(query.this)
        elif isinstance(query, exp.SetOperation):
            if query.args.get("distinct") or not isinstance(query, exp.Union):
                yield "distinct"
            yield from self._narrowing(query.this)
            yield from self._narrowing(query.expression)
        elif isinstance(query, exp.Select):
            yield from self._select_narrowing(query)

    def _select_narrowing(self, query: Expression) -> Iterator[str]:
        for word in ("where", "distinct", "group", "limit"):
            if query.args.get(word):
                yield word
        if query.args.get("having"):
            yield "where"
        for join in query.args.get("joins") or ():
            if str(join.args.get("side") or "").upper() not in {"LEFT", "FULL"}:
                yield "join"
        for item in self._from(query):
            inner = self._cte(item) or (item.this if isinstance(item, self._exp.Subquery) else None)
            with _entered(self._visiting, f"narrowing {item.alias_or_name.lower()}") as fresh:
                if inner is not None and fresh:
                    yield from self._narrowing(inner)

    # -- what fills the columns ---------------------------------------------------------------

    def _outputs(self, query: Expression | None) -> tuple[str, ...]:
        while isinstance(query, (self._exp.SetOperation, self._exp.Subquery)):
            query = query.this
        if not isinstance(query, self._exp.Select):
            return ()
        names = tuple(e.alias_or_name for e in query.expressions)
        return names if all(names) and "*" not in names else ()

    def _fills(self, query: Expression | None) -> Iterator[Fill]:
        exp = self._exp
        if isinstance(query, exp.Subquery):
            yield from self._fills(query.this)
        elif isinstance(query, exp.SetOperation):
            yield from _merged([list(self._fills(query.this)), list(self._fills(query.expression))])
        elif isinstance(query, exp.Select):
            for expression in query.expressions:
                yield self._fill(expression)
        elif isinstance(query, exp.Values):
            rows = [[self._fill(e) for e in self._row(row)] for row in query.expressions]
            yield from _merged(rows)

    def _row(self, row: Expression) -> list[Expression]:
        return list(row.expressions) if isinstance(row, self._exp.Tuple) else [row]

    def _set_fills(self, tree: Expression) -> Iterator[Fill]:
        exp = self._exp
        for item in tree.expressions:
            if not isinstance(item, exp.EQ):
                yield Fill("expression")
            elif isinstance(item.this, exp.Tuple):
                yield from (Fill("expression") for _ in item.this.expressions)
            else:
                yield self._fill(item.expression)

    def _fill(self, node: Expression) -> Fill:
        exp = self._exp
        node = self._bare(node)
        if isinstance(node, exp.Star) or (
            isinstance(node, exp.Column) and isinstance(node.this, exp.Star)
        ):
            return Fill("star")
        if isinstance(node, exp.Column):
            return Fill("column", self._table_of(node, certain=False), node.name)
        if isinstance(node, exp.Null):
            return Fill("null")
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            return Fill("parameter")
        if isinstance(node, (exp.Literal, exp.Boolean)):
            return Fill("literal", guarded=True)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            return Fill("literal", guarded=True)
        if isinstance(node, exp.Subquery):
            return self._scalar(node.this)
        return Fill("expression", guarded=self._guarded(node))

    def _bare(self, node: Expression) -> Expression:
        while isinstance(node, (self._exp.Alias, self._exp.Paren)):
            node = node.this
        return node

    def _scalar(self, query: Expression) -> Fill:
        """A subquery used as a value: no row gives NULL, unless an aggregate always gives one."""
        exp = self._exp
        if not isinstance(query, exp.Select) or len(query.expressions) != 1:
            return Fill("subquery")
        output = self._bare(query.expressions[0])
        if isinstance(output, exp.Column):
            return Fill("subquery", self._table_of(output, certain=False), output.name)
        always = not query.args.get("group") and not query.args.get("having")
        aggregate = any(True for _ in output.find_all(exp.AggFunc))
        return Fill("subquery", guarded=always and aggregate and self._guarded(output))

    def _guarded(self, node: Expression | None) -> bool:
        """Can no NULL come out of this expression?"""
        exp = self._exp
        if node is None:
            return False
        node = self._bare(node)
        if isinstance(node, self._constant):
            return True
        if isinstance(node, exp.Coalesce):
            return any(self._guarded(e) for e in (node.this, *node.expressions))
        if isinstance(node, exp.Case):
            branches = [i.args.get("true") for i in node.args.get("ifs") or ()]
            return all(self._guarded(b) for b in (*branches, node.args.get("default")))
        if isinstance(node, exp.If):
            return all(self._guarded(node.args.get(k)) for k in ("true", "false"))
        if isinstance(node, exp.Anonymous):
            return node.name.lower() in _NEVER_NULL
        if isinstance(node, (exp.Cast, exp.Neg, exp.Not)):
            return self._guarded(node.this)
        if isinstance(node, exp.Subquery):
            return self._scalar(node.this).guarded
        if isinstance(node, exp.Binary) and not isinstance(node, (exp.Div, exp.Mod)):
            return self._guarded(node.this) and self._guarded(node.expression)
        return False

    # -- names ----------------------------------------------------------------------------------

    def _references(self) -> tuple[Reference, ...]:
        found = sorted(self._positioned(), key=lambda pair: pair[0])
        return tuple(reference for _, reference in found)

    def _positioned(self) -> Iterator[tuple[int, Reference]]:
        exp = self._exp
        target = self._target()
        written = {id(n) for n in self._written()}
        for node in self._tree.find_all(exp.Table):
            if isinstance(node.this, exp.Identifier) and self._cte(node) is None:
                role = "write" if node is target else "read"
                yield self._reference(node.this, role, node.name, "")
        for node in self._tree.find_all(exp.Column):
            if isinstance(node.this, exp.Identifier):
                role = "write" if id(node) in written else "read"
                table = self._table_of(node, certain=True)
                yield self._reference(node.this, role, table, node.name)
        for name in self._listed():
            yield self._reference(name, "write", target.name if target else "", name.name)

    def _reference(
        self, identifier: Expression, role: str, table: str, column: str
    ) -> tuple[int, Reference]:
        start = int(identifier.meta.get("start", 0))
        first = self._sql[start : start + 1]
        quote = first if first in "\"'`[" else ""
        line = self._lines.place(start)[0] - 1
        return start, Reference(role, table, column, quote, line)

    def _target(self) -> exp.Table | None:
        exp = self._exp
        if not isinstance(self._tree, (exp.Insert, exp.Update, exp.Delete, exp.Create)):
            return None
        target = self._tree.this
        if isinstance(target, exp.Schema):
            target = target.this
        return target if isinstance(target, exp.Table) else None

    def _listed(self) -> list[Expression]:
        target = self._tree.args.get("this")
        if not isinstance(target, self._exp.Schema):
            return []
        return [e for e in target.expressions if isinstance(e, self._exp.Identifier)]

    def _written(self) -> Iterator[Expression]:
        exp = self._exp
        if not isinstance(self._tree, exp.Update):
            return
        for item in self._tree.expressions:
            left = item.this if isinstance(item, exp.EQ) else None
            yield from left.expressions if isinstance(left, exp.Tuple) else [left] if left else []

    def _table_of(self, column: Expression, *, certain: bool) -> str:
        """The table that a column belongs to; "" where that cannot be said.

        An unqualified name in a nested query may belong to an outer one: with `certain` that gives
        "", without it the innermost query's only table.
        """
        scopes = list(self._scopes(column))
        qualifier = str(column.args["table"].name) if column.args.get("table") else ""
        if qualifier:
            return next((s[qualifier.lower()] for s in scopes if qualifier.lower() in s), "")
        if not scopes or len(scopes[0]) != 1 or (certain and len(scopes) > 1):
            return ""
        return next(iter(scopes[0].values()))

    def _scopes(self, node: Expression) -> Iterator[Mapping[str, str]]:
        exp = self._exp
        parent = node.parent
        while parent is not None:
            if isinstance(parent, exp.Select):
                yield self._named(self._from(parent))
            elif isinstance(parent, (exp.Update, exp.Delete)):
                yield self._named([parent.this, *self._from(parent)])
            elif isinstance(parent, exp.Insert) and self._in_conflict(node, parent):
                target = self._target()
                name = target.name if target else ""
                yield {name.lower(): name, "excluded": name}
            parent = parent.parent

    def _in_conflict(self, node: Expression, insert: Expression) -> bool:
        conflict = insert.args.get("conflict")
        return conflict is not None and any(n is node for n in conflict.find_all(self._exp.Column))

    def _named(self, items: Iterable[Expression]) -> dict[str, str]:
        exp = self._exp
        found: dict[str, str] = {}
        for item in items:
            plain = isinstance(item, exp.Table) and self._cte(item) is None
            found[item.alias_or_name.lower()] = item.name if plain else ""
        return found


_NEVER_NULL = {
    "random", "randomblob", "zeroblob", "last_insert_rowid", "changes", "total_changes", "typeof",
    "total", "uuid", "quote",
}  # fmt: skip


def _merged(rows: list[list[Fill]]) -> Iterator[Fill]:
    """One fill per column out of several rows or queries: the least certain one."""
    if not rows or len({len(r) for r in rows}) != 1:
        return
    for column in zip(*rows, strict=True):
        kinds = {f.kind for f in column}
        guarded = all(f.guarded for f in column)
        if len(set(column)) == 1:
            yield column[0]
        elif "null" in kinds and kinds <= {"null", "literal"}:
            yield Fill("null")
        else:
            yield Fill(kinds.pop() if len(kinds) == 1 else "expression", guarded=guarded)


@contextmanager
def _entered(visiting: set[str], name: str) -> Iterator[bool]:
    """Holds a name while its query is walked; False where it is being walked already."""
    fresh = name not in visiting
    visiting.add(name)
    try:
        yield fresh
    finally:
        if fresh:
            visiting.discard(name)
