"""What a replay is asked to do and what it saw; plain data that crosses process borders."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migsafe.model.rule import When

LATE = "(when the transaction ends)"
"""Ends the message of an error that no statement gave, but the COMMIT after them."""


class Scenario(StrEnum):
    """The ways in which a sample is led to the newest version."""

    STRAIGHT = "straight"
    STEP_BY_STEP = "step-by-step"
    SECOND_LAUNCH = "second-launch"
    INTERRUPTED = "interrupted"
    GROWTH = "growth"
    STORAGE = "storage-full"
    OTHER_START = "other-start"
    MADE = "made"
    OLD_ENGINE = "old-engine"
    TRAFFIC = "live-traffic"
    DOWNGRADE = "downgrade"


class Verdict(StrEnum):
    """What became of one case, worst first; never a silent ok."""

    TOOL_ERROR = "tool-error"
    RAISED = "raised"
    TOO_SLOW = "too-slow"
    BRICKED = "bricked-on-relaunch"
    LAUNCH_FAILED = "launch-failed"
    DATA_LOST = "data-lost"
    DRIFTED = "drifted"
    GROWS = "grows-too-fast"
    BLOCKS = "blocks-traffic"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a migration or of a launch file (1-based); line 0: the whole file."""

    path: str
    line: int = 0
    column: int = 1


@dataclass(frozen=True, slots=True)
class Probe:
    """A data rule's question for one candidate, already filled in.

    `place` is the statement it belongs to; `columns` names the values of `row`, which describe
    the candidate (a row of the rule's `for_each`). `certain`: where it finds rows, the statement
    fails, so that it need not be asked of a run that came through.
    """

    rule: str
    candidate: int
    when: When
    sql: str
    place: Place
    certain: bool = False


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The answer: how many rows came back (at most a limit), or why it could not be asked.

    `first` is the first row, for message templates; its values are kept only where the column
    is a count or the user asked for values.
    """

    rule: str
    candidate: int
    rows: int
    first: tuple[tuple[str, str | int | float | None], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that the checks of a replay saw.

    `kind` is the check's name (see the facts table `observation`); `place` the guilty statement
    or launch query, None where nothing can be named; `affected` of `total` counts rows; `detail`
    is readable text without values; `error` the engine's message without values;
    `deliberate` marks a loss that a statement asked for in so many words; `made` says in words
    which made-up row shows it ("" where a sampled database does); `culprit` is the statement that
    broke an invariant, where that is known.
    """

    kind: str
    place: Place | None = None
    table: str = ""
    column: str = ""
    name: str = ""
    affected: int = 0
    total: int = 0
    detail: str = ""
    error: str = ""
    deliberate: bool = False
    made: str = ""
    culprit: Place | None = None

    @property
    def fingerprint(self) -> tuple[str, str, int, str, str, str, str]:
        """What makes two observations on different samples the same failure."""
        place = self.place or Place("")
        key = self.error or self.detail if self.kind == "drifted" else self.error
        return (self.kind, place.path, place.line, self.table, self.column, self.name, key)


@dataclass(frozen=True, slots=True)
class Ran:
    """A statement as it was really run, where only the runner knows it (Alembic)."""

    sql: str
    place: Place


@dataclass(frozen=True, slots=True)
class Effected:
    """What one statement did to a table that was there before the migration, seen on a server.

    `lock` is the strongest that it took anew, in SQL's spelling; `rewrote`: the table has another
    file; `read` and `written` are rows.
    """

    place: Place
    table: str
    lock: str
    rewrote: bool = False
    read: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything one case gave: its verdict, its observations, the answers to its probes."""

    sample: str
    revision: str | None
    scenario: Scenario
    verdict: Verdict
    weight: float = 1.0
    observations: tuple[Observation, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    ran: tuple[Ran, ...] = ()
    notes: tuple[str, ...] = ()  # why the case itself could not be judged, in a sentence each
    unseen: tuple[tuple[str, str], ...] = ()  # what a judged case did not look at, and why
    looks: int = 0  # the work of its statements, in the unit of engines.sqlite_guard
    tried: int = 1  # how many replays it stands for
    complete: bool = True  # False: a budget ended it early
    effected: tuple[Effected, ...] = ()
    rows: tuple[tuple[str, int], ...] = ()  # of the tables of a server, before the migration


@dataclass(frozen=True, slots=True)
class Blast:
    """How many of the sampled databases one failure hits.

    `low` and `high` bound the share of users (0 to 1) with 95 % confidence (Wilson score, per
    origin version, combined by weight); `versions` are (revision or "base", failing, sampled).
    `samples` are the paths of those that it hits.
    """

    failing: int
    sampled: int
    share: float
    low: float
    high: float
    versions: tuple[tuple[str, int, int], ...] = ()
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """The same observation on one or more samples: one row of the facts table `failure`."""

    observation: Observation
    samples: tuple[str, ...]
    blast: Blast
    launch: bool  # would the app not start?
    affected: int = 0  # over all samples
    total: int = 0
