"""SARIF: what the standard requires, and what GitHub needs beyond it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from migsafe.model.evidence import NotRun
from migsafe.model.report import Conclusion, Report
from migsafe.report import sarif
from tests.report.reports import (
    ALLOWED,
    BASELINED,
    BLOCKER,
    HOSTILE_REPORT,
    HOTFIX,
    NASTY,
    NEW,
    RELEASED,
    REPORT,
    many,
)


def run_of(report: Report) -> Any:
    log = json.loads(sarif.render(report))
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return run


def test_a_result_points_at_one_line_of_a_file_of_the_repository():
    result = run_of(REPORT)["results"][0]
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": f"backend/app/{NEW}", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 12, "startColumn": 3, "endLine": 12, "endColumn": 41},
            }
        }
    ]
    assert (result["ruleId"], result["level"]) == (BLOCKER.rule, "error")
    assert result["message"]["text"].startswith("UNIQUE constraint failed: users.email\ntwo rows")
    assert "2 of 3 sampled databases" in result["message"]["text"]
    # GitHub computes its own primaryLocationLineHash, and warns of another one.
    assert result["partialFingerprints"] == {"migsafe/v1": "f0"}


def test_every_result_knows_its_rule_and_every_rule_helps():
    run = run_of(REPORT)
    rules = run["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == ["unique-over-duplicates", "scans", "odd", "remark"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert len(rule["fullDescription"]["text"]) <= 1_024
        assert "DELETE FROM users" in rule["help"]["text"]
        assert "\n    DELETE FROM users" in rule["help"]["markdown"]
        assert len(rule["properties"]["tags"]) <= 10
    levels = [r["defaultConfiguration"]["level"] for r in rules]
    assert levels == ["error", "error", "warning", "note"]
    assert [r["properties"]["problem.severity"] for r in rules][2:] == ["warning", "recommendation"]
    assert [r["properties"]["precision"] for r in rules][:2] == ["high", "medium"]


def test_what_does_not_count_is_suppressed_with_its_reason():
    results = run_of(REPORT)["results"]
    told = {r["partialFingerprints"]["migsafe/v1"]: r.get("suppressions") for r in results}
    assert [told[f.fingerprint][0] for f in (ALLOWED, RELEASED, BASELINED)] == [
        {
            "kind": "inSource",
            "status": "accepted",
            "justification": "allowed until 2027-01-01: a cache",
        },
        {
            "kind": "external",
            "status": "accepted",
            "justification": "history: released in 4.1.0",
        },
        {
            "kind": "external",
            "status": "accepted",
            "justification": "in the baseline since 2026-01-02",
        },
    ]
    assert told["f0"] is None


def test_settings_that_allow_are_not_in_the_source():
    assert ALLOWED.suppressed is not None
    outside = replace(ALLOWED, suppressed=replace(ALLOWED.suppressed, line=0))
    (result,) = run_of(replace(REPORT, findings=(outside,)))["results"]
    assert result["suppressions"][0]["kind"] == "external"


def test_the_category_names_the_command_and_the_folder():
    assert run_of(REPORT)["automationDetails"]["id"] == "migsafe/check/backend/app/"
    alone = replace(REPORT, command="lint", where="")
    assert run_of(alone)["automationDetails"]["id"] == "migsafe/lint/"


def test_what_could_not_be_checked_is_a_failed_execution():
    (invocation,) = run_of(REPORT)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert [n["level"] for n in invocation["toolExecutionNotifications"]] == ["error", "note"]
    quiet = (NotRun("invariants", "none configured"),)
    (invocation,) = run_of(replace(REPORT, not_run=quiet))["invocations"]
    assert invocation["executionSuccessful"] is True
    unchecked = replace(REPORT, not_run=(), conclusion=Conclusion.UNCHECKED)
    assert run_of(unchecked)["invocations"][0]["executionSuccessful"] is False


def test_the_troubles_of_a_hotfix_are_told():
    (invocation,) = run_of(replace(REPORT, not_run=(), fix_for=HOTFIX))["invocations"]
    (told,) = invocation["toolExecutionNotifications"]
    assert told["message"]["text"] == ("the hotfix on databases updated and broken: rows are lost")
    assert told["level"] == "error"


def test_no_more_results_than_github_takes():
    run = run_of(many(25_001))
    assert len(run["results"]) == 25_000
    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert told["message"]["text"] == "1 finding left out: too many for one run"


def test_any_text_is_written():
    text = sarif.render(HOSTILE_REPORT)
    assert text.isascii()
    (first, _) = json.loads(text)["runs"][0]["results"]
    uri = first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "backend/app/migrations/0002%20a%2Cb%3Ac%25d%0A%7C%60%23%C3%BC.sql"
    assert "\\udcff" in first["message"]["text"]
    assert NASTY not in first["message"]["text"]
