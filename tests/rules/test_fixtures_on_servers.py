"""The fixtures for servers are true: a safe migration comes through on its server, and a bad one
comes through on a database without rows, or fails with the error that its rule foretells.

A fixture may have an `unseen.sql`: what old databases hold though no migration made it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from migsafe.cli import rule_fixtures
from migsafe.engines.session import ServerError, Session
from migsafe.model.migration import Dialect
from migsafe.model.rule import Rule
from migsafe.rules.load import load, shipped
from migsafe.sql.split import split

pytestmark = pytest.mark.slow

SERVER = {Dialect.POSTGRES: "pg", Dialect.MYSQL: "my"}


def _cases() -> Iterator[tuple[Rule, str, Path]]:
    for rule in load([shipped()]):
        for kind in rule_fixtures.KINDS:
            for case in rule_fixtures.cases(rule, kind):
                plain = not (case / "migrations").is_dir()
                if plain and rule_fixtures.dialect_of(case) in SERVER:
                    yield rule, kind, case


CASES = tuple(_cases())


def _statements(path: Path, dialect: Dialect) -> Iterator[str]:
    if path.is_file():
        yield from (s.sql for s in split(path.read_text(encoding="utf-8"), dialect, path.name))


def _errors(session: Session, path: Path, dialect: Dialect, *, wrapped: bool) -> list[ServerError]:
    """What the server refuses of a migration; a failed transaction ends its file."""
    errors = []
    if wrapped:
        session.execute("BEGIN")
    for sql in _statements(path, dialect):
        try:
            session.execute(sql)
        except ServerError as error:
            errors.append(error)
            if session.in_transaction():
                session.execute("ROLLBACK")
                return errors
    if wrapped and session.in_transaction():
        session.execute("COMMIT")
    return errors


def _too_new(session: Session, oldest: str) -> bool:
    """Does the fixture need a later version of PostgreSQL than this one?"""
    number = session.execute("SHOW server_version_num")[0][0]
    return bool(oldest) and int(oldest.split(".", maxsplit=1)[0]) > int(number) // 10_000


@pytest.mark.parametrize(
    ("rule", "kind", "case"), CASES, ids=[f"{r.id}/{k}/{c.name}" for r, k, c in CASES]
)
def test_the_server_takes_the_fixture_as_it_is_meant(
    rule: Rule, kind: str, case: Path, request: pytest.FixtureRequest
):
    dialect = rule_fixtures.dialect_of(case)
    settings = tomllib.loads((case / "migsafe.toml").read_text(encoding="utf-8"))
    session: Session = request.getfixturevalue(SERVER[dialect])
    oldest = settings.get("engine", {}).get("oldest", "")
    if dialect is Dialect.POSTGRES and _too_new(session, oldest):
        pytest.skip(f"not run: it needs PostgreSQL {oldest}")
    for name in ("unseen.sql", "old.sql"):
        for sql in _statements(case / name, dialect):
            session.execute(sql)
    wrapped = settings.get("migrations", {}).get("transaction", False)
    errors = [
        error.message
        for path in sorted(case.glob("[0-9]*.sql"))
        for error in _errors(session, path, dialect, wrapped=wrapped)
    ]
    with suppress(ServerError):
        session.execute("ROLLBACK")
    foretold = rule.explains if kind == "fail" else ()
    assert [e for e in errors if not any(x.lower() in e.lower() for x in foretold)] == []
