"""Django's migrations, held against the SQL and the databases that Django 5.2 made of them.

`postgres.sql` of the fixture is what its schema editor wrote for the first three migrations
(without SET CONSTRAINTS, and with '?' for a time), `sqlite.sql` the schema that `migrate` left.
"""

from __future__ import annotations

import sqlite3
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migsafe import adapters
from migsafe.adapters.django_migrations import load
from migsafe.analyse import Runner, analyse
from migsafe.errors import BrokenHistory, MigsafeError
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.schema.diff import diff
from migsafe.schema.inspect import inspect
from migsafe.sql.parse import operations
from migsafe.sql.split import split

SHAPES = Path(__file__).parents[2] / "fixtures/adapters/django/shapes"
HEAD = """\
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = {needs}
    operations = [
{body}
    ]
"""
MODEL = """\
migrations.CreateModel("Note", [
    ("id", models.AutoField(primary_key=True)),
    ("text", models.CharField(max_length=10, null=True)),
    ("size", models.IntegerField()),
]),
"""


def history(root: Path, dialect: Dialect) -> Any:
    return load(root, root, adapters.Options(dialect))


def write(root: Path, name: str, body: str, needs: str = "[]", app: str = "app") -> None:
    folder = root / app / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    text = HEAD.format(needs=needs, body=textwrap.indent(textwrap.dedent(body), " " * 8))
    (folder / f"{name}.py").write_text(text)


def made(root: Path, body: str, dialect: Dialect = Dialect.POSTGRES) -> list[Operation]:
    """The operations of a second migration behind the model's own."""
    write(root, "0001_initial", MODEL)
    write(root, "0002_more", body, "[('app', '0001_initial')]")
    found = history(root, dialect).migrations[1].statements
    return [o for s in found for o in s.operations or operations(s.sql, dialect)]


def expected(text: str, dialect: Dialect = Dialect.POSTGRES) -> list[Operation]:
    return [o for s in split(text, dialect, "x.sql") for o in operations(s.sql, dialect)]


def without_lines(found: list[Operation]) -> list[Operation]:
    return [replace(o, line=0, references=()) for o in found]


def test_operations_are_those_of_the_sql_that_django_sends():
    found = [
        o
        for migration in history(SHAPES, Dialect.POSTGRES).migrations[:3]
        for s in migration.statements
        for o in s.operations or operations(s.sql, Dialect.POSTGRES)
    ]
    sent = expected((SHAPES / "postgres.sql").read_text())
    assert len(sent) > 50
    assert without_lines(found) == without_lines(sent)


def test_the_schema_on_sqlite_is_the_one_that_django_leaves():
    steps = analyse(history(SHAPES, Dialect.SQLITE), (), Runner(on_error="continue"), {}).steps
    last = [s for s in steps if s.revision == "shop.0002_change"][-1]
    live = sqlite3.connect(":memory:")
    live.executescript((SHAPES / "sqlite.sql").read_text())
    # Django moves an altered column to the end of the table that it copies.
    assert [c for c in diff(last.after, inspect(live)) if c.aspect != "position"] == []


CASES = [
    (
        'migrations.AddField("note", "on", models.BooleanField(default=False))',
        'ALTER TABLE app_note ADD COLUMN "on" boolean DEFAULT false NOT NULL;'
        'ALTER TABLE app_note ALTER COLUMN "on" DROP DEFAULT',
    ),
    (
        'migrations.AlterField("note", "text", models.CharField(max_length=10, default="x"))',
        "ALTER TABLE app_note ALTER COLUMN text SET DEFAULT 'x';"
        'UPDATE "app_note" SET "text" = \'x\' WHERE "text" IS NULL;'
        "ALTER TABLE app_note ALTER COLUMN text SET NOT NULL;"
        "ALTER TABLE app_note ALTER COLUMN text DROP DEFAULT",
    ),
    (
        'migrations.AlterField("note", "text", models.CharField(max_length=10))',
        "ALTER TABLE app_note ALTER COLUMN text SET NOT NULL",
    ),
    (
        'migrations.AlterField("note", "size", models.BigIntegerField())',
        'ALTER TABLE app_note ALTER COLUMN size TYPE bigint USING "size"::bigint',
    ),
    ('migrations.AlterField("note", "size", models.IntegerField(help_text="so big"))', ""),
    (
        'migrations.AddIndex("note", GinIndex(name="g", fields=["text"],'
        ' opclasses=["gin_trgm_ops"]))',
        "CREATE INDEX g ON app_note USING gin (text gin_trgm_ops)",
    ),
    (
        'migrations.AddIndex("note", models.Index(Lower("text"), name="l", condition=~Q(size=1)))',
        'CREATE INDEX l ON app_note ((LOWER("text"))) WHERE (NOT "size" = 1)',
    ),
    (
        'migrations.AddConstraint("note", models.UniqueConstraint(F("size"), name="u"))',
        "CREATE UNIQUE INDEX u ON app_note (size)",
    ),
    (
        "AddConstraintNotValid('note', models.CheckConstraint("
        "check=Q(size__in=[1, 2]), name='c')),\n"
        "ValidateConstraint('note', 'c')",
        'ALTER TABLE app_note ADD CONSTRAINT c CHECK ("size" IN (1, 2)) NOT VALID;'
        "ALTER TABLE app_note VALIDATE CONSTRAINT c",
    ),
    (
        'migrations.RenameIndex("note", new_name="b", old_name="a")',
        "ALTER INDEX a RENAME TO b",
    ),
    (
        'migrations.AlterField("note", "id", models.BigAutoField(primary_key=True))',
        'ALTER TABLE app_note ALTER COLUMN id TYPE bigint USING "id"::bigint',
    ),
    ('migrations.DeleteModel("Note")', "DROP TABLE app_note CASCADE"),
    ("HStoreExtension()", "CREATE EXTENSION IF NOT EXISTS hstore"),
    (
        "migrations.SeparateDatabaseAndState(state_operations=["
        'migrations.RemoveField("note", "size")])',
        "",
    ),
]


@pytest.mark.parametrize(("body", "sql"), CASES, ids=lambda v: v[:50])
def test_an_operation_on_postgres(tmp_path, body, sql):
    assert without_lines(made(tmp_path, body)) == without_lines(expected(sql))


def test_mysql_declares_the_whole_column(tmp_path):
    body = 'migrations.AlterField("note", "text", models.TextField(null=True))'
    sql = "ALTER TABLE app_note MODIFY text longtext NULL"
    found = without_lines(made(tmp_path, body, Dialect.MYSQL))
    assert found == without_lines(expected(sql, Dialect.MYSQL))


def test_sqlite_gets_the_net_effect_of_a_copied_table(tmp_path):
    body = 'migrations.AddField("note", "code", models.CharField(max_length=9, unique=True))'
    found = made(tmp_path, body, Dialect.SQLITE)
    assert [o.kind for o in found] == [Kind.ADD_COLUMN, Kind.ADD_CONSTRAINT]
    assert not {Kind.RENAME_TABLE, Kind.DROP_TABLE} & {o.kind for o in found}


def test_what_only_running_it_can_tell_is_opaque(tmp_path):
    body = "*more(),\nmigrations.RunPython(forwards),\nOwn('note'),\nmigrations.RunSQL(text())"
    assert {o.kind for o in made(tmp_path, body)} == {Kind.OPAQUE}


def test_apps_stand_in_one_line_by_their_dependencies(tmp_path):
    write(tmp_path, "0001_initial", MODEL, "[('base', '__first__')]", "app")
    write(tmp_path, "0001_initial", "", "[('auth', '0001_initial')]", "base")
    write(tmp_path, "0002_b", "", "[('base', '0001_initial')]", "base")
    first = tmp_path / "base/migrations/0002_b.py"
    first.write_text(
        first.read_text().replace(
            "    oper", "    run_before = [('app', '0001_initial')]\n    oper"
        )
    )
    found = history(tmp_path, Dialect.SQLITE)
    assert [m.revision for m in found.migrations] == [
        "base.0001_initial", "base.0002_b", "app.0001_initial"
    ]  # fmt: skip
    assert found.head == "app.0001_initial"


def test_a_squashed_migration_stands_for_those_that_it_replaces(tmp_path):
    write(tmp_path, "0001_initial", MODEL)
    write(tmp_path, "0002_more", "", "[('app', '0001_initial')]")
    write(tmp_path, "0003_last", "", "[('app', '0002_more')]")
    write(tmp_path, "0001_squashed", MODEL)
    squashed = tmp_path / "app/migrations/0001_squashed.py"
    names = "[('app', '0001_initial'), ('app', '0002_more')]"
    text = squashed.read_text().replace("    oper", f"    replaces = {names}\n    oper")
    squashed.write_text(text)
    found = history(tmp_path, Dialect.SQLITE)
    assert [m.revision for m in found.migrations] == ["app.0001_squashed", "app.0003_last"]
    assert len(found.ignored) == 2


def test_a_dependency_that_does_not_exist_is_a_broken_history(tmp_path):
    write(tmp_path, "0001_initial", MODEL, "[('app', '0000_lost')]")
    with pytest.raises(BrokenHistory, match=r"depends on app\.0000_lost"):
        history(tmp_path, Dialect.SQLITE)


def test_nothing_runs_them_yet(tmp_path):
    write(tmp_path, "0001_initial", MODEL)
    with pytest.raises(MigsafeError, match="not replayed yet") as raised:
        adapters.runner("django", tmp_path, tmp_path)
    assert raised.value.exit_code == 4


def test_the_sample_version_is_the_newest_of_the_projects_own(tmp_path):
    write(tmp_path, "0001_initial", MODEL)
    database = sqlite3.connect(":memory:")
    database.executescript(
        "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT);"
        "INSERT INTO django_migrations VALUES (1, 'app', '0001_initial'), (2, 'auth', '0009_x')"
    )
    query = history(tmp_path, Dialect.SQLITE).version_query
    assert database.execute(query).fetchall() == [("app.0001_initial",)]
