"""GitLab's Code Quality report: what its widget needs of each entry."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from migsafe.model.finding import Stage
from migsafe.model.report import Report
from migsafe.report import gitlab
from tests.report.reports import BLOCKER, ERROR, HOSTILE_REPORT, NEW, REPORT


def entries(report: Report) -> list[Any]:
    made = json.loads(gitlab.render(report))
    assert isinstance(made, list)
    return made


def test_an_entry():
    assert entries(REPORT)[0] == {
        "description": "UNIQUE constraint failed: users.email; two rows with the same value;"
        " the app would not start on 2 of 3 sampled databases (base: 1 of 1, 0001: 1 of 2)",
        "check_name": "unique-over-duplicates",
        "fingerprint": "f0",
        "severity": "blocker",
        "location": {"path": f"backend/app/{NEW}", "lines": {"begin": 12}},
    }


def test_only_what_counts_and_every_severity_by_its_name():
    shown = replace(ERROR, stage=Stage.REPLAY, fingerprint="f9")
    found = entries(replace(REPORT, findings=(*REPORT.findings, shown)))
    assert [(e["fingerprint"], e["severity"]) for e in found] == [
        ("f0", "blocker"),
        ("f1", "major"),
        ("f2", "minor"),
        ("f3", "info"),
        ("f9", "critical"),
    ]


def test_no_two_entries_have_one_fingerprint():
    found = entries(replace(REPORT, findings=(BLOCKER, BLOCKER, replace(BLOCKER, line=13))))
    assert [e["fingerprint"] for e in found] == ["f0", "f0+1", "f0+2"]


def test_nothing_found_is_an_empty_list():
    assert gitlab.render(replace(REPORT, findings=())) == "[]\n"


def test_lines_begin_with_one():
    (entry,) = entries(replace(REPORT, findings=(replace(BLOCKER, line=0),), where=""))
    assert entry["location"] == {"path": NEW, "lines": {"begin": 1}}


def test_any_text_is_written():
    assert gitlab.render(HOSTILE_REPORT).isascii()
    (entry,) = entries(HOSTILE_REPORT)
    assert "\n" not in entry["description"]
