"""`migsafe rules test`: do the rules do what their fixtures say?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from migsafe.cli import rule_fixtures
from migsafe.cli.rule_choice import all_rules, chosen, config_option, shown
from migsafe.cli.rule_fixtures import KINDS, CaseResult
from migsafe.errors import ExitCode
from migsafe.model.rule import Rule

_UNTESTED = {
    "fail": "no fail fixture: this rule has never been seen to fire",
    "pass": "no pass fixture: nothing shows that this rule is ever silent",
}


@dataclass(frozen=True, slots=True)
class Tested:
    """A rule and what became of its fixtures."""

    rule: Rule
    results: tuple[CaseResult, ...]

    @property
    def fine(self) -> bool:
        """Is there a fixture of each kind, and did all do what they are there for?"""
        return {r.kind for r in self.results} == set(KINDS) and all(r.good for r in self.results)

    @property
    def word(self) -> str:
        """ok, or what is wrong: error, missed, noisy, untested."""
        words = {word_of(r) for r in self.results}
        return next((w for w in ("error", "missed", "noisy") if w in words), self._complete())

    def _complete(self) -> str:
        return "ok" if self.fine else "untested"


def word_of(result: CaseResult) -> str:
    """fired or silent, where a fixture does what it is for; else missed, noisy, untested, error."""
    if result.error:
        return "error" if result.report is None else "untested"
    if result.missed:
        return "missed"
    if result.noisy:
        return "noisy"
    return "fired" if result.kind == "fail" else "silent"


def tested(rule: Rule, ruleset: tuple[Rule, ...]) -> Tested:
    """Run all fixtures of a rule."""
    return Tested(
        rule,
        tuple(
            rule_fixtures.run(rule, ruleset, kind, case)
            for kind in KINDS
            for case in rule_fixtures.cases(rule, kind)
        ),
    )


@click.command("test")
@click.argument("rule_ids", nargs=-1, metavar="[ID]...")
@click.option("-v", "--verbose", is_flag=True, help="Name every fixture, not only the bad ones.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@config_option
def test(rule_ids: tuple[str, ...], verbose: bool, format_: str, config: Path | None) -> int:
    """Run the rules' fixtures: each `fail` must fire on its marked line, each `pass` be silent.

    Fixtures lie in `fixtures/rules/ID/{fail,pass}/NAME/` beside the folder of rules. A line that
    must be found ends in `-- expect: ID`, or in several IDs with commas between them. Without IDs
    all rules are tested; the test never stops early.
    """
    ruleset = all_rules(config)
    done: list[Tested] = []
    for rule in chosen(ruleset, rule_ids):
        done.append(tested(rule, ruleset))
        if format_ == "text":
            click.echo("\n".join(told(done[-1], verbose=verbose)))
    good = sum(t.fine for t in done)
    if format_ == "json":
        click.echo(
            json.dumps({"tested": len(done), "ok": good, "rules": [_entry(t) for t in done]})
        )
    else:
        click.echo(f"\n{good} of {len(done)} rules do what their fixtures say")
    if any(r.invalid for t in done for r in t.results):
        return ExitCode.USAGE
    return ExitCode.OK if good == len(done) else ExitCode.FINDINGS


# -- text -----------------------------------------------------------------------------------------


def told(done: Tested, *, verbose: bool = False) -> Iterator[str]:
    """The lines about one rule: a word, what its fixtures are, and each miss with its line."""
    counts = ", ".join(f"{sum(r.kind == k for r in done.results)} {k}" for k in KINDS)
    yield f"{done.word:8} {done.rule.id}  ({counts})"
    for kind in KINDS:
        if not any(r.kind == kind for r in done.results):
            place = shown(rule_fixtures.folder(done.rule) / kind)
            yield f"  {_UNTESTED[kind]} ({place}/NAME/)"
    for result in done.results:
        if verbose and result.good:
            yield f"  {word_of(result):8} {shown(result.case)}"
        yield from _complaints(done.rule, result)


def _complaints(rule: Rule, result: CaseResult) -> Iterator[str]:
    case = shown(result.case)
    if result.error:
        yield f"  {word_of(result):8} {case}: {result.error}"
    for spot in result.missed:
        yield f"  missed   {case}/{spot.path}:{spot.line}: {rule.id} says nothing here"
    for spot, message in result.noisy:
        yield f"  noisy    {case}/{spot.path}:{spot.line}: {message}"


# -- JSON -----------------------------------------------------------------------------------------


def _entry(done: Tested) -> dict[str, object]:
    return {
        "rule": done.rule.id,
        "result": done.word,
        "fixtures": [_case(result) for result in done.results],
    }


def _case(result: CaseResult) -> dict[str, object]:
    return {
        "fixture": shown(result.case),
        "kind": result.kind,
        "result": word_of(result),
        "missed": [{"path": s.path, "line": s.line} for s in result.missed],
        "noisy": [{"path": s.path, "line": s.line, "message": m} for s, m in result.noisy],
        "error": result.error,
    }
