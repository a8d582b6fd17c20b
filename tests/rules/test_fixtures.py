"""Every rule does what its fixtures say: fires on the marked line, silent on the safe migration."""

from __future__ import annotations

from pathlib import Path

import pytest

from migsafe.cli import rule_fixtures
from migsafe.model.migration import Dialect
from migsafe.model.rule import Needs, Rule
from migsafe.rules.load import load, shipped

RULES = load([shipped()])
CASES = [
    (rule, kind, case)
    for rule in RULES
    for kind in rule_fixtures.KINDS
    for case in rule_fixtures.cases(rule, kind)
]


@pytest.mark.parametrize(
    ("rule", "kind", "case"), CASES, ids=[f"{r.id}/{k}/{c.name}" for r, k, c in CASES]
)
def test_the_rule_does_what_its_fixture_says(
    rule: Rule, kind: str, case: Path, request: pytest.FixtureRequest
):
    dialect = rule_fixtures.dialect_of(case)
    if rule.needs is Needs.OUTCOMES and dialect is not Dialect.SQLITE:
        request.getfixturevalue(str(dialect))  # skips where there is no such server
    result = rule_fixtures.run(rule, RULES, kind, case)
    assert result.error == ""
    assert result.missed == ()
    assert result.noisy == ()


@pytest.mark.parametrize("rule", RULES, ids=[r.id for r in RULES])
def test_every_rule_has_a_fixture_of_each_kind(rule: Rule):
    assert all(rule_fixtures.cases(rule, kind) for kind in rule_fixtures.KINDS)


def test_no_fixture_lies_there_without_its_rule():
    folders = {p.name for p in rule_fixtures.folder(RULES[0]).parent.iterdir()}
    assert folders == {r.id for r in RULES}
