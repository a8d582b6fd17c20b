"""Reading revision scripts: total on any Python, exact in its lines, honest about the rest."""

from __future__ import annotations

import argparse
import ast
import asyncio.base_events
import dataclasses
import inspect
import textwrap
from typing import Any

import pytest

from migsafe import adapters
from migsafe.adapters.alembic_body import Body
from migsafe.adapters.alembic_scripts import load
from migsafe.adapters.alembic_text import Scope, Text, value
from migsafe.errors import ConfigError, NothingToCheck, UnreadableMigration
from migsafe.model.migration import Dialect, Kind

SQLITE = adapters.Options(Dialect.SQLITE)
HEAD = 'import sqlalchemy as sa\nfrom alembic import op\nrevision = "r"\ndown_revision = None\n'


def read(tmp_path: Any, body: str, dialect: Any = Dialect.SQLITE, head: str = HEAD) -> Any:
    (tmp_path / "alembic/versions").mkdir(parents=True, exist_ok=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    text = head + "def upgrade():\n" + textwrap.indent(textwrap.dedent(body), "    ")
    (tmp_path / "alembic/versions/r.py").write_text(text)
    history = load(tmp_path, tmp_path, adapters.Options(dialect))
    return history.migrations[0].statements


def kinds(statements: Any) -> Any:
    return [o.kind for s in statements for o in s.operations or ()]


@pytest.mark.parametrize(
    "body",
    [
        "op.execute(build())",
        "op.execute('x' % name)",
        "op.create_table(name)",
        "op.unheard_of('x')",
        "op.get_bind().execute(statement)",
        "globals()['upgrade_' + name]()",
        "getattr(op, name)('x')",
        "import app; app.run()",
        "from app.models import Base; Base.metadata.create_all(op.get_bind())",
        "with op.batch_alter_table(name) as batch:\n    pass",
        "with op.batch_alter_table('t') as batch:\n    batch.unheard_of()",
        "for t in tables():\n    op.drop_table(t)",
        "kinds.create(op.get_bind())",
    ],
)
def test_what_cannot_be_read_is_opaque(tmp_path, body):
    assert Kind.OPAQUE in kinds(read(tmp_path, body))


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "print('x')",
        "bind = op.get_bind()\ninspector = sa.inspect(bind)\nnames = inspector.get_table_names()",
        "names = [n.lower() for n in ('A', 'B')]\nnames.append('c')",
        "import logging\nlogging.getLogger('x').info('%s', op.get_bind().dialect)",
    ],
)
def test_what_sends_nothing_is_no_statement(tmp_path, body):
    assert read(tmp_path, body) == ()


def test_lines_of_escaped_and_joined_strings(tmp_path):
    body = r'''
    op.execute("""\
    SELECT 1;

    SELECT '\x41'; SELECT 3""")
    op.execute("DELETE FROM a "
               "WHERE b; "
               "SELECT 5")
    '''
    found = [(s.sql, s.span.line) for s in read(tmp_path, body)]
    assert found == [
        ("SELECT 1", 8),
        ("SELECT 'A'", 10),
        ("SELECT 3", 10),
        ("DELETE FROM a WHERE b", 11),
        ("SELECT 5", 13),
    ]


def test_dead_branches_of_other_dialects(tmp_path):
    body = """
    name = op.get_bind().dialect.name
    if name == "postgresql":
        op.execute("SELECT 'pg'")
    elif name in ("sqlite", "mysql"):
        op.execute("SELECT 'other'")
    if name != "sqlite":
        return
    op.execute("SELECT 'sqlite'")
    """
    sqlite = read(tmp_path, body)
    assert [(s.sql, s.conditional) for s in sqlite] == [
        ("SELECT 'other'", False),
        ("SELECT 'sqlite'", False),
    ]
    assert [s.sql for s in read(tmp_path, body, Dialect.POSTGRES)] == ["SELECT 'pg'"]


def test_after_a_possible_return_everything_is_conditional(tmp_path):
    body = """
    if unknown:
        return
    op.drop_table("a")
    """
    assert [s.conditional for s in read(tmp_path, body)] == [True]


def test_a_name_set_under_a_condition_is_uncertain(tmp_path):
    body = """
    table = "a"
    if unknown:
        table = "b"
    op.drop_table(table)
    """
    assert kinds(read(tmp_path, body)) == [Kind.OPAQUE]


def test_a_connection_made_under_a_condition_stays_one(tmp_path):
    body = """
    if unknown:
        bind = op.get_bind()
    bind.execute(statement)
    """
    assert kinds(read(tmp_path, body)) == [Kind.OPAQUE]


def test_a_batch_is_one_statement_at_its_with(tmp_path):
    body = """
    with op.batch_alter_table("t") as batch_op:
        batch_op.drop_column("a")
        batch_op.drop_column("b")
    """
    (statement,) = read(tmp_path, body)
    assert statement.span.line == 7
    assert [(o.column, o.line) for o in statement.operations or ()] == [("a", 8), ("b", 9)]


def test_functions_that_call_themselves_end(tmp_path):
    assert Kind.OPAQUE in kinds(read(tmp_path, "upgrade()"))


def test_a_deeper_one_is_an_error_with_a_place(tmp_path):
    with pytest.raises(UnreadableMigration, match="nested too deeply") as caught:
        read(tmp_path, "x = " + " + ".join(["name"] * 200_000))
    assert caught.value.place == "alembic/versions/r.py:1"


def test_an_endless_expression_is_opaque(tmp_path):
    body = "x = " + " + ".join(["name"] * 950)
    # How deep an interpreter can look differs: on 3.13 it sees that nothing is sent.
    assert kinds(read(tmp_path, body)) in ([Kind.OPAQUE], [])


@pytest.mark.parametrize("module", [argparse, dataclasses, inspect, textwrap, asyncio.base_events])
def test_any_python_can_be_read(module):
    source = inspect.getsource(module)
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)]
    by_name = {f.name: f for f in functions}
    for function in functions:
        body = Body("m.py", Dialect.SQLITE, Scope(source), by_name)
        body.run(function.body)
        assert all(f.statement.span.path == "m.py" for f in body.found)


def test_places_in_a_text_point_at_their_characters():
    source = 'x = ("one"\n     "two\\n"\n     """three\nfour""")'
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.Assign)
    text = value(node.value, Scope(source))
    assert isinstance(text, Text)
    lines = source.split("\n")
    for word in ("one", "two", "three", "four"):
        line, column = text.place(text.value.index(word))
        assert lines[line - 1][column - 1 :].startswith(word)


@pytest.mark.parametrize("line", ["revision = make()", "revision = 1"])
def test_a_revision_must_be_literal(tmp_path, line):
    with pytest.raises(UnreadableMigration) as caught:
        read(tmp_path, "pass", head=f"{line}\ndown_revision = None\n")
    assert caught.value.place == "alembic/versions/r.py:1"


def test_no_revisions(tmp_path):
    with pytest.raises(NothingToCheck):
        read(tmp_path, "pass", head="")


def test_recursive_and_several_version_folders(tmp_path):
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/alembic\npath_separator = space\n"
        "version_locations = %(here)s/one %(here)s/two\nrecursive_version_locations = true\n"
        "sqlalchemy.url = %(MISSING)s\n"
    )
    for name, down in (("one/a", None), ("two/deep/b", "a")):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True)
        file.write_text(f"revision = {file.stem!r}\ndown_revision = {down!r}\n")
    history = load(tmp_path, tmp_path / "alembic.ini", SQLITE)
    assert [m.path for m in history.migrations] == ["one/a.py", "two/deep/b.py"]


def test_a_package_as_script_location(tmp_path):
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = my.app:migrations\n")
    with pytest.raises(ConfigError, match=r"my\.app:migrations"):
        load(tmp_path, tmp_path, SQLITE)
    versions = tmp_path / "src/my/app/migrations/versions"
    versions.mkdir(parents=True)
    (versions / "a.py").write_text("revision = 'a'\ndown_revision = None\n")
    assert load(tmp_path, tmp_path, SQLITE).head == "a"


def test_the_script_folder_itself_may_be_named(tmp_path):
    read(tmp_path, "pass")
    (tmp_path / "alembic/env.py").write_text("")
    history = adapters.load(None, tmp_path, tmp_path / "alembic", SQLITE)
    assert (history.framework, history.head) == ("alembic", "r")
