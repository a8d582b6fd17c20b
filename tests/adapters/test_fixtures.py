"""Every fixture is read as its expected.json says: the proof of each layout and framework."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migsafe import adapters
from migsafe.errors import MigsafeError
from migsafe.model.migration import Dialect, History, Migration, Operation, Statement
from migsafe.model.schema import Index, Table

FIXTURES = Path(__file__).parents[2] / "fixtures" / "adapters"
CASES = sorted(p.parent for p in FIXTURES.glob("*/*/expected.json"))


def _operation(operation: Operation) -> str:
    parts = [operation.kind.value, operation.table, operation.column, operation.name]
    parts += [operation.new_name, operation.value]
    parts += [f"{a.column}={a.kind}" for a in operation.assignments]
    said = operation.definition
    if isinstance(said, Table):
        parts += [_column(said, i) for i in range(len(said.columns))]
        parts += [f"unique {u.name} {u.columns}" for u in said.uniques]
        parts += [
            f"fk {f.columns} {f.ref_table} {f.ref_columns} {f.on_delete} {f.on_update}"
            for f in said.foreign_keys
        ]
        parts += [f"check {c.name} {c.expression}" for c in said.checks]
    if isinstance(said, Index):
        parts += [f"{c.name}{' expression' * c.expression}" for c in said.columns]
        parts += ["unique"] * said.unique
    return " | ".join(p for p in parts if p)


def _column(table: Table, at: int) -> str:
    c = table.columns[at]
    words = [c.name, c.type or "?", "not null" * c.not_null, "key" * bool(c.primary_key)]
    return " ".join(w for w in [*words, f"default {c.default}" if c.default else ""] if w)


def _statement(statement: Statement) -> dict[str, object]:
    made: dict[str, object] = {"line": statement.span.line}
    if statement.origin == "sql":
        made["sql"] = statement.sql
    else:
        made[statement.origin] = [_operation(o) for o in statement.operations or ()]
    if statement.conditional:
        made["conditional"] = True
    if statement.in_transaction is not None:
        made["in_transaction"] = statement.in_transaction
    return made


def _migration(migration: Migration) -> dict[str, object]:
    return {
        "revision": migration.revision,
        "path": migration.path,
        "parents": list(migration.parents),
        "title": migration.title,
        "transactional": migration.transactional,
        "program": migration.program,
        "comments": [list(c) for c in migration.comments],
        "statements": [_statement(s) for s in migration.statements],
        "downgrade": [_statement(s) for s in migration.downgrade],
    }


def described(root: Path) -> dict[str, object]:
    found = adapters.detect(root)
    assert found is not None
    try:
        history = adapters.load(None, root, found[1], adapters.Options(Dialect.SQLITE))
    except MigsafeError as error:
        return {"error": type(error).__name__, "message": error.message, "place": error.place}
    return _history(history)


def _history(history: History) -> dict[str, object]:
    return {
        "framework": history.framework,
        "version_tables": list(history.version_tables),
        "ignored": list(history.ignored),
        "migrations": [_migration(m) for m in history.migrations],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_fixture_is_read_as_expected(case):
    assert described(case) == json.loads((case / "expected.json").read_text())


def test_every_framework_has_a_good_and_a_broken_fixture():
    kinds = {
        (p.parent.name, "error" in json.loads((p / "expected.json").read_text())) for p in CASES
    }
    proven = {"numbered", "goose", "dbmate", "flyway", "alembic", "django"}
    assert {name for name, broken in kinds if not broken} >= proven | {"golang-migrate"}
    assert {name for name, broken in kinds if broken} >= proven
