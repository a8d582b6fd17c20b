"""`migsafe check` on real PostgreSQL and MariaDB servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migsafe.engines import dsn
from migsafe.engines.mysql import MysqlServer
from migsafe.engines.postgres import PostgresServer
from tests.conftest import Files, Run

Project = Callable[..., Path]
Program = Callable[..., Run]

SETTINGS = 'dialect = "{dialect}"\n[samples]\npath = "samples"\n{more}'
OLD = """
CREATE TABLE person (id serial PRIMARY KEY, email text, age int);
INSERT INTO person (email, age) VALUES ('a@x.org', 1), ('b@x.org', 2), (NULL, 3);
"""
CANARY = "canary@secret.example"


def files(change: str, old: str = OLD, more: str = "", dialect: str = "postgres") -> Files:
    """A project with one change after an old version, and one sample of that."""
    schema = "".join(f"{s};" for s in old.split(";") if "CREATE" in s)
    return {
        "migsafe.toml": SETTINGS.format(dialect=dialect, more=more),
        "migrations/0001_old.sql": schema,
        "migrations/0002_change.sql": change,
        "samples/old.sql": old,
        "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
    }


def checked(inside: Program, root: Path) -> Run:
    return inside("check", "--format", "json", cwd=root)


def found(run: Run, rule: str) -> dict[str, object]:
    return next(f for f in run.json["findings"] if f["rule"] == rule)


@pytest.mark.usefixtures("postgres")
class TestPostgres:
    """SQL directories on PostgreSQL."""

    def test_a_failing_statement_is_named_with_its_line_and_sqlstate(
        self, project: Project, inside: Program
    ) -> None:
        root = project(files("-- one\nALTER TABLE person ALTER COLUMN email SET NOT NULL;\n"))
        run = checked(inside, root)
        assert run.code == 1
        blocking = [f for f in run.json["findings"] if f["severity"] == "blocker"]
        assert [(f["path"], f["line"]) for f in blocking] == [("migrations/0002_change.sql", 2)]
        assert "SQLSTATE 23502" in run.out

    def test_a_migration_that_suits_its_data_is_safe(
        self, project: Project, inside: Program
    ) -> None:
        change = (
            "UPDATE person SET email = '' WHERE email IS NULL;\n"
            "ALTER TABLE person ALTER COLUMN email SET NOT NULL;\n"
        )
        assert checked(inside, project(files(change))).code == 0

    def test_a_dump_of_pg_dump_is_loaded_with_its_copied_rows(
        self, project: Project, inside: Program
    ) -> None:
        old = (
            "SET statement_timeout = 0;\nSET unknown_setting_of_a_later_version = 0;\n"
            "\\connect elsewhere\nCREATE TABLE public.person (id int, email text);\n"
            "ALTER TABLE public.person OWNER TO nobody_here;\n"
            "COPY public.person (id, email) FROM stdin;\n1\ta;b\n2\t\\N\n\\.\n\n"
            "ALTER TABLE ONLY public.person ADD PRIMARY KEY (id);\n"
        )
        made = dict(files("ALTER TABLE person ALTER COLUMN email SET NOT NULL;", old))
        made["migrations/0001_old.sql"] = "CREATE TABLE person (id int PRIMARY KEY, email text);"
        run = checked(inside, project(made))
        assert run.code == 1
        assert "contains null values" in run.out

    def test_a_sample_that_the_server_refuses_is_not_passed_over(
        self, project: Project, inside: Program
    ) -> None:
        made = dict(files("CREATE TABLE other (id int);"))
        made["samples/old.sql"] = "CREATE TABLE person (id int);\n\nINSERT INTO nowhere VALUES (1);"
        run = checked(inside, project(made))
        assert run.code == 4
        assert any(n["what"] == "samples/old.sql:3" for n in run.json["not_run"])

    def test_lost_rows_are_found_and_no_value_is_told(
        self, project: Project, inside: Program
    ) -> None:
        old = OLD.replace("a@x.org", CANARY)
        change = (
            "CREATE TABLE someone (id int PRIMARY KEY, email text NOT NULL);\n"
            "INSERT INTO someone SELECT p.id, p.email FROM person p JOIN person q"
            " ON q.email = p.email;\nDROP TABLE person;\n"
            "ALTER TABLE someone RENAME TO person;\n"
        )
        run = checked(inside, project(files(change, old)))
        assert found(run, "rows-lost")["severity"] == "error"
        assert CANARY not in run.out + run.err

    def test_values_that_become_null_unasked(self, project: Project, inside: Program) -> None:
        change = (
            "CREATE TABLE fresh (id int PRIMARY KEY, email text, age int);\n"
            "INSERT INTO fresh (id, email) SELECT id, email FROM person;\n"
            "DROP TABLE person;\nALTER TABLE fresh RENAME TO person;\n"
        )
        run = checked(inside, project(files(change)))
        assert run.code == 1
        assert found(run, "values-became-null")["path"] == "migrations/0002_change.sql"

    def test_json_that_is_spelt_otherwise_is_the_same(
        self, project: Project, inside: Program
    ) -> None:
        old = (
            "CREATE TABLE doc (id int PRIMARY KEY, body json);\n"
            'INSERT INTO doc VALUES (1, \'{"b": 1,   "a": [1, 2]}\');'
        )
        change = "ALTER TABLE doc ALTER COLUMN body TYPE jsonb;"
        assert checked(inside, project(files(change, old))).code == 0

    def test_queries_invariants_and_drift_of_the_launch(
        self, project: Project, inside: Program
    ) -> None:
        more = (
            '[launch]\nschema = "new.sql"\nqueries = "launch.sql"\ninvariants = "expect.sql"\n'
            'old_queries = "compat.sql"\n'
        )
        made = dict(files("ALTER TABLE person DROP COLUMN age;", OLD, more))
        made["new.sql"] = "CREATE TABLE person (id serial PRIMARY KEY, email varchar(10));"
        made["launch.sql"] = "SELECT nick FROM person;"
        made["expect.sql"] = "SELECT id FROM person WHERE email IS NULL;"
        made["compat.sql"] = "SELECT id FROM person;\nSELECT age FROM person;\nSELECT x FROM y;"
        run = checked(inside, project(made))
        assert run.code == 1
        assert (found(run, "old-query-fails")["path"], found(run, "old-query-fails")["line"]) == (
            "compat.sql",
            2,
        )
        assert sum(r == "old-query-fails" for r in run.rules) == 1  # the last never worked
        assert found(run, "launch-query-fails")["path"] == "launch.sql"
        assert found(run, "invariant-broken")["path"] == "expect.sql"
        assert "drifts-from-fresh-install" in run.rules

    def test_a_made_row_shows_what_no_sample_does(self, project: Project, inside: Program) -> None:
        old = "CREATE TABLE person (id serial PRIMARY KEY, age int, nick text);"
        change = "ALTER TABLE person ADD CONSTRAINT old_enough CHECK (age > 0 AND nick <> '');"
        run = checked(inside, project(files(change, old)))
        assert run.code == 0
        warned = [f for f in run.json["findings"] if f["severity"] == "warning"]
        assert any("no sample shows it" in str(f) for f in warned)

    def test_a_cut_off_concurrent_build_cannot_be_retried(
        self, project: Project, inside: Program
    ) -> None:
        drop, build = (
            "DROP INDEX CONCURRENTLY IF EXISTS {0};",
            "CREATE INDEX CONCURRENTLY {0} ON person (id);",
        )
        one = f"{drop}\n{build}\n"
        safe = one.format("by_age") + one.format("by_age_again")
        change = "\n".join(s for s in safe.split("\n") if "DROP" not in s)
        run = checked(inside, project(files(change)))
        assert run.code == 1
        assert "invalid" in str(run.json["findings"])
        assert checked(inside, project(files(safe))).code == 0

    def test_the_role_that_migrates_may_lack_rights(
        self, project: Project, inside: Program
    ) -> None:
        old = OLD + "CREATE TABLE audit (id int);"
        more = '[engine]\nrun_as = "app_owner"\n'
        change = "ALTER TABLE person ADD COLUMN nick text;\nCREATE EXTENSION adminpack;\n"
        run = checked(inside, project(files(change, old, more)))
        assert run.code == 1
        assert "SQLSTATE 42501" in run.out
        assert "migrations/0002_change.sql" in run.out

    def test_without_samples_the_older_migrations_build_the_old_database(
        self, project: Project, inside: Program
    ) -> None:
        made = {
            "migsafe.toml": 'dialect = "postgres"\n',
            "migrations/0001_old.sql": "CREATE TABLE t (id int PRIMARY KEY);",
            "migrations/0002_change.sql": "ALTER TABLE t DROP COLUMN nothing;",
        }
        run = checked(inside, project(made))
        assert run.code == 1
        assert found(run, "migration-fails")["line"] == 1

    def test_a_sample_at_the_head_has_nothing_pending(
        self, project: Project, inside: Program
    ) -> None:
        made = dict(files("CREATE TABLE other (id int);"))
        made["samples/samples.toml"] = '[[sample]]\nfile = "old.sql"\nversion = "0002"\n'
        assert checked(inside, project(made)).code == 3

    def test_the_same_bytes_twice(self, project: Project, inside: Program) -> None:
        root = project(files("ALTER TABLE person ALTER COLUMN email TYPE varchar(3);"))
        first, second = checked(inside, root).json, checked(inside, root).json
        first["replay"].pop("seconds", None)
        second["replay"].pop("seconds", None)
        assert first["findings"] == second["findings"]
        assert first["replay"] == second["replay"]


ENV_PY = """
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
connectable = engine_from_config(
    config.get_section(config.config_ini_section), prefix="sqlalchemy.", poolclass=pool.NullPool
)
with connectable.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
REVISION = """
from alembic import op
import sqlalchemy as sa

revision = "{rev}"
down_revision = {down!r}


def upgrade():
    {up}


def downgrade():
    {back}
"""


def alembic(up: str, back: str = "pass", more: str = "", dialect: str = "postgres") -> Files:
    """An Alembic project with one revision, and a sample before it."""
    settings = SETTINGS.format(dialect=dialect, more=more)
    return {
        "migsafe.toml": settings + '[migrations]\nframework = "alembic"\npath = "migrations"\n',
        "alembic.ini": "[alembic]\nscript_location = %(here)s/migrations\nsqlalchemy.url = x://\n",
        "migrations/env.py": ENV_PY,
        "migrations/versions/r1.py": REVISION.format(rev="r1", down=None, up=up, back=back),
        "samples/old.sql": OLD,
        "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "base"\n',
    }


@pytest.mark.usefixtures("postgres")
class TestAlembic:
    """Through the project's own env.py, in a worker process."""

    def test_the_line_of_the_script_that_fails(self, project: Project, inside: Program) -> None:
        up = (
            'op.create_unique_constraint("one", "person", ["email"])\n'
            '    op.alter_column("person", "email", nullable=False)'
        )
        run = checked(inside, project(alembic(up)))
        assert run.code == 1
        blocking = [f for f in run.json["findings"] if f["severity"] == "blocker"]
        assert [(f["path"], f["line"]) for f in blocking] == [("migrations/versions/r1.py", 11)]

    def test_what_comes_through_is_safe_and_a_second_start_does_nothing(
        self, project: Project, inside: Program
    ) -> None:
        up = 'op.add_column("person", sa.Column("nick", sa.Text()))'
        run = checked(inside, project(alembic(up)))
        assert run.code == 0
        assert "second-launch-fails" not in run.rules

    def test_a_downgrade_meets_what_the_new_version_wrote(
        self, project: Project, inside: Program
    ) -> None:
        up = 'op.alter_column("person", "age", nullable=True)'
        back = 'op.alter_column("person", "email", nullable=False)'
        more = '[downgrade]\ncheck = true\nafter_upgrade = "after.sql"\n'
        made = {**alembic(up, back, more), "after.sql": "INSERT INTO person (age) VALUES (9);"}
        run = checked(inside, project(made))
        assert found(run, "downgrade-fails")["path"] == "migrations/versions/r1.py"
        assert found(run, "downgrade-fails")["line"] == 14

    def test_an_autocommit_block_is_left_as_the_script_says(
        self, project: Project, inside: Program
    ) -> None:
        up = (
            "with op.get_context().autocommit_block():\n"
            '        op.drop_index("by_age", if_exists=True, postgresql_concurrently=True,'
            ' table_name="person")\n'
            '        op.create_index("by_age", "person", ["age"], postgresql_concurrently=True)'
        )
        assert checked(inside, project(alembic(up))).code == 0

    def test_an_env_that_connects_elsewhere_is_no_finding(
        self, project: Project, inside: Program
    ) -> None:
        made = dict(alembic("pass"))
        made["migrations/env.py"] = ENV_PY.replace(
            'config.get_section(config.config_ini_section), prefix="sqlalchemy."',
            '{"sqlalchemy.url": "sqlite://"}, prefix="sqlalchemy."',
        )
        run = checked(inside, project(made))
        assert run.code == 4
        assert "not to the sampled one" in run.out


def test_a_users_server_has_afterwards_what_it_had(
    postgres: PostgresServer, project: Project, migsafe: Program
) -> None:
    url = dsn.url("postgresql", postgres.address, "postgres")
    more = f'[engine]\ndsn = "{url}"\n'
    listed = "SELECT datname FROM pg_database ORDER BY 1"
    session = postgres.connect("postgres")
    before = session.execute(listed)
    root = project(files("ALTER TABLE person ALTER COLUMN email SET NOT NULL;", OLD, more))
    run = migsafe("check", "--format", "json", cwd=root)
    assert run.code == 1
    up = 'op.alter_column("person", "email", nullable=False)'
    assert migsafe("check", cwd=project(alembic(up, more=more), "other")).code == 1
    assert session.execute(listed) == before
    session.close()


def test_where_no_server_is_the_text_is_judged_and_said_so(
    project: Project, migsafe: Program
) -> None:
    more = '[engine]\ndsn = "postgresql://nobody@127.0.0.1:1/none"\n'
    run = migsafe(
        "check", "--format", "json", cwd=project(files("CREATE TABLE other (id int);", OLD, more))
    )
    assert run.code == 4
    assert any("no PostgreSQL server" in n["why"] for n in run.json["not_run"])


MYSQL_OLD = """
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE person (id int AUTO_INCREMENT PRIMARY KEY, email varchar(50), age int);
INSERT INTO person (email, age) VALUES ('a@x.org', 1), ('A@x.org', 2);
"""


class TestMysql:
    """SQL directories on MariaDB or MySQL."""

    @pytest.mark.usefixtures("mysql")
    def test_a_failing_statement_is_named_with_its_line_and_number(
        self, project: Project, inside: Program
    ) -> None:
        change = "CREATE TABLE x (id int);\nCREATE UNIQUE INDEX one ON person (email);\n"
        made = dict(files(change, MYSQL_OLD, dialect="mysql"))
        run = checked(inside, project(made))
        assert run.code == 1
        blocking = [f for f in run.json["findings"] if f["severity"] == "blocker"]
        assert [f["line"] for f in blocking] == [2]
        assert "error 1062" in run.out
        assert "x.org" not in run.out

    def test_alembic_and_what_is_safe(
        self, mysql: MysqlServer, project: Project, inside: Program
    ) -> None:
        assert mysql.version
        up = 'op.add_column("person", sa.Column("nick", sa.String(10)))'
        made = {**alembic(up, dialect="mysql"), "samples/old.sql": MYSQL_OLD}
        assert checked(inside, project(made)).code == 0
