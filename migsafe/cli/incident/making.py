"""From a failing check to a draft: the fixtures, the rule, and what is known without asking."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from migsafe import config
from migsafe.cli.failing_case import FailingCase, Seed, shrink
from migsafe.cli.incident import fixture
from migsafe.cli.incident.fixture import Source
from migsafe.cli.incident.proposal import Proposal, Scene, proposals
from migsafe.cli.project import Project, Request, open_project
from migsafe.errors import BrokenHistory, NothingToCheck, UsageError
from migsafe.incident import drafts
from migsafe.incident.questions import Known
from migsafe.model.incident import Impact, Safeguard
from migsafe.model.rule import Rule, Severity
from migsafe.rules.load import FILE

FAIL, PASS = "fail", "pass"
_ENOUGH = 10
"""From so many sampled databases on, a share of users is worth being told."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an incident is made of; `fixed` is the project with the repaired migrations."""

    project: Project
    case: FailingCase
    seed: Seed
    fixed: Source | None
    ruleset: tuple[Rule, ...]


def material(
    project: Project, case: FailingCase, fixed: Path | None, *, keep_data: bool
) -> Material:
    """Shrink the case and open the repaired migrations.

    Raises UsageError where values would show in the small database.
    """
    repaired = _repaired(project, case, fixed) if fixed else None
    seed = shrink(case, keep_data=keep_data, fixed=repaired.project if repaired else None)
    if not seed.text:
        columns = ", ".join(f"{t}.{c}" for t, c in seed.checks.refused)
        raise UsageError(
            f"no small database can be written: {seed.why_not}"
            + (f" ({columns})" if columns else ""),
            hint="look at the values first; --keep-data writes them as they are",
        )
    return Material(project, case, seed, repaired, project.rules())


def _repaired(project: Project, case: FailingCase, fixed: Path) -> Source:
    """A checkout of its own, or the project with other migrations in the place of its own."""
    if not fixed.exists():
        raise UsageError(f"--fixed {fixed} does not exist")
    if fixed.is_file():
        return _with_texts(project, {_stands_for(project, case, fixed): fixed})
    same = {m.path: fixed / Path(m.path).name for m in project.history.migrations}
    found = {path: file for path, file in same.items() if file.is_file()}
    whole = _whole(project, fixed)
    if whole is not None and _knows(whole, case.version):
        return Source(whole)
    if found:
        return _with_texts(project, found)
    raise UsageError(
        f"--fixed {fixed} holds no repair of these migrations",
        hint="the repair stands in a file of the same name, or comes after the same old migrations",
    )


def _stands_for(project: Project, case: FailingCase, fixed: Path) -> str:
    """The migration that a file repairs: the one of that name, else the guilty one."""
    named = [m.path for m in project.history.migrations if Path(m.path).name == fixed.name]
    place = named[0] if named else case.path
    if not place:
        raise UsageError(
            f"--fixed {fixed} is named like no migration, and the failure is not in one",
            hint="give the folder of the repaired migrations",
        )
    return place


def _whole(project: Project, fixed: Path) -> Project | None:
    """The folder as a history of its own; None where it is none."""
    settings, migrations = project.config, project.migrations
    if (fixed / config.NAME).is_file():
        settings = config.load(fixed.resolve())
        return open_project(settings, settings.migrations[0], Request())
    with suppress(NothingToCheck, BrokenHistory):
        return open_project(settings, replace(migrations, path=str(fixed.resolve())), Request())
    return None


def _knows(project: Project, version: str | None) -> bool:
    return version is None or project.history.get(version) is not None


def _with_texts(project: Project, files: Mapping[str, Path]) -> Source:
    texts = {path: file.read_text(encoding="utf-8-sig") for path, file in files.items()}
    request = Request(texts=texts)
    return Source(open_project(project.config, project.migrations, request), texts)


# -- the working folder of a draft -----------------------------------------------------------------


def folder(root: Path, identifier: str) -> Path:
    """Where a draft's rule and fixtures wait until they are written."""
    return root / drafts.FOLDER / "incidents" / identifier


def stage(material: Material, home: Path, hazard: str) -> Iterator[Proposal]:
    """Write the fixtures below `home`, and propose rules that tell them apart, best first."""
    shutil.rmtree(home, ignore_errors=True)
    case, seed = material.case, material.seed
    about = fixture.About(seed.text, seed.version, case.kind, case.place.path)
    failing = fixture.fixture(Source(material.project), about)
    failing.write(home / FAIL)
    passing = home / PASS if material.fixed else None
    if material.fixed and passing:
        fixture.fixture(material.fixed, about).write(passing)
    seen = case.failure.observation if case.failure else None
    scene = Scene(
        home / FAIL,
        passing,
        failing.spot(case.place.path, case.place.line),
        material.project.history.dialect,
        case.kind,
        case.error,
        seen.table if seen else "",
        seen.column if seen else "",
        hazard,
    )
    yield from proposals(scene, material.ruleset)


def settle(home: Path, proposal: Proposal) -> None:
    """Keep the chosen rule beside the fixtures, and mark the lines on which it must fire."""
    (home / FILE).write_text(proposal.toml, encoding="utf-8")
    for spot in proposal.spots:
        fixture.mark(home / FAIL, spot, proposal.hazard)


def known(material: Material, proposal: Proposal | None, identifier: str, now: datetime) -> Known:
    """What needs no asking."""
    case = material.case
    finding = case.finding
    severity = finding.severity if finding else Severity.ERROR
    says = f"{proposal.says} ({_place(case)})" if proposal else ""
    return Known(
        proposal.hazard if proposal else identifier,
        now,
        identifier,
        title=finding.title if finding else "",
        summary=_summary(case),
        severity=max(severity, Severity.ERROR),
        impact=_impact(case),
        safeguard=_safeguard(material, proposal, identifier, says),
    )


def _safeguard(
    material: Material, proposal: Proposal | None, identifier: str, says: str
) -> Safeguard:
    if proposal is None:
        return Safeguard()
    kinds = (FAIL, PASS) if material.fixed else (FAIL,)
    return Safeguard(proposal.hazard, says, tuple(f"{k}/{identifier}" for k in kinds))


def _summary(case: FailingCase) -> str:
    what = case.finding.message if case.finding else f"{case.kind}: {case.error}"
    return f"{_place(case)}: {what}" if case.place.path else what


def _place(case: FailingCase) -> str:
    return f"{case.place.path}:{case.place.line}"


def _impact(case: FailingCase) -> Impact:
    error = ": ".join(t for t in (case.kind, case.error) if t)
    blast = case.blast
    if blast is None or case.made:
        return Impact(error=error)
    versions = ", ".join(v for v, failing, _ in blast.versions if failing)
    return Impact(
        revisions=versions,
        share=blast.share,
        low=blast.low,
        high=blast.high,
        failing=blast.failing,
        sampled=blast.sampled,
        error=error,
    )
