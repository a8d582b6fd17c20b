"""Where a statement of MySQL or MariaDB ends: DELIMITER, and bodies that hold statements.

The mysql client splits a script at its delimiter (manual, 4.5.1 mysql Client Commands); what reads
a script without the client (a driver with several statements) finds the end of a routine by its
grammar. Both are done here: the first where DELIMITER says so, the second for `;`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice

from migsafe.model.migration import Dialect
from migsafe.sql.tokens import MARK, WORD, Token, pattern

_COMMENT = r"--(?=\s|\Z)[^\n]*|\#[^\n]*|/\*(?!M?!)(?:[^*]|\*(?!/))*+(?:\*/)?"
_STRING = r"'(?:[^'\\]|\\.)*+'?|\"(?:[^\"\\]|\\.)*+\"?|`[^`]*+`?"
_DELIMITER = re.compile(r"DELIMITER[ \t]+(?P<mark>\S+)[^\n]*(?:\n|\Z)", re.I)
_BODIED = re.compile(r"(?:/\*M?!\d*\s*)?(?:CREATE|BEGIN|IF)\b", re.I)
_ROUTINES = {"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"}
_OPENERS = {"IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR", "BEGIN"}
_BODY_OPENERS = _OPENERS - {"FOR"}  # a body of one statement may end with FOR UPDATE
_BEFORE_STATEMENT = {"THEN", "ELSE", "LOOP", "REPEAT", "DO", "BEGIN", ":", ";"}
_BEFORE_BODY = {"ROW", "DO", ")", "DETERMINISTIC", "DATA", "SQL", "DEFINER", "INVOKER"}
_HEAD = 24  # tokens: CREATE OR REPLACE DEFINER = `u`@`h` SQL SECURITY .. AGGREGATE FUNCTION


def ranges(text: str, at: int, stop: int) -> Iterator[tuple[int, int]]:
    """The offsets of each statement between two places of a script, without its delimiter."""
    mark = ";"
    while True:
        at = _skipped(text, at, stop, mark)
        if at >= stop:
            return
        command = _DELIMITER.match(text, at, stop)
        if command:
            mark, at = command["mark"], command.end()
            continue
        found = _body_end(text, at, stop) if mark == ";" else None
        finish, following = found or _end(text, at, stop, mark)
        yield at, finish
        at = following


def _skipped(text: str, at: int, stop: int, mark: str) -> int:
    match = _blank(mark).match(text, at, stop)
    return match.end() if match else at


@cache
def _blank(mark: str) -> re.Pattern[str]:
    return re.compile(rf"(?:[\s\ufeff;]|{re.escape(mark)}|{_COMMENT})*+", re.S)


@cache
def _marks(mark: str) -> re.Pattern[str]:
    source = f"(?P<end>{re.escape(mark)})|(?P<comment>{_COMMENT})|{_STRING}"
    if mark != ";":  # the client is at work, for which this command ends a statement, too
        source = rf"(?P<command>(?<=\n)[ \t]*DELIMITER[ \t]+\S)|{source}"
    return re.compile(source, re.S | re.I)


def _end(text: str, at: int, stop: int, mark: str) -> tuple[int, int]:
    """Where the statement that starts at `at` ends, and where the search goes on."""
    comments: list[tuple[int, int]] = []
    for match in _marks(mark).finditer(text, at, stop):
        if match.lastgroup == "command":
            return _trimmed(text, at, match.start(), comments), match.start()
        if match.lastgroup == "end":
            return _trimmed(text, at, match.start(), comments), match.end()
        if match.lastgroup == "comment":
            comments.append(match.span())
    return _trimmed(text, at, stop, comments), stop


def _trimmed(text: str, at: int, end: int, comments: list[tuple[int, int]]) -> int:
    """The end without trailing white space and comments."""
    end = at + len(text[at:end].rstrip())
    for start, finish in reversed(comments):
        if finish < end:
            break
        end = at + len(text[at:start].rstrip())
    return end


def _body_end(text: str, at: int, stop: int) -> tuple[int, int] | None:
    """The same for a statement whose body holds statements; None where it has no such body."""
    if not _BODIED.match(text, at, stop):
        return None
    tokens = _tokens(text, at, stop)
    head = list(islice(tokens, _HEAD))
    words = [t.upper for t in head]
    if words[:1] == ["CREATE"]:
        bodied = not _ROUTINES.isdisjoint(words[1 : _kind_at(words) + 1])
        opened = False
    else:  # MariaDB runs compound statements outside of routines
        bodied = words[:3] == ["BEGIN", "NOT", "ATOMIC"] or words[:1] == ["IF"]
        opened = True
    if not bodied:
        return None
    last, end, following = _Body(opened).end(chain(head, tokens), stop)
    matches = _marks(";").finditer(text, last, end)
    comments = [m.span() for m in matches if m.lastgroup == "comment"]
    return _trimmed(text, at, end, comments), following


def _kind_at(words: list[str]) -> int:
    """Where the word stands that says what is created."""
    for at, word in enumerate(words):
        if word in _ROUTINES or word in {"TABLE", "VIEW", "INDEX", "DATABASE", "USER", "AS", "("}:
            return at
    return len(words)


def _tokens(text: str, at: int, stop: int) -> Iterator[Token]:
    for match in pattern(Dialect.MYSQL).finditer(text, at, stop):
        kind = match.lastgroup
        if kind is not None and kind != "space":
            yield Token(kind, match.group(), match.start(), match.end())


class _Body:
    """Follows the blocks of a routine from token to token."""

    def __init__(self, opened: bool) -> None:
        self._open: list[str] = []  # "expression" for a CASE within an expression
        self._before = ";" if opened else ""  # the token before
        self._body = opened  # is the header over?
        self._declaring = False

    def end(self, tokens: Iterator[Token], stop: int) -> tuple[int, int, int]:
        """The semicolon outside all blocks: the token before it ends, it starts, it ends."""
        closing = False
        last = stop
        for token in tokens:
            word = token.upper
            if word == ";" and not self._open:
                return last, token.start, token.end
            last = token.end
            if closing and word in _OPENERS:  # END IF, END LOOP, ...
                closing, self._before = False, "END"
                continue
            closing = self._step(word, token.kind in {WORD, MARK})
        return last, stop, stop

    def _step(self, word: str, bare: bool) -> bool:
        """Take one token in; is it the END of a block?"""
        starts = self._starts_statement(word)
        if starts:
            self._body = True
            self._declaring = word == "DECLARE"
        if word == "END" and self._open:
            self._before = word
            return self._open.pop() != "expression"
        if word == "CASE" and not starts:
            self._open.append("expression")
        elif word in _OPENERS and (starts or self._opens_block(word)):
            self._open.append(word)
        self._before = word if bare else "value"
        return False

    def _starts_statement(self, word: str) -> bool:
        if self._open[-1:] == ["expression"]:
            return False
        if not self._body:
            return word in _BODY_OPENERS and (self._before in _BEFORE_BODY or word == "BEGIN")
        return self._before in _BEFORE_STATEMENT

    def _opens_block(self, word: str) -> bool:
        """BEGIN as the action of a handler."""
        return word == "BEGIN" and self._declaring
