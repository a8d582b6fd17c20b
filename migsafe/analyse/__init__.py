"""Analyse a history without running it: read, fold, rehearse."""

from migsafe.analyse.reading import read
from migsafe.analyse.steps import Runner, analyse, wrapped

__all__ = ["Runner", "analyse", "read", "wrapped"]
