"""Does a changed database still fail in the same way? Asked as cheaply as the failure allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from migsafe.errors import MigsafeError
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Scenario
from migsafe.model.sample import Sample
from migsafe.replay import interrupted, launch, storage
from migsafe.replay.case import replay
from migsafe.replay.plan import Plan
from migsafe.replay.run import migrated

Check = Callable[[bytes], bool]
"""Does the database with these bytes fail in the same way?"""

_Pending = tuple[Migration, ...]
_Look = Callable[[Plan, Sample, _Pending], Iterable[Observation]]

_OF_SIZE = {
    "too-slow", "tool-error", "growth", "growth-of-copies", "growth-limited", "storage-peak",
    "launch-command", "launch-callable", "model-unread",
}  # fmt: skip
"""About time and room, or too slow to ask often: there is no smallest database of it."""


def check(plan: Plan, sample: Sample, seen: Observation) -> Check | None:
    """What tells whether a database gives an observation of the same fingerprint.

    None where that cannot be asked: a matter of size or time, or a row that was made up.
    """
    if seen.kind in _OF_SIZE or seen.made:
        return None
    look = _LOOKS.get(seen.kind, _by_replay)
    plan = replace(plan, probes=(), deep=frozenset())
    pending = plan.history.pending(sample.revision)

    def fails(data: bytes) -> bool:
        try:
            found = look(plan, replace(sample, data=data), pending)
            return any(o.fingerprint == seen.fingerprint for o in found)
        except (sqlite3.Error, MigsafeError):
            return False

    return fails


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
    "interrupted": _if_undisturbed(lambda *case: interrupted.check(*case)[0]),
    **dict.fromkeys(("locked", "storage-full"), _if_undisturbed(storage.check)),
}
"""How each kind of observation is made; every other by the whole replay."""
