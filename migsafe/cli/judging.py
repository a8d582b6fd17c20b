"""Judge a project's evidence: by its rules, and by what it allows, has released and put off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from migsafe.cli.project import Project
from migsafe.facts import Kept
from migsafe.model.evidence import Evidence, NotRun
from migsafe.model.finding import Finding
from migsafe.model.report import Note
from migsafe.model.rule import Needs, Rule
from migsafe.rules.run import run
from migsafe.rules.standing import Circumstances, standing


@dataclass(frozen=True, slots=True)
class Judgement:
    """The findings, worst first, what could not be judged, and what the report says besides."""

    findings: tuple[Finding, ...]
    not_run: tuple[NotRun, ...]
    notes: tuple[Note, ...]
    gone: tuple[tuple[str, int], ...]


def judge(
    project: Project,
    ruleset: tuple[Rule, ...],
    evidence: Evidence,
    complete: Needs = Needs.SCHEMA,
    past: Kept | None = None,
) -> Judgement:
    """Judge the evidence; `complete`: rules that need no more were asked of all there is.

    `past` are the facts about what came before the evidence's steps, where these begin later.
    """
    result = run(ruleset, evidence, past)
    told = {n.what for n in result.not_run}
    circumstances = Circumstances(
        project.config,
        evidence.history,
        evidence.focus,
        date.fromisoformat(project.today),
        ruleset,
        complete,
        frozenset(r.id for r in ruleset if f"rule {r.id}" in told),
        project.baseline,
        project.everything,
    )
    stands = standing(result.findings, circumstances)
    return Judgement(stands.findings, result.not_run, stands.notes, stands.gone)


def asked(*, replayed: bool, all_else: bool) -> Needs:
    """Up to which needs a check asked its rules of all there is.

    `replayed`: every sample was, and there are some; `all_else`: nothing else was left out.
    """
    if not replayed:
        return Needs.SCHEMA
    return Needs.OUTCOMES if all_else else Needs.DATA
