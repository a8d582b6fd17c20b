"""MySQL's text as sqlglot can read it: the same length, offset for offset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from migsafe.model.migration import Dialect
from migsafe.sql.reader import first_outside
from migsafe.sql.tokens import PARAMETER, Token, pattern

MODIFIERS = {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"}
"""What may stand between INSERT, REPLACE, UPDATE or DELETE and what follows."""
_VERBS = {"INSERT", "REPLACE", "UPDATE", "DELETE"}
_STRUCTURE = {"SELECT", "FROM", "WHERE", "SET", "VALUES", "VALUE"}
_FORMATTED = re.compile(r"%(?:\(\w+\))?s")

Piece = tuple[int, int, str]


def readable(sql: str, tokens: Sequence[Token]) -> str:
    """The text without what sqlglot cannot read or would drop, filled up with spaces."""
    found = sorted((*_markers(sql), *_statement(tokens), *_values(tokens)))
    pieces = []
    done = 0
    for start, end, text in found:
        if start >= done:
            pieces += [sql[done:start], text.ljust(end - start)]
            done = end
    return "".join([*pieces, sql[done:]])


def _markers(sql: str) -> Iterator[Piece]:
    """The marks around executable comments, which sqlglot takes for comments."""
    if "/*!" not in sql and "/*M!" not in sql:
        return
    for match in pattern(Dialect.MYSQL).finditer(sql):
        text = match.group()
        if match.lastgroup == "space" and (text == "*/" or text.startswith(("/*!", "/*M!"))):
            yield match.start(), match.end(), ""


def _values(tokens: Sequence[Token]) -> Iterator[Piece]:
    """Parameters, the rows of VALUES ROW(1), and DEFAULT, which sqlglot takes for a column."""
    for at, token in enumerate(tokens):
        if token.upper == "ROW" and [t.text for t in tokens[at + 1 : at + 2]] == ["("]:
            yield token.start, token.end, ""
        if token.kind == PARAMETER and _FORMATTED.fullmatch(token.text):
            yield token.start, token.end, "?"
        elif token.upper == "DEFAULT" and tokens[at - 1].text in {"(", ",", "="}:
            called = [t.text for t in tokens[at + 1 : at + 2]] == ["("]
            yield token.start, token.end, "DFLT" if called else "DFLT()"


def _statement(tokens: Sequence[Token]) -> Iterator[Piece]:
    """The words around the verb of a statement that writes rows."""
    verb = _verb(tokens)
    if verb is None:
        return
    at = verb + 1
    while at < len(tokens) and tokens[at].upper in MODIFIERS:
        yield tokens[at].start, tokens[at].end, ""
        at += 1
    word = tokens[verb].upper
    if word in {"INSERT", "REPLACE"}:
        yield from _insert(tokens, verb, at)
    elif word == "DELETE":
        yield from _stars(tokens, at)


def _verb(tokens: Sequence[Token]) -> int | None:
    """Where the statement's own verb stands; None for a statement that writes no rows."""
    at = 0
    if tokens and tokens[0].upper == "WITH":
        at = first_outside(tokens, ("SELECT", "VALUES", *_VERBS)) or 0
    return at if tokens and tokens[at].upper in _VERBS else None


def _insert(tokens: Sequence[Token], verb: int, at: int) -> Iterator[Piece]:
    """REPLACE as INSERT; INSERT .. SET as the UPDATE that it looks like."""
    following = first_outside(tokens, tuple(_STRUCTURE), at)
    setting = following is not None and tokens[following].upper == "SET"
    yield tokens[verb].start, tokens[verb].end, "UPDATE" if setting else "INSERT"
    if not setting:
        return
    if tokens[at].upper == "INTO":
        yield tokens[at].start, tokens[at].end, ""
    tail = upsert(tokens, at)
    if tail is not None:
        yield tokens[tail].start, tokens[-1].end, ""


def upsert(tokens: Sequence[Token], start: int = 0) -> int | None:
    """Where ON DUPLICATE KEY begins."""
    at = first_outside(tokens, ("ON",), start)
    while at is not None and [t.upper for t in tokens[at + 1 : at + 2]] != ["DUPLICATE"]:
        at = first_outside(tokens, ("ON",), at + 1)
    return at


def _stars(tokens: Sequence[Token], at: int) -> Iterator[Piece]:
    """The `.*` after the tables of DELETE t.* FROM."""
    stop = first_outside(tokens, ("WHERE", "JOIN"), at) or len(tokens)
    for here in range(at, stop - 1):
        if tokens[here].text == "." and tokens[here + 1].text == "*":
            yield tokens[here].start, tokens[here + 1].end, ""
