"""Which tables and columns a statement names, where, and in which quotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sqlglot import exp

from migsafe.model.migration import Dialect, Reference
from migsafe.sql import tree
from migsafe.sql.tokens import Lines


class _Scope(NamedTuple):
    """What a query's names may mean: tables by alias ("" for a subquery), and the only table."""

    tables: Mapping[str, str]
    only: str


class Names:
    """Resolves the names of one statement."""

    def __init__(self, statement: exp.Expr, sql: str, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect
        self._sql = sql
        self._lines = Lines(sql)
        self._target = tree.target(statement)
        self._shared = tree.common_tables(statement)

    def name_of(self, table: exp.Expr) -> str:
        """The name of a table in a FROM clause."""
        return tree.table_name(table, self._dialect) if isinstance(table, exp.Table) else table.name

    def shared(self, item: exp.Expr) -> exp.Expr | None:
        """The query behind an item of a FROM clause that names a common table expression."""
        if not isinstance(item, exp.Table) or item.args.get("db"):
            return None
        return self._shared.get(item.name.lower())

    def table_of(self, column: exp.Expr, *, certain: bool) -> str:
        """The table that a column belongs to; "" where that cannot be said.

        An unqualified name in a nested query may belong to an outer one: with `certain` that gives
        "", without it the innermost query's only table.
        """
        scopes = list(self._scopes(column))
        if column.args.get("table"):
            qualifier = str(column.args["table"].name).lower()
            return next((s.tables[qualifier] for s in scopes if qualifier in s.tables), "")
        if not scopes or (certain and len(scopes) > 1):
            return ""
        return scopes[0].only

    def references(self) -> tuple[Reference, ...]:
        """Every table and column that is named, in the order of the text; lines count from 0."""
        found = sorted(self._positioned(), key=lambda pair: pair[0])
        return tuple(reference for _, reference in found)

    def _positioned(self) -> Iterator[tuple[int, Reference]]:
        yield from self._tables()
        yield from self._columns()
        for name in self._listed():
            yield self._reference(name, "write", self._target_name, name.name)

    def _tables(self) -> Iterator[tuple[int, Reference]]:
        listed = self._statement.args.get("tables") or ()  # MySQL: DELETE a, b FROM a JOIN b
        aliases = {t.name.lower() for t in listed} | self._set_aliases()
        for node in self._statement.find_all(exp.Table):
            if any(node is t for t in listed):
                continue
            if isinstance(node.this, exp.Identifier) and self.shared(node) is None:
                written = (node is self._target and not aliases) or (
                    node.alias_or_name.lower() in aliases and self._acted_on(node)
                )
                role = "write" if written else "read"
                yield self._reference(node.this, role, self.name_of(node))
        for looked in self._looked_into():
            if looked.args.get("table") or looked.name.lower() not in self._shared:
                yield self._reference(looked.this, "read", looked.name)

    def _columns(self) -> Iterator[tuple[int, Reference]]:
        written = {id(n) for n in self._written()}
        tables = {id(n) for n in self._looked_into()}
        for node in self._statement.find_all(exp.Column):
            if not isinstance(node.this, exp.Identifier) or id(node) in tables:
                continue
            if id(node) in written:
                qualified = node.args.get("table") is not None
                table = self.table_of(node, certain=True) if qualified else ""
                yield self._reference(node.this, "write", table or self._target_name, node.name)
            else:
                table = self.table_of(node, certain=True)
                yield self._reference(node.this, "read", table, node.name)

    def _reference(
        self, identifier: exp.Identifier, role: str, table: str, column: str = ""
    ) -> tuple[int, Reference]:
        start = int(identifier.meta.get("start", 0))
        first = self._sql[start : start + 1]
        quote = first if first in "\"'`[" else ""
        line = self._lines.place(start)[0] - 1
        return start, Reference(role, table, column, quote, line)

    @property
    def _target_name(self) -> str:
        return self.name_of(self._target) if self._target is not None else ""

    def _looked_into(self) -> Iterator[exp.Column]:
        """The tables after IN, which sqlglot takes for columns (`x IN t`)."""
        for node in self._statement.find_all(exp.In):
            field = node.args.get("field")
            if isinstance(field, exp.Column) and isinstance(field.this, exp.Identifier):
                yield field

    def _listed(self) -> list[exp.Identifier]:
        """The column list of an INSERT."""
        found = self._statement.args.get("this")
        if not isinstance(found, exp.Schema):
            return []
        return [e for e in found.expressions if isinstance(e, exp.Identifier)]

    def _written(self) -> Iterator[exp.Expr]:
        """The columns that an UPDATE sets, or an upsert."""
        setting = self._statement if isinstance(self._statement, exp.Update) else None
        for node in (setting, self._statement.args.get("conflict")):
            for item in node.expressions if node is not None else ():
                left = item.this if isinstance(item, exp.EQ) else None
                if isinstance(left, exp.Tuple):
                    yield from left.expressions
                elif left is not None:
                    yield left

    def _set_aliases(self) -> set[str]:
        """The tables before the columns that an UPDATE of several tables sets (MySQL)."""
        if not isinstance(self._statement, exp.Update):
            return set()
        columns = (n for n in self._written() if isinstance(n, exp.Column))
        return {str(n.args["table"].name).lower() for n in columns if n.args.get("table")}

    def _acted_on(self, node: exp.Table) -> bool:
        """Is this one of the statement's own tables, and not one of a subquery?"""
        return node.find_ancestor(exp.Select, exp.Subquery, exp.CTE) is None

    # -- scopes -----------------------------------------------------------------------------------

    def _scopes(self, node: exp.Expr) -> Iterator[_Scope]:
        """From the innermost query outwards, as far as the name can see."""
        inserted = self._statement if isinstance(self._statement, exp.Insert) else None
        child: exp.Expr = node
        parent = node.parent
        while parent is not None:
            if isinstance(parent, exp.Select):
                yield self._scope([item for _, item in tree.parts(parent)])
            elif isinstance(parent, (exp.Update, exp.Delete)):
                yield self._scope([parent.this, *(item for _, item in tree.parts(parent))])
            elif isinstance(parent, (exp.OnConflict, exp.Returning)) and parent.parent is inserted:
                yield self._conflict_scope()
            elif isinstance(parent, exp.CTE) or (
                isinstance(child, exp.Subquery) and isinstance(parent, (exp.From, exp.Join))
            ):
                return  # a query that is used as a table sees nothing of what is around it
            child, parent = parent, parent.parent

    def _scope(self, items: list[exp.Expr]) -> _Scope:
        tables = {}
        for item in items:
            plain = isinstance(item, exp.Table) and self.shared(item) is None
            tables[item.alias_or_name.lower()] = self.name_of(item) if plain else ""
        return _Scope(tables, next(iter(tables.values())) if len(items) == 1 else "")

    def _conflict_scope(self) -> _Scope:
        name = self._target_name
        alias = self._target.alias_or_name if self._target is not None else ""
        return _Scope({alias.lower(): name, name.lower(): name, "excluded": name}, name)
