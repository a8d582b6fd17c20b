"""`migsafe check`: analyse, replay on the samples, launch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migsafe import adapters
from migsafe.analyse import analyse, read, wrapped
from migsafe.cli import exploration, keep_failing, old_engines, options, output, replayed, shards
from migsafe.cli.launch_files import launch_plan
from migsafe.cli.progress import progress
from migsafe.cli.project import (
    Project,
    Request,
    in_repository,
    open_all,
    passed_over,
    relative,
)
from migsafe.cli.replayed import gated
from migsafe.cli.shards import Known, Part
from migsafe.engines import sqlite as engine
from migsafe.errors import (
    ConfigError,
    MigsafeError,
    NothingToCheck,
    UnreadableSample,
    UsageError,
)
from migsafe.facts import build
from migsafe.model.evidence import Evidence, NotRun
from migsafe.model.fix_for import Wanted
from migsafe.model.migration import Dialect, Kind
from migsafe.model.outcome import Outcome, Probe, Scenario
from migsafe.model.report import Report
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema
from migsafe.replay import fleet, library, programs, samples, score
from migsafe.replay.mutants import LIMIT
from migsafe.replay.plan import Plan, ProgramRunner
from migsafe.rules import ask
from migsafe.schema.inspect import inspect

if TYPE_CHECKING:
    from migsafe.cli.fix_for_sqlite import SqliteHotfix
    from migsafe.replay.servers.plan import ServerPlan

EMPTY = "(an empty database)"
_APART = {Scenario.STEP_BY_STEP, Scenario.MADE, Scenario.OTHER_START}


@click.command("check")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Worker processes (default: as many as pay)."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one migration may take on one sample.",
)
@click.option(
    "--made/--no-made",
    default=True,
    show_default=True,
    help="Also try made-up old rows that the old schema allows.",
)
@click.option(
    "--mutate",
    is_flag=True,
    help="Also weaken the migrations one thing at a time, and say what no sample or probe notices.",
)
@click.option(
    "--mutants",
    type=click.IntRange(min=1),
    help=f"At most this many mutants, evenly spread (default: {LIMIT}); implies --mutate.",
)
@click.option(
    "--samples",
    "old",
    type=click.Path(path_type=Path),
    help="The old databases, a folder or one file (overrides [samples] path).",
)
@click.option(
    "--shard",
    "part",
    metavar="N/M",
    help="Replay only part N of M of the samples; `migsafe merge` puts the JSON reports together.",
)
@click.option(
    "--keep-failing",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the smallest database that shows each failure to this new or empty folder: it"
    " holds real rows.",
)
@options.max_blast
@options.hotfix
@options.project
@options.report
def command(
    jobs: int | None,
    timeout: float,
    made: bool,
    mutate: bool,
    mutants: int | None,
    old: Path | None,
    part: str | None,
    max_blast: float | None,
    incident: str | None,
    broken: Path | None,
    folder: Path | None,
    config: Path | None,
    dialect: str | None,
    today: str | None,
    format_: str,
    outputs: tuple[str, ...],
    fail_on: str | None,
    color: str,
    quiet: bool,
    verbose: int,
    no_suppressions: bool,
) -> int:
    """Analyse the migrations, replay them on the sampled old databases, and start the new version.

    Copies are migrated; the samples themselves are never written to.
    """
    started = time.perf_counter()
    written = output.targets(outputs)
    project = only_project(Request(config, dialect, today, everything=no_suppressions), old)
    keep = keep_failing.claim(folder, project, config) if folder else None
    least = Severity.parse(fail_on) if fail_on else project.config.fail_on
    limit = mutants or (LIMIT if mutate else 0)
    fix_for = Wanted(incident or "", broken, config) if incident or broken else None
    shard = Part.parse(part) if part else None
    if shard and (fix_for or limit):
        raise UsageError("--shard goes neither with --fix-for nor with --mutate")
    checked = check(project, least, Effort(jobs, timeout, made, limit, keep, fix_for, shard))
    where = in_repository(project.config.root)
    report = replace(checked, seconds=time.perf_counter() - started, where=where)
    report = gated(report, max_blast)
    output.write(report, format_, written, color, -1 if quiet else verbose)
    return output.exit_code(report)


def only_project(request: Request, old: Path | None) -> Project:
    """The one project, with its samples at `old` where that is given. Raises as `open_all` does."""
    projects = open_all(request)
    if len(projects) > 1:
        raise ConfigError(
            "check replays one set of migrations at a time",
            hint="give each set a configuration of its own: --config FILE",
        )
    return _with_samples(projects[0], old) if old else projects[0]


def _with_samples(project: Project, old: Path) -> Project:
    samples = replace(project.config.samples, path=relative(old, project.config.root))
    return replace(project, config=replace(project.config, samples=samples))


@dataclass(frozen=True, slots=True)
class _Material:
    """What a check works on: the samples behind the head, and what could not be read."""

    samples: tuple[Sample, ...]
    errors: tuple[MigsafeError, ...]
    empty: bool  # no samples are configured: an empty database stands in for them
    current: int = 0  # samples that are at the head already
    part: bool = False  # others have more of them


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a check does beyond the samples themselves, and with what.

    `seconds` bounds one migration on one sample; `made`: with made-up rows; `mutants`: with a
    mutation score of at most so many mutants, which changes neither the findings nor the
    conclusion; `keep`: the smallest failing databases are written there; `fix_for`: the migrations
    are also tried, as a hotfix, on what those broken ones left behind; `part`: only its samples
    are replayed; `known`: nothing is, as this has been seen already.
    """

    jobs: int | None = None
    seconds: float = 60.0
    made: bool = True
    mutants: int = 0
    keep: keep_failing.Keep | None = None
    fix_for: Wanted | None = None
    part: Part | None = None
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's report, and what can repeat its failures: its plan, its samples behind the head.

    `project` has been read; `plan` is None where no server could be had.
    """

    report: Report
    project: Project
    plan: Plan | ServerPlan | None = None
    samples: tuple[Sample, ...] = ()
    evidence: Evidence | None = None


@programs.ended()
def check(
    project: Project,
    fail_on: Severity,
    effort: Effort | None = None,
    ruleset: tuple[Rule, ...] | None = None,
) -> Report:
    """Judge one project by everything: its text, its old data, its launch.

    `ruleset` None: the rules that ship and the project's own.
    """
    return checked(project, fail_on, effort, ruleset).report


def checked(
    project: Project,
    fail_on: Severity,
    effort: Effort | None = None,
    ruleset: tuple[Rule, ...] | None = None,
) -> Checked:
    """The same, with what can repeat the failures; `programs.ended` has to stand around it."""
    effort = effort or Effort()
    ruleset = project.rules() if ruleset is None else ruleset
    project = replace(project, history=read(project.history))
    if project.history.dialect is not Dialect.SQLITE:
        from migsafe.cli import check_servers  # noqa: PLC0415 - it builds on this module

        return check_servers.check(project, fail_on, effort, ruleset, progress())
    hotfix = _hotfix(project, effort)
    left = hotfix.left if hotfix else ()
    material = _Material(*hotfix.met, False) if hotfix else _material(project)
    evidence = _analysed(project, material, left)
    with closing(build(evidence)) as facts:
        probes = ask.probes(ruleset, facts, project.history)
    plan = plan_of(project, probes, material.samples)
    explorer = exploration.explorer(project.config.samples) if effort.made else None
    plan = replace(plan, seconds=effort.seconds, made=effort.made, explorer=explorer)
    begun = time.perf_counter()
    mark = shards.state(project, material.samples, probes)
    whole, material = material, _part_of(material, effort.part)
    seen = _seen(project, plan, material.samples, effort, mark)
    outcomes = seen.outcomes + (hotfix.replayed(plan, effort.jobs) if hotfix else ())
    took = effort.known.seconds if effort.known else time.perf_counter() - begun
    evidence = _with_outcomes(evidence, material, outcomes)
    report = _report(project, ruleset, evidence, (material, plan, took), fail_on)
    report = replace(report, not_run=(*report.not_run, *seen.not_run))
    report = shards.marked(report, effort.part, (effort.made, mark), seen, len(whole.samples))
    everything = (*material.samples, *left)
    if effort.keep is not None:
        report = keep_failing.write(effort.keep, report, plan, everything)
    if effort.mutants:
        report = _scored(report, material, plan, outcomes, (effort.mutants, effort.jobs))
    report = hotfix.judged(report, plan) if hotfix else report
    return Checked(report, project, plan, everything, evidence)


def _part_of(material: _Material, part: Part | None) -> _Material:
    return replace(material, samples=part.mine(material.samples), part=True) if part else material


def _seen(
    project: Project, plan: Plan, found: tuple[Sample, ...], effort: Effort, mark: str
) -> library.Found:
    """What the replays show: these, or those that other processes have run."""
    if effort.known is not None:
        return library.Found(effort.known.of(found, mark), effort.known.not_run)
    outcomes = fleet.run(plan, found, effort.jobs, progress())
    older = old_engines.on_library(project, plan, found, outcomes)
    return library.Found((*outcomes, *older.outcomes), older.not_run)


def _hotfix(project: Project, effort: Effort) -> SqliteHotfix | None:
    from migsafe.cli.fix_for_sqlite import hotfix  # noqa: PLC0415 - it builds on this module

    return hotfix(effort.fix_for, project, effort.seconds) if effort.fix_for else None


def _scored(
    report: Report,
    material: _Material,
    plan: Plan,
    outcomes: tuple[Outcome, ...],
    how: tuple[int, int | None],
) -> Report:
    limit, jobs = how
    watched = progress("tried", "mutants")
    found = score.score(plan, material.samples, outcomes, limit, jobs, watched)
    if isinstance(found, NotRun):
        return replace(report, not_run=(*report.not_run, found))
    assert report.replay is not None
    return replace(report, replay=replace(report.replay, mutants=found))


def _material(project: Project) -> _Material:
    folder = project.config.samples.path
    history = project.history
    if folder is None:
        if not history.migrations:
            raise NothingToCheck("there are no migrations")
        data = engine.empty()
        return _Material((Sample(EMPTY, None, data, ""),), (), True)
    root = project.config.root
    found, errors = samples.load(root / folder, root, history, adapters.revision_of)
    if not found and not errors:
        raise UnreadableSample(
            f"the samples folder {folder} holds no database",
            hint=f"put old databases there: {' '.join(samples.SUFFIXES)} (or .gz)",
        )
    behind = tuple(s for s in found if history.pending(s.revision))
    if not behind and not errors:
        raise NothingToCheck(
            f"no migration is pending: all {len(found)} samples are at {history.head}",
            hint="add a sample of an older version",
        )
    return _Material(behind, errors, False, len(found) - len(behind))


def _analysed(project: Project, material: _Material, left: tuple[Sample, ...] = ()) -> Evidence:
    found = (*material.samples, *left)
    pending = {m.revision for s in found for m in project.history.pending(s.revision)}
    bases = {} if material.empty else dict(_bases(material.samples))
    return analyse(project.history, pending, project.runner, project.settings(), bases)


def _bases(found: Iterable[Sample]) -> Iterator[tuple[str | None, Schema]]:
    """One sample's schema for each version: it completes a history that starts in the middle."""
    seen: set[str | None] = set()
    for sample in found:
        if sample.revision in seen:
            continue
        seen.add(sample.revision)
        with closing(engine.clone(sample.data)) as database:
            yield sample.revision, inspect(database)


def plan_of(project: Project, probes: tuple[Probe, ...], found: tuple[Sample, ...]) -> Plan:
    """How the project's migrations run and its new version starts. Raises ConfigError."""
    history, m = project.history, project.migrations
    runner: ProgramRunner | None = None
    if any(migration.program for migration in history.migrations):
        runner = adapters.runner(history.framework, project.config.root, project.path)
    return Plan(
        history=history,
        wrapped={x.revision: wrapped(history, x, project.runner) for x in history.migrations},
        foreign_keys=m.foreign_keys,
        on_error=m.on_error,
        runner=runner,
        launch=launch_plan(project),
        engine=old_engines.engine_of(project),
        probes=probes,
        deep=deep_of(found),
        stands_in=EMPTY if project.config.samples.path is None else "",
        sets_version=any(_sets_version(x.statements) for x in history.migrations),
        now=f"{project.today} 12:00:00",
    )


_DEEP_BYTES = 2_000_000


def deep_of(found: Iterable[Sample]) -> frozenset[str]:
    """One sample of each version for the costly scenarios: the richest that is not too large."""
    chosen: dict[str | None, Sample] = {}
    for sample in found:
        best = chosen.get(sample.revision)
        if best is None or _richness(sample) > _richness(best):
            chosen[sample.revision] = sample
    return frozenset(s.path for s in chosen.values())


def _richness(sample: Sample) -> int:
    size = len(sample.data)
    return size if size <= _DEEP_BYTES else -size


def _sets_version(statements: Iterable[object]) -> bool:
    return any(
        o.kind is Kind.PRAGMA and o.name.lower() == "user_version" and o.value
        for s in statements
        for o in getattr(s, "operations", None) or ()
    )


def _with_outcomes(
    evidence: Evidence, material: _Material, outcomes: tuple[Outcome, ...]
) -> Evidence:
    return replace(
        evidence,
        needs=Needs.OUTCOMES,
        samples=material.samples,
        outcomes=outcomes,
        failures=fleet.group(material.samples, outcomes),
    )


def _report(
    project: Project,
    ruleset: tuple[Rule, ...],
    evidence: Evidence,
    ran: tuple[_Material, Plan, float],
    fail_on: Severity,
) -> Report:
    material, plan, seconds = ran
    missing = tuple(_missing(project, material, plan))
    whole = not (material.empty or material.part)
    told = replayed.Replayed(material.errors, missing, material.empty, _APART, seconds, whole)
    return replayed.report(project, ruleset, evidence, told, fail_on)


def _missing(project: Project, material: _Material, plan: Plan) -> Iterator[NotRun]:
    if material.empty:
        yield NotRun(
            "replay on old data",
            'no samples: put old databases in a folder, [samples] path = "..."',
        )
    yield from passed_over(project.history)
    if not plan.launch.queries:
        yield NotRun("launch queries", "none configured: [launch] queries")
    if plan.launch.fresh is None:
        yield NotRun("comparison with a fresh install", "none configured: [launch] schema")
    if not plan.launch.invariants:
        yield NotRun("invariants", "none configured: [launch] invariants")
    if plan.runner is not None:
        yield NotRun("growth and full storage", "only for SQL histories")
    if plan.made:
        yield from exploration.missing(project.config.samples)
    yield from old_engines.not_played(project, material.samples)
    for key in project.config.later:
        yield NotRun(key, "it is for PostgreSQL and MySQL")
