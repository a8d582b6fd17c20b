"""Time two things in turn, so that a busy machine slows both, and compare their medians."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds per run of the floor and of the subject: minimum, median, maximum."""

    name: str
    goal: str
    floor_name: str
    floor: tuple[float, float, float]
    subject: tuple[float, float, float]
    rate: bool = False  # show the floor's time over the subject's, rather than the reverse

    @property
    def ratio(self) -> float:
        """The medians' ratio: how many times the floor; for a rate: what share of it."""
        floor, subject = self.floor[1], self.subject[1]
        return floor / subject if self.rate else subject / floor

    def line(self) -> str:
        """One line for people."""
        unit = "x the rate" if self.rate else "x"
        return (
            f"{self.name}\n"
            f"  floor    {_figures(self.floor)}  ({self.floor_name})\n"
            f"  migsafe  {_figures(self.subject)}\n"
            f"  ratio    {self.ratio:.2f}{unit}  (goal: {self.goal})"
        )


def _figures(seconds: tuple[float, float, float]) -> str:
    low, middle, high = (1000 * s for s in seconds)
    return f"{middle:9.1f} ms  ({low:.1f} to {high:.1f})"


def compare(
    name: str,
    goal: str,
    floor: tuple[str, Run],
    subject: Run,
    *,
    rounds: int = 9,
    rate: bool = False,
    warm: bool = True,
    prepare: Run | None = None,
) -> Comparison:
    """Run floor and subject in turn, `rounds` times each, after one run that does not count.

    `warm` False: without that run, for what takes long and keeps nothing. `prepare` comes before
    every run and is not timed.
    """
    floors: list[float] = []
    subjects: list[float] = []
    for _ in range(rounds + warm):
        for run, seconds in ((floor[1], floors), (subject, subjects)):
            if prepare:
                prepare()
            seconds.append(_seconds(run))
    floors, subjects = floors[warm:], subjects[warm:]
    return Comparison(name, goal, floor[0], _spread(floors), _spread(subjects), rate)


def _seconds(run: Run) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), median(values), max(values)
