"""Is an incident guarded? Its rule must exist, be on, and fire on the incident's fixture."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from migsafe.cli import rule_fixtures
from migsafe.cli.rule_fixtures import CaseResult
from migsafe.incident.folder import Stored, shown
from migsafe.incident.judge import Problem, Weight
from migsafe.model.report import Conclusion
from migsafe.model.rule import Rule

_CASE = re.compile(r"(?:fail|pass)/\w[\w.-]*")


def problems(stored: Stored, ruleset: tuple[Rule, ...]) -> Iterator[Problem]:
    """Why the incident is not guarded; nothing where it is, or where a reason is written down."""
    guard = stored.record.safeguard
    if not guard.rule:
        if not guard.no_rule_reason.strip():
            yield _error("no rule guards it, and no_rule_reason does not say why")
        return
    rule = next((r for r in ruleset if r.id == guard.rule), None)
    if rule is None:
        near = difflib.get_close_matches(guard.rule, [r.id for r in ruleset], n=1)
        yield _error(f"there is no rule {guard.rule}" + (f"; {near[0]}?" if near else ""))
        return
    if rule.off:
        why = rule.note or "name it in [rules] enable"
        yield _error(f"the rule {rule.id} is off: {why}")
    yield from _proof(stored, rule, ruleset)


def _error(what: str) -> Problem:
    return Problem(Weight.ERROR, what)


def _proof(stored: Stored, rule: Rule, ruleset: tuple[Rule, ...]) -> Iterator[Problem]:
    """The fixtures beside the incident's own folder of rules, also where the rule is another's."""
    folder = stored.rules.parent / "fixtures" / "rules" / rule.id
    named = stored.record.safeguard.fixtures
    for name in named:
        if not _CASE.fullmatch(name):
            yield _error(f"{name} is no fixture: fail/NAME or pass/NAME")
    cases = [folder / n for n in named if _CASE.fullmatch(n)] if named else list(_all(folder))
    if not any(case.parent.name == "fail" for case in cases):
        yield _error(f"no fixture in {shown(folder)}/fail: {rule.id} was never seen to fire on it")
    for case in cases:
        if not case.is_dir():
            yield _error(f"there is no fixture {shown(case)}")
            continue
        result = rule_fixtures.run(rule, ruleset, case.parent.name, case)
        yield from _judged(rule, result)


def _all(folder: Path) -> Iterator[Path]:
    for kind in rule_fixtures.KINDS:
        if (folder / kind).is_dir():
            yield from sorted(p for p in (folder / kind).iterdir() if p.is_dir())


def _judged(rule: Rule, result: CaseResult) -> Iterator[Problem]:
    case = shown(result.case)
    if result.error:
        yield _error(f"{case}: {result.error}")
    unchecked = result.report is not None and result.report.conclusion is Conclusion.UNCHECKED
    for spot in result.missed:
        place = f"{case}/{spot.path}:{spot.line}"
        if unchecked:
            yield Problem(Weight.UNCHECKED, f"{rule.id} could not be tried here: {place}")
        else:
            yield _error(f"{rule.id} does not fire: {place}")
    for spot, message in result.noisy:
        yield _error(f"{rule.id} is noisy: {case}/{spot.path}:{spot.line}: {message}")
