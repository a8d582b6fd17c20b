"""Tokens of SQL text: what stands where, and nothing that can fail.

Our own tokens rather than sqlglot's: they keep the quote character and every offset, they never
raise, and DDL can be read without the tenth of a second that importing sqlglot costs.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from migsafe.model.migration import Dialect

WORD, QUOTED, STRING, NUMBER, PARAMETER, BLOB, MARK = (
    "word",
    "quoted",
    "string",
    "number",
    "parameter",
    "blob",
    "mark",
)

_COMMON = r"""
  | (?P<blob>[xX]'[0-9A-Fa-f]*'?)
  | (?P<number>0[xX][0-9A-Fa-f]+ | (?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>(?:[^\W\d]|\{\{[^{}]*\}\}|\$\{[^{}]*\})(?:[\w$]|\{\{[^{}]*\}\})*)
"""
# A template's placeholder ({{ .Schema }}, ${schema}) stands for a part of a name.
# SQLite's own classes of characters (tokenize.c): five kinds of white space and the byte order
# mark; every character beyond ASCII may stand in a name, even one that looks like a space.
_SQLITE = r"""
    (?P<space>[ \t\n\f\r\ufeff]+ | --[^\n]* | /\*(?:[^*]|\*(?!/))*+(?:\*/)?)
  | (?P<string>'(?:[^']|'')*+'?)
  | (?P<quoted>"(?:[^"]|"")*+"? | `(?:[^`]|``)*+`? | \[[^\]]*+\]?)
  | (?P<blob>[xX]'[^']*+'?)
  | (?P<number>0[xX][0-9A-Fa-f]+
      | (?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
  | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*+)
  | (?P<parameter>\?[0-9]* | [:@$\#][A-Za-z0-9_$:\u0080-\U0010ffff]+)
  | (?P<mark>->> | -> | \|\| | << | >> | <= | >= | <> | != | == | .)
"""
_POSTGRES = (
    r"""
    (?P<space>\s+ | --[^\n]* | NESTED_COMMENT)
  | (?P<string>[eE]'(?:[^'\\]|''|\\.)*+'? | [uU]&'(?:[^']|'')*+'? | '(?:[^']|'')*+'?
      | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$ | \Z))
  | (?P<quoted>"(?:\{\{[^{}]*\}\}|[^"]|"")*+"?)
"""
    + _COMMON
    + r"""
  | (?P<parameter>\$\d+ | %\(\w+\)s | %s)
  | (?P<mark>:: | ->> | -> | \#>> | \#> | \|\| | <= | >= | <> | != | .)
"""
)
# A name may begin with a digit (MySQL manual, 11.2 Schema Object Names).
_MYSQL = r"""
    (?P<space>\s+ | --(?=\s|$)[^\n]* | \#[^\n]* | /\*M?!\d* | \*/ | /\*(?:[^*]|\*(?!/))*+(?:\*/)?)
  | (?P<string>'(?:[^'\\]|''|\\.)*+'? | "(?:[^"\\]|""|\\.)*+"?)
  | (?P<quoted>`(?:[^`]|``)*+`?)
  | (?P<blob>[xXbB]'[0-9A-Fa-f]*'?)
  | (?P<number>0[xX][0-9A-Fa-f]+(?![\w$]) | 0b[01]+(?![\w$])
      | (?:\d++(?:\.\d*+)?+|(?<![\w$`])\.\d++)(?:[eE][+-]?\d++)?+(?![\w$]) | \d++(?=\.))
  | (?P<word>[\w$]+)
  | (?P<parameter>\? | @@?[\w$.]+ | %\(\w+\)s | %s)
  | (?P<mark>->> | -> | \|\| | && | <=> | <= | >= | <> | != | << | >> | := | .)
"""


def _nested_comment(depth: int) -> str:
    inner = _nested_comment(depth - 1) if depth else r"/\*"
    return rf"/\*(?:[^*/]|\*(?!/)|/(?!\*)|{inner})*+(?:\*/)?"


NESTED_COMMENT = _nested_comment(4)
"""A block comment of PostgreSQL, which may hold others (manual, 4.1.5); five levels of them."""

_PATTERNS = {
    Dialect.SQLITE: _SQLITE,
    Dialect.POSTGRES: _POSTGRES.replace("NESTED_COMMENT", NESTED_COMMENT),
    Dialect.MYSQL: _MYSQL,
}

_KEYWORDS = """
ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN
BETWEEN BY CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS
CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE
DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT EXCLUDE EXCLUSIVE EXISTS EXPLAIN FAIL
FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL GENERATED GLOB GROUP GROUPS HAVING IF IGNORE
IMMEDIATE IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD INTERSECT INTO IS ISNULL JOIN KEY
LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON
OR ORDER OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE RECURSIVE
REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS
SAVEPOINT SELECT SET TABLE TEMP TEMPORARY THEN TIES TO TRANSACTION TRIGGER UNBOUNDED UNION
UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW WITH WITHOUT
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""The keywords of SQLite (lang_keywords.html)."""

_RESERVED = """
ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT
DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT
INTERSECT INTO IS ISNULL JOIN LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES
RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE
"""
RESERVED = frozenset(_RESERVED.split())
"""The keywords that SQLite takes for a name only in quotes (parse.y 3.40, no %fallback)."""

NAMES = frozenset({WORD, QUOTED, STRING})
"""The kinds of tokens that may name something (SQLite takes a string for a name, too)."""


class Token(NamedTuple):
    """One token: its kind, its source text, and its offsets (end exclusive)."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The text of a bare word in upper case; "" for every other token but a mark."""
        if self.kind == WORD:
            return self.text.upper()
        return self.text if self.kind == MARK else ""

    @property
    def name(self) -> str:
        """What the token says as an identifier: without quotes, doubled quotes undone."""
        return unquoted(self.text) if self.kind in {QUOTED, STRING} else self.text


@cache
def pattern(dialect: Dialect) -> re.Pattern[str]:
    """The pattern whose successive matches are the tokens of that dialect."""
    return re.compile(_PATTERNS[dialect], re.VERBOSE | re.DOTALL)


def tokenize(text: str, dialect: Dialect, start: int = 0, end: int | None = None) -> list[Token]:
    """All tokens but white space and comments. Never raises: unfinished strings run to the end."""
    stop = len(text) if end is None else end
    tokens = []
    for match in pattern(dialect).finditer(text, start, stop):
        kind = match.lastgroup
        if kind != "space" and kind is not None:
            kind = STRING if kind == "tag" else kind
            tokens.append(Token(kind, match.group(), match.start(), match.end()))
    return tokens


def quoted(name: str, dialect: Dialect = Dialect.SQLITE) -> str:
    """The name as an SQL identifier in quotes."""
    if dialect is Dialect.MYSQL:
        return "`" + name.replace("`", "``") + "`"
    return '"' + name.replace('"', '""') + '"'


def unquoted(text: str) -> str:
    """An identifier or string without its quotes."""
    if len(text) < 2 or text[0] not in "\"'`[":
        return text
    close = "]" if text[0] == "[" else text[0]
    inner = text[1:-1] if text[-1] == close else text[1:]
    return inner if close == "]" else inner.replace(close * 2, close)


def normalise(text: str, dialect: Dialect = Dialect.SQLITE) -> str:
    """The text with one spelling for what means the same.

    White space and comments are gone, keywords in upper case, other bare words in lower case, and
    identifiers without quotes where they need none.
    """
    return joined(tokenize(text, dialect))


def joined(tokens: Iterable[Token]) -> str:
    """Tokens as normalised text."""
    return "".join(_spaced(tokens))


def _spaced(tokens: Iterable[Token]) -> Iterator[str]:
    before = ""
    for token in tokens:
        text = _spelling(token)
        if before and _apart(before, text):
            yield " "
        yield text
        before = text


def _apart(before: str, text: str) -> bool:
    if before in {"(", "."} or text in {",", ")", ".", ";"}:
        return False
    return text != "(" or before in KEYWORDS or not (before[-1].isalnum() or before[-1] in '"_')


def stripped(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens without brackets around all of them."""
    while len(tokens) > 1 and _enclosed(tokens):
        tokens = tokens[1:-1]
    return tokens


def _enclosed(tokens: Sequence[Token]) -> bool:
    if tokens[0].text != "(" or tokens[-1].text != ")":
        return False
    depth = 0
    for at, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return at == len(tokens) - 1
    return False


_PLAIN = re.compile(r"[^\W\d]\w*")


def _spelling(token: Token) -> str:
    if token.kind == WORD:
        upper = token.text.upper()
        return upper if upper in KEYWORDS else token.text.lower()
    if token.kind != QUOTED:
        return token.text
    name = token.name
    if _PLAIN.fullmatch(name) and name.upper() not in KEYWORDS:
        return name.lower()
    return quoted(name.lower())


class Lines:
    """Translates offsets of a text into 1-based lines and columns."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        """The line and the column of that offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
