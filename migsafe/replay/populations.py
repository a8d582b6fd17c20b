"""What a broken migration leaves of a database: stopped, killed on the way, harmed, unharmed.

The migration runs as it shipped, by its own plan. What it leaves is what a hotfix meets on the
devices that have updated already.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec, TypeVar

from migsafe.errors import ReplayAborted
from migsafe.model.fix_for import Kind
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Place, Verdict
from migsafe.model.sample import Sample
from migsafe.replay import checks, frozen, own_code, unproven
from migsafe.replay.case import replay
from migsafe.replay.interrupted import (
    Point,
    image,
    left_after,
    one_launch,
    short,
    thinned,
)
from migsafe.replay.plan import Plan
from migsafe.replay.run import Raised

_KILLS = 40
"""At most this many kills of one old database: more are spread evenly."""

HARM = {
    "rows-lost": "rows are lost",
    "links-lost": "links are lost",
    "became-null": "values became NULL",
    "renumbered": "rows have other numbers",
    "values-cut": "values are cut",
    "values-changed": "values are changed",
    "undecodable": "text cannot be read any more",
    "misfit": "values do not fit their column",
    "foreign-keys": "rows point nowhere",
    "integrity": "the database is damaged",
    "launch-query": "a launch query fails",
    "second-launch": "the second start fails",
    "invariant": "an invariant does not hold",
    "old-query": "a query of the old version fails",
    "sequence-behind": "a sequence is behind its rows",
    **dict.fromkeys(own_code.KINDS, "the project's own launch code fails"),
}
"""The kinds of observation that are harm to a database that came through, in words."""
_UNTOLD = checks.LOSSES - HARM.keys()
assert not _UNTOLD, _UNTOLD


@dataclass(frozen=True, slots=True)
class Remains:
    """A database as the broken migration left it.

    `left` is what of the broken migrations it has still to run, None where the database says that
    itself (a version table that the runner writes); `begun` is the migration that it stopped in.
    """

    data: bytes
    left: tuple[Migration, ...] | None
    kind: Kind
    state: str
    how: str
    begun: str = ""
    harm: tuple[Observation, ...] = ()


def left_behind(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> tuple[Remains, ...]:
    """What the pending migrations leave of the old database: its end, and the states on the way.

    These are those of every commit, which is all that a killed process can leave. Raises
    ReplayAborted where the replay cannot tell.
    """
    return apart(_left_behind, plan, sample, pending)


def _left_behind(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> tuple[Remains, ...]:
    frozen.begin()
    end, points = one_launch(plan, sample.data, pending)
    programs = plan.runner is not None
    if end.raised is not None:
        unproven.require_blame(plan, sample, pending, end.raised)
        last = stopped(end.data, end.raised, pending, programs=programs)
    else:
        last = ended(end.data, harm_of(plan, sample), programs=programs)
    if last.left is not None:
        last = replace(last, left=left_after(plan, end.data, last.left, pending))
    return (last, *_killed(plan, sample, pending, points, last))


def stopped(
    data: bytes, raised: Raised, pending: tuple[Migration, ...], *, programs: bool
) -> Remains:
    """Where the migrations stopped; a runner of `programs` notes the version itself."""
    at = next((i for i, m in enumerate(pending) if m.path == raised.place.path), 0)
    how = f"stopped at {_shown(raised.place)}"
    left = None if programs else pending[at:]
    return Remains(data, left, Kind.BROKEN, "stopped", how, pending[at].revision)


def ended(data: bytes, harm: tuple[Observation, ...], *, programs: bool) -> Remains:
    """A database that came through, harmed or not."""
    left = None if programs else ()
    if not harm:
        return Remains(data, left, Kind.UNHARMED, "unharmed", "came through")
    told = ", ".join(dict.fromkeys(map(_harm, harm)))
    return Remains(data, left, Kind.BROKEN, "harmed", f"harmed: {told}", harm=harm)


def _harm(seen: Observation) -> str:
    where = f" in {seen.table}" if seen.table else f" ({_shown(seen.place)})" if seen.place else ""
    return f"{HARM[seen.kind]}{where}"


def _shown(place: Place) -> str:
    return f"{place.path}:{place.line}" if place.path else "the start"


def harm_of(plan: Plan, sample: Sample) -> tuple[Observation, ...]:
    """What the migrations do to this database though they come through; () for nothing.

    A schema that differs from a fresh install's is no harm of this kind.
    """
    found: dict[object, Observation] = {}
    for outcome in replay(replace(plan, probes=(), deep=frozenset(), made=False), sample):
        if outcome.verdict is Verdict.TOOL_ERROR:
            raise ReplayAborted("; ".join(outcome.notes))
        for seen in outcome.observations:
            if seen.kind in HARM and not seen.deliberate:
                found.setdefault(seen.fingerprint, seen)
    return tuple(found.values())


def _killed(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    points: list[Point],
    last: Remains,
) -> Iterator[Remains]:
    """The states on the way, each once, but not the two ends of it.

    Where all was done and only the version was still to be noted, nothing is half done.
    """
    whole = image(last.data) if last.state != "stopped" else b""
    seen = {_state(sample.data, pending, plan), _state(last.data, last.left, plan)}
    spread = thinned(points)
    for point in spread[:: -(-len(spread) // _KILLS) or 1]:
        left = point.pending
        if left is not None:
            left = left_after(plan, point.data, left, pending)
        state = _state(point.data, left, plan)
        if state in seen or image(point.data) == whole:
            continue
        seen.add(state)
        begun = left[0].revision if left else ""
        yield Remains(point.data, left, Kind.BROKEN, "killed", _moment(point), begun)


def _state(data: bytes, left: tuple[Migration, ...] | None, plan: Plan) -> tuple[object, ...]:
    return image(data), None if left is None or plan.runner else len(left)


def _moment(point: Point) -> str:
    place = point.sent.place
    return f"killed after {_shown(place) if place.path else short(point.sent.sql)}"


# -- program code runs elsewhere -------------------------------------------------------------------

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def apart(
    function: Callable[Concatenate[Plan, _Given], _Result],
    plan: Plan,
    *given: _Given.args,
    **named: _Given.kwargs,
) -> _Result:
    """Call the function with the plan: in a process of its own where program code is to run.

    Raises ReplayAborted where that process dies.
    """
    if plan.runner is None:
        return function(plan, *given, **named)
    # spawn: a forked child would inherit open databases and the parent's threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(function, plan, *given, **named).result()
        except BrokenProcessPool as error:
            raise ReplayAborted("the process that ran the broken migration died") from error
