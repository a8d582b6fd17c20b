"""What `rules test` holds a pass fixture to: no other rule speaks there, unless a mark says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from migsafe.cli import rule_fixtures
from migsafe.rules.load import load, shipped

RULES = load([shipped()])
RULE = next(r for r in RULES if r.id == "not-null-without-default")


@pytest.fixture
def case(tmp_path: Path) -> Path:
    source = rule_fixtures.folder(RULE) / "pass" / "emptied-before"
    return Path(shutil.copytree(source, tmp_path / "emptied-before"))


def _write(case: Path, *lines: str) -> rule_fixtures.CaseResult:
    (case / "0007_cache.sql").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return rule_fixtures.run(RULE, RULES, "pass", case)


ADD = "ALTER TABLE thumbnail_cache ADD COLUMN etag TEXT NOT NULL;"


def test_a_warning_of_another_rule_is_noise(case: Path):
    result = _write(case, "DELETE FROM thumbnail_cache;", ADD)
    assert [(s.line, m.split(":")[0]) for s, m in result.noisy] == [
        (1, "update-or-delete-without-where")
    ]


def test_a_marked_one_is_not(case: Path):
    line = "DELETE FROM thumbnail_cache;  -- also: update-or-delete-without-where"
    assert _write(case, line, ADD).good


def test_a_mark_where_the_other_rule_is_silent_is_told(case: Path):
    allow = "migsafe: allow update-or-delete-without-where"
    result = _write(
        case,
        f'DELETE FROM thumbnail_cache; -- {allow} reason="a cache"',
        f"{ADD}  -- also: drop-column-in-use",
    )
    assert [(s.line, m) for s, m in result.noisy] == [
        (2, "the mark says also: drop-column-in-use, which is silent")
    ]
