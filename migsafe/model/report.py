"""The report of one run, before it is written down in some format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding
from migsafe.model.fix_for import FixFor
from migsafe.model.outcome import Failure, Outcome
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
class Note:
    """Something to see to, that is no finding: a suppression that ends soon, say.

    `everywhere`: of several sets of migrations, all have to say so.
    """

    what: str
    why: str
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Database:
    """A sampled database that was replayed: its file, its version, the migrations it had to come.

    `pending` are their paths, in the order in which they run.
    """

    path: str
    version: str
    pending: tuple[str, ...]


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
    databases: tuple[Database, ...] = ()


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` `of` a check, and what its replays saw, for `merge`.

    `made`: with made-up rows; `state` is a digest of what all parts go by; `not_run` is what the
    replays themselves could not do.
    """

    number: int
    of: int
    made: bool
    state: str
    outcomes: tuple[Outcome, ...]
    not_run: tuple[NotRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a reader may want to know about one `lint` or `check`.

    `judged` are the paths of the migrations that findings are reported on; `where` is the
    project's folder inside its repository, "" for the repository's root. `max_blast` is the share
    of users (0 to 1) up to which a failure that was replayed does not fail; None: any fails.
    """

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
    notes: tuple[Note, ...] = ()
    fix_for: FixFor | None = None  # None: the migrations are no hotfix
    gone: tuple[tuple[str, int], ...] = ()  # baseline: an entry's key, how many of it are mended
    judged: tuple[str, ...] = ()
    where: str = ""
    max_blast: float | None = None
    shard: Shard | None = None  # None: all samples were replayed

    def fails(self, finding: Finding) -> bool:
        """Does this finding make the run unsafe?"""
        if not finding.open:
            return False
        if self.max_blast is not None and finding.blast is not None:
            heard = finding.launch or finding.severity >= self.fail_on
            return heard and finding.blast.high > self.max_blast
        return finding.severity >= self.fail_on
