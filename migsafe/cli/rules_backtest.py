"""`migsafe rules backtest`: what would a rule have said of the migrations of the past?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from migsafe.analyse import analyse
from migsafe.cli import options
from migsafe.cli.check import Effort, checked
from migsafe.cli.project import Project, Request, focus, open_all
from migsafe.cli.rule_choice import chosen
from migsafe.errors import ConfigError, ExitCode, NothingToCheck, UsageError
from migsafe.model.finding import Finding
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.replay import programs
from migsafe.report.text import printable
from migsafe.rules.backtest import backtest
from migsafe.rules.load import enable


@dataclass(frozen=True, slots=True)
class Past:
    """What rules would have said: of so many migrations, replayed on so many databases."""

    migrations: int
    samples: int | None  # None: nothing was replayed
    findings: tuple[Finding, ...]


@click.command("backtest")
@click.argument("rule_ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All rules that speak in this project.")
@click.option("--samples", is_flag=True, help="Also replay, and ask what needs old rows.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@options.project
@programs.ended()
def backtest_(
    rule_ids: tuple[str, ...],
    every: bool,
    samples: bool,
    format_: str,
    config: Path | None,
    dialect: str | None,
    today: str | None,
) -> int:
    """Judge every migration of the past as if it were the newest: what would have been stopped?

    Each is judged with the history before it, and nothing after it known. With --samples the
    rules are also asked of all sampled databases and of what their replay shows. It informs: the
    exit code is 0 unless a rule is wrong.
    """
    if bool(rule_ids) == every:
        raise UsageError(
            "backtest takes the ids of rules, or --all", hint="see `migsafe rules list`"
        )
    projects = open_all(Request(config, dialect, today))
    if len(projects) > 1:
        raise ConfigError(
            "the past of one set of migrations is judged at a time",
            hint="give each set a configuration of its own: --config FILE",
        )
    project = projects[0]
    rules = chosen(project.rules(), rule_ids)
    rules = enable(rules, rule_ids) if rule_ids else tuple(r for r in rules if not r.off)
    past = judged(project, rules, replayed=samples)
    if format_ == "json":
        click.echo(json.dumps(_entries(past, rules, project.config.fail_on), indent=2))
    else:
        click.echo("\n".join(_told(past, rules, project.config.fail_on, every=every)))
    return ExitCode.OK


def judged(project: Project, rules: tuple[Rule, ...], *, replayed: bool) -> Past:
    """What these rules would have said of the project's past."""
    everything, _ = focus(project, ())
    evidence = analyse(project.history, everything, project.runner, project.settings())
    on_text = tuple(r for r in rules if not replayed or r.needs < Needs.DATA)
    findings = [f for _, found in backtest(on_text, evidence) for f in found]
    count = len(evidence.history.migrations)
    if not replayed:
        return Past(count, None, tuple(findings))
    on_rows = tuple(r for r in rules if r.needs >= Needs.DATA)
    try:
        found = checked(project, Severity.BLOCKER, Effort(made=False), on_rows)
    except NothingToCheck:
        return Past(count, 0, tuple(findings))
    summary = found.report.replay
    databases = summary.samples if summary else 0
    return Past(count, databases, (*findings, *found.report.findings))


def summary(project: Project, rule: Rule) -> tuple[str, ...]:
    """What one rule would have said of the past, and on the samples, a line each."""
    past = judged(project, (rule,), replayed=project.config.samples.path is not None)
    return tuple(_lines(list(past.findings), past, project.config.fail_on))


# -- what is printed ------------------------------------------------------------------------------


def _told(past: Past, rules: tuple[Rule, ...], least: Severity, *, every: bool) -> Iterator[str]:
    silent = 0
    for rule in rules:
        own = [f for f in past.findings if f.rule == rule.id]
        if every and not own:
            silent += 1
            continue
        yield rule.id
        yield from (f"  {line}" for line in _lines(own, past, least))
    if every:
        yield f"{silent} of {len(rules)} rules are silent {_where(past)}"
    left = [r for r in rules if r.needs >= Needs.DATA]
    if left and past.samples is None:
        asking = "this rule asks" if len(rules) == 1 else f"{len(left)} of these rules ask"
        yield f"{asking} about old rows or a replay: --samples tells what they say"


def _lines(own: list[Finding], past: Past, least: Severity) -> Iterator[str]:
    for words, findings in _sorted(own, least):
        for finding in findings:
            place = f"{finding.path}:{finding.line}"
            which = f"{finding.revision} ({place})" if finding.revision else place
            yield f"{words} {printable(which)}: {printable(finding.message)}"
    yield f"no other alarm {_where(past)}" if own else f"silent {_where(past)}"


def _where(past: Past) -> str:
    migrations = f"in {past.migrations:,} migration{'s' * (past.migrations != 1)}"
    if past.samples is None:
        return migrations
    return f"{migrations} and on {past.samples:,} sampled database{'s' * (past.samples != 1)}"


def _sorted(findings: Iterable[Finding], least: Severity) -> Iterator[tuple[str, list[Finding]]]:
    allowed = [f for f in findings if f.suppressed]
    heard = [f for f in findings if not f.suppressed]
    yield "would have stopped", [f for f in heard if f.severity >= least]
    yield "would have told of", [f for f in heard if f.severity < least]
    yield "is allowed in", allowed


_KEYS = {"would have stopped": "stops", "would have told of": "tells", "is allowed in": "allowed"}


def _entries(past: Past, rules: tuple[Rule, ...], least: Severity) -> dict[str, object]:
    return {
        "migrations": past.migrations,
        "samples": past.samples,
        "rules": [_entry(r, past, least) for r in rules],
    }


def _entry(rule: Rule, past: Past, least: Severity) -> dict[str, object]:
    own = [f for f in past.findings if f.rule == rule.id]
    return {
        "rule": rule.id,
        **{_KEYS[w]: [_finding(f) for f in found] for w, found in _sorted(own, least)},
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "revision": finding.revision,
        "path": finding.path,
        "line": finding.line,
        "severity": str(finding.severity),
        "message": finding.message,
    }
