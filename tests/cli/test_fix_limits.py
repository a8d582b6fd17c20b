"""`migsafe lint --fix` on MariaDB, SQLite and Django, what it refuses, and how it writes."""

from __future__ import annotations

import difflib
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.schema import inspect_mysql

POSTGRES = 'dialect = "postgres"\n[engine]\noldest = "14"\nlive_traffic = true\n'
MYSQL = (
    'dialect = "mysql"\n[engine]\noldest = "10.6"\nlive_traffic = true\n'
    '[rules]\nenable = ["algorithm-not-stated"]\n'
)
BASE = (
    "CREATE TABLE parent (id bigint PRIMARY KEY);\n"
    "CREATE TABLE t (id bigint PRIMARY KEY, c int, p_id bigint);\n"
)
INDEX = "CREATE INDEX t_c ON t (c);\n"
FOREIGN = "ALTER TABLE t ADD CONSTRAINT t_p FOREIGN KEY (p_id) REFERENCES parent (id);\n"
FIRST, SECOND = "migrations/0001_base.sql", "migrations/0002_next.sql"


def goose(up: str, down: str = "SELECT 1;\n", mark: str = "") -> str:
    return f"{mark}-- +goose Up\n{up}\n-- +goose Down\n{down}"


def fixed(run) -> set[str]:
    return {r["rule"] for r in run.json["rewrites"] if r["done"]}


def refused(run) -> dict[str, str]:
    return {r["rule"]: r["what"] for r in run.json["rewrites"] if not r["done"]}


# -- what is written, to the letter ----------------------------------------------------------------


def test_goose_index_gets_the_mark_and_can_be_run_again(project, migsafe):
    root = project({"migsafe.toml": POSTGRES, FIRST: goose(BASE), SECOND: goose(INDEX)})
    migsafe("lint", "--fix", cwd=root)
    assert (root / SECOND).read_text() == goose(
        "DROP INDEX CONCURRENTLY IF EXISTS t_c;\nCREATE INDEX CONCURRENTLY t_c ON t (c);\n",
        mark="-- +goose NO TRANSACTION\n",
    )


def test_a_foreign_key_is_put_off_to_a_file_of_its_own(project, migsafe):
    root = project({"migsafe.toml": POSTGRES, FIRST: goose(BASE), SECOND: goose(FOREIGN)})
    migsafe("lint", "--fix", cwd=root)
    put_off = FOREIGN.replace(");\n", ") NOT VALID;\n")
    assert (root / SECOND).read_text() == goose(f"SET LOCAL lock_timeout = '2s';\n{put_off}")
    assert (root / "migrations/0003_validate_t_p.sql").read_text() == (
        "-- +goose Up\nALTER TABLE t VALIDATE CONSTRAINT t_p;\n\n-- +goose Down\n"
    )


def test_not_null_is_proved_first_and_a_downgrade_takes_the_proof_back(project, migsafe):
    up = "ALTER TABLE t ALTER c SET NOT NULL;\n"
    down = "ALTER TABLE t ALTER c DROP NOT NULL;\n"
    root = project({"migsafe.toml": POSTGRES, FIRST: goose(BASE), SECOND: goose(up, down)})
    migsafe("lint", "--fix", cwd=root)
    assert (root / SECOND).read_text() == goose(
        "SET LOCAL lock_timeout = '2s';\n"
        "ALTER TABLE t ADD CONSTRAINT t_c_not_null CHECK (c IS NOT NULL) NOT VALID;\n",
        f"ALTER TABLE t DROP CONSTRAINT IF EXISTS t_c_not_null;\n{down}",
    )
    assert (root / "migrations/0003_prove_t_c_not_null.sql").read_text() == (
        "-- +goose Up\n"
        "ALTER TABLE t VALIDATE CONSTRAINT t_c_not_null;\n"
        "SET LOCAL lock_timeout = '2s';\n"
        "ALTER TABLE t ALTER COLUMN c SET NOT NULL;\n"
        "ALTER TABLE t DROP CONSTRAINT t_c_not_null;\n"
        "\n-- +goose Down\n"
    )


def test_a_limit_stands_above_the_comments_of_its_statement(project, migsafe):
    column = (
        '-- migsafe: allow column-order-differs reason="known"\nALTER TABLE t ADD COLUMN d int;\n'
    )
    root = project({"migsafe.toml": POSTGRES, FIRST: BASE, SECOND: f"-- a head\n\n{column}"})
    migsafe("lint", "--fix", cwd=root)
    assert (root / SECOND).read_text() == f"-- a head\n\nSET lock_timeout = '2s';\n{column}"


def test_flyway_says_it_in_the_file_beside(project, migsafe):
    said = POSTGRES + '[migrations]\nframework = "flyway"\npath = "sql"\n'
    root = project({"migsafe.toml": said, "sql/V1__a.sql": BASE, "sql/V1.1__b.sql": INDEX})
    run = migsafe("lint", "--fix", cwd=root)
    assert "unless postgresql.transactional.lock is false" in run.out
    assert (root / "sql/V1.1__b.sql.conf").read_text() == "executeInTransaction=false\n"


# -- MariaDB and MySQL -----------------------------------------------------------------------------


def test_mysql_states_algorithm_lock_and_limit_and_the_server_agrees(project, migsafe, my):
    text = (
        "CREATE INDEX t_c ON t (c);\n"
        "ALTER TABLE t ADD COLUMN d int;\n"
        "ALTER TABLE t ADD INDEX t_d (d), DROP COLUMN c;\n"
    )
    root = project({"migsafe.toml": MYSQL, FIRST: BASE, SECOND: text})

    def executed():
        for name in (FIRST, SECOND):
            for statement in (root / name).read_text().split(";\n")[:-1]:
                my.execute(statement)
        made = inspect_mysql.inspect(my.execute)
        my.execute("DROP TABLE t, parent")
        return made

    wanted = executed()
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert fixed(run) == {"algorithm-not-stated", "lock-wait-timeout-missing"}
    assert refused(run) == {}
    assert not fixed(run) & set(run.rules)
    lines = (root / SECOND).read_text().splitlines()
    assert lines[0] == "SET SESSION lock_wait_timeout = 5;"
    assert all("ALGORITHM=" in line for line in lines[1:])
    assert executed() == wanted


# -- SQLite ----------------------------------------------------------------------------------------

NOTES = "CREATE TABLE note (id INTEGER PRIMARY KEY, state TEXT, body TEXT);\n"
SQLITE = {"migsafe.toml": 'dialect = "sqlite"\n', "migrations/0001_notes.sql": NOTES}


def rows(root: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for path in sorted((root / "migrations").glob("*.sql")):
            connection.executescript(path.read_text())
            if path.name.startswith("0001"):
                connection.execute("INSERT INTO note VALUES (1, 'x', 'y')")
                connection.commit()
        return connection.execute("SELECT id, state, body FROM note").fetchall()


def test_text_gets_single_quotes_and_means_the_same(project, migsafe):
    change = 'UPDATE note SET body = "it\'s old" WHERE id = 1;\n'
    root = project({**SQLITE, SECOND: change})
    wanted = rows(root)
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert fixed(run) == {"double-quoted-literal"}
    assert "double-quoted-literal" not in run.rules
    assert (root / SECOND).read_text() == "UPDATE note SET body = 'it''s old' WHERE id = 1;\n"
    assert rows(root) == wanted == [(1, "x", "it's old")]


def test_what_may_be_a_misspelt_column_stays(project, migsafe):
    root = project({**SQLITE, SECOND: 'UPDATE note SET body = "stat" WHERE id = 1;\n'})
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert "misspelt" in refused(run)["double-quoted-literal"]


def test_a_copy_by_position_gets_its_columns_named(project, migsafe):
    change = (
        "CREATE TABLE note_new (id INTEGER PRIMARY KEY, body TEXT, state TEXT);\n"
        "INSERT INTO note_new SELECT * FROM note;\n"
        "DROP TABLE note;\nALTER TABLE note_new RENAME TO note;\n"
    )
    root = project({**SQLITE, SECOND: change})
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert fixed(run) == {"rebuild-copies-by-position"}
    copied = "INSERT INTO note_new (id, state, body) SELECT id, state, body FROM note;\n"
    assert copied in (root / SECOND).read_text()
    assert rows(root) == [(1, "x", "y")]


def test_what_a_sample_has_had_is_left_alone(project, migsafe, database):
    change = 'UPDATE note SET body = "old" WHERE id = 1;\n'
    had = database(NOTES)
    settings = 'dialect = "sqlite"\n[samples]\npath = "samples"\n'
    samples = {
        "samples/a.db": had,
        "samples/samples.toml": '[[sample]]\nfile = "a.db"\nversion = "0002"\n',
    }
    root = project({**SQLITE, SECOND: change, "migsafe.toml": settings, **samples})
    run = migsafe("lint", "--fix", "--format", "json", SECOND, cwd=root)
    assert fixed(run) == set()
    assert (root / SECOND).read_text() == change


# -- Django ----------------------------------------------------------------------------------------

DJANGO = """from django.db import migrations, models


class Migration(migrations.Migration):
{head}    operations = [
{body}    ]
"""
MODEL = """        migrations.CreateModel("T", [
            ("id", models.BigAutoField(primary_key=True)),
            ("c", models.IntegerField(null=True)),
        ]),
"""
ADD_INDEX = '        migrations.AddIndex("t", models.Index(fields=["c"], name="t_c")),\n'


def test_django_builds_concurrently_in_a_migration_that_is_not_atomic(project, migsafe):
    after = '    dependencies = [("app", "0001_first")]\n'
    root = project(
        {
            "migsafe.toml": POSTGRES,
            "manage.py": "",
            "app/migrations/__init__.py": "",
            "app/migrations/0001_first.py": DJANGO.format(head="", body=MODEL),
            "app/migrations/0002_index.py": DJANGO.format(head=after, body=ADD_INDEX),
        }
    )
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert fixed(run) == {"index-not-concurrent"}
    assert not {"index-not-concurrent", "cannot-run-in-transaction"} & set(run.rules)
    assert (root / "app/migrations/0002_index.py").read_text() == DJANGO.format(
        head=f"    atomic = False\n{after}",
        body=ADD_INDEX.replace("migrations.AddIndex", "AddIndexConcurrently"),
    ).replace(
        "models\n",
        "models\nfrom django.contrib.postgres.operations import AddIndexConcurrently\n",
        1,
    )


def test_django_sets_a_limit_by_an_operation_of_its_own(project, migsafe):
    after = '    dependencies = [("app", "0001_first")]\n'
    column = '        migrations.AddField("t", "d", models.IntegerField(null=True)),\n'
    limit = (
        "        migrations.RunSQL(\"SET LOCAL lock_timeout = '2s'\", migrations.RunSQL.noop),\n"
    )
    root = project(
        {
            "migsafe.toml": POSTGRES,
            "manage.py": "",
            "app/migrations/__init__.py": "",
            "app/migrations/0001_first.py": DJANGO.format(head="", body=MODEL),
            "app/migrations/0002_column.py": DJANGO.format(head=after, body=column),
        }
    )
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert fixed(run) == {"lock-timeout-missing"}
    written = (root / "app/migrations/0002_column.py").read_text()
    assert written == DJANGO.format(head=after, body=limit + column)


# -- what is refused -------------------------------------------------------------------------------

REFUSED = {
    "others in the file": (goose(f"ALTER TABLE t ADD COLUMN d int;\n{INDEX}"), "a file of its own"),
    "downgrade": (
        goose(INDEX, "DELETE FROM t;\nDROP INDEX t_c;\n"),
        "the downgrade in line 5 needs the transaction",
    ),
    "there already": (
        goose(INDEX.replace("INDEX", "INDEX IF NOT EXISTS")),
        "concurrent-index-cannot-be-retried",
    ),
    "in a block of code": (
        goose(
            "-- +goose StatementBegin\n"
            f"DO $$ BEGIN {INDEX.strip()} END $$;\n"
            "-- +goose StatementEnd\n"
        ),
        "more than to build or drop an index",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_an_index_that_cannot_be_taken_out_of_its_transaction_stays(why, project, migsafe):
    text, sentence = REFUSED[why]
    root = project({"migsafe.toml": POSTGRES, FIRST: goose(BASE), SECOND: text})
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert sentence in refused(run)["index-not-concurrent"]
    assert "CONCURRENTLY" not in (root / SECOND).read_text()


def test_only_the_newest_gets_a_second_file(project, migsafe):
    third = {"migrations/0003_more.sql": "CREATE TABLE u (id bigint PRIMARY KEY);\n"}
    root = project({"migsafe.toml": POSTGRES, FIRST: BASE, SECOND: FOREIGN, **third})
    unnamed = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert fixed(unnamed) == set()
    assert "not in the newest" in "".join(refused(unnamed).values())
    named = migsafe("lint", "--fix", "--format", "json", SECOND, cwd=root)
    assert "not the newest one" in refused(named)["foreign-key-validated-under-lock"]
    assert (root / SECOND).read_text() == FOREIGN


def test_a_file_outside_of_the_project_is_left_alone(project, migsafe, tmp_path):
    outside = tmp_path / "outside.sql"
    outside.write_text(INDEX)
    root = project({"migsafe.toml": POSTGRES, FIRST: BASE})
    (root / SECOND).symlink_to(outside)
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert "outside of the project" in refused(run)["index-not-concurrent"]
    assert outside.read_text() == INDEX


def test_an_allowed_finding_is_left_alone(project, migsafe):
    text = f'-- migsafe: allow index-not-concurrent reason="small"\n{INDEX}'
    limit = "SET lock_timeout = '1s';\n"
    root = project({"migsafe.toml": POSTGRES, FIRST: BASE, SECOND: limit + text})
    run = migsafe("lint", "--fix", "--format", "json", cwd=root)
    assert run.json["rewrites"] == []
    assert (root / SECOND).read_text() == limit + text


def test_standard_input_cannot_be_rewritten(project, migsafe):
    root = project({"migsafe.toml": POSTGRES, FIRST: BASE})
    run = migsafe("lint", "--fix", "-", cwd=root, stdin=INDEX)
    assert run.code == 2
    assert "not standard input" in run.err


# -- how it is written -----------------------------------------------------------------------------


def test_line_ends_byte_order_mark_and_permissions_stay(project, migsafe):
    text = f"-- ä\r\n{INDEX[:-1]}\r\n".encode()
    root = project({"migsafe.toml": POSTGRES, FIRST: BASE, SECOND: b"\xef\xbb\xbf" + text})
    (root / SECOND).chmod(0o640)
    migsafe("lint", "--fix", cwd=root)
    data = (root / SECOND).read_bytes()
    assert data == (
        b"\xef\xbb\xbfDROP INDEX CONCURRENTLY IF EXISTS t_c;\r\n-- \xc3\xa4\r\n"
        b"CREATE INDEX CONCURRENTLY t_c ON t (c);\r\n"
    )
    assert (root / SECOND).stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in (root / "migrations").iterdir()) == [
        "0001_base.sql",
        "0002_next.sql",
    ]


def test_a_diff_changes_nothing_and_can_be_applied(project, migsafe):
    files = {"migsafe.toml": POSTGRES, FIRST: goose(BASE), SECOND: goose(FOREIGN)[:-1]}
    root, other = project(files), project(files, "other")
    plain = migsafe("lint", cwd=root)
    shown = migsafe("lint", "--diff", cwd=root)
    assert shown.code == plain.code == 1
    assert {n: (root / n).read_text() for n in files} == files
    subprocess.run(["patch", "-p1", "--quiet"], cwd=root, input=shown.out.encode(), check=True)
    migsafe("lint", "--fix", cwd=other)
    made = [sorted(p.name for p in (r / "migrations").iterdir()) for r in (root, other)]
    assert made[0] == made[1]
    for name in made[0]:
        one, two = ((r / "migrations" / name).read_text() for r in (root, other))
        assert not list(difflib.unified_diff(one.split("\n"), two.split("\n")))


def test_the_text_report_says_what_was_fixed_and_what_was_not(project, migsafe):
    both = goose(f"ALTER TABLE t ADD COLUMN d int;\n{INDEX}")
    root = project({"migsafe.toml": POSTGRES, FIRST: goose(BASE), SECOND: both})
    run = migsafe("lint", "--fix", cwd=root)
    lines = run.out.splitlines()
    limit = (
        "fixed: migrations/0002_next.sql:2  lock-timeout-missing (SET LOCAL lock_timeout = '2s')"
    )
    assert limit in lines
    assert any(
        line.startswith("not fixed: migrations/0002_next.sql:3  index-not-concurrent (line 2 needs")
        for line in lines
    )
