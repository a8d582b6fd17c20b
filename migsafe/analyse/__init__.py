"""Analyse a history without running it: read, fold, rehearse."""

from migsafe.analyse.reading import read
from migsafe.analyse.steps import Reached, Runner, analyse, continued, follow, wrapped

__all__ = ["Reached", "Runner", "analyse", "continued", "follow", "read", "wrapped"]
