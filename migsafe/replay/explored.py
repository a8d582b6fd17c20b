"""Explore around a sample beyond the listed variations, with the explorer that the plan has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.model.variation import Ground, Variation
from migsafe.replay.locate import locate
from migsafe.replay.plan import Failed, Plan
from migsafe.replay.trial import TELLING, Found, observed, told, varied

_BYTES = 200_000
"""Up to this size a sample gets all examples; larger ones get fewer, as they cost more."""

_LEAST = 10
_PROGRAM = 8
"""At most so many examples for program code, which costs a hundred times more to start."""

_APPS_OWN = "Could not decode"
"""A text that is not UTF-8 stops the old app's own reading as well: no migration's doing."""


def explore(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: Sequence[Observation],
    ground: Ground,
) -> Found:
    """What the explorer finds that is not `known`, once per guilty statement and class of error."""
    assert plan.explorer is not None
    search = _Search(plan, sample, pending, {_class(o) for o in known})
    examples, before = _examples(plan, sample), frozenset(search.known)
    for variation in plan.explorer.explore(ground, examples, before, search.failures):
        search.keep(variation)
    return search.found


def again(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...], ground: Ground
) -> Iterator[Variation]:
    """The changes that the explorer finds to fail, made up in the same way once more."""
    if plan.explorer is not None:
        search = _Search(plan, sample, pending, set())
        examples = _examples(plan, sample)
        yield from plan.explorer.explore(ground, examples, frozenset(), search.failures)


def _examples(plan: Plan, sample: Sample) -> int:
    assert plan.explorer is not None
    wanted = plan.explorer.examples
    if plan.runner is not None:
        return min(wanted, _PROGRAM)
    return max(min(wanted, _LEAST), wanted * _BYTES // max(len(sample.data), _BYTES))


def _class(seen: Observation) -> Failed:
    """The guilty statement and the class of error: what makes two failures one."""
    path, line = (seen.place.path, seen.place.line) if seen.place else (seen.table, 0)
    return seen.kind, path, line, seen.name, seen.error.partition(":")[0]


@dataclass(slots=True)
class _Search:
    """Replays what the explorer makes up, and keeps what fails in a way of its own."""

    plan: Plan
    sample: Sample
    pending: tuple[Migration, ...]
    known: set[Failed]
    found: Found = field(default_factory=Found)
    slow: bool = False

    def failures(self, variation: Variation) -> frozenset[Failed] | None:
        """The classes of failure that the change leads to; None where it is refused."""
        if self.slow:
            return frozenset()
        shown = self._shown(variation)
        return None if shown is None else frozenset(map(_class, shown[1]))

    def keep(self, variation: Variation) -> None:
        """Add what the change shows to what was found."""
        shown = self._shown(variation)
        if shown is None:
            return
        for seen in told(locate(self.plan, shown[0], self.pending, shown[1]), variation):
            if _class(seen) not in self.known:
                self.known.add(_class(seen))
                self.found.observations.append(seen)

    def _shown(self, variation: Variation) -> tuple[Sample, list[Observation]] | None:
        data = varied(self.sample.data, variation, enforce=self.plan.launch.foreign_keys)
        if data is None:
            return None
        self.found.tried += 1
        made = replace(self.sample, data=data)
        shown = observed(self.plan, made, self.pending, variation)
        self.slow = self.slow or any(o.kind == "too-slow" for o in shown)
        return made, [o for o in shown if o.kind in TELLING and _APPS_OWN not in o.error]
