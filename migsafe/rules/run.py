"""Rules x Evidence -> Findings: the one place where both commands judge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date

from migsafe import facts as facts_database
from migsafe.blast import blast as blast_of
from migsafe.errors import RuleInvalid, RuleTooMany, RuleTooSlow
from migsafe.facts.suppressions import judged, longest
from migsafe.model.evidence import Evidence, NotRun
from migsafe.model.finding import Finding, Stage, Suppression
from migsafe.model.outcome import Blast, Failure, Outcome, ProbeResult, Scenario
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.rules import ask
from migsafe.rules.ask import Candidate, Row, Value
from migsafe.rules.finish import Draft, finish
from migsafe.rules.load import ours


@dataclass(frozen=True, slots=True)
class Result:
    """The findings, worst first, and what could not be judged."""

    findings: tuple[Finding, ...]
    not_run: tuple[NotRun, ...]


def run(
    ruleset: Iterable[Rule], evidence: Evidence, past: facts_database.Kept | None = None
) -> Result:
    """Judge the evidence by every rule that speaks its dialect.

    `past`: the facts about what came before the evidence's steps, where these begin later.
    Raises RuleInvalid for a rule that is wrong, writes or does not end.
    """
    dialect = evidence.history.dialect
    ruleset = tuple(ruleset)
    rules = [r for r in ruleset if dialect in r.dialects and not r.off]
    known = {"rules": ",".join(r.id for r in ruleset)}
    evidence = replace(evidence, settings={**evidence.settings, **known})
    with closing(facts_database.build(evidence, past)) as facts:
        judge = _Judge(facts, evidence)
        drafts = [d for r in rules for d in judge.judged(r)]
        findings = finish(drafts, facts, tuple(_suppressions(evidence)))
    noted = [NotRun(f"rule {r.id}", r.note) for r in ruleset if r.note and dialect in r.dialects]
    return Result(findings, (*noted, *judge.too_slow, *_not_run(rules, evidence)))


def _suppressions(evidence: Evidence) -> Iterator[Suppression]:
    today, days = date.fromisoformat(evidence.settings["today"]), longest(evidence.settings)
    for migration in evidence.history.migrations:
        yield from (j.suppression for j in judged(migration, today, days) if j.holds)


def _not_run(rules: list[Rule], evidence: Evidence) -> Iterator[NotRun]:
    waiting = [r for r in rules if r.needs > evidence.needs]
    if waiting:
        undecided = sum(r.needs is Needs.DATA for r in waiting)
        yield NotRun(
            f"{len(waiting)} rules about real data and what a replay shows",
            f"lint opens no database ({undecided} of them say where data decides): "
            "run `migsafe check`",
        )


_TOO_SLOW = f"takes more than {ask.SECONDS:g} s"


@dataclass(frozen=True, slots=True)
class _Judge:
    facts: sqlite3.Connection
    evidence: Evidence
    too_slow: list[NotRun] = field(default_factory=list)

    def judged(self, rule: Rule) -> list[Draft]:
        """The rule's violations; a rule of ours that finds no end in a history is said so."""
        try:
            return list(self.judge(rule))
        except (RuleTooMany, RuleTooSlow) as error:
            if not ours(rule):
                raise
            many = isinstance(error, RuleTooMany)
            said = f"returns more than {ask.ROW_LIMIT:,} rows" if many else _TOO_SLOW
            self.too_slow.append(NotRun(f"rule {rule.id}", f"it {said} on a history of this size"))
            return []

    def judge(self, rule: Rule) -> Iterator[Draft]:
        if rule.needs is Needs.DATA:
            yield from self._by_data(rule)
        elif rule.needs <= self.evidence.needs:
            yield from self._by_facts(rule)

    # -- rules over the facts ------------------------------------------------------------------

    def _by_facts(self, rule: Rule) -> Iterator[Draft]:
        for row in _rows(self.facts, rule):
            failure = self._failure(row)
            if failure is None and not ask.in_focus(self.facts, row):
                continue
            message = ask.fill(rule.message, row, rule)
            yield Draft(
                rule,
                row,
                ask.place(self.facts, rule, row),
                _at_most(_severity(rule, row), failure),
                message,
                Stage.REPLAY if failure else Stage.ANALYSE,
                failure=failure,
                blast=failure.blast if failure and failure.samples else None,
                detail=_said(failure, message),
            )

    def _failure(self, row: Row) -> Failure | None:
        number = row.get("failure")
        return self.evidence.failures[number - 1] if isinstance(number, int) else None

    # -- rules over the data -------------------------------------------------------------------

    def _by_data(self, rule: Rule) -> Iterator[Draft]:
        for candidate in ask.candidates(self.facts, rule):
            answers = self._answers(candidate)
            hit = {path: a for path, a in answers.items() if a.rows}
            if hit:
                yield self._decided(candidate, hit)
            elif self._by_made_rows(candidate):
                yield self._undecided(candidate, Severity.WARNING, asked=True)
            elif rule.undecided is not None and candidate.row.get("undecided") != 0:
                severity = _undecided_severity(rule, candidate.row)
                yield self._undecided(candidate, severity, asked=bool(answers))

    def _answers(self, candidate: Candidate) -> dict[str, ProbeResult]:
        return {
            outcome.sample: answer
            for outcome, answer in self._asked(candidate)
            if outcome.scenario is not Scenario.MADE
        }

    def _asked(self, candidate: Candidate) -> Iterator[tuple[Outcome, ProbeResult]]:
        key = (candidate.rule.id, candidate.number)
        for outcome in self.evidence.outcomes:
            for answer in outcome.probes:
                if (answer.rule, answer.candidate) == key:
                    yield outcome, answer

    def _by_made_rows(self, candidate: Candidate) -> bool:
        """Does a made-up row, and no sample, answer this rule's question?"""
        return any(o.scenario is Scenario.MADE and a.rows for o, a in self._asked(candidate))

    def _refuted(self, candidate: Candidate) -> bool:
        """Did rows made to break this candidate not break it?"""
        made = [(o, a) for o, a in self._asked(candidate) if o.scenario is Scenario.MADE]
        return bool(made) and all(o.complete and not a.error and not a.rows for o, a in made)

    def _decided(self, candidate: Candidate, hit: dict[str, ProbeResult]) -> Draft:
        rule = candidate.rule
        counts: dict[str, Value] = {"n": max(a.rows for a in hit.values())}
        counts.update(next(iter(hit.values())).first)
        row = {**candidate.row, **counts}
        return Draft(
            rule,
            row,
            candidate.place,
            _severity(rule, row),
            ask.fill(rule.message, row, rule),
            Stage.REPLAY,
            blast=self._blast(set(hit)),
            decided=True,
        )

    def _blast(self, paths: set[str]) -> Blast:
        return blast_of(self.evidence.samples, paths)

    def _undecided(self, candidate: Candidate, severity: Severity, *, asked: bool) -> Draft:
        rule = candidate.rule
        if rule.settled:
            severity = min(severity, rule.severity)
        row: dict[str, Value] = {**candidate.row, "n": 0}
        reason = "whether it fails depends on the data"
        if asked:
            reason = "no sampled database shows it, but the old schema allows it"
        if asked and self._refuted(candidate):
            severity, reason = Severity.NOTE, "neither a sample nor a made-up row shows it"
        text = ask.fill(rule.undecided_message or rule.title, row, rule)
        return Draft(rule, row, candidate.place, severity, f"{text}: {reason}", Stage.ANALYSE)


def _rows(facts: sqlite3.Connection, rule: Rule) -> list[Row]:
    if not rule.check:
        return ask.rows(facts, rule, rule.find, "find")
    from migsafe.rules import code  # noqa: PLC0415 - hardly any project has such a rule

    return code.rows(facts, rule)


def _at_most(severity: Severity, failure: Failure | None) -> Severity:
    """What only made-up rows show is a warning."""
    made = failure is not None and failure.observation.made
    return min(severity, Severity.WARNING) if made else severity


def _said(failure: Failure | None, message: str) -> tuple[str, ...]:
    """What the replay says beside the message."""
    if failure is None:
        return ()
    seen = failure.observation
    made = f"no sample shows it; the old schema allows it: {seen.made}" if seen.made else ""
    return tuple(t for t in (seen.detail if seen.detail not in message else "", made) if t)


def _undecided_severity(rule: Rule, row: Row) -> Severity:
    """The rule's `undecided`, unless the row's column of that name says another severity."""
    text = row.get("undecided")
    if isinstance(text, str):
        return _named(rule, text)
    assert rule.undecided is not None
    return rule.undecided


def _severity(rule: Rule, row: Row) -> Severity:
    """The rule's severity, unless the row has its own in a column `severity`."""
    text = row.get("severity")
    return rule.severity if text is None or rule.settled else _named(rule, text)


def _named(rule: Rule, text: Value) -> Severity:
    """The severity that a row names. Raises RuleInvalid for one that does not exist."""
    try:
        return Severity.parse(str(text))
    except KeyError:
        raise RuleInvalid(
            f"rule {rule.id} returned the severity {text!r}",
            place="/".join(rule.path.split("/")[-3:]),
            hint=f"one of: {', '.join(str(s) for s in Severity)}",
        ) from None
