"""The baseline as a file: what is alike, what it survives, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migsafe import baseline
from migsafe.errors import ConfigError
from migsafe.model.finding import Finding, Stage
from migsafe.model.rule import Confidence, Severity

FINDING = Finding(
    "a-rule",
    Severity.ERROR,
    Confidence.HIGH,
    "m",
    "migrations/1.sql",
    3,
    1,
    Stage.ANALYSE,
    "f00d",
    source="DROP TABLE t",
    evidence=(("tbl", "t"), ("col", "c")),
)
BARE = replace(FINDING, source="", path="launch.sql", fingerprint="1234")


def entries(*findings: Finding) -> tuple[baseline.Entry, ...]:
    return baseline.entries(findings, "2026-11-23", 'a "reason" with \\ and \x7f é')


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / baseline.NAME
    made = entries(FINDING, replace(FINDING, fingerprint="f00d-1", line=9), BARE)
    path.write_text(baseline.text(made), encoding="utf-8")
    found = baseline.load(path)
    assert found is not None
    assert sorted(found, key=str) == sorted(made, key=str)
    assert [(e.rule, e.identity, e.count) for e in made if e.path == FINDING.path] == [
        ("a-rule", "t.c", 2)
    ]
    assert baseline.load(tmp_path / "other") is None


def test_a_key_holds_no_line():
    assert baseline.key(FINDING) == baseline.key(replace(FINDING, line=99, message="other"))
    assert baseline.key(BARE) == baseline.key(replace(BARE, line=99, fingerprint="5678"))
    assert baseline.key(BARE) != baseline.key(replace(BARE, path="other.sql"))
    assert baseline.key(BARE) != baseline.key(replace(BARE, evidence=(("tbl", "u"),)))


def test_the_worst_of_what_is_alike_counts():
    made = entries(FINDING, replace(FINDING, fingerprint="f00d-1", severity=Severity.BLOCKER))
    assert [e.severity for e in made] == [Severity.BLOCKER]


def test_two_that_were_merged_line_by_line(tmp_path):
    one = baseline.text(entries(FINDING, replace(FINDING, fingerprint="f00d-1"), BARE))
    two = baseline.text(entries(FINDING))
    lines = list(dict.fromkeys(one.splitlines()[:-1] + two.splitlines()))
    path = tmp_path / baseline.NAME
    path.write_text("\n".join(lines), encoding="utf-8")
    found = baseline.load(path)
    assert found is not None
    assert {e.path: e.count for e in found} == {"migrations/1.sql": 1, "launch.sql": 1}


@pytest.mark.parametrize(
    "text",
    [
        "findings = [",
        "<<<<<<< HEAD\n",
        "findings = 1",
        "findings = [1]",
        "others = []",
        "",
        'findings = [{ rule = "x" }]',
        baseline.text(entries(FINDING)).replace("count = 1", "count = 0"),
        baseline.text(entries(FINDING)).replace("count = 1", "count = true"),
        baseline.text(entries(FINDING)).replace('"error"', '"dire"'),
        baseline.text(entries(FINDING)).replace("2026-11-23", '"today"'),
        baseline.text(entries(FINDING)).replace('"a-rule"', "1"),
    ],
)
def test_one_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, text):
    (tmp_path / baseline.NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="the baseline cannot be read") as caught:
        baseline.load(tmp_path / baseline.NAME)
    assert caught.value.place == "migsafe.baseline"
    assert "\n" not in caught.value.message
