"""Old data that nobody has: Hypothesis explores what an old schema allows around sampled rows."""

from migsafe.sampling.exploration import Exploration

__all__ = ["Exploration"]
