"""`migsafe rules`: list, explain and test the rules."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path

import click

from migsafe import config
from migsafe.cli import rule_fixtures
from migsafe.cli.rule_fixtures import KINDS, CaseResult
from migsafe.errors import ExitCode, UsageError
from migsafe.model.rule import Rule
from migsafe.report.rule_page import Example, page
from migsafe.rules.load import enable, load, shipped

_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration file of the project."
)


@click.group("rules")
def command() -> None:
    """List, explain and test the rules: those that ship, and the project's own."""


def all_rules(explicit: Path | None) -> tuple[Rule, ...]:
    """The rules that ship and those of the project in the working directory, if there is one."""
    settings = config.load(Path.cwd(), explicit)
    found = load([shipped(), *(settings.root / p for p in settings.rules.paths)])
    return enable(found, settings.rules.enable)


def _chosen(ruleset: tuple[Rule, ...], ids: tuple[str, ...]) -> tuple[Rule, ...]:
    known = {r.id: r for r in ruleset}
    for name in ids:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see `migsafe rules list`"
            raise UsageError(f"there is no rule {name}", hint=hint)
    return tuple(known[name] for name in ids) if ids else ruleset


# -- list -------------------------------------------------------------------------------------


@command.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@_config
def list_(format_: str, config: Path | None) -> int:
    """List every rule: its severity, what it needs to know, and its title."""
    ruleset = all_rules(config)
    if format_ == "json":
        click.echo(json.dumps([_entry(r) for r in ruleset], indent=2))
        return ExitCode.OK
    width = max(len(r.id) for r in ruleset)
    for rule in ruleset:
        off = " (off: enable it in [rules])" if rule.off else ""
        click.echo(f"{rule.severity!s:8} {rule.id:{width}}  {rule.needs!s:10} {rule.title}{off}")
    click.echo(f"\n{len(ruleset)} rules; `migsafe rules explain ID` shows one in full")
    return ExitCode.OK


def _entry(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": str(rule.severity),
        "confidence": rule.confidence.value,
        "category": rule.category,
        "needs": str(rule.needs),
        "dialects": [str(d) for d in rule.dialects],
        "default": "off" if rule.off else "on",
    }


# -- explain ------------------------------------------------------------------------------------


@command.command("explain")
@click.argument("rule_id", metavar="ID")
@_config
def explain(rule_id: str, config: Path | None) -> int:
    """Show one rule in full: the hazard, examples, what to write instead, its SELECT."""
    rule = _chosen(all_rules(config), (rule_id,))[0]
    click.echo(page(rule, examples(rule)), nl=False)
    return ExitCode.OK


def examples(rule: Rule) -> tuple[Example, ...]:
    """The first fail and the first pass fixture, as they lie on disk."""
    return tuple(
        Example(kind, _sources(case))
        for kind in KINDS
        for case in rule_fixtures.cases(rule, kind)[:1]
    )


def _sources(case: Path) -> tuple[tuple[str, str], ...]:
    files = sorted(p for p in case.rglob("*") if p.suffix in {".sql", ".py", ".toml"})
    order = sorted(files, key=lambda p: (p.suffix == ".toml", p.name != "old.sql", p.name))
    return tuple(
        (p.relative_to(case).as_posix(), p.read_text(encoding="utf-8").rstrip()) for p in order
    )


# -- test -----------------------------------------------------------------------------------------


@command.command("test")
@click.argument("rule_ids", nargs=-1, metavar="[ID]...")
@click.option("-v", "--verbose", is_flag=True, help="Name every fixture, not only the bad ones.")
@_config
def test(rule_ids: tuple[str, ...], verbose: bool, config: Path | None) -> int:
    """Run the rules' fixtures: each `fail` must fire on its marked line, each `pass` be silent.

    Fixtures lie in `fixtures/rules/ID/{fail,pass}/NAME/` beside the folder of rules. A line that
    must be found ends in `-- expect: ID`. Without IDs all rules are tested; the test never stops
    early.
    """
    ruleset = all_rules(config)
    chosen = _chosen(ruleset, rule_ids)
    bad = 0
    for rule in chosen:
        results = list(_results(rule, ruleset))
        lines = list(_told(rule, results, verbose=verbose))
        bad += not _fine(results)
        click.echo("\n".join(lines))
    click.echo(f"\n{len(chosen) - bad} of {len(chosen)} rules do what their fixtures say")
    return ExitCode.FINDINGS if bad else ExitCode.OK


def _results(rule: Rule, ruleset: tuple[Rule, ...]) -> Iterator[CaseResult]:
    for kind in KINDS:
        for case in rule_fixtures.cases(rule, kind):
            yield rule_fixtures.run(rule, ruleset, kind, case)


def _fine(results: list[CaseResult]) -> bool:
    return {r.kind for r in results} == set(KINDS) and all(r.good for r in results)


def _told(rule: Rule, results: list[CaseResult], *, verbose: bool) -> Iterator[str]:
    counts = ", ".join(f"{sum(r.kind == k for r in results)} {k}" for k in KINDS)
    yield f"{_word(results):8} {rule.id}  ({counts})"
    for kind in KINDS:
        if not any(r.kind == kind for r in results):
            yield f"  no {kind} fixture in {_shown(rule_fixtures.folder(rule) / kind)}"
    for result in results:
        if verbose and result.good:
            yield f"  {'fired' if result.kind == 'fail' else 'silent':8} {_shown(result.case)}"
        yield from _complaints(rule, result)


def _word(results: list[CaseResult]) -> str:
    if _fine(results):
        return "ok"
    if any(r.missed for r in results):
        return "missed"
    return "noisy" if any(r.noisy for r in results) else "untested"


def _complaints(rule: Rule, result: CaseResult) -> Iterator[str]:
    case = _shown(result.case)
    if result.error:
        yield f"  {case}: {result.error}"
    for spot in result.missed:
        yield f"  missed   {case}/{spot.path}:{spot.line}: {rule.id} says nothing here"
    for spot, message in result.noisy:
        yield f"  noisy    {case}/{spot.path}:{spot.line}: {message}"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()
