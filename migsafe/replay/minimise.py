"""The smallest old database that still fails in the same way: delta debugging on copies.

Tables go first, then rows, then what columns hold, then parts of single values. Each try is one
straight run of the migrations on a copy in memory.
"""

from __future__ import annotations

import multiprocessing
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.engines.sqlite_script import rowid_name, script
from migsafe.errors import MigsafeError
from migsafe.model.outcome import Failure, Observation
from migsafe.model.sample import Sample
from migsafe.model.schema import Column, Table, fold_name
from migsafe.replay import same_failure
from migsafe.replay.plan import Plan
from migsafe.replay.reduction import BUDGET, BudgetSpent, Reduction, begin, deletion, rows, thin
from migsafe.replay.same_failure import Check
from migsafe.schema.inspect import inspect
from migsafe.sql.tokens import quoted

_FEW = 20
"""Rows of a table up to which each value is tried by itself."""

_BY_LINKS = {"rows-lost", "links-lost", "became-null"}
"""Losses for which a link set to NULL would be another cause than the users' databases hold."""

_HALVINGS = 64
_REVIEWABLE = 20_000
"""Rows up to which a database is written as a script: nobody reads a longer one."""


@dataclass(frozen=True, slots=True)
class Minimal:
    """A database that fails as the sample does, with as little in it as the budget allowed.

    `script` is the SQL that builds it, "" where no script can (see `engines.sqlite_script`).
    `rows` are (table, number of rows), without empty tables and the runner's own; `finished`:
    no single row, column or value of it can go. `found` False: the failure could not be repeated
    by itself (a run that takes too long, a process that dies), and `data` is the sample's.
    """

    data: bytes
    script: str = ""
    rows: tuple[tuple[str, int], ...] = ()
    replays: int = 0
    finished: bool = False
    found: bool = True

    @property
    def total(self) -> int:
        """The number of rows in all tables."""
        return sum(count for _, count in self.rows)


def minimise(plan: Plan, sample: Sample, failure: Failure, *, budget: int = BUDGET) -> Minimal:
    """The smallest database that gives the failure's observation, found within a budget.

    The sample must be one that showed it. `budget` is in the unit of `Reduction.fails`. Program
    code runs in a process of its own.
    """
    if plan.runner is None:
        return _minimise(plan, sample, failure.observation, budget)
    with TemporaryDirectory(prefix="migsafe-") as folder:
        # A worker that dies leaves its files behind: they lie in a folder of this process.
        return _in_process(plan, sample, failure.observation, budget, folder)


def _in_process(plan: Plan, sample: Sample, seen: Observation, budget: int, folder: str) -> Minimal:
    # spawn: a forked child would inherit open databases and the parent's threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _work_in, (folder,)) as pool:
        future = pool.submit(_minimise, plan, sample, seen, budget)
        try:
            return future.result()
        except BrokenProcessPool:
            return Minimal(sample.data, found=False)


def _work_in(folder: str) -> None:
    tempfile.tempdir = folder


def _minimise(plan: Plan, sample: Sample, seen: Observation, budget: int) -> Minimal:
    program = plan.runner is not None
    plan = replace(plan, looks=max(budget, 1))
    check = same_failure.check(plan, sample, seen)
    if check is None:
        return Minimal(sample.data, found=False)
    keep = plan.history.version_tables
    return reduced(sample.data, check, keep, seen.kind, budget=budget, program=program)


def reduced(
    data: bytes,
    check: Check,
    keep: Iterable[str],
    kind: str,
    *,
    budget: int = BUDGET,
    program: bool = False,
) -> Minimal:
    """The smallest database for which `check` still says yes; the same as `minimise` otherwise.

    The tables named in `keep` lose nothing; `kind` is the observation's, "" for another question.
    """
    unchanged = Minimal(data, found=False)
    try:
        reduction = begin(data, keep, check, budget, program=program)
        if not reduction.fails(reduction.whole()):
            return unchanged
    except (sqlite3.Error, BudgetSpent):
        return unchanged
    finished = _reduce(reduction, keep_links=kind in _BY_LINKS)
    return _settled(reduction, finished) or unchanged


def _reduce(reduction: Reduction, *, keep_links: bool) -> bool:
    try:
        _fewer_tables(reduction)
        _fewer_rows(reduction)
        _emptier_columns(reduction, keep_links)
        if reduction.broken is not None:
            # Rows that nothing refers to any more.
            _fewer_tables(reduction)
            _fewer_rows(reduction)
        _smaller_values(reduction)
    except BudgetSpent:
        return False
    return True


# -- tables and rows ------------------------------------------------------------------------------


def _filled(reduction: Reduction) -> list[Table]:
    return [t for t in reduction.tables if rows(reduction, t)]


def _fewer_tables(reduction: Reduction) -> None:
    def empty(tables: Sequence[Table]) -> bool:
        return reduction.attempt(f"DELETE FROM {quoted(t.name)}" for t in tables)

    if not empty(reduction.tables):
        thin(partial(_filled, reduction), empty)


def _fewer_rows(reduction: Reduction) -> None:
    for table in _filled(reduction):

        def remove(part: Sequence[int], table: Table = table) -> bool:
            return reduction.attempt([deletion(table, part)])

        thin(partial(rows, reduction, table), remove)


# -- columns and values ---------------------------------------------------------------------------


def _emptier_columns(reduction: Reduction, keep_links: bool) -> None:
    """Set whole columns to NULL, or to their default where NULL is not allowed."""
    left = [
        (t, c)
        for t in _filled(reduction)
        for c in t.columns
        if _plain_value(c) is not None and not (keep_links and _is_link(t, c))
    ]

    def clear(part: Sequence[tuple[Table, Column]]) -> bool:
        done = reduction.attempt(_cleared(t, c) for t, c in part)
        if done:
            left[:] = [pair for pair in left if pair not in part]
        return done

    if left and not clear(list(left)):
        thin(lambda: list(left), clear)


def _is_link(table: Table, column: Column) -> bool:
    key = fold_name(column.name)
    return any(key in map(fold_name, link.columns) for link in table.foreign_keys)


def _plain_value(column: Column) -> str | None:
    """What the column holds where nobody wrote anything; None: it cannot be told."""
    if column.primary_key or column.generated:
        return None
    if not column.not_null:
        return "NULL"
    default = column.default or ""
    is_literal = default[:1] in {"'", "-", "+"} or default[:1].isdigit()
    return default if is_literal else None


def _cleared(table: Table, column: Column) -> str:
    name, value = quoted(column.name), _plain_value(column)
    return f"UPDATE {quoted(table.name)} SET {name} = {value} WHERE {name} IS NOT {value}"


def _smaller_values(reduction: Reduction) -> None:
    for table in _filled(reduction):
        for column in table.columns:
            if column.generated or table.virtual:
                continue
            for where in _groups(reduction, table, column):
                _shrink(reduction, table, column, where)


def _groups(reduction: Reduction, table: Table, column: Column) -> Iterator[str]:
    """Which values change together: first the whole column, then all that are equal."""
    yield "1"
    key = rowid_name(table)
    numbers = rows(reduction, table)
    if key and 1 < len(numbers) <= _FEW:
        name = quoted(column.name)
        for number in numbers:
            one = f"SELECT {name} FROM {quoted(table.name)} WHERE {key} = {number}"
            yield f"{name} IS ({one})"


def _shrink(reduction: Reduction, table: Table, column: Column, where: str) -> None:
    name = quoted(column.name)
    start = f"UPDATE {quoted(table.name)} SET {name} = "

    def change(value: str, condition: str) -> bool:
        changes = f"{name} IS NOT {value} AND {condition} AND ({where})"
        return reduction.attempt([f"{start}{value} WHERE {changes}"])

    is_text, is_bytes = f"typeof({name}) = 'text'", f"typeof({name}) = 'blob'"
    is_long = f"length({name}) > 0 AND typeof({name}) IN ('text', 'blob')"
    if not (change("''", is_text) or change("x''", is_bytes)):
        _repeat(partial(change, f"substr({name}, 1, length({name}) / 2)", is_long))
        _repeat(partial(change, f"substr({name}, 1, length({name}) - 1)", is_long), 8)
    is_number = f"typeof({name}) IN ('integer', 'real')"
    if not column.primary_key and not change("0", is_number):
        _repeat(partial(change, f"{name} / 2", is_number))


def _repeat(step: partial[bool], times: int = _HALVINGS) -> None:
    for _ in range(times):
        if not step():
            return


# -- the result -----------------------------------------------------------------------------------


def _settled(reduction: Reduction, finished: bool) -> Minimal | None:
    """The database as it will be kept: without the remains of what was deleted.

    Built from its script where that can be; else SQLite writes it anew (lang_vacuum.html).
    """
    reduction.left = None
    data = reduction.whole()
    try:
        text = _script(reduction, data)
        built = _built(text) if text else b""
        if built and reduction.fails(built):
            return _minimal(reduction, built, text, finished)
        packed = _packed(data)
    except sqlite3.Error:
        return None
    return _minimal(reduction, packed, "", finished) if reduction.fails(packed) else None


def _script(reduction: Reduction, data: bytes) -> str:
    if sum(len(rows(reduction, table)) for table in reduction.tables) > _REVIEWABLE:
        return ""
    with closing(engine.clone(data)) as database:
        return script(database)


def _built(text: str) -> bytes:
    """The database that a sample of this text gives; b"" where the script fails."""
    with TemporaryDirectory(prefix="migsafe-") as folder:
        path = Path(folder) / "sample.sql"
        path.write_text(text, encoding="utf-8", newline="")
        try:
            return engine.read_sample(path)
        except MigsafeError:
            return b""


def _packed(data: bytes) -> bytes:
    with closing(engine.clone(data)) as database:
        database.execute("VACUUM")
        return database.serialize()


def _minimal(reduction: Reduction, data: bytes, text: str, finished: bool) -> Minimal:
    return Minimal(data, text, tuple(_counted(data, reduction.tables)), reduction.replays, finished)


def _counted(data: bytes, tables: Iterable[Table]) -> Iterator[tuple[str, int]]:
    names = {fold_name(t.name) for t in tables}
    with closing(engine.clone(data)) as database:
        for key, table in inspect(database).tables.items():
            query = f"SELECT count(*) FROM {quoted(table.name)}"
            count = database.execute(query).fetchone()[0] if key in names else 0
            if count:
                yield table.name, int(count)
