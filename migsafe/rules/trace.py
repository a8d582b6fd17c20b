"""A rule's SELECT step by step: how many rows are left after each, and where none is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migsafe.engines import sqlite as engine
from migsafe.errors import MigsafeError
from migsafe.model.migration import Dialect
from migsafe.rules.ask import SECONDS
from migsafe.sql.reader import first_outside
from migsafe.sql.tokens import Token, tokenize

_JOINS = ("JOIN", "LEFT", "INNER", "CROSS", "NATURAL", "RIGHT", "FULL", ",")
_BEHIND_FROM = ("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "WINDOW")
_SETS = ("UNION", "INTERSECT", "EXCEPT")


@dataclass(frozen=True, slots=True)
class Step:
    """One step and how many rows it leaves; `depth` 1: inside a part of the step that follows.

    `rows` is None where that cannot be counted.
    """

    text: str
    rows: int | None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A SELECT, the text that has to stand before it, and its words."""

    before: str
    text: str
    tokens: Sequence[Token]

    def source(self, start: int, end: int) -> str:
        """The text from one word up to another, the end exclusive."""
        if start >= end:
            return ""
        first = self.tokens[0].start
        return self.text[self.tokens[start].start - first : self.tokens[end - 1].end - first]


def trace(facts: sqlite3.Connection, select: str) -> tuple[Step, ...]:
    """The steps of a SELECT over the facts: its WITH tables, its FROM, each condition, the whole.

    A WITH table or one SELECT of several is opened only where it is empty.
    """
    tokens = tokenize(select, Dialect.SQLITE)
    tables, body = _with_tables(tokens)
    steps: list[Step] = []
    before = ""
    for name, start, inside, end in tables:
        definition = select[tokens[start].start : tokens[end].end]
        whole = f"{before}, {definition}" if before else f"WITH {_recursive(tokens)}{definition}"
        rows = _count(facts, f"{whole} SELECT count(*) FROM {name}")
        if rows == 0:
            inner = _part(before, select, tokens[inside + 1 : end])
            steps += [Step(s.text, s.rows, s.depth + 1) for s in _body(facts, inner)]
        steps.append(Step(f"WITH {name}", rows))
        before = whole
    return (*steps, *_body(facts, _part(before, select, tokens[body:])))


def _recursive(tokens: Sequence[Token]) -> str:
    return "RECURSIVE " if len(tokens) > 1 and tokens[1].upper == "RECURSIVE" else ""


def _part(before: str, select: str, tokens: Sequence[Token]) -> _Part:
    text = select[tokens[0].start : tokens[-1].end] if tokens else ""
    return _Part(before, text, tokens)


def _with_tables(tokens: Sequence[Token]) -> tuple[list[tuple[str, int, int, int]], int]:
    """(name, first word, opening bracket, closing bracket) of each; where the SELECT begins."""
    if not tokens or tokens[0].upper != "WITH":
        return [], 0
    found = []
    at = 2 if _recursive(tokens) else 1
    while at < len(tokens):
        start = at
        inside = first_outside(tokens, ("AS",), at)
        if inside is None:
            break
        while inside < len(tokens) and tokens[inside].text != "(":
            inside += 1
        end = _closing(tokens, inside)
        found.append((tokens[start].text, start, inside, end))
        at = end + 1
        if at >= len(tokens) or tokens[at].text != ",":
            break
        at += 1
    return found, at


def _closing(tokens: Sequence[Token], at: int) -> int:
    depth = 0
    for number in range(at, len(tokens)):
        depth += (tokens[number].text == "(") - (tokens[number].text == ")")
        if depth == 0:
            return number
    return len(tokens) - 1


# -- one SELECT -----------------------------------------------------------------------------------


def _body(facts: sqlite3.Connection, part: _Part) -> Iterator[Step]:
    selects = list(_selects(part))
    if len(selects) == 1:
        yield from _select(facts, part)
        return
    for number, one in enumerate(selects, 1):
        rows = _count(facts, f"{one.before} SELECT count(*) FROM ({one.text})")
        if rows == 0:
            yield from (Step(s.text, s.rows, s.depth + 1) for s in _select(facts, one))
        yield Step(f"SELECT {number} of {len(selects)}", rows)
    yield Step("all of them", _count(facts, f"{part.before} SELECT count(*) FROM ({part.text})"))


def _selects(part: _Part) -> Iterator[_Part]:
    start = 0
    while True:
        at = first_outside(part.tokens, _SETS, start)
        end = len(part.tokens) if at is None else at
        yield _Part(part.before, part.source(start, end), part.tokens[start:end])
        if at is None:
            return
        start = at + 1 + (at + 1 < len(part.tokens) and part.tokens[at + 1].upper == "ALL")


def _select(facts: sqlite3.Connection, part: _Part) -> Iterator[Step]:
    begin = first_outside(part.tokens, ("FROM",))
    total = Step(
        "the whole SELECT", _count(facts, f"{part.before} SELECT count(*) FROM ({part.text})")
    )
    if begin is None:
        yield total
        return
    behind = first_outside(part.tokens, _BEHIND_FROM, begin) or len(part.tokens)
    for end in _joins(part.tokens, begin + 1, behind):
        source = part.source(begin, end)
        shown = source if end == _first_join(part.tokens, begin + 1, behind) else None
        label = shown or part.source(_last_join(part.tokens, begin + 1, end), end)
        yield Step(label, _count(facts, f"{part.before} SELECT count(*) {source}"))
    yield from _conditions(facts, part, begin, behind)
    yield total


def _joins(tokens: Sequence[Token], start: int, end: int) -> Iterator[int]:
    """Where the FROM may end so that it holds one table, two tables, and so on."""
    at = start
    while (found := first_outside(tokens[:end], _JOINS, at)) is not None:
        yield found
        at = found + 1
        while at < end and tokens[at].upper in {*_JOINS, "OUTER"}:
            at += 1
    yield end


def _first_join(tokens: Sequence[Token], start: int, end: int) -> int:
    return next(_joins(tokens, start, end))


def _last_join(tokens: Sequence[Token], start: int, end: int) -> int:
    found = [j for j in _joins(tokens, start, len(tokens)) if j < end]
    return found[-1] if found else start


def _conditions(facts: sqlite3.Connection, part: _Part, begin: int, behind: int) -> Iterator[Step]:
    if behind >= len(part.tokens) or part.tokens[behind].upper != "WHERE":
        return
    end = first_outside(part.tokens, _BEHIND_FROM, behind + 1) or len(part.tokens)
    for number, cut in enumerate(_cuts(part.tokens, behind + 1, end)):
        start, stop = cut
        query = f"{part.before} SELECT count(*) {part.source(begin, stop)}"
        label = part.source(start, stop)
        yield Step(f"{'AND' if number else 'WHERE'} {label}", _count(facts, query))


def _cuts(tokens: Sequence[Token], start: int, end: int) -> Iterator[tuple[int, int]]:
    """The conditions that AND joins; a WHERE with OR outside of brackets is one."""
    if first_outside(tokens[:end], ("OR",), start) is not None:
        yield start, end
        return
    at, between, search = start, 0, start
    while (found := first_outside(tokens[:end], ("AND", "BETWEEN"), search)) is not None:
        search = found + 1
        if tokens[found].upper == "BETWEEN":
            between += 1
        elif between:
            between -= 1
        else:
            yield at, found
            at = found + 1
    yield at, end


def _count(facts: sqlite3.Connection, query: str) -> int | None:
    try:
        with engine.read_only(facts, SECONDS):
            (number,) = facts.execute(query).fetchone()
    except (sqlite3.Error, sqlite3.Warning, MigsafeError):
        return None
    return int(number)
