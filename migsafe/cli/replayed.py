"""What the report of a check says of its replays, on SQLite and on servers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from migsafe.cli.judging import asked, judge
from migsafe.cli.lint import conclude, unknown_rules
from migsafe.cli.project import Project
from migsafe.errors import MigsafeError
from migsafe.model.evidence import Evidence, NotRun
from migsafe.model.fix_for import Trouble
from migsafe.model.outcome import Outcome, Scenario, Verdict
from migsafe.model.report import Conclusion, Database, ReplaySummary, Report
from migsafe.model.rule import Rule, Severity
from migsafe.model.sample import BASE


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is to be said beside the evidence.

    `unread` are the errors of samples, `missing` what was not looked at for other reasons; `empty`:
    no sample was there, something empty stood in; `apart` are the scenarios that `failed` does not
    count; `seconds` is how long the replays took; `whole`: all samples there are were replayed, so
    that what they do not show is not there.
    """

    unread: tuple[MigsafeError, ...]
    missing: tuple[NotRun, ...]
    empty: bool
    apart: Collection[Scenario]
    seconds: float
    whole: bool


def report(
    project: Project,
    ruleset: tuple[Rule, ...],
    evidence: Evidence,
    replayed: Replayed,
    fail_on: Severity,
) -> Report:
    """The report of a check, judged by the rules and by what could not run."""
    failed = (*_unread(replayed.unread), *_unfinished(evidence.outcomes))
    unknown = unknown_rules(project, evidence.focus, ruleset)
    needs = asked(replayed=replayed.whole and not failed, all_else=not replayed.missing)
    result = judge(project, ruleset, evidence, needs)
    history = project.history
    return Report(
        command="check",
        conclusion=conclude(result.findings, fail_on, checked=not failed),
        findings=result.findings,
        not_run=(*failed, *replayed.missing, *unknown, *result.not_run),
        fail_on=fail_on,
        migrations=len(evidence.focus),
        statements=sum(s.revision in evidence.focus for s in evidence.steps),
        framework=history.framework,
        dialect=str(history.dialect),
        replay=_summary(evidence, replayed),
        notes=result.notes,
        gone=result.gone,
        judged=tuple(m.path for m in history.migrations if m.revision in evidence.focus),
    )


def gated(report: Report, share: float | None) -> Report:
    """The report where what a replay shows may hit up to this share of users (None: nobody)."""
    if share is None:
        return report
    report = replace(report, max_blast=share)
    hotfix = any(t.severity >= report.fail_on for t in _troubles(report))
    if hotfix or any(map(report.fails, report.findings)):
        return replace(report, conclusion=Conclusion.UNSAFE)
    unchecked = any(n.failed for n in report.not_run)
    return replace(report, conclusion=Conclusion.UNCHECKED if unchecked else Conclusion.SAFE)


def _troubles(report: Report) -> Iterable[Trouble]:
    populations = report.fix_for.populations if report.fix_for else ()
    return (t for p in populations for t in p.troubles)


def _unread(errors: Iterable[MigsafeError]) -> Iterable[NotRun]:
    for e in errors:
        why = f"{e.message}; {e.hint}" if e.hint else e.message
        yield NotRun(e.place or "a sample", why, failed=True)


def _unfinished(outcomes: Iterable[Outcome]) -> Iterable[NotRun]:
    for o in outcomes:
        yield from (NotRun(f"replay of {o.sample}", note, failed=True) for note in o.notes)


def _summary(evidence: Evidence, replayed: Replayed) -> ReplaySummary:
    counted = [o for o in evidence.outcomes if o.scenario not in replayed.apart]
    samples = evidence.samples
    pending = {s.revision: evidence.history.pending(s.revision) for s in samples}
    paths = {revision: tuple(m.path for m in found) for revision, found in pending.items()}
    return ReplaySummary(
        cases=sum(o.tried for o in evidence.outcomes),
        failed=sum(o.verdict not in {Verdict.OK, Verdict.TOOL_ERROR} for o in counted),
        samples=0 if replayed.empty else len(samples),
        revisions=len({s.revision for s in samples}),
        seconds=replayed.seconds,
        groups=evidence.failures,
        databases=tuple(Database(s.path, s.revision or BASE, paths[s.revision]) for s in samples),
    )
