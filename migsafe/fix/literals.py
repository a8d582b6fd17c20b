"""SQLite: text in its own quotes, and copies with their columns named on both sides."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from migsafe.fix.statements import identifier, insert, one_statement, words
from migsafe.fix.target import Edit, Proposal, Refused, Target
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Table
from migsafe.sql.tokens import QUOTED, Token

_ALIKE = 0.7  # the share of letters from which a text may be a column's name misspelt


def single_quotes(target: Target) -> Proposal:
    """'text' for "text" where no column is called so: what SQLite takes it for already."""
    edits: dict[tuple[int, int], Edit] = {}
    for finding, step in target.guilty:
        name = str(dict(finding.evidence).get("col", ""))
        for edit in _quoted(target, step, name):
            edits[edit.start, edit.end] = edit
    return Proposal("text in single quotes", tuple(edits.values()))


def _quoted(target: Target, step: Step, name: str) -> Iterator[Edit]:
    _require_meant(step, name)
    tokens = one_statement(step, Dialect.SQLITE)
    at = target.offset(step)
    found = [i for i, t in enumerate(tokens) if t.kind == QUOTED and t.text[0] == '"']
    found = [i for i in found if tokens[i].name.lower() == name.lower()]
    if not found:
        raise Refused("the text is not written in double quotes")
    for i in found:
        near = {t.upper for t in (*tokens[max(i - 1, 0) : i], *tokens[i + 1 : i + 2])}
        if near & {"AS", "."}:
            raise Refused("it is a name somewhere else in the statement")
        text = "'" + tokens[i].name.replace("'", "''") + "'"
        yield Edit(target.migration.path, at + tokens[i].start, at + tokens[i].end, text)


def _require_meant(step: Step, name: str) -> None:
    """Is it a text for sure, and no column that was misspelt or is yet to come?"""
    operations = step.statement.operations or ()
    if any(o.sources or o.kind is Kind.SELECT for o in operations):
        raise Refused("rows are copied here: a column may have been meant")
    columns = {c.name.lower() for t in step.before.tables.values() for c in t.columns}
    if difflib.get_close_matches(name.lower(), sorted(columns), n=1, cutoff=_ALIKE):
        raise Refused("a column is called almost so: it may be misspelt")


def name_columns(target: Target) -> Proposal:
    """The columns on both sides of INSERT INTO new SELECT * FROM old, each into its namesake."""
    edits = tuple(e for _, step in target.guilty for e in _named(target, step))
    return Proposal("the columns named on both sides", edits)


def _named(target: Target, step: Step) -> Iterator[Edit]:
    tokens = one_statement(step, Dialect.SQLITE)
    (operation, *_) = step.statement.operations or ()
    listed = _columns(step, operation)
    into, star = _places(tokens)
    at = target.offset(step)
    yield insert(target, at + tokens[into].end, f" ({listed})")
    yield Edit(target.migration.path, at + tokens[star].start, at + tokens[star].end, listed)


def _columns(step: Step, operation: Operation) -> str:
    """The columns of the old table as a list, where the new one has exactly the same names."""
    new = step.before.table(operation.table)
    old = step.before.table(operation.sources[0]) if len(operation.sources) == 1 else None
    if new is None or old is None or not (new.complete and old.complete):
        raise Refused("the columns of both tables are not known for sure")
    names = _settable(old)
    if {n.lower() for n in names} != {n.lower() for n in _settable(new)}:
        raise Refused("the two tables have not the same columns")
    return ", ".join(identifier(n, Dialect.SQLITE) for n in names)


def _settable(table: Table) -> tuple[str, ...]:
    if any(c.generated for c in table.columns) or table.virtual:
        raise Refused("a table has generated columns, or is virtual")
    return tuple(c.name for c in table.columns)


def _places(tokens: list[Token]) -> tuple[int, int]:
    """The positions of the target's name and of the star in `INSERT INTO t SELECT * FROM u`."""
    said = words(tokens)
    if "SELECT" not in said or said.count("*") != 1 or "INTO" not in said:
        raise Refused("the copy is not written as SELECT * FROM")
    select, star, into = said.index("SELECT"), said.index("*"), said.index("INTO")
    if star != select + 1 or select - into not in {2, 4} or said[star + 1 : star + 2] != ["FROM"]:
        raise Refused("the copy is not written as SELECT * FROM")
    return select - 1, star
