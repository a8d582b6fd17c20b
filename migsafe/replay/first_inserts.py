"""The plainest insert into each table: what a fresh install takes, an updated one must take too.

It meets what a look at the schema overlooks: a trigger that was left behind, a reference to a table
that a rebuild dropped, a default that got lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress

from migsafe.engines import sqlite as engine
from migsafe.model.outcome import Observation
from migsafe.model.schema import Column, Schema, Table, fold_name
from migsafe.replay.declared import family, listed
from migsafe.replay.plan import Insert, LaunchPlan
from migsafe.replay.run import told
from migsafe.sql.tokens import quoted

SECONDS = 10.0
"""An insert that takes longer is stopped."""

_VALUES = (
    {"integer": "730521489", "number": "730521489", "text": "'first insert'"},
    {"integer": "1", "number": "1", "text": "'a'"},
    {"integer": "0", "number": "0", "text": "''"},
)
"""What is tried in turn: first what rows hardly have, as a UNIQUE would refuse it a second time."""
_COMMON = {"boolean": "1", "date": "'2001-01-01'", "json": "'{}'", "blob": "x'00'"}
_OF_ROWS = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"}
"""Refused for the sake of rows that are there: that is our value's fault (rescode.html)."""
_ELSEWHERE = ("has no column named", "no such function", "no such module", "no such collation")
"""Drift has been told already; functions and modules that the app registers are not here."""


def found(database: sqlite3.Connection, fresh: Schema, *, enforced: bool) -> Iterator[Insert]:
    """For each table of a fresh install the first of our inserts that works there.

    Tables for which none does (a CHECK on length, a trigger that refuses) have none.
    """
    database.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")
    for table in fresh.tables.values():
        if table.virtual or table.temporary:
            continue
        inserts = (Insert(table.name, _sql(table, values)) for values in _VALUES)
        working = next((i for i in inserts if _refusal(database, i) is None), None)
        if working:
            yield working


def _sql(table: Table, values: dict[str, str]) -> str:
    """Only what must be given is given: every other column has to look after itself."""
    lists = listed(table)
    given = [c for c in table.columns if _is_needed(table, c)]
    if not given:
        return f"INSERT INTO main.{quoted(table.name)} DEFAULT VALUES"
    names = ", ".join(quoted(c.name) for c in given)
    literals = ", ".join(_literal(c, lists, values) for c in given)
    return f"INSERT INTO main.{quoted(table.name)} ({names}) VALUES ({literals})"


def _is_needed(table: Table, column: Column) -> bool:
    if column.generated or column.default is not None:
        return False
    return column.not_null or bool(column.primary_key and table.without_rowid)


def _literal(column: Column, lists: dict[str, str], values: dict[str, str]) -> str:
    allowed = lists.get(fold_name(column.name))
    if allowed:
        return _first(allowed)
    kind = family(column.type)
    return _COMMON.get(kind) or values.get(kind, "1")


def _first(allowed: str) -> str:
    """The first literal of a list; a comma may stand inside quotes."""
    if not allowed.startswith("'"):
        return allowed.partition(",")[0]
    end = 1
    while allowed[end] != "'" or allowed[end + 1 : end + 2] == "'":
        end += 2 if allowed[end] == "'" else 1
    return allowed[: end + 1]


# -- on migrated data -----------------------------------------------------------------------------


def check(
    database: sqlite3.Connection, old: bytes, plan: LaunchPlan, after: Schema
) -> Iterator[Observation]:
    """Run the inserts on the migrated database, each in a savepoint that is rolled back."""
    if plan.fresh is None:
        return
    database.execute(f"PRAGMA foreign_keys = {'ON' if plan.foreign_keys else 'OFF'}")
    for insert in plan.inserts:
        if after.table(insert.table) is None:
            continue  # drift has told it
        odd = _triggers(after, insert.table) - _triggers(plan.fresh, insert.table)
        error = refused(database, insert, triggers=bool(odd))
        if error:
            detail = _on_old(old, insert, plan.foreign_keys, error)
            yield Observation("launch-insert", table=insert.table, error=error, detail=detail)


def _triggers(schema: Schema, table: str) -> set[str]:
    return {key for key, t in schema.triggers.items() if fold_name(t.table) == fold_name(table)}


def _on_old(old: bytes, insert: Insert, enforced: bool, error: str) -> str:
    with closing(engine.clone(old)) as database:
        database.execute(f"PRAGMA foreign_keys = {'ON' if enforced else 'OFF'}")
        same = refused(database, insert, triggers=True) == error
    return "the old database refuses it in the same way: nothing mends it" if same else ""


def refused(database: sqlite3.Connection, insert: Insert, *, triggers: bool) -> str:
    """Why the database does not take the insert, without values; "" where it does.

    Refusals that depend on the rows are none, nor are those of a RAISE in a trigger, unless
    `triggers` says that there is one which a fresh install has not.
    """
    error = _refusal(database, insert)
    if error is None or any(words in str(error) for words in _ELSEWHERE):
        return ""
    name = getattr(error, "sqlite_errorname", "")
    if name in _OF_ROWS or (name == "SQLITE_CONSTRAINT_TRIGGER" and not triggers):
        return ""
    return told(error, database, insert.sql)


def _refusal(database: sqlite3.Connection, insert: Insert) -> Exception | None:
    """The error of the insert, after which the database is as it was."""
    deferred = int(database.execute("PRAGMA defer_foreign_keys").fetchone()[0])
    database.execute("SAVEPOINT first_insert")
    try:
        # A parent row is not asked for, but the parent table is (foreignkeys.html, 4.2).
        database.execute("PRAGMA defer_foreign_keys = ON")
        with engine.stop_after(database, SECONDS):
            database.execute(insert.sql).fetchall()
    except sqlite3.Error as error:
        return error
    except engine.TooSlow:
        return TimeoutError(f"not done after {SECONDS:g} s")
    finally:
        with suppress(sqlite3.Error):  # an interruption, or RAISE(ROLLBACK), has ended it already
            database.execute("ROLLBACK TO first_insert")
            database.execute("RELEASE first_insert")
            database.execute(f"PRAGMA defer_foreign_keys = {deferred}")
    return None
