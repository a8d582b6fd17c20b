"""The JSON report: its keys are a contract, its bytes are ASCII."""

from __future__ import annotations

import json
from dataclasses import replace

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding, Stage, Suppression
from migsafe.model.outcome import Blast, Failure, Observation, Place
from migsafe.model.report import Conclusion, ReplaySummary, Report
from migsafe.model.rule import Confidence, Severity
from migsafe.report.json import document, render

BLAST = Blast(1, 3, 1 / 3, 0.06149, 0.79234, (("base", 1, 3),))
FINDING = Finding(
    "some-rule",
    Severity.BLOCKER,
    Confidence.HIGH,
    "größer \udcff",
    "m/1.sql",
    12,
    3,
    Stage.REPLAY,
    "f00",
    evidence=(("n", 2), ("tbl", "t")),
    blast=BLAST,
    suppressed=Suppression("some-rule", "m/1.sql", 11, (11, 12), "known"),
)
FAILURE = Failure(
    Observation("raised", Place("m/1.sql", 12), error="x"), ("a.db",), BLAST, True, 1, 2
)
REPORT = Report(
    "check",
    Conclusion.SAFE,
    (FINDING,),
    (NotRun("a", "b"),),
    Severity.ERROR,
    1,
    2,
    "sql",
    "sqlite",
    ReplaySummary(4, 1, 3, 1, 0.1234, (FAILURE,)),
    1.23456,
)


def test_the_whole_document():
    made = document(REPORT)
    assert made["schema_version"] == 1
    assert made["findings"][0] == {
        "rule": "some-rule",
        "title": "",
        "severity": "blocker",
        "fails": False,
        "confidence": "high",
        "message": "größer \udcff",
        "detail": [],
        "path": "m/1.sql",
        "line": 12,
        "column": 3,
        "revision": "",
        "stage": "replay",
        "fingerprint": "f00",
        "evidence": {"n": 2, "tbl": "t"},
        "blast_radius": {
            "failing": 1,
            "sampled": 3,
            "share": 0.3333,
            "low": 0.0615,
            "high": 0.7923,
            "versions": [{"version": "base", "failing": 1, "sampled": 3}],
        },
        "remedy": "",
        "suppressed": {"path": "m/1.sql", "line": 11, "reason": "known", "until": None},
        "history": False,
        "baselined": False,
    }
    assert made["not_run"] == [{"what": "a", "why": "b"}]
    group = made["replay"]["groups"][0]
    assert (group["kind"], group["line"], group["table"], group["samples"]) == (
        "raised",
        12,
        None,
        ["a.db"],
    )
    assert made["replay"]["blast_radius"] == group["blast_radius"]
    assert made["timings"] == {"total": 1.235, "replay": 0.123}


def test_any_text_becomes_ascii_that_reads_back():
    out = render(REPORT)
    assert out.isascii()
    assert out.endswith("}\n")
    assert json.loads(out) == document(REPORT)


def test_without_a_replay_there_is_none():
    made = document(replace(REPORT, replay=None))
    assert made["replay"] is None
    assert made["timings"] == {"total": 1.235}


def test_the_blast_radius_of_the_run_is_that_of_its_worst_launch_failure():
    worse = replace(FAILURE, blast=replace(BLAST, share=0.9, failing=2))
    silent = replace(FAILURE, blast=replace(BLAST, share=1.0), launch=False)
    assert REPORT.replay is not None
    many = replace(REPORT.replay, groups=(FAILURE, worse, silent))
    made = document(replace(REPORT, replay=many))["replay"]
    assert made["blast_radius"]["share"] == 0.9
    none = document(replace(REPORT, replay=replace(many, groups=(silent,))))["replay"]
    assert none["blast_radius"] is None
