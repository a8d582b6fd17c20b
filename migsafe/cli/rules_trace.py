"""`migsafe rules trace`: why does a rule find nothing, or so much?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from migsafe.analyse import analyse
from migsafe.cli import options, rule_fixtures
from migsafe.cli.check import Effort, checked
from migsafe.cli.project import Project, Request, focus, open_all
from migsafe.cli.rule_choice import all_rules, chosen
from migsafe.cli.rule_fixtures import KINDS
from migsafe.errors import ConfigError, ExitCode, UsageError
from migsafe.facts import build
from migsafe.model.evidence import Evidence
from migsafe.model.migration import Dialect
from migsafe.model.outcome import Outcome, ProbeResult, Scenario
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.replay import programs
from migsafe.rules import ask
from migsafe.rules.load import enable
from migsafe.rules.trace import Step, trace

_HERE = "  <-- here it becomes empty"
_WIDEST = 90
_MORE = 5  # columns of a candidate that are shown
_LISTED = 10  # samples in which it finds rows


@click.command("trace")
@click.argument("rule_id", metavar="ID")
@click.option("--fixture", metavar="KIND/NAME", help="On one of its fixtures: fail/example.")
@options.project
@programs.ended()
def trace_(
    rule_id: str, fixture: str | None, config: Path | None, dialect: str | None, today: str | None
) -> int:
    """Show a rule's SELECT step by step, with the rows that are left after each.

    Each WITH table, each table of the FROM and each condition is a step; the first that leaves
    nothing is marked. A rule about data is followed into the sampled databases: each row of its
    `for_each`, and how many rows `find` gives there.
    """
    ruleset = all_rules(config)
    rule = enable(chosen(ruleset, (rule_id,)), [rule_id])[0]
    if fixture is None:
        projects = open_all(Request(config, dialect, today))
        if len(projects) > 1:
            raise ConfigError(
                "a rule is traced on one set of migrations at a time",
                hint="give each set a configuration of its own: --config FILE",
            )
        _trace(rule, projects[0], replayed=rule.needs >= Needs.DATA)
        return ExitCode.OK
    case = _case(rule, fixture)
    with TemporaryDirectory(prefix="migsafe-") as name:
        project = rule_fixtures.written(case, Path(name))
        sampled = project.config.samples.path is not None
        on_server = project.history.dialect is not Dialect.SQLITE
        whole = sampled if not on_server else rule.needs is Needs.OUTCOMES
        _trace(rule, project, replayed=whole and rule.needs >= Needs.DATA)
    return ExitCode.OK


def _case(rule: Rule, name: str) -> Path:
    known = [f"{k}/{c.name}" for k in KINDS for c in rule_fixtures.cases(rule, k)]
    if name not in known:
        raise UsageError(
            f"{rule.id} has no fixture {name}",
            hint=f"it has {', '.join(known)}" if known else "it has none",
        )
    return rule_fixtures.folder(rule) / name


def _trace(rule: Rule, project: Project, *, replayed: bool) -> None:
    evidence = _evidence(rule, project, replayed=replayed)
    with closing(build(evidence)) as facts:
        for line in _told(rule, facts, evidence, replayed=replayed):
            click.echo(line)


def _evidence(rule: Rule, project: Project, *, replayed: bool) -> Evidence:
    if replayed:
        found = checked(project, Severity.BLOCKER, Effort(made=False), (rule,)).evidence
        if found is None:
            raise UsageError("nothing was replayed", hint="`migsafe check` says why")
        return found
    everything, _ = focus(project, ())
    return analyse(project.history, everything, project.runner, project.settings())


# -- what is printed ------------------------------------------------------------------------------


def _told(
    rule: Rule, facts: sqlite3.Connection, evidence: Evidence, *, replayed: bool
) -> Iterator[str]:
    if rule.check:
        yield f"{rule.id} is Python code ({rule.check}): there is no SELECT to follow"
        return
    if evidence.history.dialect not in rule.dialects:
        spoken = ", ".join(str(d) for d in rule.dialects)
        yield f"{rule.id} is about {spoken}, and these migrations are {evidence.history.dialect}"
        return
    if rule.pattern:
        yield f"pattern  {rule.pattern}"
        yield from (f"unless   {pattern}" for pattern in rule.unless)
    question = rule.for_each or rule.find
    yield "for_each:" if rule.for_each else "find:"
    yield from _steps(trace(facts, question))
    if rule.needs is Needs.DATA:
        yield from _candidates(rule, facts, evidence, replayed=replayed)
    else:
        yield from _findings(rule, facts)


def _steps(steps: tuple[Step, ...]) -> Iterator[str]:
    first = next((s for s in steps if s.rows == 0), None) if steps and steps[-1].rows == 0 else None
    for step in steps:
        rows = "?" if step.rows is None else f"{step.rows:,}"
        text = "  " * step.depth + " ".join(step.text.split())
        text = text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
        yield f"{rows:>9}  {text}{_HERE if step is first else ''}"


def _findings(rule: Rule, facts: sqlite3.Connection) -> Iterator[str]:
    rows = ask.rows(facts, rule, rule.find, "find")
    heard = [row for row in rows if ask.in_focus(facts, row)]
    yield f"findings: {len(heard)}" + (
        f" ({len(rows) - len(heard)} more in migrations that are not looked at)"
        if len(heard) < len(rows)
        else ""
    )
    for row in heard:
        place = ask.place(facts, rule, row)
        yield f"  {place.path}:{place.line}  {ask.fill(rule.message, row, rule)}"


def _candidates(
    rule: Rule, facts: sqlite3.Connection, evidence: Evidence, *, replayed: bool
) -> Iterator[str]:
    found = list(ask.candidates(facts, rule))
    yield f"find, asked for each of {len(found)} rows of for_each:" if found else "find: not asked"
    for candidate in found:
        yield f"  {candidate.place.path}:{candidate.place.line}  {_columns(candidate.row)}"
        if not replayed:
            continue
        yield from _asked(list(_answers(evidence.outcomes, rule.id, candidate.number)))
    if found and not replayed:
        yield "           no database is at hand: what they hold is not known"


def _asked(answers: list[tuple[str, ProbeResult]]) -> Iterator[str]:
    """The samples where find gave rows, and in how many others it gave none."""
    if not answers:
        yield "           no sample came to this statement"
    told = [(s, a) for s, a in answers if a.rows or a.error]
    yield from (f"{_rows(answer):>11}  {sample}" for sample, answer in told[:_LISTED])
    if len(told) > _LISTED:
        yield f"             and in {len(told) - _LISTED} more"
    if len(told) < len(answers):
        yield f"     0 rows  in {len(answers) - len(told)} of {len(answers)} sampled databases"


def _columns(row: Mapping[str, ask.Value]) -> str:
    told = [
        f"{name} = {value}"
        for name, value in row.items()
        if name not in {"statement", "line"} and not name.startswith("raw_")
    ]
    return ", ".join(told[:_MORE])


def _answers(
    outcomes: tuple[Outcome, ...], rule: str, candidate: int
) -> Iterator[tuple[str, ProbeResult]]:
    for outcome in outcomes:
        if outcome.scenario is Scenario.MADE:
            continue
        for answer in outcome.probes:
            if (answer.rule, answer.candidate) == (rule, candidate):
                yield outcome.sample, answer


def _rows(answer: ProbeResult) -> str:
    if answer.error:
        return f"? {answer.error}"
    return f"{answer.rows:,} {'row' if answer.rows == 1 else 'rows'}"
