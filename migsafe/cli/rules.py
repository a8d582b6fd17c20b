"""`migsafe rules`: the rules, those that ship and the project's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from migsafe.cli import (
    rule_fixtures,
    rules_backtest,
    rules_new,
    rules_test,
    rules_trace,
    rules_try,
)
from migsafe.cli.rule_choice import all_rules, chosen, config_option, shown
from migsafe.cli.rule_fixtures import KINDS
from migsafe.errors import ExitCode
from migsafe.model.rule import Rule
from migsafe.report.rule_page import Example, Story, page

_FRONT_MATTER = re.compile(r"\A\+\+\+\n.*?\n\+\+\+\n", re.DOTALL)
_HEAD = re.compile(r"<!-- record: head\b.*?<!-- /record -->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

__all__ = ["all_rules", "command", "examples"]


@click.group("rules")
def command() -> None:
    """Know, write and test the rules: those that ship, and the project's own."""


# -- list -------------------------------------------------------------------------------------


@command.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@config_option
def list_(format_: str, config: Path | None) -> int:
    """List every rule: its severity, what it needs to know, and its title."""
    ruleset = all_rules(config)
    if format_ == "json":
        click.echo(json.dumps([_entry(r) for r in ruleset], indent=2))
        return ExitCode.OK
    width = max(len(r.id) for r in ruleset)
    for rule in ruleset:
        off = " (off: enable it in [rules])" if rule.off else ""
        off = f" ({rule.note})" if rule.note else off
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
@config_option
def explain(rule_id: str, config: Path | None) -> int:
    """Show one rule in full: the hazard, examples, what to write instead, its SELECT."""
    rule = chosen(all_rules(config), (rule_id,))[0]
    click.echo(page(rule, examples(rule), story=story(rule)), nl=False)
    return ExitCode.OK


def story(rule: Rule) -> Story | None:
    """The page of the rule's incident, where one lies in its folder: its first paragraph."""
    path = Path(rule.path).parent / "postmortem.md"
    if not path.is_file():
        return None
    text = _FRONT_MATTER.sub("", path.read_text(encoding="utf-8", errors="replace"))
    text = _HEAD.sub("", text)  # the title, and a line of dates and names
    blocks = (" ".join(b.split()) for b in re.split(r"\n\s*\n", _COMMENT.sub("\n\n", text)))
    told = (b for b in blocks if b and b[0] not in "#|>-*+<!")
    return Story(next(told, ""), shown(path))


def examples(rule: Rule) -> tuple[Example, ...]:
    """The first fail and the first pass fixture, as they lie on disk."""
    return tuple(
        Example(kind, _sources(case))
        for kind in KINDS
        for case in rule_fixtures.cases(rule, kind)[:1]
    )


def _sources(case: Path) -> tuple[tuple[str, str], ...]:
    files = sorted(p for p in case.rglob("*") if p.suffix in {".sql", ".py", ".toml", ".lock"})
    order = sorted(files, key=lambda p: (p.suffix == ".toml", p.name != "old.sql", p.name))
    return tuple(
        (p.relative_to(case).as_posix(), p.read_text(encoding="utf-8").rstrip()) for p in order
    )


# -- the others have modules of their own ---------------------------------------------------------

for _one in (
    rules_new.new,
    rules_try.try_,
    rules_trace.trace_,
    rules_test.test,
    rules_backtest.backtest_,
):
    command.add_command(_one)
