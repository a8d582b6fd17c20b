"""[engine]: which older SQLite the replay is to play, and what it could not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migsafe.cli.project import Project, version_number
from migsafe.config import Engine
from migsafe.errors import ConfigError
from migsafe.model.evidence import NotRun
from migsafe.model.migration import Kind
from migsafe.model.outcome import Outcome
from migsafe.model.sample import Sample
from migsafe.replay import library
from migsafe.replay.old_engine import old_engine
from migsafe.replay.plan import OldEngine, Plan

_REFERENCES_FOLLOW = "3.26"
"""Since then references to a renamed table always follow it (lang_altertable.html)."""


def engine_of(project: Project) -> OldEngine | None:
    """The oldest engine, as far as it can be played. Raises ConfigError for a missing library."""
    match project.config.engine:
        case Engine(library=str() as name) if not (project.config.root / name).is_file():
            raise ConfigError(f"the library {name} does not exist", hint="see [engine] library")
        case Engine(oldest=oldest, without=without):
            return old_engine(oldest, without)


def on_library(
    project: Project, plan: Plan, samples: Sequence[Sample], outcomes: Sequence[Outcome]
) -> library.Found:
    """What [engine] library showed beyond `outcomes`; nothing where none is configured."""
    match project.config.engine:
        case Engine(library=str() as name):
            return library.run(plan, samples, outcomes, (project.config.root / name).resolve())
        case _:
            return library.Found()


def not_played(project: Project, samples: Sequence[Sample]) -> Iterator[NotRun]:
    """What today's SQLite cannot play, where a pending migration comes upon it."""
    oldest = project.config.engine.oldest
    old = oldest is not None and version_number(oldest) < version_number(_REFERENCES_FOLLOW)
    if old and any(_renames(project, s) for s in samples):
        yield NotRun(
            f"renamed tables on SQLite {oldest}",
            f"before {_REFERENCES_FOLLOW} references do not follow a rename; here they do",
        )


def _renames(project: Project, sample: Sample) -> bool:
    return any(
        operation.kind is Kind.RENAME_TABLE
        for migration in project.history.pending(sample.revision)
        for statement in migration.statements
        for operation in statement.operations or ()
    )
