"""The JSON report, schema_version 1: part of the command-line contract."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from migsafe import __version__
from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding, Suppression
from migsafe.model.outcome import Blast, Failure
from migsafe.model.report import MutationScore, ReplaySummary, Report
from migsafe.report import populations

SCHEMA_VERSION = 1


def render(report: Report) -> str:
    """The report as JSON text in ASCII. Equal input gives equal bytes, `timings` apart."""
    return json.dumps(document(report), indent=2, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain values."""
    seconds = {"total": round(report.seconds, 3)}
    if report.replay:
        seconds["replay"] = round(report.replay.seconds, 3)
    made = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "migsafe", "version": __version__, "command": report.command},
        "verdict": str(report.conclusion),
        "fail_on": str(report.fail_on),
        "max_blast": report.max_blast,
        "checked": {
            "framework": report.framework,
            "dialect": report.dialect,
            "migrations": report.migrations,
            "statements": report.statements,
        },
        "findings": [_finding(report, f) for f in report.findings],
        "not_run": [_not_run(n) for n in report.not_run],
        "notes": [{"what": n.what, "why": n.why} for n in report.notes],
        "replay": _replay(report.replay),
        "timings": seconds,
    }
    if report.fix_for is not None:
        made["fix_for"] = populations.document(report.fix_for)
    if report.shard is not None:
        made["shard"] = asdict(report.shard)
    if report.rewrites is not None:
        made["rewrites"] = [asdict(r) for r in report.rewrites]
    return made


def _not_run(item: NotRun) -> dict[str, Any]:
    said = {"what": item.what, "why": item.why}
    return {**said, "failed": True} if item.failed else said


def _finding(report: Report, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "title": finding.title,
        "severity": str(finding.severity),
        "fails": report.fails(finding),
        "confidence": str(finding.confidence),
        "message": finding.message,
        "detail": list(finding.detail),
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "revision": finding.revision,
        "stage": str(finding.stage),
        "fingerprint": finding.fingerprint,
        "evidence": dict(finding.evidence),
        "blast_radius": _blast(finding.blast) if finding.blast else None,
        "remedy": finding.remedy,
        "suppressed": _suppression(finding.suppressed),
        "history": bool(finding.released),
        "baselined": bool(finding.baselined),
    }


def _suppression(suppression: Suppression | None) -> dict[str, Any] | None:
    if suppression is None:
        return None
    return {
        "path": suppression.path,
        "line": suppression.line or None,  # the settings have lines that nobody counts
        "reason": suppression.reason,
        "until": suppression.until or None,
    }


def _replay(replay: ReplaySummary | None) -> dict[str, Any] | None:
    if replay is None:
        return None
    launch = [g for g in replay.groups if g.launch]
    return {
        "cases": replay.cases,
        "failed": replay.failed,
        "samples": replay.samples,
        "versions": replay.revisions,
        "groups": [_group(g) for g in replay.groups],
        "mutants": _mutants(replay.mutants) if replay.mutants else None,
        "blast_radius": _blast(max(launch, key=lambda g: g.blast.share).blast) if launch else None,
    }


def _mutants(score: MutationScore) -> dict[str, Any]:
    return {
        "tried": score.tried,
        "noticed": score.noticed,
        "unnoticed": [{"path": m.path, "line": m.line, "what": m.what} for m in score.unnoticed],
    }


def _group(failure: Failure) -> dict[str, Any]:
    seen = failure.observation
    return {
        "kind": seen.kind,
        "path": seen.place.path if seen.place else None,
        "line": seen.place.line if seen.place else None,
        "table": seen.table or None,
        "column": seen.column or None,
        "name": seen.name or None,
        "error": seen.error or None,
        "detail": seen.detail or None,
        "deliberate": seen.deliberate,
        "made": seen.made or None,
        "launch": failure.launch,
        "rows_affected": failure.affected,
        "rows_total": failure.total,
        "samples": list(failure.samples),
        "blast_radius": _blast(failure.blast),
    }


def _blast(blast: Blast) -> dict[str, Any]:
    return {
        "failing": blast.failing,
        "sampled": blast.sampled,
        "share": round(blast.share, 4),
        "low": round(blast.low, 4),
        "high": round(blast.high, 4),
        "versions": [
            {"version": v, "failing": failing, "sampled": sampled}
            for v, failing, sampled in blast.versions
        ],
    }
