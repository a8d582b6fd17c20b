"""Ask a rule's SELECT, and fill its templates."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migsafe.engines.sqlite_guard import read_only
from migsafe.errors import MigsafeError, RuleInvalid, RuleTooMany, RuleTooSlow
from migsafe.model.migration import Dialect, History
from migsafe.model.outcome import Place, Probe
from migsafe.model.rule import Needs, Rule
from migsafe.rules.load import ours
from migsafe.sql.tokens import quoted

Value = str | int | float | None
Row = Mapping[str, Value]

_FIELD = re.compile(r"\{(?P<name>\w+)(?::(?P<noun>[^{}]*))?\}")
SECONDS = 10.0
"""A rule that takes longer than this is stopped; those that ship take less than a tenth of it."""

ROW_LIMIT = 10_000
"""A rule that returns more rows than this is wrong: it is stopped and reported."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of a data rule's `for_each`: a statement that may fail on some data."""

    rule: Rule
    number: int
    row: Row
    place: Place


def rows(facts: sqlite3.Connection, rule: Rule, query: str, key: str) -> list[Row]:
    """The answer of a rule's SELECT over the facts, read-only and in bounded time.

    Raises RuleInvalid for a query that is wrong, writes, or does not end.
    """
    try:
        with read_only(facts, SECONDS, trusted=ours(rule)):
            cursor = facts.execute(query)
            if cursor.description is None:
                raise RuleInvalid(f"{key} of rule {rule.id} is not a SELECT", place=_place(rule))
            names = [d[0] for d in cursor.description]
            found = cursor.fetchmany(ROW_LIMIT + 1)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise RuleInvalid(
            f"{key} of rule {rule.id} fails: {error}",
            place=_place(rule),
            hint="try it with `migsafe facts --out facts.db` and any SQLite shell",
        ) from error
    except RuleInvalid:
        raise
    except MigsafeError as error:
        kind = RuleTooSlow if "longer than" in error.message else RuleInvalid
        raise kind(
            f"{key} of rule {rule.id}: {error.message}", place=_place(rule), hint=error.hint
        ) from error
    if len(found) > ROW_LIMIT:
        raise RuleTooMany(
            f"{key} of rule {rule.id} returns more than {ROW_LIMIT} rows", place=_place(rule)
        )
    return [dict(zip(names, row, strict=True)) for row in found]


def _place(rule: Rule) -> str:
    return "/".join(rule.path.split("/")[-3:])


def place(facts: sqlite3.Connection, rule: Rule, row: Row) -> Place:
    """Where a row of a rule points: its statement, or its own path and line.

    Raises RuleInvalid for a row without a place.
    """
    if row.get("statement") is not None:
        query = "SELECT path, line, col, end_line FROM statement WHERE id = ?"
        found = facts.execute(query, (row["statement"],)).fetchone()
        if found:
            line = row.get("line")
            inside = isinstance(line, int) and found[1] < line <= found[3]
            return Place(found[0], line, 1) if inside else Place(*found[:3])  # type: ignore[arg-type]
    if row.get("path"):
        column = row.get("col_no")
        line = row.get("line")
        return Place(
            str(row["path"]),
            line if isinstance(line, int) else 0,
            column if isinstance(column, int) else 1,
        )
    raise RuleInvalid(
        f"rule {rule.id} returned a row without a place",
        place=_place(rule),
        hint="select a column `statement` (statement.id), or `path` and `line`",
    )


def fill(template: str, row: Row, rule: Rule) -> str:
    """A message from its template: `{name}` is a column, `{n:row}` counts ("1 row", "2 rows")."""

    def value(match: re.Match[str]) -> str:
        name, noun = match["name"], match["noun"]
        if name not in row:
            raise RuleInvalid(
                f"the message of rule {rule.id} names {name}, which its SELECT does not return",
                place=_place(rule),
                hint=f"columns: {', '.join(row)}",
            )
        text = "" if row[name] is None else str(row[name])
        return f"{text} {_plural(noun, row[name])}" if noun else text

    return _FIELD.sub(value, template)


def _plural(noun: str, count: Value) -> str:
    singular, _, plural = noun.partition("/")
    return singular if count == 1 else plural or singular + "s"


def candidates(facts: sqlite3.Connection, rule: Rule) -> Iterator[Candidate]:
    """The statements that a data rule asks about, those in focus only."""
    for number, row in enumerate(rows(facts, rule, rule.for_each, "for_each"), 1):
        if in_focus(facts, row):
            yield Candidate(rule, number, row, place(facts, rule, row))


def in_focus(facts: sqlite3.Connection, row: Row) -> bool:
    """Does a finding on this row's statement count in this run?"""
    if row.get("statement") is None:
        return True
    query = "SELECT focus FROM statement WHERE id = ?"
    found = facts.execute(query, (row["statement"],)).fetchone()
    return bool(found and found[0])


def probes(
    ruleset: tuple[Rule, ...], facts: sqlite3.Connection, history: History
) -> tuple[Probe, ...]:
    """The questions of all data rules, for replay to ask at their moments."""
    return tuple(
        Probe(
            rule.id, c.number, rule.when, query(rule, c.row, history.dialect), c.place, rule.certain
        )
        for rule in ruleset
        if rule.needs is Needs.DATA and history.dialect in rule.dialects and not rule.off
        for c in _answerable(facts, rule)
    )


def _answerable(facts: sqlite3.Connection, rule: Rule) -> list[Candidate]:
    """The candidates; none of a rule of ours that finds no end, which the judgement will say."""
    try:
        return list(candidates(facts, rule))
    except (RuleTooMany, RuleTooSlow):
        if not ours(rule):
            raise
        return []


def query(rule: Rule, row: Row, dialect: Dialect = Dialect.SQLITE) -> str:
    """A data rule's `find` for one candidate: `{name}` becomes an identifier, `{raw_x}` SQL."""

    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in row:
            raise RuleInvalid(
                f"find of rule {rule.id} names {name}, which its for_each does not return",
                place=_place(rule),
            )
        text = "" if row[name] is None else str(row[name])
        return text if name.startswith("raw_") else _identifier(text, dialect)

    return _FIELD.sub(value, rule.find)


def _identifier(name: str, dialect: Dialect) -> str:
    """The name in quotes; on servers it may stand behind its schema's."""
    if dialect is Dialect.SQLITE:
        return quoted(name)
    return ".".join(quoted(part, dialect) for part in name.split("."))
