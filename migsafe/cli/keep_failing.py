"""`migsafe check --keep-failing`: the smallest database of each failure, in files of their own."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from migsafe.cli.project import Project
from migsafe.errors import UsageError
from migsafe.model.finding import Finding, Smallest
from migsafe.model.outcome import Failure
from migsafe.model.report import Report
from migsafe.model.rule import Severity
from migsafe.model.sample import BASE, Sample
from migsafe.replay.minimise import Minimal, minimise
from migsafe.replay.plan import Plan
from migsafe.replay.samples import LIST
from migsafe.replay.seed import AsTheyAre, Question
from migsafe.report.text import printable

if TYPE_CHECKING:
    from migsafe.replay.servers.plan import ServerPlan

LIMIT = 10
"""At most so many failures are kept, those that hit most users first."""

_NOTICE = """\
# Databases on which the migrations fail

They hold real rows of the sampled databases, as few as needed, and are to be kept as those are;
`.gitignore` keeps this folder out of version control. To see them fail again:

    {command}
"""


@dataclass(frozen=True, slots=True)
class Keep:
    """Where to put the databases: `folder` as the user wrote it; `command` repeats the failures."""

    folder: Path
    command: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """One failure with its smallest database; `files` are the names in the folder."""

    name: str
    failure: Failure
    finding: Finding | None
    sample: Sample
    minimal: Minimal

    @property
    def files(self) -> tuple[str, ...]:
        ends = (self.minimal.script and ".sql", self.minimal.data and ".sqlite")
        return tuple(self.name + end for end in ends if end and self.minimal.found)


def claim(folder: Path, project: Project, config: Path | None) -> Keep:
    """Make the folder, or take an empty one; nothing is ever overwritten.

    Raises UsageError for a folder with something in it, and for one whose files would be taken for
    migrations or samples.
    """
    for what, inside in _readable(project):
        if _within(folder, inside):
            raise UsageError(
                f"--keep-failing {folder} lies in the folder of the {what}",
                hint="choose a folder that nothing else is read from",
            )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        reason = (error.strerror or "it cannot be made").lower()
        raise UsageError(f"--keep-failing {folder}: {reason}") from error
    if not empty:
        raise UsageError(
            f"--keep-failing {folder} is not empty", hint="remove it, or choose another folder"
        )
    words = ["migsafe", "check", *(("--config", str(config)) if config else ())]
    return Keep(folder, shlex.join([*words, "--samples", str(folder)]))


def _readable(project: Project) -> Iterator[tuple[str, Path]]:
    root, samples = project.config.root, project.config.samples.path
    for inside in dict.fromkeys((root / m.path).parent for m in project.history.migrations):
        yield "migrations", inside
    if samples is not None:
        yield "samples", root / samples


def _within(folder: Path, other: Path) -> bool:
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(other))


def write(keep: Keep, report: Report, plan: Plan | ServerPlan, samples: Sequence[Sample]) -> Report:
    """Find and write the smallest databases; the same report, whose findings name them.

    Raises UsageError where a file cannot be written.
    """
    kept = list(_kept(report, plan, samples))
    if not kept:
        return report
    try:
        for item in kept:
            _write_databases(keep.folder, item)
        _write(keep.folder / LIST, "\n".join(_listed(kept)).encode())
        _write(keep.folder / "README.md", "\n".join(_readme(keep, kept)).encode())
        _write(keep.folder / ".gitignore", b"*\n")
    except OSError as error:
        raise UsageError(f"--keep-failing {keep.folder}: {error.strerror}") from error
    named = {id(k.finding): k for k in kept if k.files}
    findings = tuple(
        replace(f, smallest=_smallest(keep, named[id(f)])) if id(f) in named else f
        for f in report.findings
    )
    return replace(report, findings=findings)


def _smallest(keep: Keep, item: _Kept) -> Smallest:
    return Smallest(item.minimal.total, (keep.folder / item.files[0]).as_posix())


def _kept(report: Report, plan: Plan | ServerPlan, samples: Sequence[Sample]) -> Iterator[_Kept]:
    by_path = {s.path: s for s in samples}
    for number, (failure, finding) in enumerate(_worth_it(report), 1):
        # The smallest sample that shows it is the quickest to work on.
        sample = min((by_path[p] for p in failure.samples), key=lambda s: len(s.data))
        name = f"{number}-{finding.rule if finding else failure.observation.kind}"
        minimal = _smallest_of(plan, sample, failure)
        yield _Kept(name, failure, finding, sample, minimal)


def _smallest_of(plan: Plan | ServerPlan, sample: Sample, failure: Failure) -> Minimal:
    if isinstance(plan, Plan):
        return minimise(plan, sample, failure)
    from migsafe.replay.servers.seed import seed  # noqa: PLC0415 - SQLite needs none of it

    found = seed(plan, sample, Question(failure.observation), AsTheyAre())
    there = bool(found.text) and found.checks.failure_kept
    return Minimal(b"", found.text, found.rows, found.replays, found=there)


def _worth_it(report: Report) -> list[tuple[Failure, Finding | None]]:
    """The failures of samples, but deliberate losses and what a finding calls no more than a note.

    What stands in no finding at all is kept as well.
    """
    found: list[tuple[Failure, Finding | None]] = []
    for failure in report.replay.groups if report.replay else ():
        seen = failure.observation
        # A finding that rests on a failure has its blast radius, that very object.
        finding = next((f for f in report.findings if f.blast is failure.blast), None)
        accepted = finding and (not finding.open or finding.severity is Severity.NOTE)
        if not (seen.deliberate or seen.made or accepted):
            found.append((failure, finding))
    return found[:LIMIT]


# -- files ----------------------------------------------------------------------------------------


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)


def _write_databases(folder: Path, item: _Kept) -> None:
    for name in item.files:
        is_script = name.endswith(".sql")
        _write(folder / name, item.minimal.script.encode() if is_script else item.minimal.data)


def _listed(kept: Sequence[_Kept]) -> Iterator[str]:
    for item in kept:
        for name in item.files:
            version = item.sample.revision or BASE
            yield "[[sample]]"
            yield f"file = {json.dumps(name)}"
            yield f"version = {json.dumps(version, ensure_ascii=False)}"
            yield ""


def _readme(keep: Keep, kept: Sequence[_Kept]) -> Iterator[str]:
    yield _NOTICE.format(command=keep.command)
    for item in kept:
        yield f"## {item.name}\n"
        yield f"    {printable(_said(item))}\n"
        yield from (f"- {line}" for line in _facts(item))
        yield ""


def _said(item: _Kept) -> str:
    finding, seen = item.finding, item.failure.observation
    if finding is not None:
        return f"{finding.severity} {finding.path}:{finding.line} {finding.rule}: {finding.message}"
    place = f" {seen.place.path}:{seen.place.line}" if seen.place else ""
    return f"{seen.kind}{place} {seen.error or seen.detail}".rstrip()


def _facts(item: _Kept) -> Iterator[str]:
    version = item.sample.revision or BASE
    yield f"made of {printable(item.sample.path)} (version {version})"
    if not item.minimal.found:
        yield "no smaller database: a matter of effort or size, or not to be repeated by itself"
        return
    yield f"files: {', '.join(item.files)}"
    rows = [f"{_rows(n)} in {printable(table)}" for table, n in item.minimal.rows]
    yield ", ".join(rows) or "no rows: it fails on every database of this version"
    if not item.minimal.finished:
        yield "the search ended at its limit: there may be a smaller one"


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"
