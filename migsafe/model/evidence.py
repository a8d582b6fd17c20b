"""Evidence: everything that is known about one run; rules read it through the facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migsafe.model.migration import Feature, History, Statement
from migsafe.model.outcome import Failure, Outcome
from migsafe.model.rule import Needs
from migsafe.model.sample import Sample
from migsafe.model.schema import Change, Schema


@dataclass(frozen=True, slots=True)
class Effect:
    """What one operation does to one table of a server while others use it.

    `operation` counts the statement's operations from 0. `lock` is the server's name of the
    strongest lock (ACCESS EXCLUSIVE, SHARE ROW EXCLUSIVE, ...; MySQL: EXCLUSIVE, SHARED, NONE), ""
    where none is taken. `rewrites` (the table is written anew), `scans` (all rows are read) and
    `rebuilds_index` are None where that is not known. `algorithm` is MySQL's cheapest: instant,
    nocopy, inplace, copy. `why` says in a few words what decides it, `source` where it is written.
    """

    operation: int
    table: str
    lock: str
    blocks_reads: bool = False
    blocks_writes: bool = False
    rewrites: bool | None = False
    scans: bool | None = False
    rebuilds_index: bool | None = False
    algorithm: str = ""
    why: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement in the run's order, with the schema before and after it.

    `id` counts from 1 over the whole history. `error` is what an empty in-memory database
    answered to the statement in a rehearsal ("" where it ran, or was not rehearsed).
    `transaction` numbers the transaction it runs in, None outside of one; `lock_timeout` and
    `statement_timeout` are milliseconds in force (0: switched off, None: never set).
    """

    id: int
    revision: str
    position: int
    statement: Statement
    before: Schema
    after: Schema
    changes: tuple[Change, ...] = ()
    features: tuple[Feature, ...] = ()
    error: str = ""
    effects: tuple[Effect, ...] = ()
    transaction: int | None = None
    lock_timeout: int | None = None
    statement_timeout: int | None = None


@dataclass(frozen=True, slots=True)
class Downgrade:
    """The way back of one migration: its statements, and what it does not put right.

    `left` is how the schema before the migration differs from the schema after it went up and down
    again; () where a statement of either could not be read, or the schema is not wholly known.
    """

    revision: str
    statements: tuple[Statement, ...]
    left: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class NotRun:
    """A check that did not run, and why: a result, never passed over in silence.

    `failed`: it was asked for and could not be done, so that nothing is safe (exit code 4).
    """

    what: str
    why: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What analyse and replay found out. `needs` says how far the evidence reaches.

    `focus` are the revisions that findings are reported on; `settings` are the project's
    settings as text (see the facts table `project`). `downgrades` are those of the revisions in
    focus.
    """

    history: History
    steps: tuple[Step, ...]
    focus: frozenset[str]
    settings: Mapping[str, str] = field(default_factory=dict)
    needs: Needs = Needs.SCHEMA
    samples: tuple[Sample, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    failures: tuple[Failure, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    downgrades: tuple[Downgrade, ...] = ()
