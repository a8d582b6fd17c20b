"""The mutation score: how many mutants of the pending migrations do the samples and probes notice?

An unnoticed mutant is a mistake that the author could have made, and that this check would have
let through: no old database shows the difference, or no probe looks at it.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

from migsafe.model.evidence import NotRun
from migsafe.model.migration import History, Migration
from migsafe.model.outcome import Observation, Outcome, Scenario, Verdict
from migsafe.model.report import MutationScore, Unnoticed
from migsafe.model.sample import Sample
from migsafe.replay import interrupted
from migsafe.replay.case import replay
from migsafe.replay.fleet import pays
from migsafe.replay.mutants import LIMIT, Mutant, mutants
from migsafe.replay.plan import Plan

WHAT = "mutation score"
"""What is not run, where there is none."""

_PATIENCE = 250_000  # looks that a mutant may take beyond ten times the slowest original
_LAUNCHES = {Scenario.STRAIGHT, Scenario.SECOND_LAUNCH}
_FAILED = {Verdict.RAISED, Verdict.TOO_SLOW, Verdict.TOOL_ERROR}
_OWN_PLACE = {"raised", "too-slow", "ignored-error", "second-launch", "launch-query", "invariant"}

Progress = Callable[[int, int], None]
_Seen = frozenset[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class _Known:
    """A sample that the original comes through on, and what was seen on it."""

    sample: Sample
    pending: frozenset[str]
    seen: _Seen
    killed: _Seen


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every mutant is tried on: the deep samples first."""

    plan: Plan
    known: tuple[_Known, ...]


_bench: _Bench | None = None


def score(
    plan: Plan,
    samples: Sequence[Sample],
    outcomes: Sequence[Outcome],
    limit: int = LIMIT,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> MutationScore | NotRun:
    """Try at most `limit` mutants on the samples; `outcomes` are those of the original.

    A mutant is noticed at the first observation on any sample that the original does not have: in
    its launch, in a second one, or after a kill (deep samples). Samples on which the original
    fails judge nothing. `jobs` as for `fleet.run`. The answer is NotRun where the migrations are
    program code, hold nothing to change, or fail everywhere.
    """
    if plan.runner is not None:
        return NotRun(WHAT, "mutants need SQL migrations")
    if not samples:
        return NotRun(WHAT, "no sample could be read")
    bench = _made(plan, samples, outcomes)
    pending = {r for k in bench.known for r in k.pending}
    if not pending:
        return NotRun(WHAT, "the migrations fail on every sample as they are")
    subjects = [m for m in plan.history.migrations if m.revision in pending]
    tried = mutants(plan.history, subjects, limit, plan.wrapped)
    if not tried:
        return NotRun(WHAT, "the pending migrations hold nothing to change")
    noticed: dict[int, bool] = {}
    for number, answer in _results(bench, tried, jobs):
        noticed[number] = answer
        if progress:
            progress(len(noticed), len(tried))
    missed = tuple(_unnoticed(m) for at, m in enumerate(tried) if not noticed[at])
    return MutationScore(len(tried), missed)


def _unnoticed(mutant: Mutant) -> Unnoticed:
    return Unnoticed(mutant.place.path, mutant.place.line, mutant.what)


# -- what the original gave -----------------------------------------------------------------------


def _made(plan: Plan, samples: Sequence[Sample], outcomes: Sequence[Outcome]) -> _Bench:
    by_path: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_path.setdefault(outcome.sample, []).append(outcome)
    known = [_known(plan, s, by_path[s.path]) for s in _distinct(samples)]
    sound = [k for k in known if k is not None]
    sound.sort(key=lambda k: k.sample.path not in plan.deep)
    slowest = max((o.looks for o in outcomes), default=0)
    # A rule's questions are about the original's statements; a mutant answers to checks only.
    bare = replace(plan, probes=(), looks=_PATIENCE + 10 * slowest)
    return _Bench(bare, tuple(sound))


def _distinct(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Each database once for each version."""
    seen: set[tuple[str | None, str]] = set()
    for sample in samples:
        key = (sample.revision, sample.digest)
        if key not in seen:
            seen.add(key)
            yield sample


def _known(plan: Plan, sample: Sample, outcomes: list[Outcome]) -> _Known | None:
    if any(o.scenario is Scenario.STRAIGHT and o.verdict in _FAILED for o in outcomes):
        return None
    pending = frozenset(m.revision for m in plan.history.pending(sample.revision))
    killed = (o for x in outcomes if x.scenario is Scenario.INTERRUPTED for o in x.observations)
    return _Known(sample, pending, _seen(outcomes), frozenset(map(_killed_key, killed)))


def _seen(outcomes: Iterable[Outcome]) -> _Seen:
    return frozenset(_key(o) for x in outcomes if x.scenario in _LAUNCHES for o in x.observations)


def _key(seen: Observation) -> tuple[object, ...]:
    """What a reader could tell apart: how many rows, too; but not which statement is blamed."""
    place = seen.place if seen.kind in _OWN_PLACE else None
    detail = seen.detail if seen.kind == "drifted" else ""
    names = (seen.table, seen.column, seen.name)
    return (seen.kind, place, *names, seen.error, detail, seen.affected, seen.deliberate)


def _killed_key(seen: Observation) -> tuple[object, ...]:
    return (seen.kind, seen.place and seen.place.path, seen.error, seen.affected > 0)


# -- trying a mutant ------------------------------------------------------------------------------


def _noticed(bench: _Bench, mutant: Mutant) -> bool:
    revision = mutant.migration.revision
    history = _with(bench.plan.history, mutant.migration)
    plan = replace(bench.plan, history=history, deep=frozenset())
    known = [k for k in bench.known if revision in k.pending]
    try:
        if any(_seen(replay(plan, k.sample)) - k.seen for k in known):
            return True
        deep = (k for k in known if k.sample.path in bench.plan.deep)
        return any(_dies_otherwise(plan, k) for k in deep)
    except sqlite3.Error:
        return True  # what the mutant left behind cannot even be looked at


def _with(history: History, migration: Migration) -> History:
    same = (migration if m.revision == migration.revision else m for m in history.migrations)
    return replace(history, migrations=tuple(same))


def _dies_otherwise(plan: Plan, known: _Known) -> bool:
    """Does a kill at some commit do harm that it did not do to the original?"""
    pending = plan.history.pending(known.sample.revision)
    seen, _ = interrupted.check(plan, known.sample, pending)
    return bool(frozenset(map(_killed_key, seen)) - known.killed)


# -- in this process, or in several ---------------------------------------------------------------


def _results(
    bench: _Bench, tried: Sequence[Mutant], jobs: int | None
) -> Iterator[tuple[int, bool]]:
    done = 0
    if jobs in {None, 1}:
        begun = time.perf_counter()
        for mutant in tried:
            yield done, _noticed(bench, mutant)
            done += 1
            if jobs is None and pays(time.perf_counter() - begun, done, len(tried) - done):
                break
    if done < len(tried):
        workers = min(jobs or os.cpu_count() or 1, len(tried) - done)
        yield from _in_processes(bench, dict(enumerate(tried[done:], done)), workers)


def _in_processes(
    bench: _Bench, tried: dict[int, Mutant], workers: int
) -> Iterator[tuple[int, bool]]:
    lost: list[int] = []
    with _pool(bench, workers) as pool:
        waiting = {pool.submit(_try, mutant): number for number, mutant in tried.items()}
        for future in as_completed(waiting):
            try:
                yield waiting[future], future.result()
            except BrokenProcessPool:
                lost.append(waiting[future])
    for number in lost:
        yield number, _alone(bench, tried[number])


def _pool(bench: _Bench, workers: int) -> ProcessPoolExecutor:
    # spawn: a forked child would inherit open databases and the parent's threads
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(bench,))


def _begin(bench: _Bench) -> None:
    global _bench  # noqa: PLW0603 - set once per worker process, before its first mutant
    _bench = bench


def _try(mutant: Mutant) -> bool:
    assert _bench is not None
    return _noticed(_bench, mutant)


def _alone(bench: _Bench, mutant: Mutant) -> bool:
    """A mutant whose worker died runs again by itself; if it is the culprit, that is noticed."""
    with _pool(bench, 1) as pool:
        try:
            return pool.submit(_try, mutant).result()
        except BrokenProcessPool:
            return True
