"""Django's conditions and expressions in a migration (`Q(a__gt=0)`, `Lower("name")`) as SQL.

Only what is certain is written: anything else is the placeholder for an unknown expression.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migsafe.adapters.alembic_columns import arguments
from migsafe.adapters.alembic_text import UNKNOWN, Scope, dotted, literal
from migsafe.adapters.ddl import UNKNOWN_VALUE, named, text_of
from migsafe.adapters.django_state import Model
from migsafe.model.migration import Dialect

_COMPARED = {"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_FUNCTIONS = {"Lower": "LOWER", "Upper": "UPPER", "Length": "LENGTH", "Coalesce": "COALESCE",
              "Abs": "ABS", "Trim": "TRIM", "Concat": "CONCAT", "Greatest": "GREATEST",
              "Least": "LEAST"}  # fmt: skip
_JOINED = {ast.BitAnd: "AND", ast.BitOr: "OR", ast.BitXor: "XOR"}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class _Uncertain(Exception):
    """A part whose SQL only running Django can tell."""


@dataclass(frozen=True, slots=True)
class Expressions:
    """Writes the expressions of one model."""

    model: Model
    scope: Scope
    dialect: Dialect

    def condition(self, node: ast.expr | None) -> str:
        """A `Q` as a predicate; the placeholder where a part of it is not certain."""
        try:
            return self._condition(node)
        except _Uncertain:
            return UNKNOWN_VALUE

    def value(self, node: ast.expr | None) -> str:
        """An expression over columns; the placeholder where a part of it is not certain."""
        try:
            return self._value(node, names=True)
        except _Uncertain:
            return UNKNOWN_VALUE

    def term(self, node: ast.expr | None) -> str:
        """One term of an index: `F("a").desc()`, `"-a"`, `OrderBy(...)`, `OpClass(...)`."""
        found = literal(node, self.scope)
        if isinstance(found, str):
            return self.column(found.removeprefix("-")) + (" DESC" if found[:1] == "-" else "")
        match node:
            case ast.Call(func=ast.Attribute(value=inner, attr=("desc" | "asc") as order)):
                return f"{self.term(inner)} {order.upper()}"
            case _:
                pass
        name = dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name == "F":
            return self.value(node)
        if isinstance(node, ast.Call) and name == "OrderBy":
            given = arguments(node, ("expression",), self.scope)
            down = " DESC" if given.flag("descending") else ""
            return self.term(given.node("expression")) + down
        if isinstance(node, ast.Call) and name == "OpClass":
            given = arguments(node, ("expression", "name"), self.scope)
            return f"{self.term(given.node('expression'))} {given.maybe('name')}".rstrip()
        return f"({self.value(node)})"

    def column(self, name: str) -> str:
        """A field's column in quotes."""
        return named(self.model.column(name), self.dialect)

    def _condition(self, node: ast.expr | None) -> str:
        match node:
            case ast.BinOp(op=(ast.BitAnd() | ast.BitOr()) as op):
                both = self._condition(node.left), self._condition(node.right)
                return f"({f' {_JOINED[type(op)]} '.join(both)})"
            case ast.UnaryOp(op=ast.Invert()):
                return f"(NOT {self._condition(node.operand)})"
            case ast.Call() if dotted(node.func).rpartition(".")[2] == "Q":
                return self._q(node)
            case _:
                raise _Uncertain

    def _q(self, node: ast.Call) -> str:
        parts = [self._nested(a) for a in node.args]
        joined, turned = " AND ", False
        for keyword in node.keywords:
            if keyword.arg == "_connector":
                joined = f" {literal(keyword.value, self.scope)} "
            elif keyword.arg == "_negated":
                turned = literal(keyword.value, self.scope) is True
            elif keyword.arg is None:
                raise _Uncertain
            else:
                parts.append(self._lookup(keyword.arg, keyword.value))
        text = joined.join(parts) if len(parts) == 1 else f"({joined.join(parts)})"
        return f"(NOT {text})" if turned else text

    def _nested(self, node: ast.expr) -> str:
        """`Q(("a__gt", 0), Q(...))`: what the autodetector writes."""
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            name = literal(node.elts[0], self.scope)
            if isinstance(name, str):
                return self._lookup(name, node.elts[1])
        return self._condition(node)

    def _lookup(self, path: str, given: ast.expr) -> str:
        name, _, lookup = path.partition("__")
        column = self.column(name)
        found = literal(given, self.scope)
        if lookup in {"", "exact"} and found is None:
            return f"{column} IS NULL"
        if lookup == "isnull" and isinstance(found, bool):
            return f"{column} IS {'' if found else 'NOT '}NULL"
        if lookup == "in" and isinstance(found, tuple) and found:
            return f"{column} IN ({', '.join(self._plain(f) for f in found)})"
        if lookup == "range" and isinstance(found, tuple) and len(found) == 2:
            return f"{column} BETWEEN {self._plain(found[0])} AND {self._plain(found[1])}"
        operator = _COMPARED.get(lookup or "exact")
        if operator is None:
            raise _Uncertain
        text = self._value(given)
        return f"{column} {operator} {text if found is not UNKNOWN else f'({text})'}"

    def _plain(self, found: object) -> str:
        if not isinstance(found, (str, int, float)):
            raise _Uncertain
        return text_of(found, self.dialect)

    def _value(self, node: ast.expr | None, *, names: bool = False) -> str:
        """`names`: is a bare text the name of a field?"""
        found = literal(node, self.scope)
        if names and isinstance(found, str):
            return self.column(found)
        if found is not UNKNOWN and isinstance(found, (str, int, float)):
            return self._plain(found)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            both = self._value(node.left), self._value(node.right)
            return f"({both[0]} {_ARITHMETIC[type(node.op)]} {both[1]})"
        if isinstance(node, ast.Call):
            return self._call(node)
        raise _Uncertain

    def _call(self, node: ast.Call) -> str:
        name = dotted(node.func).rpartition(".")[2]
        first = literal(node.args[0], self.scope) if node.args else UNKNOWN
        if name == "F" and isinstance(first, str) and "__" not in first:
            return self.column(first)
        if name == "Value":
            return self._plain(first)
        if name == "Now" and not node.args:
            return "CURRENT_TIMESTAMP"
        function = _FUNCTIONS.get(name)
        if function is None or node.keywords:
            raise _Uncertain
        return f"{function}({', '.join(self._value(a, names=True) for a in node.args)})"
