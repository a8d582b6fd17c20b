"""Annotations of GitHub Actions: workflow commands on standard output.

GitHub keeps ten annotations of a kind for each step and drops the rest without a word, so that we
give nine, the worst first, and say how many more there are. A command ends with its line: line
breaks are written as %0A, and in properties colons and commas are escaped, too (GitHub's manual,
"Workflow commands for GitHub Actions").
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from migsafe.model.finding import Finding
from migsafe.model.report import Report
from migsafe.model.rule import Severity
from migsafe.report import words

_MOST = 9
_KINDS = {
    Severity.BLOCKER: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


def render(report: Report) -> str:
    """A command for each finding, what was not run, and the verdict."""
    made: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    for kind, command in (*_failed(report), *_of_hotfix(report), *_of_findings(report)):
        made[kind].append(command)
    lines = [line for kind, commands in made.items() for line in _at_most(kind, commands)]
    quiet = (n for n in report.not_run if not n.failed)
    lines += [_plain(f"not run: {n.what} ({n.why})") for n in quiet]
    lines += [_plain(f"note: {n.what} ({n.why})") for n in report.notes]
    return "\n".join((*lines, _plain(words.verdict(report)))) + "\n"


def _at_most(kind: str, commands: list[str]) -> Iterator[str]:
    yield from commands[:_MOST]
    more = len(commands) - _MOST
    if more > 0:
        yield _command(kind, {"title": "migsafe"}, f"{more:,} more in the summary")


def _failed(report: Report) -> Iterator[tuple[str, str]]:
    for item in report.not_run:
        if item.failed:
            properties = {"title": "migsafe could not check"}
            yield "error", _command("error", properties, f"{item.what} ({item.why})")


def _of_hotfix(report: Report) -> Iterator[tuple[str, str]]:
    for whose, trouble in words.troubles(report):
        kind = _KINDS[trouble.severity]
        number = words.count(len(trouble.databases), "database")
        properties = {"title": f"migsafe: the hotfix on {whose}"}
        yield kind, _command(kind, properties, f"{trouble.sentence} ({number})")


def _of_findings(report: Report) -> Iterator[tuple[str, str]]:
    for finding in report.findings:
        if words.shown(finding):
            kind = _KINDS[finding.severity]
            yield kind, _command(kind, _properties(report, finding), _message(finding))


def _properties(report: Report, finding: Finding) -> dict[str, str]:
    return {
        "file": words.placed(report, finding.path),
        "line": str(finding.line),
        "endLine": str(finding.line),
        "col": str(finding.column),
        "title": f"{finding.severity}: {finding.rule}",
    }


def _message(finding: Finding) -> str:
    first, rest = words.remedy(finding)
    lines = [*words.said(finding), f"instead: {first}" if first else "", indent(rest, "    ")]
    return "\n".join(filter(None, (*lines, f"more: migsafe rules explain {finding.rule}")))


def _command(kind: str, properties: dict[str, str], message: str) -> str:
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {given}::{_data(message)}"


def _data(text: str) -> str:
    lines = "\n".join(map(_plain, text.split("\n")))
    return lines.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """A line of the log that no runner takes for a command, of the old form `##[...]` either."""
    return words.printable(text).replace("##[", "# #[")
