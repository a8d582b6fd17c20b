"""JUnit XML: suites for databases, cases for migrations, red where the exit code is."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from migsafe.model.report import Report
from migsafe.report import junit
from tests.report.reports import BLOCKER, HOSTILE_REPORT, HOTFIX, LAST, NEW, OLD, REPORT


def suites(report: Report) -> dict[str, Element]:
    root = ElementTree.fromstring(junit.render(report))
    assert root.tag == "testsuites"
    found = list(root)
    for key in ("tests", "failures", "errors", "skipped"):
        assert int(root.attrib[key]) == sum(int(s.attrib[key]) for s in found)
    for suite in found:
        assert int(suite.attrib["tests"]) == len(suite)
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[key]) == sum(case.find(tag) is not None for case in suite)
    return {s.attrib["name"]: s for s in found}


def states(suite: Element) -> dict[str, list[str]]:
    return {case.attrib["name"]: [child.tag for child in case] for case in suite}


def test_a_suite_for_each_database_and_a_case_for_each_migration():
    found = suites(REPORT)
    assert list(found) == [
        "analysis", "s/a.db from base", "s/b.db from 0001", "s/c.db from 0001", "checks"
    ]  # fmt: skip
    assert states(found["s/a.db from base"]) == {OLD: [], NEW: ["failure"], LAST: ["skipped"]}
    assert states(found["s/b.db from 0001"]) == {NEW: ["failure"], LAST: ["skipped"]}
    assert states(found["s/c.db from 0001"]) == {NEW: [], LAST: []}
    assert states(found["checks"]) == {"samples/x.db": ["error"], "invariants": ["skipped"]}
    failure = found["s/a.db from base"][1][0]
    assert failure.attrib == {
        "type": "unique-over-duplicates",
        "message": "blocker: UNIQUE constraint failed: users.email",
    }
    assert "instead: Merge them first:" in (failure.text or "")
    assert (found["s/b.db from 0001"][0][0].text or "") == (
        f"{NEW}:12 unique-over-duplicates: told at s/a.db from base"
    )
    assert found["analysis"][1].attrib["file"] == f"backend/app/{NEW}"


def test_what_the_text_shows_is_the_analysis_and_only_what_fails_is_red():
    analysis = suites(REPORT)["analysis"]
    assert states(analysis) == {OLD: ["system-out"], NEW: ["failure", "system-out"], LAST: []}
    failure, remarks = analysis[1]
    assert failure.attrib["type"] == "scans"
    assert (remarks.text or "").splitlines() == [
        f"{NEW}:1 odd: warning: reads every row",
        f"{NEW}:2 remark: note: reads every row",
        f"{NEW}:30 scans: error: reads every row (allowed until 2027-01-01: a cache)",
        f"{NEW}:40 scans: error: reads every row (in the baseline since 2026-01-02)",
    ]


def test_a_share_that_is_let_pass_is_not_red():
    passed = suites(replace(REPORT, findings=(BLOCKER,), max_blast=0.95))
    assert states(passed["s/a.db from base"]) == {OLD: [], NEW: ["system-out"], LAST: ["skipped"]}
    failed = suites(replace(REPORT, findings=(BLOCKER,), max_blast=0.9))
    assert states(failed["s/a.db from base"])[NEW] == ["failure"]


def test_other_files_have_cases_of_their_own():
    launch = replace(BLOCKER, path="launch.sql")
    found = suites(replace(REPORT, findings=(launch, BLOCKER)))["s/b.db from 0001"]
    assert states(found) == {NEW: ["failure"], LAST: ["skipped"], "launch.sql": ["failure"]}


def test_two_findings_are_one_failure_that_tells_both():
    (case, _) = suites(replace(REPORT, findings=(BLOCKER, replace(BLOCKER, line=99))))[
        "s/b.db from 0001"
    ]
    (failure,) = case
    assert failure.attrib["message"].endswith("(and 1 more)")
    assert f"{NEW}:99 unique-over-duplicates" in (failure.text or "")


def test_a_failure_on_a_database_that_is_not_listed_is_not_lost():
    assert BLOCKER.blast is not None
    other = replace(BLOCKER, blast=replace(BLOCKER.blast, samples=("s/other.db",)))
    assert states(suites(replace(REPORT, findings=(other,)))["analysis"])[NEW] == ["failure"]


def test_the_troubles_of_a_hotfix():
    (case,) = suites(replace(REPORT, fix_for=HOTFIX))["hotfix"]
    assert case.attrib["name"] == "databases updated and broken: rows"
    assert case[0].attrib["message"] == "blocker: rows are lost"


def test_lint_has_the_analysis_only():
    report = replace(REPORT, command="lint", replay=None, not_run=(), findings=())
    assert list(suites(report)) == ["analysis"]


def test_any_text_is_well_formed():
    assert junit.render(HOSTILE_REPORT).isascii()
    found = suites(HOSTILE_REPORT)
    assert len(found) == 4
    assert "\\x1b" in next(iter(found["checks"])).attrib["name"]
