"""From a failing check to small databases without anybody's values: what an incident is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from migsafe.analyse import read
from migsafe.cli.check import Checked, Effort, checked, plan_of
from migsafe.cli.project import Project
from migsafe.model.finding import Finding, Stage
from migsafe.model.outcome import Blast, Failure, Place, Probe
from migsafe.model.report import Report
from migsafe.model.rule import Rule, Severity
from migsafe.model.sample import Sample
from migsafe.model.seed import Checks, Seed
from migsafe.replay import programs
from migsafe.replay.plan import LaunchPlan, Plan
from migsafe.replay.seed import Question, schema_texts, seed
from migsafe.sampling.hide import hiding

__all__ = ["Checks", "FailingCase", "Seed", "failing_cases", "shrink"]


@dataclass(frozen=True, slots=True)
class FailingCase:
    """One thing that a check found wrong, and what is needed to shrink it.

    `finding` None: a failure that no rule speaks of; `failure` None: the text alone shows it.
    `kind` is the observation's (raised, rows-lost, drifted, launch-query, ...; "" without one),
    `error` the engine's message without values. `path` and `revision` are the guilty migration's
    ("" where it is not in one). `sample` is the path of the old database to shrink, `version` the
    revision that it is at (None: before the first). `check` can repeat it.
    """

    finding: Finding | None
    failure: Failure | None
    kind: str
    place: Place
    error: str
    path: str
    revision: str
    sample: str
    version: str | None
    blast: Blast | None
    check: Checked = field(repr=False, compare=False)

    @property
    def made(self) -> str:
        """In words, the made-up row that shows it; "" where a sampled database does."""
        return self.failure.observation.made if self.failure else ""


def failing_cases(
    project: Project,
    fail_on: Severity,
    effort: Effort | None = None,
    ruleset: tuple[Rule, ...] | None = None,
) -> tuple[Report, tuple[FailingCase, ...]]:
    """Check the project; the report, and a case for each finding and failure, worst first.

    Findings that are allowed in the text are left out, and so are notes and losses that a
    statement asks for where no finding speaks of them. Raises as `check` does.
    """
    found = checked(project, fail_on, effort, ruleset)
    return found.report, tuple(_cases(found))


@programs.ended()
def shrink(case: FailingCase, *, keep_data: bool = False, fixed: Project | None = None) -> Seed:
    """The smallest old database that shows the case, with other values in the place of its own.

    With the repaired migrations (`fixed`) it is one that comes through these, if the sample does.
    Where the values of a column cannot be hidden without losing the failure, the text is only
    there with `keep_data`. Where no row matters, the seed is the schema before the migration.
    """
    plan, of = case.check.plan, case.check
    sample = next(s for s in of.samples if s.path == case.sample)
    dialect = of.project.history.dialect
    hidden = hiding(_public(of, sample), dialect, sample.data, keep_data=keep_data)
    if isinstance(plan, Plan):
        question = replace(_question(case, plan), fixed=_repaired(case, fixed))
        return seed(plan, sample, question, hidden)
    from migsafe.replay.servers import seed as on_server  # noqa: PLC0415 - SQLite needs none of it

    assert plan is not None  # without a plan there is no sample, and no case
    return on_server.seed(plan, sample, _question(case, plan.base), hidden)


def _repaired(case: FailingCase, fixed: Project | None) -> Plan | None:
    """The repaired migrations; their launch only where the failure is about the launch."""
    if fixed is None:
        return None
    fixed = replace(fixed, history=read(fixed.history))
    plan = plan_of(fixed, (), case.check.samples)
    return plan if case.place.path in _of_launch(fixed) else replace(plan, launch=LaunchPlan())


def _of_launch(project: Project) -> tuple[str | None, ...]:
    launch = project.config.launch
    return (launch.schema, launch.queries, launch.invariants, launch.old_queries)


def _public(of: Checked, sample: Sample) -> tuple[str, ...]:
    """The texts whose literals are nobody's secret: they lie in version control."""
    texts: list[str] = []
    for migration in of.project.history.migrations:
        texts += [s.sql for s in migration.statements]
        path = of.project.config.root / migration.path
        if migration.program and path.is_file():
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    base = of.plan if isinstance(of.plan, Plan) else of.plan.base if of.plan else None
    if base is not None:
        texts += [q.sql for q in (*base.launch.queries, *base.launch.invariants)]
    return (*texts, *_schema_texts(of, sample))


def _schema_texts(of: Checked, sample: Sample) -> tuple[str, ...]:
    if isinstance(of.plan, Plan):
        return schema_texts(sample.data)
    from migsafe.replay.servers.old_sql import frame  # noqa: PLC0415 - SQLite needs none of it

    found = frame(sample.data.decode("utf-8-sig"), of.project.history.dialect)
    return (*found.before, *found.behind)


def _question(case: FailingCase, plan: Plan) -> Question:
    if case.failure is not None:
        return Question(case.failure.observation)
    return Question(probes=_probes(case, plan), before=case.revision)


def _probes(case: FailingCase, plan: Plan) -> tuple[Probe, ...]:
    """The data rule's questions whose answers the finding rests on."""
    found = case.finding
    if found is None or found.stage is not Stage.REPLAY:
        return ()
    here = [p for p in plan.probes if p.rule == found.rule]
    there = [p for p in here if (p.place.path, p.place.line) == (found.path, found.line)]
    return tuple(there or here)


# -- cases ----------------------------------------------------------------------------------------


def _cases(of: Checked) -> Iterator[FailingCase]:
    """What findings say, worst first; then the failures that stand in none."""
    failures = of.report.replay.groups if of.report.replay else ()
    told: set[int] = set()
    for finding in of.report.findings:
        # A finding that rests on a failure has its blast radius, that very object.
        failure = next((f for f in failures if f.blast is finding.blast), None)
        told.add(id(failure))
        if finding.open and finding.severity > Severity.NOTE:
            yield from _case(of, finding, failure)
    for failure in failures:
        if id(failure) not in told and not failure.observation.deliberate:
            yield from _case(of, None, failure)


def _case(of: Checked, finding: Finding | None, failure: Failure | None) -> Iterator[FailingCase]:
    seen = failure.observation if failure else None
    place = (seen.place if seen else None) or Place("")
    if finding is not None and not place.path:
        place = Place(finding.path, finding.line, finding.column)
    migrations = {m.path: m.revision for m in of.project.history.migrations}
    guilty = next((p for p in _paths(finding, failure) if p in migrations), "")
    revision = migrations.get(guilty, "")
    sample = _sample(of, failure, revision)
    if sample is None:
        return
    yield FailingCase(
        finding,
        failure,
        seen.kind if seen else "",
        place,
        seen.error if seen else "",
        guilty,
        revision,
        sample.path,
        sample.revision,
        failure.blast if failure else finding.blast if finding else None,
        of,
    )


def _paths(finding: Finding | None, failure: Failure | None) -> Iterator[str]:
    if finding is not None:
        yield finding.path
    if failure is not None:
        seen = failure.observation
        yield from (p.path for p in (seen.place, seen.culprit) if p)


def _sample(of: Checked, failure: Failure | None, revision: str) -> Sample | None:
    """The smallest sample that shows it is the quickest to work on."""
    if failure is not None:
        found = [s for s in of.samples if s.path in failure.samples]
    else:
        pending = of.project.history.pending
        found = [s for s in of.samples if revision in {m.revision for m in pending(s.revision)}]
    return min(found or of.samples, key=lambda s: len(s.data), default=None)
