"""A small SQLite database that fails as a sample does, with nobody's values in it, as text."""

from __future__ import annotations

import multiprocessing
import sqlite3
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from migsafe.engines import sqlite as engine
from migsafe.engines.sqlite_rows import contents, refilled
from migsafe.engines.sqlite_script import script
from migsafe.errors import MigsafeError
from migsafe.model.content import Content
from migsafe.model.outcome import Observation, Probe
from migsafe.model.sample import Sample
from migsafe.model.schema import fold_name
from migsafe.model.seed import Checks, Fails, Hidden, Seed
from migsafe.replay import same_failure
from migsafe.replay.linked import linked, orphans
from migsafe.replay.minimise import reduced
from migsafe.replay.plan import Plan
from migsafe.replay.run import migrated
from migsafe.replay.same_failure import Check
from migsafe.schema.inspect import inspect
from migsafe.sql.tokens import quoted

_DEEP_BUDGET = 20_000
"""What a search may cost whose replays each go through everything; see `Reduction.fails`."""

_FEW = (0, 1, 5, 20, 100, 500)
"""Rows of each table that are tried first where a replay costs much."""

NOT_REPEATED = "the failure could not be repeated by itself: a matter of time or of another engine"
NO_SCRIPT = "the database cannot be written as SQL: a row breaks a constraint of its own table"
VALUES_SHOW = "values would show in it"


@dataclass(frozen=True, slots=True)
class AsTheyAre:
    """Hides nothing."""

    keep_data: bool = True

    def hide(self, rows: tuple[Content, ...], fails: Fails) -> Hidden:
        """The rows themselves."""
        return Hidden(rows)


class Hiding(Protocol):
    """Replaces the values of rows; it crosses process borders with the plan."""

    @property
    def keep_data(self) -> bool:
        """May values stay that cannot be hidden?"""

    def hide(self, rows: tuple[Content, ...], fails: Fails) -> Hidden:
        """The rows with other values, where they still fail."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the database is to show: an observation, or rows that a data rule finds.

    Neither: the text of the migration with the revision `before` alone shows it, and the database
    needs no row. `fixed` are the repaired migrations: the database that is left comes through them,
    if the sample does.
    """

    seen: Observation | None = None
    probes: tuple[Probe, ...] = ()
    fixed: Plan | None = None
    before: str = ""


def seed(plan: Plan, sample: Sample, question: Question, hiding: Hiding) -> Seed:
    """The seed of a failure that the sample shows, or a row made up around it."""
    if plan.runner is None:
        return _seed(plan, sample, question, hiding)
    # spawn: a forked child would inherit open databases and the parent's threads
    context = multiprocessing.get_context("spawn")
    with (
        TemporaryDirectory(prefix="migsafe-") as folder,
        ProcessPoolExecutor(1, context, _work_in, (folder,)) as pool,
    ):
        try:
            return pool.submit(_seed, plan, sample, question, hiding).result()
        except BrokenProcessPool:
            return _bare(plan, sample, kept=False)


def _work_in(folder: str) -> None:
    tempfile.tempdir = folder


def _seed(plan: Plan, sample: Sample, question: Question, hiding: Hiding) -> Seed:
    if question.seen is None and not question.probes:
        return _bare(plan, _led_on(plan, sample, question.before), kept=True)
    found = _repeatable(plan, sample, question)
    if found is None:
        return _bare(plan, sample, kept=False)
    start, check = found
    kind = question.seen.kind if question.seen else ""
    keep = plan.history.version_tables
    costly = same_failure.costly(question.seen) if question.seen else False
    budget = {"budget": _DEEP_BUDGET} if costly else {}
    data = _first_rows(start.data, keep, check) if costly else start.data
    small = reduced(data, check, keep, kind, program=plan.runner is not None, **budget)
    return _hidden(plan, start, small.data, (check, hiding, small.replays))


def _first_rows(data: bytes, keep: Sequence[str], check: Check) -> bytes:
    """The database with as few of each table's first rows as show it: cheaper than a search."""
    rows = contents(data, keep)
    with closing(engine.clone(data)) as database:
        schema = inspect(database)
    broken = orphans(rows, schema)
    for most in _FEW:
        cut = tuple(replace(content, rows=content.rows[:most]) for content in rows)
        fewer = refilled(data, linked(cut, schema, broken))
        if check(fewer):
            return fewer
    return data


def _repeatable(plan: Plan, sample: Sample, question: Question) -> tuple[Sample, Check] | None:
    if question.seen is not None:
        found = same_failure.repeatable(plan, sample, question.seen)
    else:
        check = same_failure.answered(plan, sample, question.probes)
        found = (sample, check) if check(sample.data) else None
    return found and (found[0], _and_repaired(found[1], found[0], question.fixed))


def _and_repaired(check: Check, sample: Sample, fixed: Plan | None) -> Check:
    repaired = same_failure.unharmed(fixed, sample) if fixed else None
    if repaired is None:
        return check
    return lambda data: check(data) and repaired(data)


def _hidden(plan: Plan, start: Sample, data: bytes, how: tuple[Check, Hiding, int]) -> Seed:
    check, hiding, replays = how
    keep = plan.history.version_tables
    rows = contents(data, keep)

    def fails(changed: tuple[Content, ...]) -> bool:
        nonlocal replays
        replays += 1
        try:
            return check(refilled(data, changed))
        except sqlite3.Error:
            return False

    hidden = hiding.hide(rows, fails)
    data = refilled(data, hidden.contents)
    text = written(data)
    why_not = "" if text else NO_SCRIPT
    if hidden.refused and not hiding.keep_data:
        text, why_not = "", VALUES_SHOW
    return Seed(
        text,
        start.revision,
        counted(data, keep),
        sum(n for _, n in counted(start.data, keep)),
        masked=not hidden.originals_left and not hidden.refused,
        checks=Checks(
            hidden.failure_kept, hidden.classes_kept, hidden.originals_left, hidden.refused
        ),
        masked_columns=hidden.columns,
        masked_values=hidden.values,
        replays=replays,
        why_not=why_not,
    )


# -- without rows ---------------------------------------------------------------------------------


def _led_on(plan: Plan, sample: Sample, revision: str) -> Sample:
    """The sample, without rows, right before that migration, where it can be led there."""
    pending = plan.history.pending(sample.revision)
    at = next((n for n, m in enumerate(pending) if m.revision == revision), 0)
    noted = sample.tracked == "table" or (sample.tracked and not plan.sets_version)
    if not at or plan.runner is not None or noted:
        return sample
    empty = emptied(sample.data, plan.history.version_tables)
    with migrated(plan, empty, pending[:at]) as (database, attempt):
        if attempt.raised is not None or attempt.ignored:
            return sample
        return replace(sample, data=database.serialize(), revision=pending[at - 1].revision)


def _bare(plan: Plan, sample: Sample, kept: bool) -> Seed:
    """The schema of the sample, and what the runner itself keeps."""
    keep = plan.history.version_tables
    before = counted(sample.data, keep)
    data = emptied(sample.data, keep)
    text = written(data)
    why_not = NO_SCRIPT if not text else "" if kept else NOT_REPEATED
    total = sum(n for _, n in before)
    return Seed(text, sample.revision, (), total, True, Checks(kept), why_not=why_not)


def emptied(data: bytes, keep: Sequence[str]) -> bytes:
    """The database without rows, but for those of the tables named in `keep`."""
    rows = contents(data, keep)
    return refilled(data, tuple(replace(content, rows=()) for content in rows))


def schema_texts(data: bytes) -> tuple[str, ...]:
    """The statements that made the database's tables, indexes, views and triggers."""
    with closing(engine.clone(data)) as database:
        found = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1")
        return tuple(str(sql) for (sql,) in found)


# -- text -----------------------------------------------------------------------------------------


def written(data: bytes) -> str:
    """The script of the database; "" where it does not give the same rows again, byte for byte."""
    try:
        with closing(engine.clone(data)) as database:
            text = script(database)
        same = contents(_built(text)) == contents(data)
    except (sqlite3.Error, MigsafeError):
        return ""
    return text if same else ""


def _built(text: str) -> bytes:
    with TemporaryDirectory(prefix="migsafe-") as folder:
        path = Path(folder) / "old.sql"
        path.write_text(text, encoding="utf-8", newline="")
        return engine.read_sample(path)


def counted(data: bytes, keep: Sequence[str] = ()) -> tuple[tuple[str, int], ...]:
    """The tables that have rows, with their number; those named in `keep` are left out."""
    kept = {fold_name(name) for name in keep}
    found = []
    with closing(engine.clone(data)) as database:
        for key, table in inspect(database).tables.items():
            if key in kept or table.virtual:
                continue
            query = f"SELECT count(*) FROM {quoted(table.name)}"
            count = int(database.execute(query).fetchone()[0])
            if count:
                found.append((table.name, count))
    return tuple(found)
