"""What the facts know of the way back, and of loops in program code and procedures."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migsafe import adapters, facts
from migsafe.adapters import alembic_scripts, sqldir
from migsafe.analyse import Runner, analyse
from migsafe.model.migration import Dialect, History

UP = "CREATE TABLE a (x int);\nALTER TABLE t ADD COLUMN c int;\n"
Files = Callable[..., Path]


def built(history: History) -> sqlite3.Connection:
    focus = {m.revision for m in history.migrations}
    return facts.build(analyse(history, focus, Runner(), {"today": "2026-01-01"}))


def rows(history: History, query: str) -> list[tuple[Any, ...]]:
    with closing(built(history)) as database:
        return database.execute(query).fetchall()


def updown(project: Files, down: str, up: str = UP) -> History:
    root = project(
        {
            "migrations/000001_old.up.sql": "CREATE TABLE t (id int);\n",
            "migrations/000002_new.up.sql": up,
            "migrations/000002_new.down.sql": down,
        }
    )
    options = adapters.Options(Dialect.POSTGRES)
    return sqldir.load(root, root / "migrations", options, "golang-migrate")


CHANGES = "SELECT what, how, tbl, name FROM downgrade_change ORDER BY tbl, name"


def test_a_downgrade_that_undoes_all_leaves_nothing(project: Files):
    down = "ALTER TABLE t DROP COLUMN c;\nDROP TABLE a;\n"
    assert rows(updown(project, down), CHANGES) == []


def test_what_stays_is_told(project: Files):
    assert rows(updown(project, "DROP TABLE a;\n"), CHANGES) == [("column", "added", "t", "c")]


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (UP, "DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$;"),
        (UP, "SET search_path = app;\nDROP TABLE a;"),
        ("DO $$ BEGIN CREATE TABLE a (x int); END $$;", "SELECT 1;"),
        (UP, "DROP TABEL a;"),
    ],
)
def test_nothing_is_said_where_a_statement_may_do_more_than_it_says(
    project: Files, up: str, down: str
):
    assert rows(updown(project, down, up), CHANGES) == []


def test_the_operations_stand_in_the_file_of_the_downgrade(project: Files):
    found = rows(
        updown(project, "DROP TABLE a;\nALTER TABLE t DROP COLUMN c;\n"),
        "SELECT migration, position, path, line, kind, tbl, col FROM downgrade_operation",
    )
    path = "migrations/000002_new.down.sql"
    assert found == [
        (2, 1, path, 1, "drop_table", "a", ""),
        (2, 2, path, 2, "drop_column", "t", "c"),
    ]


SCRIPT = """import sqlalchemy as sa
from alembic import op
revision = "r"
down_revision = None

def upgrade():
    bind = op.get_bind()
{body}

def downgrade():
{down}
"""


def script(project: Files, body: str, down: str = "pass") -> History:
    lines = "\n".join("    " + line for line in body.splitlines())
    text = SCRIPT.format(body=lines, down="    " + down)
    root = project(
        {
            "alembic.ini": "[alembic]\nscript_location = alembic\n",
            "alembic/versions/r.py": text,
        }
    )
    return alembic_scripts.load(root, root, adapters.Options(Dialect.POSTGRES))


def loops() -> Iterator[tuple[str, int]]:
    sent = 'bind.execute(sa.text("DELETE FROM t WHERE a LIMIT 10"))'
    yield f"while more():\n    {sent}", 1
    yield f"for row in bind.execute(sa.text('SELECT 1')):\n    {sent}", 1
    yield f"while more():\n    {sent}\n    bind.commit()", 0
    yield f"while more():\n    with bind.begin():\n        {sent}", 0
    yield f"for name in ('a', 'b'):\n    {sent}", 0
    yield f"def again():\n    {sent}\nwhile more():\n    again()", 1
    yield f"while more():\n    pass\n{sent}", 0


@pytest.mark.parametrize(("body", "repeated"), [*loops()])
def test_a_loop_repeats_what_it_sends_unless_it_commits(project: Files, body: str, repeated: int):
    found = rows(
        script(project, body),
        "SELECT max(s.repeated) FROM statement s JOIN operation o ON o.statement = s.id"
        " WHERE o.kind = 'delete'",
    )
    assert found == [(repeated,)]


@pytest.mark.parametrize(
    ("down", "why"),
    [
        ("pass", [("downgrade() does nothing",)]),
        ("raise NotImplementedError", [("downgrade() raises an error",)]),
        ("op.drop_table('t')", []),
    ],
)
def test_a_script_may_refuse_to_go_back(project: Files, down: str, why: list[tuple[str]]):
    assert rows(script(project, "pass", down), "SELECT why FROM one_way") == why


def test_a_procedure_tells_what_its_body_does(project: Files):
    up = "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; COMMIT; END $$;\n"
    found = rows(updown(project, "", up), "SELECT name, position, kind, tbl FROM routine_step")
    assert found == [("p", 1, "delete", "t"), ("p", 2, "commit", "")]
