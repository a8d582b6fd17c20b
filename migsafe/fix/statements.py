"""Find the places in a statement's tokens that a fix changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migsafe.adapters.layouts import LAYOUTS
from migsafe.fix.target import Edit, Refused, Target, offset
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, Statement
from migsafe.sql.split import split
from migsafe.sql.tokens import QUOTED, WORD, Token, quoted, tokenize

_DIRECTIVE = re.compile(r"--[ \t]*(\+goose\b|migrate:|no-transaction)", re.I)
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")


def identifier(name: str, dialect: Dialect) -> str:
    """The name as SQL, in quotes only where it needs them."""
    return name if _PLAIN.fullmatch(name) else quoted(name, dialect)


def one_statement(step: Step, dialect: Dialect) -> list[Token]:
    """The tokens of an SQL statement. Raises Refused for calls, and blocks of several."""
    if step.statement.origin != "sql":
        raise Refused("the statement is not SQL of its own")
    if len(split(step.statement.sql, dialect)) != 1:
        raise Refused("the statement stands in a block with others")
    return tokenize(step.statement.sql, dialect)


@dataclass(frozen=True, slots=True)
class Alter:
    """An ALTER TABLE: the table as it is written, and the tokens of each action."""

    table: str
    actions: tuple[tuple[Token, ...], ...]


_ACTIONS = {"ADD", "DROP", "ALTER", "VALIDATE", "SET"}


def alter_table(step: Step, dialect: Dialect) -> Alter:
    """The parts of an ALTER TABLE. Raises Refused for any other statement."""
    tokens = one_statement(step, dialect)
    if [t.upper for t in tokens[:2]] != ["ALTER", "TABLE"]:
        raise Refused("it is not written as ALTER TABLE")
    first = next((i for i, t in enumerate(tokens) if i > 2 and t.upper in _ACTIONS), None)
    if first is None:
        raise Refused("its actions cannot be told apart")
    table = step.statement.sql[tokens[2].start : tokens[first - 1].end]
    return Alter(table, tuple(_actions(tokens[first:])))


def _actions(tokens: Sequence[Token]) -> Iterator[tuple[Token, ...]]:
    depth, begin = 0, 0
    for at, token in enumerate(tokens):
        depth += (token.text == "(") - (token.text == ")")
        if token.text == "," and depth == 0:
            yield tuple(tokens[begin:at])
            begin = at + 1
    yield tuple(tokens[begin:])


def words(tokens: Sequence[Token]) -> list[str]:
    """The tokens' words in upper case; "" for what is none."""
    return [t.upper for t in tokens]


def named(token: Token) -> bool:
    """May the token be a name?"""
    return token.kind in {WORD, QUOTED}


def ahead_of(target: Target, step: Step) -> int:
    """Where a statement that shall run before this one is put: above its own comments.

    Raises Refused where the statement shares its line with another.
    """
    text = target.text
    at = line_of(text, target.offset(step))
    for first, last in _layout_blocks(target):
        if first <= at < last:
            at = line_of(text, first - 1)  # a block is sent as it stands: before its directive
    return above_comments(text, at)


def before_statement(text: str, statement: Statement) -> int:
    """The same for a statement that only its text and its place are known of."""
    at = line_of(text, offset(text, statement.span, statement.sql))
    return above_comments(text, at)


def line_of(text: str, at: int) -> int:
    """Where the line of an offset begins. Raises Refused where other text stands before it."""
    start = text.rfind("\n", 0, at) + 1
    before = text[start:at].strip()
    if before and not _DIRECTIVE.match(before):
        raise Refused("other text stands before it on the same line")
    return start


def above_comments(text: str, at: int) -> int:
    """The begin of the comment lines right above an offset, directives of a tool left alone."""
    while at > 0:
        previous = text.rfind("\n", 0, at - 1) + 1
        line = text[previous:at].strip()
        if not line.startswith("--") or _DIRECTIVE.match(line):
            break
        at = previous
    return at


def _layout_blocks(target: Target) -> tuple[tuple[int, int], ...]:
    layout = LAYOUTS.get(target.history.framework)
    return layout.read(target.text).whole if layout else ()


def in_block(target: Target, step: Step) -> bool:
    """Does the statement stand in a block that the tool sends as one piece?"""
    at = target.offset(step)
    return any(first <= at < last for first, last in _layout_blocks(target))


def insert(target: Target, at: int, text: str) -> Edit:
    """An edit that puts text into the migration's own file."""
    return Edit(target.migration.path, at, at, text)
