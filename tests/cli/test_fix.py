"""`migsafe lint --fix` and `--diff` as processes; what they write is run on real servers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from migsafe import adapters
from migsafe.adapters.options import Options
from migsafe.model.migration import Dialect, Migration
from migsafe.schema import inspect_postgres
from migsafe.sql.split import split

POSTGRES = 'dialect = "postgres"\n[engine]\noldest = "14"\nlive_traffic = true\n'
BASE = (
    "CREATE TABLE parent (id bigint PRIMARY KEY);\n"
    "CREATE TABLE t (id bigint PRIMARY KEY, c int, p_id bigint);\n"
)
OLD = "CREATE INDEX t_old ON t (p_id);\n"
INDEX = "CREATE INDEX t_c ON t (c);\n"
FOREIGN = "ALTER TABLE t ADD CONSTRAINT t_p FOREIGN KEY (p_id) REFERENCES parent (id);\n"
CHECK = "ALTER TABLE t ADD CONSTRAINT t_pos CHECK (c > 0);\n"
NOT_NULL = "ALTER TABLE t ALTER COLUMN c SET NOT NULL;\n"

# tool: (the first file, the second, a frame for the text of either)
LAYOUTS = {
    "numbered": ("migrations/0001_base.sql", "migrations/0002_next.sql", "{}"),
    "goose": (
        "migrations/00001_base.sql",
        "migrations/00002_next.sql",
        "-- +goose Up\n{}-- +goose Down\nSELECT 1;\n",
    ),
    "dbmate": (
        "db/migrations/20240101000000_base.sql",
        "db/migrations/20240102000000_next.sql",
        "-- migrate:up\n{}-- migrate:down\nSELECT 1;\n",
    ),
    "flyway": ("sql/V1__base.sql", "sql/V2__next.sql", "{}"),
    "golang-migrate": ("migrations/1_base.up.sql", "migrations/2_next.up.sql", "{}"),
    "sqlx": ("migrations/20240101_base.sql", "migrations/20240102_next.sql", "{}"),
    "diesel": (
        "migrations/2024-01-01-000000_base/up.sql",
        "migrations/2024-01-02-000000_next/up.sql",
        "{}",
    ),
    "prisma": (
        "prisma/migrations/20240101_base/migration.sql",
        "prisma/migrations/20240102_next/migration.sql",
        "{}",
    ),
}  # fmt: skip
FRAMEWORK = {"diesel": "numbered", "prisma": "numbered"}
AS_ONE_STRING = {"dbmate", "golang-migrate", "sqlx", "diesel", "prisma"}
"""These send a file, or the upgrade of it, to the server in one piece."""


def files(tool: str, *texts: str) -> dict[str, str]:
    first, second, frame = LAYOUTS[tool]
    framework = FRAMEWORK.get(tool, tool)
    path = first.partition("/2024")[0] if tool in FRAMEWORK else str(Path(first).parent)
    said = f'[migrations]\nframework = "{framework}"\npath = "{path}"\n'
    names = (first, second)
    made = {n: frame.format(t) for n, t in zip(names, texts, strict=True)}
    return {"migsafe.toml": POSTGRES + said, **made}


def texts(root: Path) -> dict[str, str]:
    return {
        p.relative_to(root).as_posix(): p.read_text()
        for p in sorted(root.rglob("*"))
        if p.suffix in {".sql", ".conf", ".py"} or p.name == "metadata.toml"
    }


def pieces(migration: Migration, tool: str) -> list[str]:
    """What the tool sends to the server, one string after another."""
    sent = [s.sql for s in migration.statements]
    if tool in AS_ONE_STRING:
        return ["; ".join(sent)]
    return ["BEGIN", *sent, "COMMIT"] if migration.transactional else sent


def executed(session, root: Path, tool: str):
    """The schema after the history ran as the tool runs it."""
    options = Options(Dialect.POSTGRES)
    framework, path = FRAMEWORK.get(tool, tool), root / LAYOUTS[tool][0].partition("/")[0]
    folder = next(p for p in (path, path / "migrations") if list(p.glob("*[0-9]*")))
    for migration in adapters.load(framework, root, folder, options).migrations:
        for sent in pieces(migration, tool):
            session.execute(sent)
    made = inspect_postgres.inspect(session.execute)
    session.execute("DROP TABLE t, parent")
    return made


# what the second file does
MIGRATIONS = {
    "index": INDEX,
    "drop": "DROP INDEX t_old;\n",
    "foreign key": FOREIGN,
    "check": CHECK,
    "not null": NOT_NULL,
    "column": "ALTER TABLE t ADD COLUMN d int;\n",
}
NEEDS_A_FILE_MORE = {"foreign key", "check", "not null"}
IN_FOLDERS = {"diesel", "prisma"}


@pytest.mark.parametrize(
    ("what", "tool"),
    [
        (what, tool)
        for what in MIGRATIONS
        for tool in LAYOUTS
        if what not in NEEDS_A_FILE_MORE or tool not in IN_FOLDERS
    ],
)
def test_what_is_written_is_silent_runs_and_gives_the_same_schema(what, tool, project, migsafe, pg):
    root = project(files(tool, BASE + OLD, MIGRATIONS[what]))
    wanted = executed(pg, root, tool)
    before = texts(root)
    shown = migsafe("lint", "--diff", cwd=root)
    assert texts(root) == before
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert [r for r in run.json["rewrites"] if not r["done"]] == []
    assert len(run.json["rewrites"]) >= 1
    fixed = {r["rule"] for r in run.json["rewrites"]}
    assert not fixed & set(run.rules)
    after = texts(root)
    assert after != before
    assert all(f"+++ b/{name}" in shown.out for name in after if after[name] != before.get(name))
    assert executed(pg, root, tool) == wanted
    again = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert again.json["rewrites"] == []
    assert texts(root) == after


# -- Alembic ---------------------------------------------------------------------------------------

ENV = """
from alembic import context

context.configure(dialect_name="postgresql"{how})
with context.begin_transaction():
    context.run_migrations()
"""
HEAD = """from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = {down}


def upgrade():
{body}

def downgrade():
    pass
"""
FIRST = """    op.create_table("parent", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.create_table(
        "t",
        sa.Column("id", sa.BigInteger(), primary_key=True),
        sa.Column("c", sa.Integer()),
        sa.Column("p_id", sa.BigInteger()),
    )
    op.create_index("t_old", "t", ["p_id"])
"""
CALLS = {
    "index": '    op.create_index(\n        "t_c",\n        "t",\n        ["c"],\n    )\n',
    "indexes": (
        '    op.create_index("t_c", "t", ["c"])\n    op.create_index("t_p", "t", ["p_id"])\n'
    ),
    "drop": '    op.drop_index("t_old", table_name="t")\n',
    "foreign key": '    op.create_foreign_key("t_fk", "t", "parent", ["p_id"], ["id"])\n',
    "check": '    op.create_check_constraint("t_pos", "t", "c > 0")\n',
    "not null": '    op.alter_column("t", "c", existing_type=sa.Integer(), nullable=False)\n',
    "column": '    # the new one\n    op.add_column("t", sa.Column("d", sa.Integer()))\n',
}


def alembic_files(body: str, how: str = "") -> dict[str, str]:
    return {
        "migsafe.toml": POSTGRES,
        "alembic.ini": "[alembic]\nscript_location = alembic\n",
        "alembic/env.py": ENV.format(how=how),
        "alembic/versions/0001_base.py": HEAD.format(revision="0001", down=None, body=FIRST),
        "alembic/versions/0002_next.py": HEAD.format(revision="0002", down='"0001"', body=body),
    }


def upgraded(session, root: Path):
    """The schema after the SQL of `alembic upgrade head --sql`, with the transactions it says."""
    out = io.StringIO()
    settings = Config(str(root / "alembic.ini"), output_buffer=out)
    settings.set_main_option("script_location", str(root / "alembic"))
    command.upgrade(settings, "head", sql=True)
    for statement in split(out.getvalue(), Dialect.POSTGRES):
        session.execute(statement.sql)
    made = inspect_postgres.inspect(session.execute, ignore=["alembic_version"])
    session.execute("DROP TABLE t, parent, alembic_version")
    return made


@pytest.mark.parametrize("how", ["", ", transaction_per_migration=True"], ids=["one", "each"])
@pytest.mark.parametrize("what", CALLS)
def test_a_rewritten_revision_runs_by_alembic_and_gives_the_same_schema(
    what, how, project, migsafe, pg
):
    root = project(alembic_files(CALLS[what], how))
    wanted = upgraded(pg, root)
    before = texts(root)
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert [r for r in run.json["rewrites"] if not r["done"]] == []
    assert not {r["rule"] for r in run.json["rewrites"]} & set(run.rules)
    after = texts(root)
    assert after != before
    assert upgraded(pg, root) == wanted
    again = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert again.json["rewrites"] == []
    assert texts(root) == after


@pytest.mark.parametrize("what", sorted(NEEDS_A_FILE_MORE))
@pytest.mark.parametrize("tool", sorted(IN_FOLDERS))
def test_no_second_file_is_made_where_each_migration_is_a_folder(what, tool, project, migsafe):
    root = project(files(tool, BASE + OLD, MIGRATIONS[what]))
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    said = [r["what"] for r in run.json["rewrites"] if not r["done"]]
    assert said == ["it takes a second migration, and this one's name cannot be counted on"]
    assert "NOT VALID" not in "".join(texts(root).values())
