"""Rules: what they are called, what they need to know, and what they ask."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from migsafe.model.migration import Dialect


class Severity(IntEnum):
    """What happens, from a remark to a launch that fails; ordered, so that it can be compared."""

    NOTE = 0
    WARNING = 1
    ERROR = 2
    BLOCKER = 3

    @classmethod
    def parse(cls, text: str) -> Severity:
        """The severity of that lower-case name. Raises KeyError for any other text."""
        return cls[text.upper()]

    def __str__(self) -> str:
        return self.name.lower()


class Needs(IntEnum):
    """How much must be known before a rule can judge; each step includes those below it."""

    STATEMENTS = 0
    SCHEMA = 1
    DATA = 2
    OUTCOMES = 3

    @classmethod
    def parse(cls, text: str) -> Needs:
        """The step of that lower-case name. Raises KeyError for any other text."""
        return cls[text.upper()]

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(StrEnum):
    """How sure a rule is of what it says."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class When(StrEnum):
    """When a data rule's question is asked: on the old data, just before the statement, after."""

    BEFORE = "before"
    STATEMENT = "statement"
    AFTER = "after"


class Fix(StrEnum):
    """The rewrites that `lint --fix` knows; a rule names the one that removes its findings."""

    CONCURRENTLY = "concurrently"
    VALIDATE_LATER = "validate-later"
    PROVE_NOT_NULL = "prove-not-null"
    STATE_ALGORITHM = "state-algorithm"
    LOCK_TIMEOUT = "lock-timeout"
    SINGLE_QUOTES = "single-quotes"
    NAME_COLUMNS = "name-columns"


@dataclass(frozen=True, slots=True)
class Why:
    """One question and answer of an incident's five whys.

    `follows` is the number (from 1) of the answer that it asks about; 0: the one before it.
    """

    question: str
    answer: str
    evidence: str = ""
    follows: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """The incident that taught a rule, in short; every field may be empty but the summary."""

    summary: str
    date: str = ""
    versions: str = ""
    affected: str = ""
    links: tuple[str, ...] = ()
    why: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as its `rule.toml` says.

    `find` is a SELECT over the facts (for `needs` other than data) or over the replayed database
    (`needs = "data"`), with `{name}` replaced by a column of `for_each`, quoted as an identifier
    (`{raw_name}`: inserted as it is). `check` names a Python function instead. `undecided` is the
    severity of a data rule where no sample could decide; None: then it says nothing (a row's column
    `undecided` may name another severity, or be 0: none for this row). `certain`:
    rows that it finds make the statement fail, so that it is asked of failing replays only.
    """

    id: str
    title: str
    severity: Severity
    category: str
    message: str
    remedy: str
    needs: Needs
    confidence: Confidence = Confidence.HIGH
    dialects: tuple[Dialect, ...] = tuple(Dialect)
    find: str = ""
    check: str = ""
    for_each: str = ""
    when: When = When.STATEMENT
    undecided: Severity | None = None
    undecided_message: str = ""
    certain: bool = False
    explains: tuple[str, ...] = ()  # pieces of engine messages that this hazard explains
    remedies: tuple[tuple[str, str], ...] = ()
    incident: Origin | None = None
    path: str = ""
    off: bool = False  # a matter of taste: it speaks only where a project enables it
    fix: Fix | None = None  # what `lint --fix` makes of its findings
    version: int = 1
    extends: tuple[str, ...] = ()  # the rule.toml files that this one overrides, the first first
    asks: str = ""  # the rule.toml that its question stands in, where that is not its own
    settled: bool = False  # its severity is the project's: no row may name another
    note: str = ""  # what the project's settings say of it, for the report
    pattern: str = ""  # the statement pattern that `find` was made of, "" for none
    unless: tuple[str, ...] = ()  # patterns of statements that are safe
    where: str = ""  # what the pattern asks besides, as SQL
