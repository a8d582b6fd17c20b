"""What a hotfix does to the three kinds of database that it meets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from migsafe.model.outcome import Observation
from migsafe.model.rule import Severity
from migsafe.model.sample import Sample


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which broken migration a hotfix is for: an incident (or a fixture's folder), or a folder.

    `folder` holds the migrations as they shipped; `config` is the project's configuration file.
    """

    incident: str = ""
    folder: Path | None = None
    config: Path | None = None

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.incident or str(self.folder)


class Kind(StrEnum):
    """What the broken migration has been to a database."""

    NOT_YET = "not yet updated"
    BROKEN = "updated and broken"
    UNHARMED = "updated and unharmed"


@dataclass(frozen=True, slots=True)
class Left:
    """A database as the broken migration left it.

    `sample` has the revision that it is at; `origin` is the path of the old database it was made
    of, "" where it is a sampled database of that version itself. `how` says in words what happened,
    `state` is the same in one word (stopped, killed, harmed, unharmed). `harm` is what the broken
    migration did to rows and to the launch, `changed` the tables (folded names) whose old rows it
    took away or changed: what stood there may be lost.
    """

    sample: Sample
    kind: Kind
    state: str
    how: str
    origin: str = ""
    harm: tuple[Observation, ...] = ()
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong with databases of one kind after the hotfix, in a sentence without values.

    `databases` are their names. `what` is schema, rows, values or start (the tool refuses to).
    """

    what: str
    sentence: str
    severity: Severity
    databases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """The databases of one kind: how many there are, and on how many the hotfix fails.

    `made` counts them by how they came about ("stopped at migrations/0002.sql:3"); `findings` are
    (path, line, rule, message, databases) of the report's findings that stand on them; `notes` is
    what no hotfix can give back, or what could not be told.
    """

    kind: Kind
    databases: int
    failed: int
    made: tuple[tuple[str, int], ...] = ()
    findings: tuple[tuple[str, int, str, str, int], ...] = ()
    troubles: tuple[Trouble, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FixFor:
    """What `check --fix-for` says: the incident, and the three populations in their order."""

    incident: str
    populations: tuple[Population, ...]
