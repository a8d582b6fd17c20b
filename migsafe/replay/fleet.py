"""All samples: in this process, or spread over worker processes; failures grouped."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from tempfile import TemporaryDirectory

from migsafe.blast import blast
from migsafe.model.outcome import Failure, Observation, Outcome, Place, Scenario, Verdict
from migsafe.model.sample import Sample
from migsafe.replay import remembered
from migsafe.replay.case import replay
from migsafe.replay.plan import Plan

LAUNCH = {
    "raised", "too-slow", "launch-query", "launch-command", "launch-callable", "second-launch",
    "integrity", "waits-for-itself",
}  # fmt: skip
"""The kinds of observation after which the app does not start."""

_CHUNK_BYTES = 4_000_000
_LOOK = 0.2  # seconds of replays in this process, before the cost of the rest is judged
_WORTH_A_POOL = 1.5  # seconds of work left below which starting processes costs more than it saves
_plan: Plan | None = None

Progress = Callable[[int, int], None]


def run(
    plan: Plan, samples: Sequence[Sample], jobs: int | None = None, progress: Progress | None = None
) -> tuple[Outcome, ...]:
    """Replay every sample; the outcomes come in the samples' order.

    `jobs` None: as many processes as processors where that pays. Program code always runs in a
    worker process, never in this one. A worker that dies is an outcome of the sample it was on.
    Databases of the same bytes and version are replayed once, and what an earlier run saw of them
    under the same plan is taken from the cache.
    """
    by_key: dict[_Key, tuple[Outcome, ...]] = {}
    distinct = {_key(plan, s): s for s in reversed(samples)}
    ordered = [s for s in samples if distinct[_key(plan, s)] is s]
    by_path = {s.path: s for s in ordered}
    mark = remembered.mark(plan)
    known = remembered.load(plan, ordered, mark)
    fresh = [s for s in ordered if s.path not in known]
    ran: list[tuple[Sample, tuple[Outcome, ...]]] = []
    for done, (path, outcomes) in enumerate(chain(known.items(), _results(plan, fresh, jobs)), 1):
        by_key[_key(plan, by_path[path])] = outcomes
        if path not in known:
            ran.append((by_path[path], outcomes))
        if progress:
            progress(done, len(ordered))
    remembered.save(plan, ran, mark)
    return tuple(
        replace(o, sample=s.path, weight=s.weight) for s in samples for o in by_key[_key(plan, s)]
    )


_Key = tuple[object, ...]


def _key(plan: Plan, sample: Sample) -> _Key:
    """What a replay depends on besides the plan: samples with one key have the same outcomes."""
    if sample.path in plan.deep or not sample.digest:
        return (sample.path,)
    return (sample.digest, sample.revision, sample.tracked, sample.sound)


def _results(
    plan: Plan, samples: Sequence[Sample], jobs: int | None
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    done = 0
    if plan.runner is None and jobs in {None, 1}:
        begun = time.perf_counter()
        for sample in samples:
            yield sample.path, replay(plan, sample)
            done += 1
            elapsed = time.perf_counter() - begun
            if jobs is None and pays(elapsed, done, len(samples) - done):
                break
    if done < len(samples):
        workers = min(jobs or os.cpu_count() or 1, len(samples) - done)
        yield from _in_processes(plan, samples[done:], workers)


def pays(elapsed: float, done: int, left: int) -> bool:
    """Would starting processes for the rest save more than it costs?"""
    enough = elapsed > _LOOK and (os.cpu_count() or 1) > 1
    return enough and left * elapsed / done > _WORTH_A_POOL


def _in_processes(
    plan: Plan, samples: Sequence[Sample], workers: int
) -> Iterator[tuple[str, tuple[Outcome, ...]]]:
    lost: list[Sample] = []
    with _pool(plan, workers) as pool:
        waiting = {pool.submit(_chunk, part): part for part in _chunks(samples, workers)}
        for future in as_completed(waiting):
            try:
                yield from future.result()
            except BrokenProcessPool:
                lost.extend(waiting[future])
    for sample in lost:
        yield sample.path, _alone(plan, sample)


@contextmanager
def _pool(plan: Plan, workers: int) -> Iterator[ProcessPoolExecutor]:
    """Worker processes, and a folder for their copies that goes even if one of them dies."""
    # spawn: a forked child would inherit open databases and the parent's threads
    context = multiprocessing.get_context("spawn")
    with (
        TemporaryDirectory(prefix="migsafe-", ignore_cleanup_errors=True) as folder,
        ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=(plan, folder)
        ) as pool,
    ):
        yield pool


def _begin(plan: Plan, folder: str) -> None:
    global _plan  # noqa: PLW0603 - set once per worker process, before its first sample
    _plan = plan
    tempfile.tempdir = folder


def _chunk(samples: Sequence[Sample]) -> list[tuple[str, tuple[Outcome, ...]]]:
    assert _plan is not None
    return [(s.path, replay(_plan, s)) for s in samples]


def _chunks(samples: Sequence[Sample], workers: int) -> Iterator[list[Sample]]:
    """Parts that are large enough to pay for their way, small enough to share out evenly."""
    limit = min(_CHUNK_BYTES, 1 + sum(len(s.data) for s in samples) // (workers * 4))
    part: list[Sample] = []
    size = 0
    for sample in samples:
        part.append(sample)
        size += len(sample.data)
        if size >= limit:
            yield part
            part, size = [], 0
    if part:
        yield part


def _alone(plan: Plan, sample: Sample) -> tuple[Outcome, ...]:
    """A sample whose worker died runs again by itself, to learn whether it is the culprit."""
    with _pool(plan, 1) as pool:
        future: Future[list[tuple[str, tuple[Outcome, ...]]]] = pool.submit(_chunk, [sample])
        try:
            return future.result()[0][1]
        except BrokenProcessPool:
            first = plan.history.pending(sample.revision)[0]
            seen = Observation(
                "raised", Place(first.path, 1), error="the process that ran the migration died"
            )
            return (
                Outcome(
                    sample.path,
                    sample.revision,
                    Scenario.STRAIGHT,
                    Verdict.RAISED,
                    sample.weight,
                    (seen,),
                ),
            )


def group(samples: Sequence[Sample], outcomes: Iterable[Outcome]) -> tuple[Failure, ...]:
    """The observations of all samples by fingerprint, those that hit most users first.

    What made-up rows show comes last, and only where no sample shows it.
    """
    seen: dict[object, list[tuple[Outcome, Observation]]] = {}
    made: dict[object, Observation] = {}
    for outcome in outcomes:
        if outcome.scenario is Scenario.STEP_BY_STEP:
            continue
        for observation in outcome.observations:
            if observation.made:
                made.setdefault(observation.fingerprint, observation)
            else:
                seen.setdefault(observation.fingerprint, []).append((outcome, observation))
    failures = [_failure(samples, hits) for hits in seen.values()]
    nobody = blast(samples, set())
    return (
        *sorted(failures, key=lambda f: (not f.launch, -f.blast.share)),
        *(
            Failure(o, (), nobody, o.kind in LAUNCH, o.affected, o.total)
            for key, o in made.items()
            if key not in seen
        ),
    )


def _failure(samples: Sequence[Sample], hits: list[tuple[Outcome, Observation]]) -> Failure:
    paths = tuple(dict.fromkeys(outcome.sample for outcome, _ in hits))
    first = hits[0][1]
    return Failure(
        first,
        paths,
        blast(samples, set(paths)),
        first.kind in LAUNCH,
        sum(o.affected for _, o in hits),
        sum(o.total for _, o in hits),
    )
