"""Does a changed database still fail in the same way? Asked as cheaply as the failure allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from migsafe.errors import MigsafeError
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Probe, Scenario
from migsafe.model.sample import Sample
from migsafe.replay import growth, interrupted, launch, made, other_start, storage
from migsafe.replay.case import replay
from migsafe.replay.plan import Plan
from migsafe.replay.run import migrated

Check = Callable[[bytes], bool]
"""Does the database with these bytes fail in the same way?"""

_Pending = tuple[Migration, ...]
_Look = Callable[[Plan, Sample, _Pending], Iterable[Observation]]

_GROWS = {"growth", "growth-of-copies"}
"""The same growth, seen on the sample's own rows or on copies of few of them."""
_NEVER = {"too-slow", "tool-error"}
_OF_SIZE = {
    "too-slow", "tool-error", "growth", "growth-of-copies", "growth-limited", "storage-peak",
    "launch-command", "launch-callable", "model-unread",
}  # fmt: skip
"""About time and room, or too slow to ask often: there is no smallest database of it."""


def costly(seen: Observation) -> bool:
    """Does each replay that could show it go through everything?"""
    return seen.kind in _OF_SIZE


def repeatable(plan: Plan, sample: Sample, seen: Observation) -> tuple[Sample, Check] | None:
    """A database that gives the observation, and what tells whether another one does.

    Unlike `check` it takes what costs much, and what a made-up row shows; the sample is then one
    with that row. None where the observation does not come again.
    """
    if seen.kind in _NEVER:
        return None
    if seen.made:
        return _remade(plan, sample, seen)
    plan = replace(plan, probes=(), made=False, explorer=None, deep=frozenset())
    cheap = _checking(plan, sample, seen, _LOOKS.get(seen.kind, _by_replay))
    deep = _checking(plan, sample, seen, _deeply)
    for found in (cheap, deep):
        if found(sample.data):
            return sample, found
    return None


def answered(plan: Plan, sample: Sample, probes: tuple[Probe, ...]) -> Check:
    """What tells whether a data rule finds rows in a database, or while it is migrated."""
    plan = replace(plan, probes=probes, deep=frozenset(), made=False, explorer=None)

    def finds(data: bytes) -> bool:
        try:
            outcomes = replay(plan, replace(sample, data=data))
        except (sqlite3.Error, MigsafeError):
            return False
        return any(answer.rows for outcome in outcomes for answer in outcome.probes)

    return finds


def unharmed(plan: Plan, sample: Sample) -> Check | None:
    """What tells whether a database comes through these migrations and the launch after them.

    None where the sample itself does not, or where they do not know its revision.
    """
    if sample.revision is not None and plan.history.get(sample.revision) is None:
        return None
    plan = replace(plan, probes=(), deep=frozenset(), made=False, explorer=None)

    def comes_through(data: bytes) -> bool:
        try:
            found = _by_replay(plan, replace(sample, data=data), ())
            return all(o.deliberate for o in found)
        except (sqlite3.Error, MigsafeError):
            return False

    return comes_through if comes_through(sample.data) else None


def _remade(plan: Plan, sample: Sample, seen: Observation) -> tuple[Sample, Check] | None:
    plan = replace(plan, probes=())
    pending = plan.history.pending(sample.revision)
    if seen.made == other_start.made_of(sample):
        start = other_start.fresh_install(plan, sample, pending)
        return repeatable(plan, start, replace(seen, made="")) if start else None
    found = made.again(plan, sample, seen)
    if found is None:
        return None
    (start, variation), waiting = found, plan.history.pending(found[0].revision)

    def fails(data: bytes) -> bool:
        try:
            return made.shows(plan, replace(start, data=data), waiting, variation, seen)
        except (sqlite3.Error, MigsafeError):
            return False

    return start, fails


def check(plan: Plan, sample: Sample, seen: Observation) -> Check | None:
    """What tells whether a database gives an observation of the same fingerprint.

    None where that cannot be asked: a matter of size or time, or a row that was made up.
    """
    if seen.kind in _OF_SIZE or seen.made:
        return None
    plan = replace(plan, probes=(), deep=frozenset())
    return _checking(plan, sample, seen, _LOOKS.get(seen.kind, _by_replay))


def _checking(plan: Plan, sample: Sample, seen: Observation, look: _Look) -> Check:
    pending = plan.history.pending(sample.revision)

    def fails(data: bytes) -> bool:
        try:
            found = look(plan, replace(sample, data=data), pending)
            return any(_same(o, seen) for o in found)
        except (sqlite3.Error, MigsafeError):
            return False

    return fails


def _same(one: Observation, other: Observation) -> bool:
    if {one.kind, other.kind} <= _GROWS:
        return one.fingerprint[1:] == other.fingerprint[1:]
    return one.fingerprint == other.fingerprint


def _by_one_run(plan: Plan, sample: Sample, pending: _Pending) -> Iterator[Observation]:
    """What a straight run and the launch after it show at once."""
    with migrated(plan, sample.data, pending) as (database, attempt):
        for ignored in attempt.ignored:
            yield Observation("ignored-error", ignored.place, error=ignored.message)
        if attempt.raised is None:
            yield from launch.check(database, sample.data, plan.launch)
        elif not attempt.raised.slow:
            yield Observation("raised", attempt.raised.place, error=attempt.raised.message)


def _by_replay(plan: Plan, sample: Sample, _: _Pending) -> Iterator[Observation]:
    """Losses and drift, whose statement is only found by a second run."""
    for outcome in replay(plan, sample):
        if outcome.scenario is not Scenario.STEP_BY_STEP:
            yield from outcome.observations


def _deeply(plan: Plan, sample: Sample, pending: _Pending) -> Iterator[Observation]:
    """Everything that a replay of one sample of each version does."""
    yield from _by_replay(replace(plan, deep=frozenset({sample.path})), sample, pending)


def _if_undisturbed(look: _Look) -> _Look:
    """A disturbed run is compared with one that comes through."""

    def after(plan: Plan, sample: Sample, pending: _Pending) -> Iterable[Observation]:
        with migrated(plan, sample.data, pending) as (_, attempt):
            if attempt.raised is not None:
                return ()
        return look(plan, sample, pending)

    return after


_LOOKS: dict[str, _Look] = {
    **dict.fromkeys(("raised", "ignored-error", "launch-query", "invariant"), _by_one_run),
    **dict.fromkeys(_GROWS, _if_undisturbed(growth.check)),
    "storage-peak": _if_undisturbed(storage.check),
    "interrupted": _if_undisturbed(lambda *case: interrupted.check(*case)[0]),
    **dict.fromkeys(("locked", "storage-full"), _if_undisturbed(storage.check)),
}
"""How each kind of observation is made; every other by the whole replay."""
