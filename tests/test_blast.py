"""The blast radius against figures from the literature and by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest

from migsafe.blast import blast, wilson
from migsafe.model.sample import Sample


def sample(path: str, revision: str | None = "1", weight: float = 1.0) -> Sample:
    return Sample(path, revision, b"", "", weight)


@pytest.mark.parametrize(
    ("failing", "sampled", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17), table I, method 3: Wilson's score interval.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0000),
    ],
)
def test_wilson_agrees_with_the_literature(failing, sampled, low, high):
    assert list(wilson(failing, sampled)) == pytest.approx([low, high], abs=1e-4)


def test_nothing_sampled_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    none = blast([], set())
    assert (none.failing, none.sampled, none.share, none.versions) == (0, 0, 0.0, ())


def test_the_interval_holds_the_share_and_narrows_with_more_samples():
    widths = []
    for n in (1, 10, 100, 1000):
        samples = [sample(f"{i}", weight=i % 3 + 1) for i in range(n)]
        seen = blast(samples, {s.path for s in samples[: n // 2 + 1]})
        assert 0.0 <= seen.low <= seen.share <= seen.high <= 1.0
        widths.append(seen.high - seen.low)
    assert all(a > b for a, b in pairwise(widths))


def test_versions_weigh_by_their_devices():
    old = [sample(f"old{i}", None, 1) for i in range(4)]
    new = [sample(f"new{i}", "2", 3) for i in range(4)]
    seen = blast([*old, *new], {"old0", "old1", "new0"})
    assert seen.share == pytest.approx(4 / 16 * 2 / 4 + 12 / 16 * 1 / 4)
    assert seen.versions == (("base", 2, 4), ("2", 1, 4))
    assert (seen.failing, seen.sampled) == (3, 8)


def test_weights_count_within_a_version_too():
    seen = blast([sample("many", weight=9), sample("few", weight=1)], {"many"})
    assert seen.share == pytest.approx(0.9)


def test_samples_without_weight_count_by_number():
    seen = blast([sample("a", weight=0), sample("b", weight=0)], {"a"})
    assert seen.versions == (("1", 1, 2),)
    assert seen.share == pytest.approx(0.5)


def test_a_failure_of_no_sample_has_an_upper_bound():
    seen = blast([sample(f"{i}") for i in range(100)], set())
    assert (seen.share, seen.low) == (0.0, 0.0)
    assert 1 / seen.high == pytest.approx(27, abs=1)
