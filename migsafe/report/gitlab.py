"""GitLab's Code Quality report: the widget of a merge request.

GitLab takes two entries with one fingerprint for the same, so that each has to have its own. What
does not count (allowed, history, baseline) is left out: the format has no word for it.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from migsafe.model.finding import Finding, Stage
from migsafe.model.report import Report
from migsafe.model.rule import Severity
from migsafe.report import words

_SEVERITIES = {
    Severity.BLOCKER: "blocker",
    Severity.ERROR: "major",
    Severity.WARNING: "minor",
    Severity.NOTE: "info",
}


def render(report: Report) -> str:
    """The open findings as a JSON array, in ASCII; [] where there are none."""
    seen: Counter[str] = Counter()
    made = []
    for finding in report.findings:
        if finding.open:
            made.append(_entry(report, finding, seen[finding.fingerprint]))
            seen[finding.fingerprint] += 1
    return json.dumps(made, indent=2, allow_nan=False) + "\n"


def _entry(report: Report, finding: Finding, before: int) -> dict[str, Any]:
    fingerprint = f"{finding.fingerprint}+{before}" if before else finding.fingerprint
    return {
        "description": "; ".join(words.said(finding)),
        "check_name": finding.rule,
        "fingerprint": fingerprint,
        "severity": _severity(finding),
        "location": {
            "path": words.placed(report, finding.path),
            "lines": {"begin": max(finding.line, 1)},
        },
    }


def _severity(finding: Finding) -> str:
    """GitLab's five: an error that a replay has shown is critical, one that was foretold major."""
    if finding.severity is Severity.ERROR and finding.stage is Stage.REPLAY:
        return "critical"
    return _SEVERITIES[finding.severity]
