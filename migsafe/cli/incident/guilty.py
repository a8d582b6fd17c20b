"""Which of the failures of a check the incident is about."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from migsafe.cli.failing_case import FailingCase
from migsafe.errors import UsageError
from migsafe.model.rule import Severity
from migsafe.rules.templates import template_for

LAST = "last"
_SHOWN = 5


def chosen(
    cases: Sequence[FailingCase], least: Severity, wanted: str, trace: str
) -> FailingCase | None:
    """The case of that fingerprint, place (`path:line`) or number; else what fits the trace best.

    Without either it is the worst that reaches the severity `least`; None where none does.
    Raises UsageError for one that is asked for and not there.
    """
    if wanted:
        return _named(cases, wanted)
    alike = [c for c in cases if any(_likeness(c, trace)[:2])] if trace else []
    if alike:
        return max(alike, key=lambda c: _likeness(c, trace))
    bad = (c for c in cases if c.finding is None or c.finding.severity >= least)
    return next(bad, None)


def _named(cases: Sequence[FailingCase], wanted: str) -> FailingCase:
    for number, case in enumerate(cases, 1):
        if wanted in {str(number), _place(case), case.finding.fingerprint if case.finding else ""}:
            return case
    shown = "; ".join(f"{n}: {told(c)}" for n, c in enumerate(cases[:_SHOWN], 1))
    raise UsageError(f"the check shows no finding {wanted}", hint=f"it shows {shown}")


def told(case: FailingCase) -> str:
    """The case in one line."""
    message = case.finding.message if case.finding else case.error or case.kind
    return f"{_place(case)} {message}".strip()


def _place(case: FailingCase) -> str:
    return f"{case.place.path}:{case.place.line}" if case.place.path else ""


_WORD = re.compile(r"[A-Za-z_][\w.]{2,}")


def _likeness(case: FailingCase, trace: str) -> tuple[bool, bool, int]:
    """Does the trace hold the very message; is it of the same kind; how many words they share."""
    text = trace.lower()
    error = case.error.lower()
    kind = template_for("", error)
    words = {w for w in _WORD.findall(error) if w in text}
    return bool(error) and error in text, bool(kind) and kind == template_for("", text), len(words)


def of_report(path: Path) -> str:
    """The fingerprint of the worst open finding of a check's JSON report.

    Raises UsageError for a file that is no such report, or that has none.
    """
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        findings = [f for f in document["findings"] if not f["suppressed"]]
        command = document["tool"]["command"]
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a report of `migsafe check`",
            hint="write one: migsafe check --output json=run.json",
        ) from error
    if command != "check" or not findings:
        what = "has no open finding" if command == "check" else f"is a report of `{command}`"
        raise UsageError(f"{path} {what}", hint="see migsafe check --output json=run.json")
    return str(findings[0]["fingerprint"])


_ERROR_LINE = re.compile(r"^\s*(?:Caused by: )?(?P<name>[A-Za-z_][\w.$]*(?:Error|Exception))\b")


def error_class(trace: str) -> str:
    """The last class of error that a stack trace names, without its message; "" for none."""
    found = [m["name"] for m in map(_ERROR_LINE.match, trace.splitlines()) if m]
    return found[-1].rpartition(".")[2] if found else ""
