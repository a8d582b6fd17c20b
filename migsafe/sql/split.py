"""Split a script into statements, each an exact slice of the source with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from migsafe.model.migration import Dialect, Span, Statement
from migsafe.sql.tokens import Lines

_LINE_COMMENT = {
    Dialect.SQLITE: r"--[^\n]*",
    Dialect.POSTGRES: r"--[^\n]*",
    Dialect.MYSQL: r"--(?=\s|$)[^\n]*|\#[^\n]*",
}
_BLOCK_COMMENT = r"/\*(?:[^*]|\*(?!/))*+(?:\*/)?"
_EXECUTABLE = r"/\*!\d*|\*/"
_STRINGS = {
    Dialect.SQLITE: r"'[^']*+'?|\"[^\"]*+\"?|`[^`]*+`?|\[[^\]\n]*\]",
    Dialect.POSTGRES: (
        r"\b[eE]'(?:[^'\\]|\\.)*+'?|'[^']*+'?|\"[^\"]*+\"?"
        r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
    ),
    Dialect.MYSQL: r"'(?:[^'\\]|\\.)*+'?|\"(?:[^\"\\]|\\.)*+\"?|`[^`]*+`?",
}
_BODY_WORDS = r"\b(?:BEGIN|CASE|END)\b"
_COMPOUND = {
    Dialect.SQLITE: re.compile(r"CREATE\s+(?:TEMP\w*\s+)?TRIGGER\b", re.I),
    Dialect.POSTGRES: re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.I),
    Dialect.MYSQL: re.compile(
        r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:DEFINER\s*=\s*\S+\s+)?"
        r"(?:TRIGGER|PROCEDURE|FUNCTION|EVENT)\b",
        re.I,
    ),
}
"""Statements whose body holds statements of its own."""


@cache
def _interesting(dialect: Dialect, compound: bool) -> re.Pattern[str]:
    words = f"|(?P<word>{_BODY_WORDS})" if compound else ""
    executable = f"|{_EXECUTABLE}" if dialect is Dialect.MYSQL else ""
    comments = f"(?P<comment>{_LINE_COMMENT[dialect]}|{_BLOCK_COMMENT})"
    if executable:
        comments = f"(?P<marker>{_EXECUTABLE})|{comments}"
    source = f"{comments}|(?P<string>{_STRINGS[dialect]})|(?P<end>;){words}"
    return re.compile(source, re.S | re.I)


@cache
def _blank(dialect: Dialect) -> re.Pattern[str]:
    block = (
        _BLOCK_COMMENT if dialect is not Dialect.MYSQL else r"/\*(?!!)(?:[^*]|\*(?!/))*+(?:\*/)?"
    )
    return re.compile(rf"(?:[\s\ufeff;]|{_LINE_COMMENT[dialect]}|{block})*+", re.S)


def split(
    text: str, dialect: Dialect, path: str = "", *, start: int = 0, end: int | None = None
) -> tuple[Statement, ...]:
    """The statements between two offsets of a script, without their semicolons.

    Spans count from the start of the whole text. Comments around a statement are not part of it;
    comments within it are. A trigger's body stays with its trigger.
    """
    stop = len(text) if end is None else end
    lines = Lines(text)
    return tuple(
        Statement(text[a:b], Span(path, *lines.place(a), *lines.place(b)))
        for a, b in _ranges(text, dialect, start, stop)
    )


def _ranges(text: str, dialect: Dialect, at: int, stop: int) -> Iterator[tuple[int, int]]:
    while True:
        at = _skip(text, dialect, at, stop)
        if at >= stop:
            return
        finish, following = _statement(text, dialect, at, stop)
        yield at, finish
        at = following


def _skip(text: str, dialect: Dialect, at: int, stop: int) -> int:
    match = _blank(dialect).match(text, at, stop)
    return match.end() if match else at


def _statement(text: str, dialect: Dialect, at: int, stop: int) -> tuple[int, int]:
    """Where the statement that starts at `at` ends, and where the search goes on."""
    compound = _COMPOUND[dialect].match(text, at, stop) is not None
    depth = 0
    opened = False
    comments: list[tuple[int, int]] = []
    for match in _interesting(dialect, compound).finditer(text, at, stop):
        kind = match.lastgroup
        if kind == "comment":
            comments.append(match.span())
        elif kind == "word":
            depth, opened = _nesting(match.group().upper(), depth, opened)
        elif kind == "end" and depth <= 0:
            return _trimmed(text, at, match.start(), comments), match.end()
    return _trimmed(text, at, stop, comments), stop


def _nesting(word: str, depth: int, opened: bool) -> tuple[int, bool]:
    if word == "END":
        return max(depth - 1, 0), opened
    if word == "BEGIN" and opened:
        return depth, opened  # a column may bear this name; a body opens only once
    return depth + 1, opened or word == "BEGIN"


def _trimmed(text: str, at: int, end: int, comments: list[tuple[int, int]]) -> int:
    """The end without trailing white space and comments."""
    for start, finish in reversed(comments):
        bare = len(text[at:end].rstrip()) + at
        if bare != len(text[at:finish].rstrip()) + at:
            break
        end = start
    return len(text[at:end].rstrip()) + at


_COMMENT = {
    dialect: re.compile(
        rf"(?P<comment>{_LINE_COMMENT[dialect]}|{_BLOCK_COMMENT})|(?:{_STRINGS[dialect]})", re.S
    )
    for dialect in Dialect
}


def comments(
    text: str, dialect: Dialect, start: int = 0, end: int | None = None
) -> tuple[tuple[int, str], ...]:
    """The comments between two offsets, as (1-based line, text without its markers)."""
    if "--" not in text and "/*" not in text and "#" not in text:
        return ()
    lines = Lines(text)
    stop = len(text) if end is None else end
    found = []
    for match in _COMMENT[dialect].finditer(text, start, stop):
        if match["comment"]:
            found.append((lines.place(match.start())[0], _bare(match["comment"])))
    return tuple(found)


def _bare(comment: str) -> str:
    if comment.startswith("/*"):
        return comment[2:].removesuffix("*/").strip()
    return comment.lstrip("-#").strip()
