"""Alembic projects run for real, through their own env.py, on real databases."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
import sqlite3
import sys
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from migsafe import adapters
from migsafe.adapters.alembic_runner import RunnerFailed
from migsafe.adapters.alembic_trace import Sent
from migsafe.errors import MigsafeError, ReplayAborted
from migsafe.model.migration import Dialect

RECIPE = """
from alembic import context
from sqlalchemy import create_engine

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("no connection")
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""
CREATE = """
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("email", sa.String(50)),
    )
    op.execute(
        \"\"\"
        INSERT INTO users (email)
        VALUES ('a'), ('b')
        \"\"\"
    )
"""
BATCH = """
    with op.batch_alter_table("users", recreate="always") as batch_op:
        batch_op.alter_column("email", existing_type=sa.String(50), nullable=False)
"""
DATA = """
    bind = op.get_bind()
    for id_, email in bind.execute(sa.text("SELECT id, email FROM users")).fetchall():
        bind.execute(
            sa.text("UPDATE users SET email = :email WHERE id = :id"),
            {"email": email.upper(), "id": id_},
        )
"""
AUTOCOMMIT = """
    with op.get_context().autocommit_block():
        op.execute("PRAGMA foreign_keys = OFF")
    op.execute("DELETE FROM users WHERE id = 1")
"""
FAILS = """
    print("about to fail")
    op.execute("INSERT INTO users (id) VALUES (1)")
"""


class Project:
    """An Alembic project made by `alembic init`, with revisions 1, 2, 3 of the bodies given."""

    def __init__(self, root: Path, bodies: list[str], env: str | None = None) -> None:
        self.root = root / "project"
        self.database = root / "elsewhere" / "sample 100%.db"
        self.database.parent.mkdir()
        self.root.mkdir()
        with redirect_stdout(io.StringIO()):
            command.init(Config(str(self.root / "alembic.ini")), str(self.root / "alembic"))
        if env is not None:
            (self.root / "alembic/env.py").write_text(env)
        for number, body in enumerate(bodies, 1):
            self.add(number, body)
        self.sent: list[Sent] = []

    def add(self, number: int, body: str) -> None:
        down = repr(str(number - 1)) if number > 1 else "None"
        head = f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '{number}'\n"
        text = f"{head}down_revision = {down}\n\ndef upgrade():{body}\n"
        (self.root / f"alembic/versions/{number}.py").write_text(text)

    def upgrade(self, target: str = "head", foreign_keys: bool = False) -> None:
        runner = adapters.runner("alembic", self.root, self.root)
        runner = pickle.loads(pickle.dumps(runner))
        before, after = self.sent.append, lambda _: None
        runner.upgrade(self.database, target, foreign_keys, before, after)

    def rows(self, query: str) -> Any:
        with closing(sqlite3.connect(self.database)) as database:
            return database.execute(query).fetchall()

    def places(self) -> Any:
        return [(s.path, s.line) for s in self.sent if s.path and "PRAGMA" not in s.sql]

    def digest(self) -> Any:
        files = sorted(p for p in self.root.rglob("*") if p.is_file())
        return [(str(p), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


@pytest.mark.parametrize("env", [None, RECIPE], ids=["stock", "recipe"])
def test_every_kind_of_revision(tmp_path, env):
    project = Project(tmp_path, [CREATE, BATCH, DATA, AUTOCOMMIT], env)
    project.upgrade()
    assert project.rows("SELECT id, email FROM users") == [(2, "B")]
    assert project.rows("SELECT version_num FROM alembic_version") == [("4",)]
    ((sql,),) = project.rows("SELECT sql FROM sqlite_master WHERE name = 'users'")
    assert "email VARCHAR(50) NOT NULL" in sql


def test_statements_are_seen_at_the_line_where_lint_shows_them(tmp_path):
    project = Project(tmp_path, [CREATE, BATCH, DATA])
    project.upgrade()
    history = adapters.load(None, project.root, project.root, adapters.Options(Dialect.SQLITE))
    shown = {(s.span.path, s.span.line) for m in history.migrations for s in m.statements}
    assert set(project.places()) == shown
    assert ("alembic/versions/1.py", 14) in shown


def test_one_revision_after_the_other(tmp_path):
    project = Project(tmp_path, [CREATE, DATA])
    project.upgrade("1")
    assert project.rows("SELECT email FROM users") == [("a",), ("b",)]
    project.upgrade("2")
    assert project.rows("SELECT email FROM users") == [("A",), ("B",)]


@pytest.mark.parametrize("on", [True, False])
def test_foreign_keys_are_as_asked_and_no_transaction_is_open(tmp_path, on):
    project = Project(tmp_path, ["\n    op.execute('SELECT 1')"])
    seen = []

    def look(sent):
        if sent.path:
            seen.append(sent.connection.in_transaction)
            seen.extend(sent.connection.execute("PRAGMA foreign_keys").fetchone())

    runner = adapters.runner("alembic", project.root, project.root)
    runner.upgrade(project.database, "head", on, look, lambda _: None)
    assert seen == [False, int(on)]


def test_a_failure_names_the_line_and_the_statement(tmp_path, capfd):
    project = Project(tmp_path, [CREATE, FAILS])
    with pytest.raises(RunnerFailed) as caught:
        project.upgrade()
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.path, error.line) == ("alembic/versions/2.py", 8)
    assert error.error_class == "IntegrityError"
    assert error.message == "UNIQUE constraint failed: users.id"
    assert error.sql == "INSERT INTO users (id) VALUES (1)"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("body", "error_class"),
    [
        ("\n    {}['gone']", "KeyError"),
        ("\n    raise SystemExit(3)", "SystemExit"),
        ("\n    import no_such_module_here", "ModuleNotFoundError"),
    ],
)
def test_a_failure_in_python_has_no_statement(tmp_path, body, error_class):
    project = Project(tmp_path, [body])
    with pytest.raises(RunnerFailed) as caught:
        project.upgrade()
    error = caught.value
    assert (error.error_class, error.sql) == (error_class, "")
    assert (error.path, error.line) == ("alembic/versions/1.py", 7)


@pytest.mark.parametrize(
    "url", ["sqlite:///other.db", "sqlite://", "sqlite:////tmp/secret-name/x.db"]
)
def test_no_other_database_is_touched(tmp_path, url):
    env = f"from sqlalchemy import create_engine\ncreate_engine({url!r}).connect()\n"
    project = Project(tmp_path, [CREATE], env)
    with pytest.raises(ReplayAborted, match="not to the sampled database") as caught:
        project.upgrade()
    assert "config.attributes['connection']" in caught.value.hint
    assert "secret-name" not in caught.value.message
    assert not (project.root / "other.db").exists()


def test_an_asynchronous_env_is_explained(tmp_path):
    env = (
        "from alembic import context\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
        "create_async_engine(context.config.get_main_option('sqlalchemy.url'))\n"
    )
    project = Project(tmp_path, [CREATE], env)
    with pytest.raises(ReplayAborted, match="asynchronous"):
        project.upgrade()


def test_the_tree_and_the_process_are_as_before(tmp_path):
    project = Project(tmp_path, [CREATE, DATA])
    (project.root / "settings.py").write_text("VALUE = 1\n")
    env = project.root / "alembic/env.py"
    env.write_text("import os, settings\nassert os.getcwd()\n" + env.read_text())
    logger = logging.getLogger("migsafe.test.known")
    before = (project.digest(), list(sys.path), Path.cwd(), sys.dont_write_bytecode)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    project.upgrade()
    assert before == (project.digest(), list(sys.path), Path.cwd(), sys.dont_write_bytecode)
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert not logger.disabled
    assert "settings" not in sys.modules
    assert list(project.database.parent.iterdir()) == [project.database]


def test_a_second_run_sends_no_migration(tmp_path):
    project = Project(tmp_path, [CREATE])
    project.upgrade()
    project.sent.clear()
    project.upgrade()
    assert project.places() == []


def test_an_unknown_target_is_an_error(tmp_path):
    project = Project(tmp_path, [CREATE])
    with pytest.raises(MigsafeError, match="nowhere"):
        project.upgrade("nowhere")


def test_without_alembic_it_says_what_to_install(tmp_path, monkeypatch):
    project = Project(tmp_path, [CREATE])
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(ReplayAborted) as caught:
        project.upgrade()
    assert "migsafe[alembic]" in caught.value.hint
