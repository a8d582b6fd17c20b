"""Hypothesis chooses the edits: from a fixed seed, and never the same ones twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from migsafe.model.variation import Ground
from migsafe.sampling.changes import Edit, Place, named
from migsafe.sampling.classes import Value

Item = TypeVar("Item")

_SEED = 0
_RUNS = (1, 2, 1, 3)
"""How many runs of edits are made at once."""

_LENGTHS = (8, 16, 1, 8, 4, 16, 2, 8)
"""How many edits a run has: long ones try much in one replay, short ones get in nobody's way."""


def run(
    ground: Ground,
    found: tuple[Place, ...],
    examples: int,
    attempt: Callable[[tuple[Edit, ...]], bool],
) -> None:
    """Call `attempt` with edits until it has said so many times True: that the try was worth it.

    Ends early where nothing is left to try, or nearly everything is refused.
    """

    @seed(_SEED)
    @settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @given(_changes(found, named(ground, found)))
    def example(edits: tuple[Edit, ...]) -> None:
        if not attempt(edits):
            reject()

    try:
        example()
    except Unsatisfiable:
        return  # the old schema refuses every change


def _pick(draw: st.DrawFn, items: Sequence[Item]) -> Item:
    """One of the items, by halving: the choice depends on nothing but the seed.

    Hypothesis mixes the constants of whatever modules the process has loaded into the integers
    that it draws, so that they differ from process to process.
    """
    low, high = 0, len(items)
    while high - low > 1:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if draw(st.booleans()) else (low, middle)
    return items[low]


@st.composite
def _changes(
    draw: st.DrawFn, everywhere: tuple[Place, ...], first: tuple[Place, ...]
) -> tuple[Edit, ...]:
    """Runs of edits, each in one place, most of them in what statements name."""
    count = _pick(draw, _RUNS)
    edits: list[Edit] = []
    for _ in range(count):
        less_likely = not first or (draw(st.booleans()) and draw(st.booleans()))
        place = _pick(draw, everywhere if less_likely else first)
        edits += _pick(draw, _HOW)(draw, place)
    return tuple(edits)


def _added(draw: st.DrawFn, place: Place) -> list[Edit]:
    at = _pick(draw, place.positions)
    return [place.added(value, at) for value in _values(draw, place, len(place.values))]


def _changed(draw: st.DrawFn, place: Place) -> list[Edit]:
    """Each edit has a row of its own, or it would be undone by the next."""
    found = _values(draw, place, len(place.positions))
    return [place.changed(v, at) for v, at in zip(found, place.positions, strict=False)]


def _values(draw: st.DrawFn, place: Place, most: int) -> list[Value]:
    """Values that follow each other, so that few replays see all of them."""
    start = _pick(draw, range(len(place.values)))
    turned = (*place.values[start:], *place.values[:start])
    return list(turned[: min(most, _pick(draw, _LENGTHS))])


def _everywhere(draw: st.DrawFn, place: Place) -> list[Edit]:
    return [place.everywhere(_pick(draw, place.values))]


def _twin(draw: st.DrawFn, place: Place) -> list[Edit]:
    return [place.twin(_pick(draw, place.positions))]


def _gone(draw: st.DrawFn, place: Place) -> list[Edit]:
    return [place.gone(_pick(draw, place.positions))]


_HOW: tuple[Callable[[st.DrawFn, Place], list[Edit]], ...] = (
    _added, _changed, _added, _added, _added, _changed, _everywhere, _added,
    _added, _changed, _added, _added, _added, _changed, _twin, _gone,
)  # fmt: skip
"""What is done in a place; rows are added most often."""
