"""What a replay is to do: the same plan for every sample, as plain data for worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from migsafe.model.migration import History
from migsafe.model.outcome import Place, Probe
from migsafe.model.schema import Schema
from migsafe.model.variation import Ground, Variation


class ProgramRunner(Protocol):
    """Runs migrations that are program code; satisfied by an adapter's runner."""

    @property
    def root(self) -> Path:
        """The project's folder, which the migrations' paths are relative to."""

    def upgrade(
        self,
        database: Path,
        target: str,
        foreign_keys: bool,
        before: Callable[[Any], None],
        after: Callable[[Any], None],
    ) -> None:
        """Upgrade the SQLite file to `target`, calling back around every statement sent."""


Failed = tuple[str, str, int, str, str]
"""A class of failure: what the check is called, its place, its name, the class of error."""


class Explorer(Protocol):
    """Makes up old data beyond what can be listed. It crosses process borders with the plan."""

    @property
    def examples(self) -> int:
        """How many changes it may try on one sample."""

    def explore(
        self,
        ground: Ground,
        examples: int,
        known: frozenset[Failed],
        failures: Callable[[Variation], frozenset[Failed] | None],
    ) -> Iterable[Variation]:
        """The smallest changes found for each failure not `known`, with so many examples.

        `failures` tries a change and says what fails, None where the old schema refuses it.
        """


@dataclass(frozen=True, slots=True)
class Query:
    """One statement of a launch file."""

    sql: str
    place: Place


@dataclass(frozen=True, slots=True)
class Command:
    """The project's own smoke test: `{db}` in `argv` becomes the path of a migrated copy.

    It runs in the folder `root`; `place` is the line of the configuration that names it.
    """

    argv: tuple[str, ...]
    root: Path
    place: Place


@dataclass(frozen=True, slots=True)
class Program:
    """Code of the project's own: `kind` is callable or models, `target` "package.module:name".

    It runs in the folder `root`; `place` is the line of the configuration that names it.
    """

    kind: str
    target: str
    root: Path
    place: Place


@dataclass(frozen=True, slots=True)
class Insert:
    """The plainest insert into a table, which a fresh install takes."""

    table: str
    sql: str


@dataclass(frozen=True, slots=True)
class OldEngine:
    """The oldest SQLite that users run ("": today's), and the extensions its build is `without`.

    `lacks` gives a function's name (folded) and why it is missing there; `parameters` is how many
    a statement may have.
    """

    oldest: str
    without: frozenset[str]
    lacks: Mapping[str, str]
    parameters: int


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What the new version does when it starts. `fresh` is the schema of a fresh install.

    `room`: Room exported it, and a migrated database is held to it as Room does.
    """

    fresh: Schema | None = None
    fresh_path: str = ""
    queries: tuple[Query, ...] = ()
    invariants: tuple[Query, ...] = ()
    foreign_keys: bool = False
    command: Command | None = None
    callable: Program | None = None
    models: Program | None = None
    inserts: tuple[Insert, ...] = ()
    room: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a worker needs besides the sample.

    `wrapped` says per revision whether the runner opens a transaction around it; `seconds` bounds
    one case, and so does `looks` where it is given, in units of work (`engines.sqlite_guard`);
    `deep` names the samples that the costly scenarios are for, `launched` others on which programs
    of the project are started all the same; `sets_version` tells that
    the migrations themselves raise PRAGMA user_version; `made`: are made-up rows tried as well, and
    those that the `explorer` makes?
    `stands_in` is the path of the empty sample that stands in where none are configured, else "".
    `engine` None: users run what runs here; `now` is what their clocks say, in UTC ("": the time).
    """

    history: History
    wrapped: Mapping[str, bool]
    foreign_keys: bool = False
    on_error: str = "stop"
    runner: ProgramRunner | None = None
    launch: LaunchPlan = field(default_factory=LaunchPlan)
    probes: tuple[Probe, ...] = ()
    seconds: float = 60.0
    looks: int | None = None
    sets_version: bool = False
    deep: frozenset[str] = frozenset()
    launched: frozenset[str] = frozenset()
    made: bool = True
    explorer: Explorer | None = None
    stands_in: str = ""
    engine: OldEngine | None = None
    now: str = ""
