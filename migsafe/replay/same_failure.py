"""Does a changed database still fail in the same way? Asked as cheaply as the failure allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace

from migsafe.errors import MigsafeError
from migsafe.model.outcome import Observation, Scenario
from migsafe.model.sample import Sample
from migsafe.replay import launch
from migsafe.replay.case import replay
from migsafe.replay.plan import Plan
from migsafe.replay.run import Attempt, migrated

Check = Callable[[bytes], bool]
"""Does the database with these bytes fail in the same way?"""

_AT_ONCE = {"raised", "ignored-error", "launch-query", "invariant"}
"""Seen by a straight run alone, at the place where it is reported."""

_OF_SAMPLES = {"interrupted", "locked"}
"""What only the costly scenarios see."""

_OF_SIZE = {"too-slow", "tool-error", "growth", "growth-of-copies", "storage-full"}
"""About time and room: there is no smallest database of it."""


def check(plan: Plan, sample: Sample, seen: Observation) -> Check | None:
    """What tells whether a database gives the observation, of the same fingerprint, as well.

    None where that cannot be asked: a matter of size or time, or a row that was made up.
    """
    if seen.kind in _OF_SIZE or seen.made:
        return None
    if seen.kind in _AT_ONCE:
        return _by_one_run(plan, sample, seen)
    deep = frozenset({sample.path} if seen.kind in _OF_SAMPLES else ())
    return _by_replay(replace(plan, probes=(), deep=deep), sample, seen)


def _by_one_run(plan: Plan, sample: Sample, seen: Observation) -> Check:
    pending = plan.history.pending(sample.revision)

    def fails(data: bytes) -> bool:
        try:
            with migrated(plan, data, pending) as (database, attempt):
                found = _found(plan, data, database, attempt)
                return any(o.fingerprint == seen.fingerprint for o in found)
        except (sqlite3.Error, MigsafeError):
            return False

    return fails


def _found(
    plan: Plan, data: bytes, database: sqlite3.Connection, attempt: Attempt
) -> Iterable[Observation]:
    for ignored in attempt.ignored:
        yield Observation("ignored-error", ignored.place, error=ignored.message)
    if attempt.raised is None:
        yield from launch.check(database, data, plan.launch)
    elif not attempt.raised.slow:
        yield Observation("raised", attempt.raised.place, error=attempt.raised.message)


def _by_replay(plan: Plan, sample: Sample, seen: Observation) -> Check:
    def fails(data: bytes) -> bool:
        return any(
            observation.fingerprint == seen.fingerprint
            for outcome in replay(plan, replace(sample, data=data))
            if outcome.scenario is not Scenario.STEP_BY_STEP
            for observation in outcome.observations
        )

    return fails
