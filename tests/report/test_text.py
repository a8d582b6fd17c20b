"""The report for people: its parts in order, each verbosity, no steering of terminals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding, Stage, Suppression
from migsafe.model.outcome import Blast
from migsafe.model.report import Conclusion, ReplaySummary, Report
from migsafe.model.rule import Confidence, Severity
from migsafe.report import text

FINDING = Finding(
    "some-rule",
    Severity.BLOCKER,
    Confidence.HIGH,
    "UNIQUE constraint failed: t.a",
    "m/1.sql",
    12,
    1,
    Stage.REPLAY,
    "f00",
    remedy="\nMerge them:\n    DELETE FROM t;\n\n    SELECT 1;\n",
    source="CREATE UNIQUE INDEX u ON t (a)",
)
REPORT = Report("lint", Conclusion.UNSAFE, (FINDING,), (), Severity.ERROR, 1, 2, "sql", "sqlite")
REPLAY = ReplaySummary(7, 1, 3, 1, 0.25)


def render(report: Report, verbosity: int = 0) -> list[str]:
    return text.render(report, verbosity=verbosity).splitlines()


def blast(failing: int, sampled: int, *versions: tuple[str, int, int]) -> Blast:
    return Blast(failing, sampled, failing / sampled, 0.004, 0.256, versions)


def test_a_finding_from_its_place_to_its_remedy():
    assert render(REPORT) == [
        "read 2 statements of 1 migration in 0.00 s",
        "",
        "blocker  m/1.sql:12  some-rule",
        "  12 | CREATE UNIQUE INDEX u ON t (a)",
        "     | ^ UNIQUE constraint failed: t.a",
        "  instead: Merge them:",
        "      DELETE FROM t;",
        "",
        "      SELECT 1;",
        "  more: migsafe rules explain some-rule",
        "",
        "unsafe: 1 blocker",
    ]


def test_a_remedy_is_told_once():
    second = replace(FINDING, line=30)
    lines = render(replace(REPORT, findings=(FINDING, second, replace(second, remedy="Other."))))
    assert lines.count("  instead: Merge them:") == 1
    assert lines[11:14] == [
        "blocker  m/1.sql:30  some-rule",
        "  30 | CREATE UNIQUE INDEX u ON t (a)",
        "     | ^ UNIQUE constraint failed: t.a",
    ]
    assert lines[14:16] == ["  instead: as at m/1.sql:12", ""]
    assert "  instead: Other." in lines


def test_quiet_leaves_the_findings_and_the_verdict():
    report = replace(REPORT, not_run=(NotRun("x", "y"),))
    assert render(report, -1)[0].startswith("blocker")
    assert not any("not run" in line for line in render(report, -1))
    assert "not run: x (y)" in render(report)


def test_a_finding_without_a_statement_shows_its_message_only():
    lines = render(replace(REPORT, findings=(replace(FINDING, source=""),)))
    assert lines[2:4] == ["blocker  m/1.sql:12  some-rule", "  UNIQUE constraint failed: t.a"]


def test_notes_and_suppressed_findings_wait_for_v():
    note = replace(FINDING, severity=Severity.NOTE, message="just a note")
    allowed = replace(
        FINDING, suppressed=Suppression("some-rule", "m/1.sql", 11, (11, 12), "known", "2026-12-31")
    )
    report = replace(REPORT, conclusion=Conclusion.SAFE, findings=(allowed, note, note))
    assert render(report)[-2:] == [
        "not shown: 1 suppressed finding and 2 notes (-v shows them)",
        "safe: nothing found",
    ]
    shown = render(report, 1)
    assert "  allowed until 2026-12-31: known" in shown
    assert "     | ^ just a note" in shown
    assert not any("not shown" in line for line in shown)


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (blast(1, 1, ("1", 1, 1)), "the app would not start on 1 of 1 sampled database"),
        (blast(2, 9, ("1", 2, 9)), "the app would not start on 2 of 9 sampled databases"),
        (
            blast(5, 10, ("1", 5, 10)),
            "the app would not start on 5 of 10 sampled databases,"
            " about 50 % of users (0.4 to 26 %)",
        ),
        (
            blast(2, 2_000, ("1", 2, 1_500), ("2", 0, 500)),
            "the app would not start on 2 of 2,000 sampled databases (1: 2 of 1,500),"
            " about 0.1 % of users (0.4 to 26 %)",
        ),
    ],
)
def test_the_blast_radius_in_words(seen, line):
    lines = render(replace(REPORT, findings=(replace(FINDING, blast=seen),)))
    assert f"  {line}" in lines


def test_below_blocker_the_app_starts():
    seen = replace(FINDING, severity=Severity.ERROR, blast=blast(1, 2, ("1", 1, 2), ("2", 0, 0)))
    report = replace(REPORT, findings=(seen,))
    assert "  seen on 1 of 2 sampled databases (1: 1 of 2)" in render(report)
    assert "  by version: 1: 1 of 2, 2: 0 of 0" in render(report, 1)


def test_the_head_of_a_check():
    report = replace(REPORT, command="check", replay=REPLAY)
    assert render(report)[0] == (
        "checked 1 pending migration on 3 old databases of 1 version: 7 replays in 0.2 s"
    )
    empty = replace(report, replay=replace(REPLAY, samples=0))
    assert "on an empty database: 7 replays" in render(empty)[0]
    nothing = replace(report, replay=replace(REPLAY, samples=0, cases=0))
    assert render(nothing)[0] == "checked nothing: no sample could be read"


def test_the_verdict_counts_what_is_not_suppressed():
    warning = replace(FINDING, severity=Severity.WARNING)
    findings = (FINDING, warning, warning, replace(FINDING, severity=Severity.NOTE))
    assert render(replace(REPORT, findings=findings))[-1] == "unsafe: 1 blocker, 2 warnings"
    unchecked = replace(REPORT, findings=(), conclusion=Conclusion.UNCHECKED)
    assert render(unchecked)[-1] == "unchecked: nothing found"


def test_styles_reach_severity_place_rule_and_verdict():
    styled = text.render(REPORT, lambda value, what: f"<{what}:{value}>")
    assert "<blocker:blocker > <path:m/1.sql:12>  <rule:some-rule>" in styled
    assert "<blocker:unsafe: 1 blocker>" in styled


def test_what_would_steer_a_terminal_is_written_out():
    evil = "a\x1b[2J\x07\u202eb\nc\udcff"
    assert text.printable(evil) == "a\\x1b[2J\\x07\\u202eb\\nc\\udcff"
    assert text.printable("naïve\tcafé") == "naïve\tcafé"
    finding = replace(FINDING, message=evil, path=evil, source=evil, detail=(evil,))
    out = text.render(replace(REPORT, findings=(finding,), not_run=(NotRun(evil, evil),)))
    assert all(c.isprintable() or c in "\n\t" for c in out)


def test_long_lines_are_cut():
    lines = render(replace(REPORT, findings=(replace(FINDING, source="x" * 5_000),)))
    assert lines[3] == "  12 | " + "x" * 97 + "..."
