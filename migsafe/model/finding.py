"""Findings: what a rule says about a place, with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migsafe.model.outcome import Blast
from migsafe.model.rule import Confidence, Severity


class Stage(StrEnum):
    """Which stage's evidence a finding rests on."""

    ANALYSE = "analyse"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An allow comment: `-- migsafe: allow <id> until=YYYY-MM-DD reason="..."`.

    `lines` are the first and last line it speaks for; `until` is the last day it holds, "" for
    no end. One of the configuration has its file as `path`, and the line 0.
    """

    rule: str
    path: str
    line: int
    lines: tuple[int, int]
    reason: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class Smallest:
    """The smallest database that shows a finding: its rows in all tables, and its file."""

    rows: int
    path: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of a rule. It cannot lack a place: `path` and `line` (1-based) are required.

    `evidence` are named values about the violation, never values of users' rows; `fingerprint`
    stays the same while lines move; `source` is the first line of the guilty statement;
    `smallest` is there only where the user asked for it to be kept. `released` is the first
    version that had the migration, where that is history already; `baselined` the day on which it
    was put into the baseline. `launch`: a replay has shown that the app does not start.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    message: str
    path: str
    line: int
    column: int
    stage: Stage
    fingerprint: str
    title: str = ""
    remedy: str = ""
    revision: str = ""
    source: str = ""
    detail: tuple[str, ...] = ()
    evidence: tuple[tuple[str, str | int | float | None], ...] = ()
    blast: Blast | None = None
    suppressed: Suppression | None = None
    smallest: Smallest | None = None
    released: str = ""
    baselined: str = ""
    launch: bool = False

    @property
    def open(self) -> bool:
        """Does it count: is it neither allowed, nor history, nor in the baseline?"""
        return not (self.suppressed or self.released or self.baselined)
