"""SARIF 2.1.0, for GitHub code scanning and other viewers.

A finding becomes a result with a region of one line: GitHub shows a result in a pull request only
where all its lines are in the diff. Paths are relative to the repository. Our fingerprint stands
under a name of our own, as GitHub computes `primaryLocationLineHash` itself and warns of another.
Limits are GitHub's: 25,000 results in a run, 1,024 characters of description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import indent
from typing import Any
from urllib.parse import quote

from migsafe import __version__
from migsafe.model.finding import Finding
from migsafe.model.report import Conclusion, Report
from migsafe.model.rule import Confidence, Severity
from migsafe.report import words

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST_RESULTS = 25_000
_MOST_CHARACTERS = 1_024
_LEVELS = {
    Severity.BLOCKER: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}
_PROBLEMS = {"error": "error", "warning": "warning", "note": "recommendation"}
_PRECISIONS = {Confidence.HIGH: "high", Confidence.MEDIUM: "medium", Confidence.LOW: "low"}


def render(report: Report) -> str:
    """The report as a SARIF log of one run, in ASCII."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return json.dumps(log, indent=2, allow_nan=False) + "\n"


def _run(report: Report) -> dict[str, Any]:
    findings = report.findings[:_MOST_RESULTS]
    rules: dict[str, Finding] = {}
    for finding in findings:  # the worst of each rule comes first
        rules.setdefault(finding.rule, finding)
    numbers = {rule: number for number, rule in enumerate(rules)}
    return {
        "tool": {
            "driver": {
                "name": "migsafe",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(f) for f in rules.values()],
            }
        },
        "automationDetails": {"id": _category(report)},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "results": [_result(report, f, numbers[f.rule]) for f in findings],
    }


def _category(report: Report) -> str:
    """What tells this run from others of the repository; the part after the last slash is free."""
    return "/".join(part for part in ("migsafe", report.command, report.where) if part) + "/"


def _rule(finding: Finding) -> dict[str, Any]:
    level = _LEVELS[finding.severity]
    title = words.printable(finding.title or finding.rule)[:_MOST_CHARACTERS]
    return {
        "id": finding.rule,
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": _help(finding), "markdown": _help_in_markdown(finding)},
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["migration", "database"],
            "precision": _PRECISIONS[finding.confidence],
            "problem.severity": _PROBLEMS[level],
        },
    }


def _help(finding: Finding) -> str:
    first, rest = words.remedy(finding)
    return "\n".join(t for t in (first, rest, _explain(finding)) if t)


def _help_in_markdown(finding: Finding) -> str:
    first, rest = words.remedy(finding)
    # An indented block holds any text: nothing in it can end it, as a fence could be ended.
    code = indent(rest, "    ", lambda _: True) if rest else ""
    command = f"`{_explain(finding)}`"
    return "\n\n".join(t for t in (first, code, command) if t)


def _explain(finding: Finding) -> str:
    return f"migsafe rules explain {finding.rule}"


def _result(report: Report, finding: Finding, rule: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": "\n".join(words.said(finding))},
        "locations": [{"physicalLocation": _location(report, finding)}],
        "partialFingerprints": {"migsafe/v1": finding.fingerprint},
        "properties": {"severity": str(finding.severity), "stage": str(finding.stage)},
    }
    if not finding.open:
        made["suppressions"] = [_suppression(finding)]
    return made


def _location(report: Report, finding: Finding) -> dict[str, Any]:
    width = max(len(finding.source), 1)
    return {
        "artifactLocation": {
            "uri": quote(words.placed(report, finding.path)),
            "uriBaseId": "%SRCROOT%",
        },
        "region": {
            "startLine": finding.line,
            "startColumn": finding.column,
            "endLine": finding.line,
            "endColumn": finding.column + width,
        },
    }


def _suppression(finding: Finding) -> dict[str, str]:
    comment = finding.suppressed is not None and finding.suppressed.line > 0
    kind = "inSource" if comment and not finding.released else "external"
    return {"kind": kind, "status": "accepted", "justification": words.why_not(finding)}


def _invocation(report: Report) -> dict[str, Any]:
    failed = any(n.failed for n in report.not_run) or report.conclusion is Conclusion.UNCHECKED
    return {
        "executionSuccessful": not failed,
        "toolExecutionNotifications": [
            {"level": level, "message": {"text": words.printable(text)}}
            for level, text in _notifications(report)
        ],
    }


def _notifications(report: Report) -> Iterator[tuple[str, str]]:
    left_out = len(report.findings) - _MOST_RESULTS
    if left_out > 0:
        yield "warning", f"{words.count(left_out, 'finding')} left out: too many for one run"
    for item in report.not_run:
        yield "error" if item.failed else "note", f"not run: {item.what} ({item.why})"
    for whose, trouble in words.troubles(report):
        yield _LEVELS[trouble.severity], f"the hotfix on {whose}: {trouble.sentence}"
