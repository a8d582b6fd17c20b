"""Split a script into statements, each an exact slice of the source with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from migsafe.model.migration import Dialect, Span, Statement
from migsafe.sql import split_mysql
from migsafe.sql.tokens import NESTED_COMMENT, Lines

_LINE_COMMENT = {
    Dialect.SQLITE: r"--[^\n]*",
    Dialect.POSTGRES: r"--[^\n]*",
    Dialect.MYSQL: r"--(?=\s|$)[^\n]*|\#[^\n]*",
}
_BLOCK_COMMENT = r"/\*(?:[^*]|\*(?!/))*+(?:\*/)?"
_BLOCKS = {
    Dialect.SQLITE: _BLOCK_COMMENT,
    Dialect.POSTGRES: NESTED_COMMENT,
    Dialect.MYSQL: _BLOCK_COMMENT,
}
_STRINGS = {
    Dialect.SQLITE: r"'[^']*+'?|\"[^\"]*+\"?|`[^`]*+`?|\[[^\]]*+\]?",
    Dialect.POSTGRES: (
        r"\b[eE]'(?:[^'\\]|\\.)*+'?|'[^']*+'?|\"[^\"]*+\"?"
        r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
    ),
    Dialect.MYSQL: r"'(?:[^'\\]|\\.)*+'?|\"(?:[^\"\\]|\\.)*+\"?|`[^`]*+`?",
}
_BODY_WORDS = r"\b(?:BEGIN|CASE|END)\b"
_COMPOUND = {
    Dialect.POSTGRES: re.compile(r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE)\b", re.I),
}
"""Statements whose body holds statements of its own, between BEGIN and END."""

_SPACE = r" \t\n\f\r\ufeff"
_GAP = rf"(?:[{_SPACE};]|--[^\n]*|{_BLOCK_COMMENT})*+"
_TRIGGER = re.compile(
    rf"(?:EXPLAIN\b{_GAP})?CREATE\b{_GAP}(?:TEMP(?:ORARY)?\b{_GAP})?TRIGGER\b", re.I
)
# As sqlite3_complete() has it (c3ref/complete.html): a trigger ends with the END after a
# semicolon. A semicolon before anything else than a statement of a body ends a broken trigger.
_TRIGGER_STEP = re.compile(
    rf"{_GAP}(?:(?P<end>END\b)(?:{_GAP.replace(';', '')})(?:;|\Z)"
    r"|(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|VALUES)\b)",
    re.I,
)


@cache
def _interesting(dialect: Dialect, compound: bool) -> re.Pattern[str]:
    words = f"|(?P<word>{_BODY_WORDS})" if compound else ""
    comments = f"(?P<comment>{_LINE_COMMENT[dialect]}|{_BLOCKS[dialect]})"
    source = f"{comments}|(?P<string>{_STRINGS[dialect]})|(?P<end>;){words}"
    return re.compile(source, re.S | re.I)


@cache
def _blank(dialect: Dialect) -> re.Pattern[str]:
    if dialect is Dialect.SQLITE:
        return re.compile(_GAP)
    # psql's own commands, such as \connect, run to the end of their line (manual, psql).
    return re.compile(
        rf"(?:[\s\ufeff;]|{_LINE_COMMENT[dialect]}|{_BLOCKS[dialect]}|\\[^\n]*)*+", re.S
    )


def split(
    text: str, dialect: Dialect, path: str = "", *, start: int = 0, end: int | None = None
) -> tuple[Statement, ...]:
    """The statements between two offsets of a script, without their semicolons.

    Spans count from the start of the whole text. Comments around a statement are not part of it;
    comments within it are. A trigger's body stays with its trigger.
    """
    stop = len(text) if end is None else end
    lines = Lines(text)
    ranges = (
        split_mysql.ranges(text, start, stop)
        if dialect is Dialect.MYSQL
        else _ranges(text, dialect, start, stop)
    )
    return tuple(
        Statement(text[a:b], Span(path, *lines.place(a), *lines.place(b))) for a, b in ranges
    )


def _ranges(text: str, dialect: Dialect, at: int, stop: int) -> Iterator[tuple[int, int]]:
    while True:
        at = _skip(text, dialect, at, stop)
        if at >= stop:
            return
        finish, following = _statement(text, dialect, at, stop)
        yield at, finish
        at = _after_data(text, at, finish, following, stop)


def _skip(text: str, dialect: Dialect, at: int, stop: int) -> int:
    match = _blank(dialect).match(text, at, stop)
    return match.end() if match else at


_COPY_IN = re.compile(r"COPY\b[^;]*\bFROM\s+STDIN\b", re.I)
_DATA_END = re.compile(r"^\\\.[ \t\r]*(?:\n|\Z)", re.M)


def _after_data(text: str, at: int, finish: int, following: int, stop: int) -> int:
    """Where the search goes on: behind the rows that follow a COPY .. FROM stdin of pg_dump."""
    if _COPY_IN.match(text, at, finish) is None:
        return following
    end = _DATA_END.search(text, following, stop)
    return end.end() if end else stop


def _statement(text: str, dialect: Dialect, at: int, stop: int) -> tuple[int, int]:
    """Where the statement that starts at `at` ends, and where the search goes on."""
    if dialect is Dialect.SQLITE and _TRIGGER.match(text, at, stop):
        return _trigger_end(text, at, stop) or _end(text, dialect, at, stop)
    return _end(text, dialect, at, stop)


def _trigger_end(text: str, at: int, stop: int) -> tuple[int, int] | None:
    """The same for a trigger of SQLite; None where it is broken."""
    for match in _interesting(Dialect.SQLITE, False).finditer(text, at, stop):
        if match.lastgroup != "end":
            continue
        step = _TRIGGER_STEP.match(text, match.end(), stop)
        if step is None:
            return None
        if step["end"]:
            return step.end("end"), step.end()
    return None


def _end(text: str, dialect: Dialect, at: int, stop: int) -> tuple[int, int]:
    body = _COMPOUND.get(dialect)
    compound = body is not None and body.match(text, at, stop) is not None
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
        if _stripped(text, at, end) != _stripped(text, at, finish):
            break
        end = start
    return _stripped(text, at, end)


def _stripped(text: str, at: int, end: int) -> int:
    while end > at and text[end - 1] in " \t\n\f\r\ufeff":
        end -= 1
    return end


_COMMENT = {
    dialect: re.compile(
        rf"(?P<comment>{_LINE_COMMENT[dialect]}|{_BLOCKS[dialect]})|(?:{_STRINGS[dialect]})", re.S
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
    matches = _COMMENT[dialect].finditer(text, start, stop)
    return tuple((lines.place(m.start())[0], _bare(m["comment"])) for m in matches if m["comment"])


def _bare(comment: str) -> str:
    if comment.startswith("/*"):
        return comment[2:].removesuffix("*/").strip()
    return comment.lstrip("-#").strip()
