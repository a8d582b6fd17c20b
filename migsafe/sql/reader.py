"""A cursor over tokens: what the readers of single statements are written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migsafe.model.migration import Dialect, Operation
from migsafe.sql.mentions import mentions
from migsafe.sql.tokens import (
    NAMES,
    RESERVED,
    STRING,
    WORD,
    Lines,
    Token,
    joined,
    stripped,
    tokenize,
)

__all__ = ["Read", "Reader", "UnreadError", "first_outside", "mentions", "normalised", "separated"]


_LONGEST = 63  # bytes of a name in PostgreSQL


class UnreadError(Exception):
    """The text is not a statement that the reader knows."""


Read = Callable[["Reader"], tuple[Operation, ...]]
"""Reads one whole statement."""


class Reader:
    """Reads one statement from left to right.

    Methods raise UnreadError where the text is not as told.
    """

    def __init__(self, sql: str, dialect: Dialect, first_line: int = 1) -> None:
        self.sql = sql
        self.dialect = dialect
        self.tokens: Sequence[Token] = tokenize(sql, dialect)
        self.at = 0
        self._lines: Lines | None = None
        self._first_line = first_line

    def __bool__(self) -> bool:
        return self.at < len(self.tokens)

    def line(self, token: Token | None = None) -> int:
        """The line of a token (default: the next one), counted as the caller counts."""
        token = token or (self.tokens[self.at] if self else None)
        if token is None:
            return self._first_line
        self._lines = self._lines or Lines(self.sql)
        return self._first_line + self._lines.place(token.start)[0] - 1

    def peek(self, ahead: int = 0) -> str:
        """The next bare word in upper case, or mark; "" for a quoted name, a value or the end."""
        at = self.at + ahead
        return self.tokens[at].upper if at < len(self.tokens) else ""

    def ahead(self, *words: str) -> bool:
        """Do these words come next?"""
        return all(self.peek(i) == word for i, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        """Step over these words if they come next."""
        if not self.ahead(*words):
            return False
        self.at += len(words)
        return True

    def accept_any(self, *words: str) -> str:
        """Step over one of these words; "" where none comes next."""
        word = self.peek()
        if word and word in words:
            self.at += 1
            return word
        return ""

    def expect(self, *words: str) -> None:
        """Step over these words, which must come next."""
        if not self.accept(*words):
            found = self.tokens[self.at].text if self else "the end"
            raise UnreadError(f"{' '.join(words)} expected, {found} found")

    def next(self) -> Token:
        """Step over one token and return it."""
        if not self:
            raise UnreadError("the statement ends too early")
        token = self.tokens[self.at]
        self.at += 1
        return token

    def name(self) -> str:
        """An identifier, without its quotes."""
        token = self.next()
        if token.kind not in NAMES or self._no_name(token):
            raise UnreadError(f"a name expected, {token.text} found")
        if self.dialect is not Dialect.POSTGRES:
            return token.name
        # Bare names are folded, all are cut (manual, 4.1.1 Identifiers and Key Words).
        name = token.text.lower() if token.kind == WORD else token.name
        return name if len(name) < _LONGEST else name.encode()[:_LONGEST].decode(errors="ignore")

    def _no_name(self, token: Token) -> bool:
        if self.dialect is Dialect.SQLITE:
            return token.upper in RESERVED
        return token.kind == STRING

    def qualified(self) -> tuple[str, str]:
        """A name with the schema before it, "" for none: `temp.t` gives ("temp", "t")."""
        first = self.name()
        if self.accept("."):
            return first, self.name()
        return "", first

    def relation(self) -> str:
        """A server's object: `name` in the default schema, else `schema.name`."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        if self.dialect is Dialect.POSTGRES and parts[0] == "public":
            parts = parts[1:] or parts
        return ".".join(parts)

    def relations(self) -> tuple[str, ...]:
        """A comma-separated list of objects."""
        found = [self.relation()]
        while self.accept(","):
            found.append(self.relation())
        return tuple(found)

    def names(self) -> tuple[str, ...]:
        """A bracketed list of names."""
        self.expect("(")
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def if_exists(self) -> bool:
        """Step over IF EXISTS."""
        return self.accept("IF", "EXISTS")

    def if_not_exists(self) -> bool:
        """Step over IF NOT EXISTS."""
        return self.accept("IF", "NOT", "EXISTS")

    def group(self) -> Sequence[Token]:
        """The tokens within the bracket that opens here; steps over both brackets."""
        self.expect("(")
        start, depth = self.at, 1
        while depth:
            text = self.next().text
            depth += (text == "(") - (text == ")")
        return self.tokens[start : self.at - 1]

    def terms(self) -> list[Sequence[Token]]:
        """The comma-separated terms within the bracket that opens here."""
        return separated(self.group())

    def until(self, *words: str) -> Sequence[Token]:
        """The tokens up to one of these words outside brackets, or to the end."""
        start = self.at
        found = first_outside(self.tokens, words, start)
        self.at = len(self.tokens) if found is None else found
        return self.tokens[start : self.at]

    def rest(self) -> Sequence[Token]:
        """All tokens that are left."""
        left = self.tokens[self.at :]
        self.at = len(self.tokens)
        return left

    def end(self) -> None:
        """Nothing may be left."""
        if self:
            raise UnreadError(f"{self.tokens[self.at].text} is not expected")

    def source(self, tokens: Sequence[Token]) -> str:
        """The exact source of these neighbouring tokens."""
        return self.sql[tokens[0].start : tokens[-1].end] if tokens else ""

    def words(self, *choices: tuple[str, ...]) -> str:
        """Step over the first of these phrases that comes next, and return it; "" for none."""
        for phrase in choices:
            if self.accept(*phrase):
                return " ".join(phrase)
        return ""


def separated(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """Split tokens at the commas outside brackets."""
    found: list[Sequence[Token]] = []
    start, depth = 0, 0
    for at, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            found.append(tokens[start:at])
            start = at + 1
    if start < len(tokens) or found:
        found.append(tokens[start:])
    return found


def first_outside(tokens: Sequence[Token], words: Sequence[str], start: int = 0) -> int | None:
    """The first of these words or marks, from `start` on, that stands outside brackets."""
    depth = 0
    for at in range(start, len(tokens)):
        word = tokens[at].upper
        if depth == 0 and word in words and not _is_operator(tokens, at):
            return at
        depth += (word == "(") - (word == ")")
    return None


def _is_operator(tokens: Sequence[Token], at: int) -> bool:
    """Is this FROM the end of IS DISTINCT FROM?"""
    return at > 0 and tokens[at].upper == "FROM" and tokens[at - 1].upper == "DISTINCT"


def normalised(tokens: Sequence[Token]) -> str:
    """Tokens as normalised text, an outer pair of brackets taken away."""
    return joined(stripped(tokens))
