"""Data rules ask real servers: each fixture that brings rows is decided by them, not by a guess."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migsafe.cli import rule_fixtures
from migsafe.model.finding import Stage
from migsafe.model.migration import Dialect
from migsafe.model.rule import Needs, Rule
from migsafe.rules.load import load, shipped

pytestmark = pytest.mark.slow


def _cases() -> Iterator[tuple[Rule, str, Path]]:
    for rule in load([shipped()]):
        for kind in rule_fixtures.KINDS if rule.needs is Needs.DATA else ():
            for case in rule_fixtures.cases(rule, kind):
                old = case / "old.sql"
                filled = old.is_file() and "INSERT" in old.read_text(encoding="utf-8").upper()
                if filled and rule_fixtures.dialect_of(case) is not Dialect.SQLITE:
                    yield rule, kind, case


CASES = tuple(_cases())


@pytest.mark.parametrize(
    ("rule", "kind", "case"), CASES, ids=[f"{r.id}/{k}/{c.name}" for r, k, c in CASES]
)
def test_the_rows_decide(rule: Rule, kind: str, case: Path, request: pytest.FixtureRequest):
    request.getfixturevalue(str(rule_fixtures.dialect_of(case)))  # skips where there is no server
    report = rule_fixtures.judge((rule,), case, on_server=True)
    seen = [f for f in report.findings if f.stage is Stage.REPLAY]
    assert bool(seen) is (kind == "fail")


def test_there_are_such_fixtures_for_both_servers():
    dialects = {rule_fixtures.dialect_of(case) for _, _, case in CASES}
    assert dialects == {Dialect.POSTGRES, Dialect.MYSQL}


@pytest.mark.parametrize(
    ("dialect", "number"), [(Dialect.POSTGRES, "serial"), (Dialect.MYSQL, "int AUTO_INCREMENT")]
)
@pytest.mark.parametrize("taken", [True, False])
def test_a_seeded_name_collides_only_where_a_row_has_it(
    tmp_path: Path, request: pytest.FixtureRequest, dialect: Dialect, number: str, *, taken: bool
):
    request.getfixturevalue(str(dialect))
    name = "inbox" if taken else "work"
    (tmp_path / "migsafe.toml").write_text(f'dialect = "{dialect}"\n')
    (tmp_path / "old.sql").write_text(
        f"CREATE TABLE tags (id {number} PRIMARY KEY, name varchar(40) NOT NULL UNIQUE);\n"
        f"INSERT INTO tags (name) VALUES ('{name}');\n"
    )
    (tmp_path / "0007_seed.sql").write_text("INSERT INTO tags (name) VALUES ('inbox');\n")
    (rule,) = (r for r in load([shipped()]) if r.id == "insert-collides-with-rows")
    report = rule_fixtures.judge((rule,), tmp_path, on_server=True)
    assert [f.stage for f in report.findings] == [Stage.REPLAY] * taken
