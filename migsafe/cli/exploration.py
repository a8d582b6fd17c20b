"""[samples] explore: whether old data is explored beyond what can be listed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from migsafe.config import Samples
from migsafe.model.evidence import NotRun
from migsafe.replay.plan import Explorer
from migsafe.sampling import Exploration


def explorer(samples: Samples) -> Explorer | None:
    """What explores around the samples; None where it is switched off or Hypothesis is missing."""
    return Exploration(samples.explore) if samples.explore and _installed() else None


def missing(samples: Samples) -> Iterator[NotRun]:
    """That the exploration is wanted and cannot be."""
    if samples.explore and not _installed():
        yield NotRun(
            "exploration of old data",
            "Hypothesis is not installed: pip install 'migsafe[explore]' ([samples] explore = 0"
            " does without)",
        )


def _installed() -> bool:
    return find_spec("hypothesis") is not None
