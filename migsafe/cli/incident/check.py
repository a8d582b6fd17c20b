"""`migsafe incident check`: for CI, is every incident guarded, told and finished?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from migsafe.cli.incident import chosen, safeguard
from migsafe.cli.rules import all_rules
from migsafe.errors import ExitCode
from migsafe.incident.folder import Stored, shown
from migsafe.incident.judge import Problem, Weight, warnings
from migsafe.report.text import printable

_Judged = list[tuple[Stored, tuple[Problem, ...]]]


@click.command("check")
@click.argument("identifiers", nargs=-1, metavar="[ID]...")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@chosen.project
@chosen.today
def check(
    identifiers: tuple[str, ...], format_: str, strict: bool, config: Path | None, now: datetime
) -> int:
    """Fail where an incident has no rule that fires on its fixture, and no reason for that.

    Warnings: sections that are still to be written, actions that are overdue, an update that users
    were promised and did not get, a page that does not say what its record says.
    """
    found = [chosen.incident(config, i) for i in identifiers] or list(chosen.incidents(config))
    ruleset = all_rules(config) if found else ()
    judged = [(s, (*safeguard.problems(s, ruleset), *warnings(s, now))) for s in found]
    code = _code(judged, strict=strict)
    if format_ == "json":
        click.echo(json.dumps(_report(judged, code), indent=2))
        return code
    for line in _lines(judged):
        click.echo(printable(line))
    return code


def _code(judged: _Judged, *, strict: bool) -> ExitCode:
    weights = {p.weight for _, problems in judged for p in problems}
    if Weight.ERROR in weights or (strict and Weight.WARNING in weights):
        return ExitCode.FINDINGS
    return ExitCode.COULD_NOT_CHECK if Weight.UNCHECKED in weights else ExitCode.OK


def _lines(judged: _Judged) -> Iterator[str]:
    for stored, problems in judged:
        yield f"{_word(problems):9} {stored.id}  ({shown(stored.path)})"
        yield from (f"  {p.weight:9} {p.what}" for p in problems)
    guarded = sum(_word(problems) == "guarded" for _, problems in judged)
    if judged:
        yield f"{guarded} of {len(judged)} incidents are guarded"
    else:
        yield "no incidents"


def _word(problems: tuple[Problem, ...]) -> str:
    weights = {p.weight for p in problems}
    if Weight.ERROR in weights:
        return "unguarded"
    return "unchecked" if Weight.UNCHECKED in weights else "guarded"


def _report(judged: _Judged, code: ExitCode) -> dict[str, object]:
    return {
        "schema_version": 1,
        "passed": code is ExitCode.OK,
        "incidents": [
            {
                "id": stored.id,
                "path": shown(stored.path),
                "status": stored.record.status.value,
                "verdict": _word(problems),
                "problems": [{"severity": p.weight.value, "what": p.what} for p in problems],
            }
            for stored, problems in judged
        ],
    }
