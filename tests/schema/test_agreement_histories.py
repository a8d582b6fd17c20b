"""`fold` says what the server has, after every statement of the fixtures and of real histories.

MIGSAFE_HISTORIES names a folder of histories, as `python -m benchmarks.lint_histories lay-out`
makes it; without it only the fixtures are compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.agreement import agreement, compared
from migsafe.cli import rule_fixtures
from migsafe.engines.session import ServerError, Session
from migsafe.model.migration import Dialect
from migsafe.rules.load import load, shipped
from migsafe.sql.split import split

pytestmark = pytest.mark.slow

SERVER = {Dialect.POSTGRES: "pg", Dialect.MYSQL: "my"}
FOLDER = os.environ.get("MIGSAFE_HISTORIES", "")
HISTORIES = sorted(p.parent for p in Path(FOLDER).glob("*/migsafe.toml")) if FOLDER else []


def _fixtures() -> Iterator[Path]:
    for rule in load([shipped()]):
        for kind in rule_fixtures.KINDS:
            for case in rule_fixtures.cases(rule, kind):
                sql = not (case / "migrations").is_dir()
                if sql and rule_fixtures.dialect_of(case) in SERVER:
                    yield case


FIXTURES = tuple(_fixtures())


@pytest.mark.parametrize("case", FIXTURES, ids=["/".join(c.parts[-3:]) for c in FIXTURES])
def test_fold_agrees_after_each_statement_of_a_fixture(
    case: Path, request: pytest.FixtureRequest, tmp_path: Path
):
    dialect = rule_fixtures.dialect_of(case)
    session: Session = request.getfixturevalue(SERVER[dialect])
    unseen = case / "unseen.sql"
    if unseen.is_file():
        for statement in split(unseen.read_text("utf-8"), dialect, unseen.name):
            session.execute(statement.sql)
    project = rule_fixtures.written(case, tmp_path)
    seen = tuple(compared(project, session))
    with suppress(ServerError):
        session.execute("ROLLBACK")
    assert seen
    assert [(c.place, c.sql, c.differences) for c in seen if c.differences] == []


@pytest.mark.parametrize("root", HISTORIES, ids=[p.name for p in HISTORIES])
def test_fold_agrees_after_each_statement_of_a_history(root: Path):
    found = agreement(root)
    if found is None:
        pytest.skip("not run: its migrations are program code, or not for a server")
    assert [(c.place, c.sql, c.differences) for c in found.different] == []
    assert found.statements > len(found.refused) + len(found.unknown)
