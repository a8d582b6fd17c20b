"""The report of one run, before it is written down in some format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding
from migsafe.model.outcome import Failure
from migsafe.model.rule import Severity


class Conclusion(StrEnum):
    """The verdict over the whole run."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Unnoticed:
    """A mutant that no sample and no probe noticed: the line of the change, and what it was."""

    path: str
    line: int
    what: str


@dataclass(frozen=True, slots=True)
class MutationScore:
    """How many mutants of the pending migrations were tried, and which ones went unnoticed."""

    tried: int
    unnoticed: tuple[Unnoticed, ...] = ()

    @property
    def noticed(self) -> int:
        """How many of them some sample or probe told from the original."""
        return self.tried - len(self.unnoticed)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What `lint --fix` made of a finding: `what` it wrote, or why it did not (`done` False).

    `line` counts in the file as it was before.
    """

    rule: str
    path: str
    line: int
    what: str
    done: bool


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What was replayed: the number of cases, and the failures grouped by fingerprint.

    `mutants` is None where no mutation score was asked for, or none could be had.
    """

    cases: int
    failed: int
    samples: int
    revisions: int
    seconds: float
    groups: tuple[Failure, ...] = ()
    mutants: MutationScore | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a reader may want to know about one `lint` or `check`."""

    command: str
    conclusion: Conclusion
    findings: tuple[Finding, ...]
    not_run: tuple[NotRun, ...]
    fail_on: Severity
    migrations: int
    statements: int
    framework: str
    dialect: str
    replay: ReplaySummary | None = None
    seconds: float = 0.0
    rewrites: tuple[Rewrite, ...] | None = None  # None: nothing was to be rewritten
