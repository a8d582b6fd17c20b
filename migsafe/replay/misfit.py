"""Values that a program reading the column by its declared type stumbles over, and new ones only.

SQLite stores any value in any column of a table that is not STRICT (datatype3.html); it is the
mapper, the enum or the date parser of the new version that fails on them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migsafe.model.outcome import Observation
from migsafe.model.schema import Column, Schema, Table, fold_name
from migsafe.replay.declared import family, listed, rowid_alias
from migsafe.replay.kept import Kept
from migsafe.sql.tokens import quoted

_JSON = "typeof({c}) = 'text' AND NOT json_valid({c})"
_UNREADABLE = "typeof({c}) = 'text' AND julianday({c}) IS NULL"
_READABLE = "typeof({c}) = 'text' AND julianday({c}) IS NOT NULL"
_TEXT = "typeof({c}) = 'text'"
_NUMERIC = "typeof({c}) IN ('integer', 'real')"
_TESTS = {
    "boolean": (("boolean", "{c} NOT IN (0, 1)", "0"),),
    "date": (("date", _UNREADABLE, _READABLE), ("mixed", _TEXT, _NUMERIC)),
    "json": (("json", _JSON, "0"),),
    "integer": (("integer", _TEXT, "0"),),
}
"""For each family: the names of its tests, the SQL of what is counted, and of what is beside it.

`lang_datefunc.html` says which texts julianday() reads; `json1.html` what json_valid() takes.
"""
_WORDS = {
    "boolean": "neither 0 nor 1 nor NULL",
    "date": "texts that are no date to SQLite, where others are",
    "mixed": "numbers and texts in one column",
    "json": "no valid JSON",
    "integer": "texts in a column of whole numbers",
    "list": "not in the CHECK's list",
}


@dataclass(frozen=True, slots=True)
class _Test:
    """One question about one column, as SQL conditions over {c}, its quoted name."""

    column: str
    name: str
    bad: str
    other: str
    declared: str


@dataclass(frozen=True, slots=True)
class _Count:
    """How many values a test counts, how many are beside them, how many are not NULL."""

    bad: int = 0
    other: int = 0
    filled: int = 0


def check(
    database: sqlite3.Connection,
    schemas: tuple[Schema, Schema],
    fresh: Schema | None,
    origin: Mapping[str, str],
    kept: Kept | None = None,
) -> Iterator[Observation]:
    """New misfits in the migrated database; needs the old data attached as `old`.

    `schemas` are those before and after; the declared types are those of `fresh`, else those
    after. `origin` gives the old name (folded) of a table that was renamed. What fitted no better
    before the migration does not count, wherever its column stood; what is `kept`, under the
    declaration that it had, need not even be counted.
    """
    before, after = schemas
    kept = Kept() if kept is None else kept
    for key, table in sorted(after.tables.items()):
        if table.virtual or table.temporary:
            continue
        declared = fresh.tables.get(key) if fresh else None
        asked = list(_tests(table, declared or table))
        old = before.tables.get(origin.get(key, key))
        tests = [t for t in asked if not (old and _as_before(kept, table, old, t))]
        tests = _worth_counting(database, table, tests)
        for test, now in zip(tests, _counts(database, "main", table.name, tests), strict=True):
            if not _suspect(test, now):
                continue
            was = _before(database, before, (table, origin.get(key, key)), test)
            affected = _new(test, now, was)
            if affected:
                yield _misfit(table, test, affected, now.filled)


def _misfit(table: Table, test: _Test, affected: int, total: int) -> Observation:
    return Observation(
        "misfit",
        table=table.name,
        column=test.column,
        name=test.name,
        affected=affected,
        total=total,
        detail=f"{test.declared}: {_WORDS[test.name]}",
    )


def condition(seen: Observation) -> str:
    """The misfit as an SQL condition over its column; "" where the observation does not tell."""
    for tests in _TESTS.values():
        for name, bad, _ in tests:
            if name == seen.name:
                return bad.format(c=quoted(seen.column))
    return ""


# -- what is asked --------------------------------------------------------------------------------


def _tests(table: Table, declared: Table) -> Iterator[_Test]:
    lists = listed(declared)
    key = rowid_alias(table)
    for column in table.columns:
        if column.name == key:
            continue  # it takes whole numbers only (lang_createtable.html#rowid)
        said = declared.column(column.name) or column
        values = lists.get(fold_name(column.name))
        if values:
            yield _Test(column.name, "list", f"{{c}} NOT IN ({_braced(values)})", "0", said.type)
        for name, bad, other in _TESTS.get(family(said.type), ()):
            yield _Test(column.name, name, bad, other, said.type)


def _as_before(kept: Kept, table: Table, old: Table, test: _Test) -> bool:
    """Is the column, its values and what is asked of them, that of before?"""
    column = old.column(test.column)
    if column is None or not kept.in_place(table, test.column):
        return False
    return _as_declared(test, (table, old), column) is test


def _worth_counting(database: sqlite3.Connection, table: Table, tests: list[_Test]) -> list[_Test]:
    """The tests that may find something: mostly one quick look at the rows finds none."""
    kinds = [t for t in tests if t.name == "mixed"]
    others = [t for t in tests if t.name != "mixed"]
    if not others:
        return kinds
    wrong = " OR ".join(f"({t.bad.format(c=quoted(t.column))})" for t in others)
    query = f"SELECT EXISTS (SELECT 1 FROM main.{quoted(table.name)} WHERE {wrong})"
    try:
        (found,) = database.execute(query).fetchone()
    except sqlite3.Error:
        return []
    return tests if found else kinds


def _braced(values: str) -> str:
    return values.replace("{", "{{").replace("}", "}}")


def _counts(
    database: sqlite3.Connection, schema: str, table: str, tests: list[_Test]
) -> list[_Count]:
    """The answers to the tests, in one pass over the table; zeros where it cannot be asked."""
    if not tests:
        return []
    terms = ", ".join(_terms(test) for test in tests)
    try:
        row = database.execute(f"SELECT {terms} FROM {schema}.{quoted(table)}").fetchone()
    except sqlite3.Error:
        return [_Count()] * len(tests)
    return [_Count(*map(int, row[at : at + 3])) for at in range(0, len(row), 3)]


def _terms(test: _Test) -> str:
    name = quoted(test.column)
    bad, other = test.bad.format(c=name), test.other.format(c=name)
    return f"total({bad}), total({other}), count({name})"


def _suspect(test: _Test, now: _Count) -> bool:
    return now.bad > 0 and (now.other > 0 or test.name not in {"date", "mixed"})


def _new(test: _Test, now: _Count, was: _Count) -> int:
    if test.name != "mixed":
        return max(0, now.bad - was.bad)
    if was.bad and was.other:
        return 0
    if was.bad:
        return now.other
    return now.bad if was.other else min(now.bad, now.other)


# -- what was so before ---------------------------------------------------------------------------


def _before(
    database: sqlite3.Connection, before: Schema, at: tuple[Table, str], test: _Test
) -> _Count:
    """The same count in the old data; where the column is new, in the column it may come from."""
    table, key = at
    old = before.tables.get(key)
    column = old.column(test.column) if old else None
    if old and column:
        return _counted(database, old, column, _as_declared(test, (table, old), column))
    found = [
        _counted(database, source, lost, _as_declared(test, (table, source), lost))
        for source in before.tables.values()
        if not source.virtual and not source.temporary
        for lost in source.columns
    ]
    return max(found, key=lambda c: (c.bad, c.other), default=_Count())


def _as_declared(test: _Test, tables: tuple[Table, Table], old: Column) -> _Test | None:
    """The test that the old declaration asked for; None where it asked for nothing of the kind.

    Where the migration leaves the declaration as it was, the new one holds for the old values too:
    it is no doing of this migration.
    """
    after, before = tables
    now = after.column(test.column)
    values = listed(before).get(fold_name(old.name))
    kept = now is not None and now.type == old.type
    if test.name != "list":
        return test if kept or _asks(old, test.name) else None
    if kept and values == listed(after).get(fold_name(test.column)):
        return test
    if values is None:
        return None
    return _Test(test.column, "list", f"{{c}} NOT IN ({_braced(values)})", "0", old.type)


def _asks(column: Column, name: str) -> bool:
    return any(test[0] == name for test in _TESTS.get(family(column.type), ()))


def _counted(
    database: sqlite3.Connection, table: Table, column: Column, test: _Test | None
) -> _Count:
    if test is None:
        return _Count()
    asked = _Test(column.name, test.name, test.bad, test.other, column.type)
    return _counts(database, "old", table.name, [asked])[0]
