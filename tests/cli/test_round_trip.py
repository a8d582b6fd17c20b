"""The round trip: a check fails, `incident new` learns from it, and its rule tells the two apart.

`INCIDENTS=folder:folder` adds incidents that do not lie here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.incident_cases import Case, cases
from tests.conftest import Run

CASES = cases()
_QUICK = {"strict-table-meets-decimal-comma"}
ALL = [
    pytest.param(c, id=c.name, marks=() if c.name in _QUICK else pytest.mark.slow) for c in CASES
]
Program = Callable[..., Run]


@dataclass(frozen=True, slots=True)
class Learnt:
    """A project after `incident new`: the run, the new rule's folder, the files of the change."""

    root: Path
    fixed: Path
    changes: list[str]
    run: Run
    rule: str


def _learnt(case: Case, tmp_path: Path, migsafe: Program) -> Learnt:
    broken, fixed = tmp_path / "broken", tmp_path / "fixed"
    changes = case.write("broken", broken)
    case.write("fixed", fixed)
    checked = migsafe("check", "--output", "json=run.json", cwd=broken)
    assert checked.code == 1, checked.err
    run = migsafe(
        "incident", "new", "--yes", "--from-check", "run.json", "--fixed", str(fixed), cwd=broken
    )
    pages = list((broken / "rules").glob("*/postmortem.md"))
    assert len(pages) == 1, run.err
    return Learnt(broken, fixed, changes, run, pages[0].parent.name)


def _findings(migsafe: Program, root: Path, rule: str) -> list[dict[str, Any]]:
    """What the rule alone says in a project."""
    found = []
    for command in ("lint", "check"):
        report = migsafe(command, "--format", "json", cwd=root).json
        found += [f for f in report["findings"] if f["rule"] == rule]
    return found


@pytest.mark.parametrize("case", ALL)
def test_the_learnt_rule_fires_on_the_broken_migration_and_not_on_the_repaired(
    case: Case, tmp_path: Path, migsafe: Program, request: pytest.FixtureRequest
):
    if case.dialect != "sqlite":
        request.getfixturevalue(str(case.dialect))  # skips where there is no such server
    learnt = _learnt(case, tmp_path, migsafe)
    assert learnt.run.code == 0, learnt.run.out
    assert (learnt.root / "rules" / learnt.rule / "rule.toml").is_file()
    broken = _findings(migsafe, learnt.root, learnt.rule)
    launch = [p.name for p in learnt.root.glob("*.sql")]
    assert {f["path"] for f in broken} <= {*learnt.changes, *launch}
    assert max(f["severity"] in {"error", "blocker"} for f in broken)
    _with_rules(learnt)
    repaired = _findings(migsafe, learnt.fixed, learnt.rule)
    # What only a made-up row shows is a warning, of whatever migration it breaks.
    assert [f for f in repaired if f["severity"] in {"error", "blocker"}] == []
    assert migsafe("incident", "check", cwd=learnt.root).code == 0


def _with_rules(learnt: Learnt) -> None:
    shutil.copytree(learnt.root / "rules", learnt.fixed / "rules")
    settings = learnt.fixed / "migsafe.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}\n[rules]\npaths = ["rules"]\n', encoding="utf-8")


@pytest.mark.slow
def test_no_learnt_rule_raises_an_error_on_what_others_repaired(tmp_path: Path, migsafe: Program):
    """All rules that were learnt from SQLite's incidents, over all repaired migrations."""
    chosen = [c for c in CASES if c.dialect == "sqlite"][:10]
    learnt = [_learnt(c, tmp_path / c.name, migsafe) for c in chosen]
    together = tmp_path / "rules"
    for one in learnt:
        for rule in (one.root / "rules").iterdir():
            if not (together / rule.name).exists():
                shutil.copytree(rule, together / rule.name)
    ids = {p.name for p in together.iterdir() if (p / "rule.toml").is_file()}
    assert len(ids) >= len(chosen) // 2
    for one in learnt:
        shutil.copytree(together, one.fixed / "rules")
        settings = one.fixed / "migsafe.toml"
        settings.write_text(settings.read_text() + '\n[rules]\npaths = ["rules"]\n')
        report = json.loads(migsafe("check", "--format", "json", cwd=one.fixed).out)
        loud = [f for f in report["findings"] if f["severity"] in {"error", "blocker"}]
        assert [f for f in loud if f["rule"] in ids] == [], one.fixed
