"""`migsafe check` as a user runs it: many samples, versions, weights, processes that die."""

from __future__ import annotations

import json
import re
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
HISTORY = {
    "migrations/0001_users.sql": USERS,
    "migrations/0002_age.sql": "ALTER TABLE users ADD COLUMN age INTEGER;\n",
    "migrations/0003_unique.sql": "CREATE UNIQUE INDEX u ON users (email);\n",
    "migsafe.toml": '[samples]\npath = "samples"\n',
}
AGED = USERS.replace("email TEXT", "email TEXT, age INTEGER")


def sample(version: str, *, broken: bool) -> str:
    second = "a" if broken else "b"
    table = AGED if version == "0002" else USERS
    return f"{table}INSERT INTO users (id, email) VALUES (1, 'a'), (2, '{second}');\n"


def wilson(failing: int, sampled: int) -> tuple[float, float]:
    """Wilson's interval as the textbook writes it: the roots of (p - x)^2 = z^2 x (1 - x) / n."""
    z2 = 1.959964**2
    p = failing / sampled
    a, b, c = 1 + z2 / sampled, -(2 * p + z2 / sampled), p * p
    root = sqrt(b * b - 4 * a * c)
    return max(0.0, (-b - root) / (2 * a)), min(1.0, (-b + root) / (2 * a))


def untimed(run: Any) -> Any:
    report = run.json
    del report["timings"]
    return report


def test_failures_are_grouped_and_weighed_over_versions(project, inside):
    # 0001: 3 of 12 samples break, each stands for 1 device; 0002: 5 of 10, each stands for 9.
    files = {f"samples/0001/{n:02}.sql": sample("0001", broken=n < 3) for n in range(12)}
    files |= {f"samples/0002/{n:02}.sql": sample("0002", broken=n < 5) for n in range(10)}
    listed = "".join(f'[[sample]]\nfile = "0002/{n:02}.sql"\nweight = 9\n' for n in range(10))
    root = project({**HISTORY, **files, "samples/samples.toml": listed})
    run = inside("check", "--format", "json", "--output", "text=report.txt", cwd=root)
    assert run.code == 1
    report = run.json
    assert report["replay"]["samples"] == 22
    assert report["replay"]["versions"] == 2
    assert report["replay"]["failed"] == 8
    (group,) = report["replay"]["groups"]
    assert (group["kind"], group["path"]) == ("raised", "migrations/0003_unique.sql")
    assert group["error"] == "UNIQUE constraint failed: users.email"
    assert len(group["samples"]) == 8
    # 12 devices of 102 have 0001, 90 have 0002.
    share = 12 / 102 * 3 / 12 + 90 / 102 * 5 / 10
    (low1, high1), (low2, high2) = wilson(3, 12), wilson(5, 10)
    below = sqrt((12 / 102 * (3 / 12 - low1)) ** 2 + (90 / 102 * (5 / 10 - low2)) ** 2)
    above = sqrt((12 / 102 * (high1 - 3 / 12)) ** 2 + (90 / 102 * (high2 - 5 / 10)) ** 2)
    blast = report["findings"][0]["blast_radius"]
    assert blast == report["replay"]["blast_radius"] == group["blast_radius"]
    assert (blast["failing"], blast["sampled"]) == (8, 22)
    assert blast["share"] == pytest.approx(share, abs=1e-4)
    assert blast["low"] == pytest.approx(share - below, abs=1e-4)
    assert blast["high"] == pytest.approx(share + above, abs=1e-4)
    assert blast["versions"] == [
        {"version": "0001", "failing": 3, "sampled": 12},
        {"version": "0002", "failing": 5, "sampled": 10},
    ]
    text = (root / "report.txt").read_text()
    assert text.startswith("checked 2 pending migrations on 22 old databases of 2 versions: ")
    assert "the app would not start on 8 of 22 sampled databases (0001: 3 of 12, 0002: 5" in text
    percent = f"about {100 * share:.0f} % of users"
    assert f"{percent} ({100 * (share - below):.0f} to {100 * (share + above):.0f} %)" in text


def test_one_version_gives_the_plain_wilson_interval(project, inside):
    files = {f"samples/base/{n:02}.sql": sample("", broken=n < 2) for n in range(12)}
    root = project({**HISTORY, "migrations/0001_users.sql": "SELECT 1;\n", **files})
    blast = inside("check", "--format", "json", cwd=root).json["findings"][0]["blast_radius"]
    low, high = wilson(2, 12)
    assert (blast["share"], blast["low"], blast["high"]) == (
        pytest.approx(2 / 12, abs=1e-4),
        pytest.approx(low, abs=1e-4),
        pytest.approx(high, abs=1e-4),
    )
    assert blast["versions"] == [{"version": "base", "failing": 2, "sampled": 12}]


def test_a_weight_of_nothing_still_counts_as_a_sample(project, inside):
    listed = '[[sample]]\nfile = "0001/a.sql"\nweight = 0\n'
    root = project(
        {
            **HISTORY,
            "samples/0001/a.sql": sample("0001", broken=True),
            "samples/samples.toml": listed,
        }
    )
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 1
    assert run.json["findings"][0]["blast_radius"]["failing"] == 1


def test_versions_come_from_the_list_the_database_or_the_folder(project, inside, database):
    root = project(
        {
            **HISTORY,
            "samples/0001/by_folder.sql": sample("0001", broken=False),
            "samples/2/by_number.sql": sample("0002", broken=False),
            "samples/by_list.sql": sample("0002", broken=False),
            "samples/by_pragma.db": database(AGED + "PRAGMA user_version = 2;"),
            "samples/at_head.db": database(AGED + "PRAGMA user_version = 3;"),
            "samples/samples.toml": '[[sample]]\nfile = "by_list.sql"\nversion = "0002"\n',
        }
    )
    run = inside("check", "-v", "--format", "json", cwd=root)
    assert run.code == 0, run
    assert run.json["replay"]["samples"] == 4, "the one at the head has nothing to run"
    assert run.json["replay"]["versions"] == 2


def test_all_samples_at_the_head(project, inside, database):
    root = project({**HISTORY, "samples/a.db": database(AGED + "PRAGMA user_version = 3;")})
    run = inside("check", cwd=root)
    assert run.code == 3
    assert run.err.startswith("migsafe: no migration is pending: all 1 samples are at 0003")


def test_without_samples_an_empty_database_stands_in(project, inside):
    root = project({**HISTORY, "migsafe.toml": ""})
    run = inside("check", cwd=root)
    assert run.code == 0
    assert run.out.startswith("checked 3 pending migrations on an empty database: ")
    assert "not run: replay on old data (no samples" in run.out
    (root / "migrations/0004_wrong.sql").write_text("ALTER TABLE nobody ADD COLUMN x;\n")
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 1
    assert run.json["findings"][0]["path"] == "migrations/0004_wrong.sql"


def test_two_processes_say_what_one_says(project, migsafe):
    files = {
        f"samples/{v}/{n:02}.sql": sample(v, broken=n % 5 == 0)
        for v in ("0001", "0002")
        for n in range(25)
    }
    root = project({**HISTORY, **files})
    one = migsafe("check", "--jobs", 1, "--format", "json", cwd=root)
    two = migsafe("check", "--jobs", 2, "--format", "json", cwd=root)
    assert one.code == two.code == 1
    assert untimed(one) == untimed(two)
    assert one.json["replay"]["samples"] == 50
    assert one.json["replay"]["failed"] == 10


PAIR = (
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, note TEXT{});\n"
    "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id));\n"
)


def test_losses_links_and_drift_are_found_on_their_lines(project, inside):
    root = project(
        {
            "migrations/0001_a.sql": PAIR.format(""),
            "migrations/0002_b.sql": "CREATE TABLE kept (id INTEGER PRIMARY KEY, note TEXT);\n"
            "INSERT INTO kept (id) SELECT p.id FROM parents p JOIN children c ON c.parent = p.id;\n"
            "DROP TABLE parents;\nALTER TABLE kept RENAME TO parents;\n",
            "migsafe.toml": '[samples]\npath = "samples"\n[launch]\nschema = "new.sql"\n'
            'invariants = "expect.sql"\n',
            "new.sql": PAIR.format(" NOT NULL"),
            "expect.sql": "SELECT 1 WHERE (SELECT count(*) FROM parents) < 3;\n",
            "samples/0001/a.sql": PAIR.format("")
            + "INSERT INTO parents VALUES (1, 'a'), (2, 'b'), (3, 'c');\n"
            "INSERT INTO children VALUES (1, 1), (2, 2);\n",
        }
    )
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 1
    found = {(f["rule"], f["path"], f["line"]) for f in run.json["findings"]}
    assert ("rows-lost", "migrations/0002_b.sql", 2) in found
    assert ("values-became-null", "migrations/0002_b.sql", 2) in found
    assert ("invariant-broken", "expect.sql", 1) in found
    assert "drifts-from-fresh-install" in {rule for rule, _, _ in found}


# -- Alembic: program code ----------------------------------------------------------------------

SCRIPT = """import os

from alembic import op
import sqlalchemy as sa

revision = "{0}"
down_revision = {1}


def upgrade():
    {2}
"""
ENV = """from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""
STAMPED = (
    USERS + "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);\n"
    "INSERT INTO alembic_version VALUES ('a');\n"
)


def alembic(body: str) -> dict[str, str]:
    return {
        "alembic.ini": "[alembic]\nscript_location = alembic\n",
        "alembic/env.py": ENV,
        "alembic/versions/a.py": SCRIPT.format(
            "a", None, "op.execute('CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)')"
        ),
        "alembic/versions/b.py": SCRIPT.format("b", '"a"', body),
        "migsafe.toml": '[samples]\npath = "samples"\n',
        "samples/one.sql": STAMPED + "INSERT INTO users VALUES (1, 'a');\n",
        "samples/two.sql": STAMPED + "INSERT INTO users VALUES (1, 'kill');\n",
    }


def test_an_alembic_history_is_replayed_through_its_own_env(project, migsafe):
    root = project(alembic("op.add_column('users', sa.Column('age', sa.Integer))"))
    run = migsafe("check", "--format", "json", cwd=root)
    assert run.code == 0, run
    assert run.json["checked"]["framework"] == "alembic"
    assert run.json["replay"]["samples"] == 2


def test_a_migration_that_kills_its_process_is_a_finding_on_its_sample(
    project, migsafe, tmp_path: Path
):
    query = "op.get_bind().execute(sa.text(\"SELECT 1 FROM users WHERE email = 'kill'\"))"
    root = project(alembic(f"{query}.first() and os._exit(0)"))
    run = migsafe("check", "--format", "json", cwd=root, env={"TMPDIR": str(tmp_path)})
    assert run.code == 1, run
    (finding,) = run.json["findings"]
    assert finding["path"] == "alembic/versions/b.py"
    assert "the process that ran the migration died" in finding["message"]
    assert finding["blast_radius"]["failing"] == 1
    assert finding["blast_radius"]["sampled"] == 2


def test_a_process_that_dies_leaves_no_copy_of_a_sample(project, migsafe, tmp_path: Path):
    temporary = tmp_path / "of-workers"
    temporary.mkdir()
    files = {k: v for k, v in alembic("os._exit(0)").items() if not k.endswith("two.sql")}
    run = migsafe("check", cwd=project(files), env={"TMPDIR": str(temporary)})
    assert run.code == 1, run
    assert list(temporary.iterdir()) == []


def test_an_env_that_connects_elsewhere_could_not_be_checked(project, migsafe, tmp_path: Path):
    elsewhere = tmp_path / "precious.db"
    files = alembic("op.execute('DROP TABLE IF EXISTS users')")
    files["alembic/env.py"] = (
        "import sqlalchemy as sa\nfrom alembic import context\n"
        f"with sa.create_engine('sqlite:///{elsewhere}').connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    context.run_migrations()\n"
    )
    run = migsafe("check", "--format", "json", cwd=project(files))
    assert run.code == 4, run
    notes = [n for n in run.json["not_run"] if n["what"].startswith("replay of samples/")]
    assert len(notes) == 2
    assert "precious.db" in notes[0]["why"]
    assert not elsewhere.exists()


def test_progress_is_for_people_only(project, migsafe):
    root = project({**HISTORY, "samples/0001/a.sql": sample("0001", broken=False)})
    run = migsafe("check", cwd=root)
    assert run.err == ""
    assert re.search(r": \d+ replays in [\d.]+ s\n", run.out)


def test_a_report_is_written_even_where_the_check_is_incomplete(project, inside):
    root = project({**HISTORY, "samples/0001/a.db": b""})
    assert inside("check", "--output", "json=out.json", cwd=root).code == 4
    assert json.loads((root / "out.json").read_text())["verdict"] == "unchecked"


def test_a_function_of_the_app_itself_is_not_blamed_on_the_migration(project, inside):
    root = project(
        {
            "migrations/0001_a.sql": "CREATE TABLE t (a TEXT);\n",
            "migrations/0002_b.sql": "UPDATE t SET a = durationToInt(a);\n",
            "migsafe.toml": '[samples]\npath = "samples"\n',
            "samples/0001/a.sql": "CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('x');\n",
        }
    )
    run = inside("check", cwd=root)
    assert run.code == 4, run
    assert "calls durationToInt(), which SQLite does not have" in run.out


def test_a_history_that_begins_in_the_middle_needs_samples(project, inside):
    root = project({"migrations/0007_drop.sql": "ALTER TABLE users ADD COLUMN age INTEGER;\n"})
    run = inside("check", cwd=root)
    assert run.code == 4, run
    assert "needs the table users, which no migration before it creates" in run.out
    assert "blocker" not in run.out
    (root / "migsafe.toml").write_text('[samples]\npath = "samples"\n')
    (root / "samples/base").mkdir(parents=True)
    (root / "samples/base/a.sql").write_text("CREATE TABLE people (id INTEGER PRIMARY KEY);\n")
    assert inside("check", cwd=root).code == 1  # a real old database lacks it


def test_an_error_after_program_code_that_was_left_out_proves_nothing(project, inside):
    root = project(
        {
            "migrations/0001_a.sql": "CREATE TABLE t (a TEXT);\n",
            "migrations/0002_fill.php": "<?php // fills t.b",
            "migrations/0003_b.sql": "ALTER TABLE t ADD COLUMN b;\n",
            "migrations/0004_c.sql": "CREATE TABLE u (b NOT NULL);\nINSERT INTO u SELECT b FROM t",
            "migsafe.toml": '[samples]\npath = "samples"\n',
            "samples/0001/a.sql": "CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('x');\n",
        }
    )
    run = inside("check", cwd=root)
    assert run.code == 4, run
    assert (
        "0004_c.sql:2 fails (NOT NULL constraint failed: u.b) after migrations/0002_fill.php"
        in run.out
    )
    after = root / "samples/0003/b.sql"
    after.parent.mkdir()
    after.write_text("CREATE TABLE t (a TEXT, b);\nINSERT INTO t VALUES ('x', NULL);\n")
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 1
    assert run.json["findings"][0]["blast_radius"]["versions"][-1]["failing"] == 1


def test_each_loss_is_told_beside_its_own_cascade(project, inside):
    old = "".join(
        f"CREATE TABLE c{n} (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE);\n"
        f"INSERT INTO c{n} VALUES (1, 1);\n"
        for n in range(3)
    )
    old = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (1);\n" + old
    old += "CREATE TABLE a0 (id INTEGER PRIMARY KEY, c REFERENCES c0 (id) ON DELETE CASCADE);\n"
    old += "INSERT INTO a0 VALUES (1, 1);\n"
    rebuild = "CREATE TABLE n (id INTEGER PRIMARY KEY);\nINSERT INTO n SELECT id FROM p;\n"
    rebuild += "DROP TABLE p;\nALTER TABLE n RENAME TO p;\n"
    root = project(
        {
            "migrations/0001_a.sql": "".join(s + ";\n" for s in old.split(";\n") if "CREATE" in s),
            "migrations/0002_b.sql": rebuild,
            "migsafe.toml": '[migrations]\nforeign_keys = true\n[samples]\npath = "samples"\n',
            "samples/0001/a.sql": old,
        }
    )
    report = inside("check", "--format", "json", cwd=root).json
    told = {f["message"].split()[-1]: f for f in report["findings"] if "loses" in f["message"]}
    assert {table: f["rule"] for table, f in told.items()} == {
        "a0": "rows-lost",
        **{f"c{n}": "drop-table-cascades" for n in range(3)},
    }
    for n in range(3):
        assert f"dropping p deletes the rows of c{n}" in str(told[f"c{n}"])
