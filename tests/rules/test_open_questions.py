"""A data rule without data: how loud its open question is, and how its SELECT is spelt."""

from __future__ import annotations

import pytest

from migsafe.cli import rule_fixtures
from migsafe.model.migration import Dialect
from migsafe.model.rule import Rule, Severity
from migsafe.rules.ask import query
from migsafe.rules.load import load, shipped

RULES = {r.id: r for r in load([shipped()])}


def severity(rule: Rule, case: str) -> Severity:
    (where,) = (c for c in rule_fixtures.cases(rule, "fail") if c.name == case)
    (finding,) = rule_fixtures.judge((rule,), where).findings
    return finding.severity


def test_a_row_names_the_severity_of_its_open_question():
    rule = RULES["check-over-old-rows"]
    assert rule.undecided is Severity.NOTE
    assert severity(rule, "postgres-constraint") is Severity.WARNING


def test_without_it_the_rules_own_severity_holds():
    assert severity(RULES["set-not-null-over-nulls"], "nothing-fills-it") is Severity.WARNING


@pytest.mark.parametrize(
    ("dialect", "table"),
    [
        (Dialect.SQLITE, '"s.T"'),
        (Dialect.POSTGRES, '"s"."T"'),
        (Dialect.MYSQL, "`s`.`T`"),
    ],
)
def test_names_are_quoted_as_the_dialect_wants(dialect: Dialect, table: str):
    asked = query(RULES["set-not-null-over-nulls"], {"tbl": "s.T", "col": "c"}, dialect)
    assert asked.startswith(f"SELECT 1 FROM {table} WHERE ")
