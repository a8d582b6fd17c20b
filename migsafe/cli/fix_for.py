"""`migsafe check --fix-for`: the databases that a hotfix meets besides those not yet updated."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from migsafe import adapters
from migsafe.adapters.sqldir import number
from migsafe.adapters.starting import Noted, refusal
from migsafe.cli.broken import Broken, opened
from migsafe.cli.check import deep_of
from migsafe.cli.project import Project
from migsafe.errors import MigsafeError, NothingToCheck, UsageError
from migsafe.model.fix_for import Kind, Left, Trouble, Wanted
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation
from migsafe.model.rule import Severity
from migsafe.model.sample import Sample
from migsafe.replay.populations import Remains


@dataclass(slots=True)
class Met:
    """Whom the hotfix meets: old databases, and what the broken migration left of them.

    `samples` are not yet updated. `stuck` are databases on which the tool does not even start, so
    that nothing can be tried; `refusals` says why, by the kind of database, as `notes` does of what
    is no fault of the hotfix; `errors` is what could not be told.
    """

    samples: list[Sample] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    stuck: list[Left] = field(default_factory=list)
    refusals: list[tuple[Kind, Trouble]] = field(default_factory=list)
    notes: list[tuple[Kind, str]] = field(default_factory=list)
    errors: list[MigsafeError] = field(default_factory=list)

    @property
    def all(self) -> tuple[Sample, ...]:
        """Every database that the hotfix is tried on."""
        return (*self.samples, *(one.sample for one in self.left))


class Means(Protocol):
    """How one engine leads databases through the broken migration.

    A database is known by bytes: its contents with SQLite, its name on a server.
    """

    def own(self) -> tuple[tuple[Sample, ...], tuple[MigsafeError, ...]]:
        """The old databases of the broken migrations' own project, and what cannot be read."""

    def left_behind(self, start: Sample) -> tuple[Remains, ...]:
        """What the broken migrations leave of it: its end, and the states on the way."""

    def harm(self, start: Sample) -> tuple[Observation, ...]:
        """What they do to it though they come through."""

    def led(self, sample: Sample, pending: tuple[Migration, ...]) -> bytes | None:
        """The database after these migrations of the project; None where they fail."""

    def said(self, data: bytes) -> tuple[str, object]:
        """Where the database says its version ("": nowhere), and what it says."""

    def noted(self, data: bytes, origin: Sample, had: tuple[str, ...], failed: str) -> bytes:
        """The database with these versions noted as the project's tool does."""

    def changed(self, before: bytes, after: bytes) -> frozenset[str]:
        """The tables (folded) of which something is gone or other than it was."""


def meet(
    asked: Wanted, project: Project, found: Sequence[Sample], means: Callable[[Broken, Met], Means]
) -> Met:
    """Lead the old databases `found` through the broken migration. `project` has been read.

    Raises UsageError where there is no broken migration, or nothing tells where it stood.
    """
    met = Met()
    with opened(asked, project) as broken:
        for one in broken:
            try:
                _Meeting(one, project, met, means(one, met)).hold(found)
            except LookupError as error:
                raise UsageError(
                    f"nothing tells where {error} stood among the project's migrations",
                    place=one.shown,
                    hint="--broken DIR names the folder of all migrations as they shipped",
                ) from error
    met.samples = list({s.path: s for s in met.samples}.values())
    sampled = {one.sample.path: one for one in met.left if not one.origin}
    met.left = [*(one for one in met.left if one.origin), *sampled.values()]
    if not met.all and not met.errors:
        raise NothingToCheck(
            "no old database meets the broken migration",
            hint="add a sample of the version before it: [samples] path",
        )
    return met


_Start = tuple[Sample, Sample]
"""An old database, and the same where the broken migration begins, in the broken history's terms"""


class _Meeting:
    """One broken migration meets the old databases."""

    def __init__(self, broken: Broken, project: Project, met: Met, means: Means) -> None:
        self.lineup = broken.lineup
        self.broken = broken
        self.history = project.history
        self.met = met
        self.means = means
        self.names: Counter[str] = Counter()

    def hold(self, found: Sequence[Sample]) -> None:
        """Sort the old databases, and lead those before the broken migration through it."""
        starts = [*self._own(), *(s for s in map(self._start, found) if s is not None)]
        deep = deep_of([start for _, start in starts])
        starts.sort(key=lambda pair: pair[1].path not in deep)
        killed: set[tuple[str | None, str]] = set()
        for origin, start in starts:
            self.met.samples.append(origin)
            try:
                last, *kills = self.means.left_behind(start)
                # A kill leaves the same on most: one database of each version and end shows it.
                shown = (start.revision, last.state)
                for one in (last, *(kills if shown not in killed else ())):
                    self._add(one, origin, start)
                killed.add(shown)
            except MigsafeError as error:
                self.met.errors.append(error)

    # -- where each begins ------------------------------------------------------------------------

    def _own(self) -> Iterator[_Start]:
        """The fixture's own old databases."""
        history = self.broken.project.history
        if not self.broken.samples:
            return
        found, errors = self.means.own()
        self.met.errors += errors
        for sample in found:
            if history.pending(sample.revision):
                path = f"{self.broken.shown}/{Path(sample.path).name}"
                version = self.lineup.place(sample.revision)
                yield replace(sample, path=path, revision=version, weight=0.0), sample

    def _start(self, sample: Sample) -> _Start | None:
        """Where the old database meets the broken migration; None: it is not led through it."""
        back = self.lineup.back
        if sample.revision in back:
            start = replace(sample, revision=back[sample.revision])
            if self.broken.project.history.pending(start.revision):
                return sample, start
            self._sampled(sample, start)
            return None
        if sample.revision is not None and sample.revision not in self._before:
            self._sampled(sample, None)
            return None
        return self._led(sample)

    @property
    def _before(self) -> frozenset[str]:
        return self.lineup.done(None)

    def _led(self, sample: Sample) -> _Start | None:
        """An older database, after what stands before the broken migration."""
        todo = self.history.pending(sample.revision)
        pending = tuple(m for m in todo if m.revision in self._before)
        start = sample
        if pending:
            data = self.means.led(start, pending)
            if data is None:  # it never came to the broken migration
                self.met.samples.append(sample)
                return None
            had = tuple(m.revision for m in pending)
            start = replace(start, data=self.means.noted(data, sample, had, ""), digest="")
        return sample, replace(start, revision=self.lineup.start)

    def _sampled(self, sample: Sample, start: Sample | None) -> None:
        """A sampled database that has had the broken migration: harmed, as far as can be seen."""
        harm = () if start is None else self.means.harm(start)
        kind, state = (Kind.BROKEN, "harmed") if harm else (Kind.UNHARMED, "unharmed")
        self.met.left.append(Left(sample, kind, state, "sampled", "", harm))

    # -- what is left of it -----------------------------------------------------------------------

    def _add(self, one: Remains, origin: Sample, start: Sample) -> None:
        failed = one.begun if one.state == "stopped" else ""
        if one.left is None:
            version, data = self._said(one.data, start), one.data
        else:
            version = self._after(one.left)
            had = [m.revision for m in self.lineup.part if m.revision in self._had(version)]
            data = self.means.noted(one.data, origin, tuple(had), failed)
        sample = Sample(
            path=self._name(f"{origin.path} ({one.how})"),
            revision=self.lineup.place(version),
            data=data,
            digest=hashlib.sha256(data).hexdigest(),
            weight=origin.weight,
            tracked=origin.tracked,
        )
        gone = self.means.changed(start.data, one.data) if one.harm else frozenset()
        left = Left(sample, one.kind, one.state, one.how, origin.path, one.harm, gone)
        if self._starts(left, version, failed):
            self.met.left.append(left)
        else:
            self.met.stuck.append(left)

    def _after(self, left: tuple[Migration, ...]) -> str | None:
        """The broken history's version of a database that has still to run these."""
        if not left:
            return self.broken.project.history.head
        parents = left[0].parents
        return parents[-1] if parents else None

    def _said(self, data: bytes, start: Sample) -> str | None:
        """The version that the database itself says; without a table for it: as it began."""
        tracked, found = self.means.said(data)
        return (
            adapters.revision_of(self.broken.project.history, found) if tracked else start.revision
        )

    def _name(self, name: str) -> str:
        self.names[name] += 1
        return name if self.names[name] == 1 else f"{name} #{self.names[name]}"

    def _had(self, version: str | None) -> set[str]:
        """Of the broken migrations those that a database at this version has had."""
        left = {m.revision for m in self.broken.project.history.pending(version)}
        return {m.revision for m in self.lineup.part} - left

    # -- does the tool start at all? --------------------------------------------------------------

    def _starts(self, left: Left, version: str | None, failed: str) -> bool:
        """False where the project's runner cannot even look for what to do."""
        lineup, had = self.lineup, self._had(version)
        gone = tuple(m.revision for m in lineup.removed if m.revision in had)
        if gone and any(m.program for m in self.history.migrations):
            sentence = f"{self.history.framework} knows no revision {gone[-1]} and runs nothing"
            self._refuse(left, sentence)
            return False
        done = lineup.done(version)
        noted = Noted(
            self.history.dialect,
            removed=gone,
            edited=tuple(v for v in lineup.edited if v in done),
            late=tuple(self._late(left, done)),
            newest=bool(gone) and _newer(gone[-1], self.history.head),
        )
        sentence = refusal(self.history.framework, noted)
        if sentence:
            self._refuse(left, sentence)
        stopped = refusal(self.history.framework, replace(noted, failed=failed)) if failed else ""
        if stopped and not sentence:
            self.met.notes.append((left.kind, stopped))
        return True

    def _late(self, left: Left, done: frozenset[str]) -> Iterator[str]:
        for migration in self.history.migrations:
            if migration.revision == left.sample.revision or not done:
                return
            if migration.revision not in done:
                yield migration.revision

    def _refuse(self, left: Left, sentence: str) -> None:
        trouble = Trouble("start", sentence, Severity.ERROR, (left.sample.path,))
        self.met.refusals.append((left.kind, trouble))


def _newer(revision: str, head: str) -> bool:
    one, other = number(revision), number(head)
    return one is not None and other is not None and one > other
