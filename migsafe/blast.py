"""How far a failure reaches: the share of users, with an interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from math import sqrt

from migsafe.model.outcome import Blast
from migsafe.model.sample import BASE, Sample

_Z = 1.959964  # two-sided 95 %


def wilson(failing: float, sampled: float) -> tuple[float, float]:
    """The Wilson score interval of a share (95 %); (0, 1) where nothing was sampled."""
    if sampled <= 0:
        return 0.0, 1.0
    share, square = failing / sampled, _Z * _Z
    centre = (share + square / (2 * sampled)) / (1 + square / sampled)
    spread = share * (1 - share) / sampled + square / (4 * sampled * sampled)
    margin = _Z * sqrt(spread) / (1 + square / sampled)
    return max(0.0, centre - margin), min(1.0, centre + margin)


def blast(samples: Iterable[Sample], failing: Collection[str]) -> Blast:
    """The blast radius of a failure that hits the samples with these paths.

    Stratified by origin version: each version's share is weighted by the number of devices that
    its samples stand for; the interval's width adds up over the versions as independent errors.
    """
    strata: dict[str, list[Sample]] = {}
    for sample in samples:
        strata.setdefault(sample.revision or BASE, []).append(sample)
    weights = Counter({version: sum(s.weight for s in group) for version, group in strata.items()})
    total = sum(weights.values())
    count = sum(map(len, strata.values()))
    share = below = above = 0.0
    versions: list[tuple[str, int, int]] = []
    for version, group in strata.items():
        hit = [s for s in group if s.path in failing]
        # Where nobody counted devices, every sample stands for as many.
        part = weights[version] / total if total else len(group) / count
        rate = _rate(hit, group)
        low, high = wilson(rate * len(group), len(group))
        share += part * rate
        below += (part * (rate - low)) ** 2
        above += (part * (high - rate)) ** 2
        versions.append((version, len(hit), len(group)))
    return Blast(
        failing=sum(v[1] for v in versions),
        sampled=sum(v[2] for v in versions),
        share=share,
        low=max(0.0, share - sqrt(below)),
        high=min(1.0, share + sqrt(above)),
        versions=tuple(versions),
        samples=tuple(s.path for group in strata.values() for s in group if s.path in failing),
    )


def _rate(hit: list[Sample], group: list[Sample]) -> float:
    weight = sum(s.weight for s in group)
    return sum(s.weight for s in hit) / weight if weight else len(hit) / len(group)
