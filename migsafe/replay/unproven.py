"""Errors that prove nothing: what this replay could not do explains them as well as a mistake."""

from __future__ import annotations

import re
from contextlib import closing
from functools import cache

from migsafe.engines import sqlite as engine
from migsafe.errors import ReplayAborted
from migsafe.model.migration import Kind, Migration
from migsafe.model.sample import Sample
from migsafe.replay.plan import Plan
from migsafe.replay.run import Raised, place_of
from migsafe.sql import features

_NO_FUNCTION = re.compile(r"^no such function: (\w+)$")
_NO_TABLE = re.compile(r"^no such table: (?:main\.)?(.+)$")
_SHOWN = 3


def require_blame(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...], raised: Raised
) -> None:
    """Raise ReplayAborted for an error that may well not be the migration's own."""
    where = f"{raised.place.path}:{raised.place.line}"
    own = _apps_function(raised.message)
    if own:
        raise ReplayAborted(
            f"{where} calls {own}(), which SQLite does not have",
            hint="a function that the app registers itself cannot be replayed",
        )
    missing = _NO_TABLE.match(raised.message)
    if missing and sample.path == plan.stands_in and _begins_in_the_middle(pending, raised):
        raise ReplayAborted(
            f"{where} needs the table {missing[1]}, which no migration before it creates",
            hint="a history that begins in the middle takes samples: [samples] path",
        )
    skipped = _code_before(plan, pending, raised)
    if skipped:
        more = f" and {len(skipped) - _SHOWN} more" if len(skipped) > _SHOWN else ""
        raise ReplayAborted(
            f"{where} fails ({raised.message}) after {', '.join(skipped[:_SHOWN])}{more},"
            " program code that was left out",
            hint="add a sample of a version that has had it",
        )


def _apps_function(message: str) -> str:
    """The function that an error misses, where no SQLite has one of that name; else ""."""
    missing = _NO_FUNCTION.match(message)
    if missing is None:
        return ""
    name = missing[1].lower()
    late = {known for known, _ in features.functions()}
    return "" if name in late or name in _built_in() else missing[1]


@cache
def _built_in() -> frozenset[str]:
    """The functions of the SQLite that runs here (pragma.html#pragma_function_list)."""
    with closing(engine.clone(engine.empty())) as database:
        rows = database.execute("SELECT DISTINCT name FROM pragma_function_list").fetchall()
    return frozenset(str(row[0]).lower() for row in rows)


def _begins_in_the_middle(pending: tuple[Migration, ...], raised: Raised) -> bool:
    """Did no statement before the error make a table?"""
    for statement in (s for migration in pending for s in migration.statements):
        if place_of(statement) == raised.place:
            return True
        if any(operation.kind is Kind.CREATE_TABLE for operation in statement.operations or ()):
            return False
    return False


def _code_before(plan: Plan, pending: tuple[Migration, ...], raised: Raised) -> list[str]:
    """The files of program code between the sample's version and the error."""
    paths = [migration.path for migration in pending]
    reached = paths.index(raised.place.path) + 1 if raised.place.path in paths else len(paths)
    done = {migration.revision for migration in pending[:reached]}
    return [step.path for step in plan.history.code if step.before in done]
