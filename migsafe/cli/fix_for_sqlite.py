"""A hotfix and the SQLite databases that it meets."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import replace

from migsafe import adapters
from migsafe.adapters.starting import stamp
from migsafe.cli.broken import Broken
from migsafe.cli.check import plan_of
from migsafe.cli.fix_for import Met, meet
from migsafe.cli.launch_files import launch_plan
from migsafe.cli.populations import Hotfix
from migsafe.cli.project import Project
from migsafe.engines import sqlite as engine
from migsafe.errors import MigsafeError
from migsafe.model.fix_for import Kind, Wanted
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Outcome
from migsafe.model.report import Report
from migsafe.model.sample import Sample
from migsafe.replay import fleet, likeness, samples
from migsafe.replay.interrupted import fleeting
from migsafe.replay.likeness import Landed
from migsafe.replay.plan import LaunchPlan, Plan
from migsafe.replay.populations import Remains, apart, harm_of, left_behind


def hotfix(asked: Wanted, project: Project, seconds: float) -> SqliteHotfix:
    """The hotfix and whom it meets. `project` has been read; raises as `meet` does."""
    root, folder = project.config.root, project.config.samples.path
    found: Sequence[Sample] = ()
    errors: Sequence[MigsafeError] = ()
    if folder is not None:
        found, errors = samples.load(root / folder, root, project.history, adapters.revision_of)
    new = replace(plan_of(project, (), ()), seconds=seconds)
    met = meet(asked, project, found, lambda broken, met: _Means(broken, met, new))
    met.errors += errors
    return SqliteHotfix(asked.name, met, project.history, new.launch)


class SqliteHotfix(Hotfix):
    """A hotfix on SQLite databases."""

    def replayed(self, plan: Plan, jobs: int | None) -> tuple[Outcome, ...]:
        """What it does to what was left. No made-up rows; one of each kind is launched."""
        bare = replace(
            plan,
            probes=(),
            deep=frozenset(),
            launched=self.one_of_each,
            made=False,
            explorer=None,
            engine=None,
        )
        return self.excused(fleet.run(bare, self.left, jobs))

    def judged(self, report: Report, plan: Plan) -> Report:
        """The report with what the hotfix does to each kind of database, and judged by it."""
        return self.told(report, self._landed(plan))

    def _landed(self, plan: Plan) -> dict[str, Landed]:
        """Where the hotfix leads each database that it meets."""
        pending = plan.history.pending
        starts = [(s.data, pending(s.revision)) for s in self.all]
        made = {}
        for sample, end in zip(self.all, apart(likeness.ends, plan, starts), strict=True):
            with closing(engine.clone(sample.data)) as old:
                fixed = not fleeting(old, pending(sample.revision))
            made[sample.path] = Landed(sample.data, end.data, end.raised is not None, fixed)
        return made


class _Means:
    """SQLite's; a database is known by its contents."""

    def __init__(self, broken: Broken, met: Met, new: Plan) -> None:
        self.broken = broken.project
        self.new = new
        old = plan_of(broken.project, (), ())
        launch = _launch_then(broken, new.launch)
        self.plan = replace(old, seconds=new.seconds, made=False, engine=None, launch=launch)
        if old.engine is not None or new.engine is not None:
            note = "what the broken migration leaves on the oldest SQLite is not played"
            met.notes.append((Kind.BROKEN, note))

    def own(self) -> tuple[tuple[Sample, ...], tuple[MigsafeError, ...]]:
        """The fixture's own old databases."""
        root, history = self.broken.config.root, self.broken.history
        folder = root / str(self.broken.config.samples.path)
        return samples.load(folder, root, history, adapters.revision_of)

    def left_behind(self, start: Sample) -> tuple[Remains, ...]:
        """What the broken migrations leave of it."""
        return left_behind(self.plan, start, self.plan.history.pending(start.revision))

    def harm(self, start: Sample) -> tuple[Observation, ...]:
        """What they do to it though they come through."""
        return apart(harm_of, self.plan, start)

    def led(self, sample: Sample, pending: tuple[Migration, ...]) -> bytes | None:
        """The database after these migrations of the project; None where they fail."""
        (end,) = apart(likeness.ends, self.new, [(sample.data, pending)])
        return None if end.raised is not None else end.data

    def said(self, data: bytes) -> tuple[str, object]:
        """Where the database says its version, and what it says."""
        return samples.tracked_in(data, self.plan.history)

    def noted(self, data: bytes, origin: Sample, had: tuple[str, ...], failed: str) -> bytes:
        """The database with these versions noted as the project's tool does."""
        if origin.tracked == "table" and self.new.runner is None:
            return _with(data, stamp(self.new.history.framework, had, failed))
        newest = had[-1] if had else ""
        if origin.tracked == "user_version" and not self.plan.sets_version and newest.isdecimal():
            return data[:60] + int(newest).to_bytes(4, "big") + data[64:]
        return data

    def changed(self, before: bytes, after: bytes) -> frozenset[str]:
        """The tables of which something is gone or other than it was."""
        return likeness.changed(before, after)


def _launch_then(broken: Broken, now: LaunchPlan) -> LaunchPlan:
    """The launch of the broken version, where its fixture has it; a fresh install was another."""
    own = launch_plan(broken.project) if broken.launch else now
    launch = own if own.queries or own.invariants else now
    return replace(launch, fresh=None, inserts=(), room=False)


def _with(data: bytes, statements: tuple[str, ...]) -> bytes:
    """The database after these statements, as far as it takes them."""
    with closing(engine.clone(data)) as database:
        for statement in statements:
            with suppress(sqlite3.Error):
                database.execute(statement)
        return database.serialize()
