"""All samples of a server: in this process, or in a worker where code of the project runs."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress

from migsafe.model.outcome import Observation, Outcome, Place, Scenario, Verdict
from migsafe.model.sample import Sample
from migsafe.replay.servers.case import replay
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import server_of

Progress = Callable[[int, int], None]


def run(
    plan: ServerPlan, samples: Sequence[Sample], progress: Progress | None = None
) -> tuple[Outcome, ...]:
    """Replay every sample; the outcomes come in the samples' order.

    Program code always runs in a worker process; one that dies is an outcome of its sample.
    """
    found: list[Outcome] = []
    for done, sample in enumerate(samples, 1):
        found += replay(plan, sample) if plan.runner is None else _apart(plan, sample)
        if progress:
            progress(done, len(samples))
    return tuple(found)


def _apart(plan: ServerPlan, sample: Sample) -> tuple[Outcome, ...]:
    context = multiprocessing.get_context("spawn")  # a fork would inherit open connections
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_there, plan, sample).result()
        except BrokenProcessPool:
            return (_died(plan, sample),)


def _there(plan: ServerPlan, sample: Sample) -> tuple[Outcome, ...]:
    try:
        return replay(plan, sample)
    finally:
        with suppress(Exception), closing(server_of(plan)):
            pass


def _died(plan: ServerPlan, sample: Sample) -> Outcome:
    first = plan.base.history.pending(sample.revision)[0]
    seen = Observation(
        "raised", Place(first.path, 1), error="the process that ran the migration died"
    )
    return Outcome(
        sample.path, sample.revision, Scenario.STRAIGHT, Verdict.RAISED, sample.weight, (seen,)
    )
