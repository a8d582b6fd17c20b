"""Statements about rows that are plain enough to be read without sqlglot.

Rows of literals, and changes by comparisons of columns with literals, are most of what migrations
say about rows, and importing sqlglot takes as long as all else that linting one file does. What is
read here has the shape that sqlglot's tree gives, which a test holds; all else is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from migsafe.model.migration import Reference
from migsafe.sql.shape import Fill, Shape, merged
from migsafe.sql.tokens import KEYWORDS, NUMBER, QUOTED, STRING, WORD, Lines, Token

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_SPECIAL = frozenset({
    "ANY", "ARRAY", "CURRENT_CATALOG", "CURRENT_ROLE", "CURRENT_SCHEMA", "CURRENT_USER", "FALSE",
    "INTERVAL", "LOCALTIME", "LOCALTIMESTAMP", "MAP", "RLIKE", "SESSION_USER", "SOME", "STRUCT",
    "SYSTEM_USER", "TRUE", "UNKNOWN", "USER", "VARIADIC",
})  # fmt: skip
"""Bare words that mean more than a name to some dialect."""
_COMPARISONS = ("=", "<", ">", "<=", ">=", "<>", "!=")
_LITERAL, _NULL = Fill("literal", guarded=True), Fill("null")


class _OtherwiseError(Exception):
    """The statement is not as plain as that."""


def shape(sql: str, tokens: Sequence[Token]) -> Shape | None:
    """The statement's shape (SQLite, PostgreSQL), None where it takes sqlglot to tell."""
    try:
        return _Plain(sql, tokens).read()
    except _OtherwiseError:
        return None


class _Plain:
    """Reads a statement from left to right, and notes each name on the way."""

    def __init__(self, sql: str, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.lines = Lines(sql)
        self.table = ""
        self.references: list[Reference] = []

    def read(self) -> Shape:
        verb = self.next().upper
        if verb in {"INSERT", "REPLACE"}:
            fills = self._insert(verb)
        elif verb == "UPDATE":
            fills = self._update()
        elif verb == "DELETE":
            self.expect("FROM")
            self._target()
            self._where()
            fills = []
        else:
            raise _OtherwiseError
        return Shape(tuple(fills), references=tuple(self.references))

    # -- statements -------------------------------------------------------------------------------

    def _insert(self, verb: str) -> list[Fill]:
        if verb == "INSERT" and self.accept("OR"):
            self.next()
        self.expect("INTO")
        self._target()
        if self.accept("("):
            self._column("write")
            while self.accept(","):
                self._column("write")
            self.expect(")")
        self.expect("VALUES")
        rows = [self._row()]
        while self.accept(","):
            rows.append(self._row())
        self._end()
        return merged(rows)

    def _row(self) -> list[Fill]:
        self.expect("(")
        fills = [self._value()]
        while self.accept(","):
            fills.append(self._value())
        self.expect(")")
        return fills

    def _update(self) -> list[Fill]:
        self._target()
        self.expect("SET")
        fills = [self._set()]
        while self.accept(","):
            fills.append(self._set())
        self._where()
        return fills

    def _set(self) -> Fill:
        self._column("write")
        self.expect("=")
        if self._is_name():
            return Fill("column", self.table, self._column("read"))
        return self._value()

    def _where(self) -> None:
        if self.accept("WHERE"):
            self._condition()
        self._end()

    # -- conditions -------------------------------------------------------------------------------

    def _condition(self) -> None:
        self._term()
        while self.accept("AND") or self.accept("OR"):
            self._term()

    def _term(self) -> None:
        if self.accept("("):
            self._condition()
            self.expect(")")
            return
        self._operand()
        if any(self.accept(sign) for sign in _COMPARISONS):
            self._operand()
        elif self.accept("IS"):
            self.accept("NOT")
            self.expect("NULL")
        elif self.accept("IN"):
            self._row()

    def _operand(self) -> None:
        if self._is_name():
            self._column("read")
        else:
            self._value()

    # -- names and values -------------------------------------------------------------------------

    def _target(self) -> None:
        token = self._name()
        self.table = token.name
        self._note("write", token, "")

    def _column(self, role: str) -> str:
        token = self._name()
        self._note(role, token, token.name)
        return token.name

    def _note(self, role: str, token: Token, column: str) -> None:
        quote = token.text[0] if token.kind == QUOTED else ""
        line = self.lines.place(token.start)[0] - 1
        self.references.append(Reference(role, self.table, column, quote, line))

    def _is_name(self) -> bool:
        if self.at >= len(self.tokens):
            return False
        token = self.tokens[self.at]
        if token.kind == QUOTED:
            return len(token.text) > 2
        word = token.text.upper()
        plain = token.kind == WORD and _NAME.fullmatch(token.text) is not None
        return plain and word not in KEYWORDS and word not in _SPECIAL

    def _name(self) -> Token:
        if not self._is_name():
            raise _OtherwiseError
        return self.next()

    def _value(self) -> Fill:
        signed = self.accept("-")
        token = self.next()
        if token.kind == NUMBER and _NUMBER.fullmatch(token.text):
            return _LITERAL
        if signed:
            raise _OtherwiseError
        if token.kind == STRING and token.text[0] == token.text[-1] == "'" and len(token.text) > 1:
            return _LITERAL
        if token.upper == "NULL":
            return _NULL
        raise _OtherwiseError

    # -- tokens -----------------------------------------------------------------------------------

    def next(self) -> Token:
        if self.at >= len(self.tokens):
            raise _OtherwiseError
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, word: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at].upper == word
        self.at += found
        return found

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise _OtherwiseError

    def _end(self) -> None:
        if self.at < len(self.tokens):
            raise _OtherwiseError
