"""Explore around the rows of an old database, and keep the smallest changes that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from migsafe.model.variation import Ground, Variation
from migsafe.sampling.changes import Edit, places, variation

Failed = tuple[str, str, int, str, str]
Failures = Callable[[Variation], frozenset[Failed] | None]


@dataclass(frozen=True, slots=True)
class Exploration:
    """Explores around a sample with at most so many `examples`; a plain value that pickles."""

    examples: int

    def explore(
        self, ground: Ground, examples: int, known: frozenset[Failed], failures: Failures
    ) -> Iterator[Variation]:
        """The smallest changes found, each for a class of failure that is not `known`.

        The budget counts what is replayed, also to make a failing change smaller. Errors of
        `failures` end the exploration and are raised.
        """
        found = places(ground)
        if not found or examples < 1:
            return
        # Hypothesis takes 0.1 s to import, which most commands do not need.
        from migsafe.sampling.chosen import run  # noqa: PLC0415

        search = _Search(ground, failures, examples)
        run(ground, found, examples, search.attempt)
        if search.error is not None:
            raise search.error
        told = (edits for failed, edits in search.smallest.items() if failed not in known)
        yield from dict.fromkeys(variation(ground, edits) for edits in told)


@dataclass(slots=True)
class _Search:
    """Tries many edits at once, and finds for each failure the few that it takes.

    Edits that are known to fail are left out from then on, as they would hide all others.
    """

    ground: Ground
    failures: Failures
    left: int
    smallest: dict[Failed, tuple[Edit, ...]] = field(default_factory=dict)
    guilty: set[Edit] = field(default_factory=set)
    tried: set[tuple[Edit, ...]] = field(default_factory=set)
    error: Exception | None = None

    def attempt(self, edits: tuple[Edit, ...]) -> bool:
        """Try the edits; False where that is idle: refused by the old schema, or tried before."""
        edits = tuple(e for e in dict.fromkeys(edits) if e not in self.guilty)
        if self.error is not None or self.left < 1:
            return True
        if not edits or edits in self.tried:
            return False
        self.tried.add(edits)
        try:
            shown = self._shown(edits)
            for failed in sorted(shown or ()):
                fewest = self._fewest(edits, failed)
                self.guilty.add(fewest[-1])
                if len(fewest) < len(self.smallest.get(failed, (*fewest, fewest[-1]))):
                    self.smallest[failed] = fewest
        except Exception as error:
            self.error = error  # Hypothesis would take it for the failure that it looks for
            return True
        return shown is not None

    def _shown(self, edits: tuple[Edit, ...]) -> frozenset[Failed] | None:
        if self.left < 1:
            return frozenset()
        shown = self.failures(variation(self.ground, edits))
        self.left -= shown is not None
        return shown

    def _fewest(self, edits: tuple[Edit, ...], failed: Failed) -> tuple[Edit, ...]:
        """The edits without which the failure is not there: halves, quarters, ... are left out."""
        size = len(edits) // 2
        while size:
            at = 0
            while at < len(edits) > 1:
                fewer = (*edits[:at], *edits[at + size :])
                if fewer and failed in (self._shown(fewer) or ()):
                    edits = fewer
                else:
                    at += size
            size //= 2
        return edits
