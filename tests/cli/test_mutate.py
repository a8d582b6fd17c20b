"""`migsafe check --mutate` as a user runs it: the score, what is listed, what stays the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, city TEXT);\n"
CITIES = "CREATE TABLE cities (code TEXT PRIMARY KEY, name TEXT);\n"
REBUILD = """\
CREATE TABLE users_new (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL DEFAULT 'nobody',
  city TEXT
);
INSERT INTO users_new (id, name, city)
SELECT users.id, coalesce(users.name, 'nobody'), cities.name
FROM users
LEFT JOIN cities ON cities.code = users.city;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
"""
ROWS = "INSERT INTO cities VALUES ('Oslo', 'Oslo');\nINSERT INTO users VALUES (7, 'a', 'Oslo');\n"
NARROW = {
    "migrations/0001_users.sql": USERS + CITIES,
    "migrations/0002_names.sql": REBUILD,
    "samples/0001/a.sql": USERS + CITIES + ROWS,
    "migsafe.toml": '[samples]\npath = "samples"\n',
}
"""One old database in which every user has a name and a city, and nobody looks at the result."""

WIDE = {
    **NARROW,
    "samples/0001/b.sql": USERS
    + CITIES
    + ROWS
    + "INSERT INTO users VALUES (8, NULL, 'Oslo'), (9, 'c', NULL);\n",
    "fresh.sql": CITIES + REBUILD.split("INSERT", maxsplit=1)[0].replace("users_new", "users"),
    "expect.sql": "SELECT id FROM users WHERE id = 7 AND (name, city) IS NOT ('a', 'Oslo');\n",
    "migsafe.toml": '[samples]\npath = "samples"\n'
    '[launch]\nschema = "fresh.sql"\ninvariants = "expect.sql"\n',
}


def untimed(text: str) -> Any:
    report = json.loads(text)
    del report["timings"]
    return report


def missed(run: Any) -> list[tuple[int, str]]:
    return [(m["line"], m["what"]) for m in run.json["replay"]["mutants"]["unnoticed"]]


def test_narrow_samples_without_a_look_at_the_result_miss_much(project, migsafe):
    root = project(NARROW)
    run = migsafe("check", "--mutate", "--output", "json=report.json", cwd=root)
    assert run.code == 0
    score = json.loads((root / "report.json").read_text())["replay"]["mutants"]
    assert score["tried"] == score["noticed"] + len(score["unnoticed"])
    assert {
        "path": "migrations/0002_names.sql",
        "line": 9,
        "what": "LEFT JOIN turned into JOIN",
    } in (score["unnoticed"])
    listed = [f"  {m['path']}:{m['line']}  {m['what']}" for m in score["unnoticed"]]
    head = f"mutants: {score['noticed']} of {score['tried']} noticed"
    block = "\n".join([f"{head}; what your samples and probes do not see:", *listed, ""])
    assert block in run.out
    assert run.out.index(block) < run.out.index("not run: launch queries")


def test_wide_samples_and_probes_miss_nothing(project, inside):
    run = inside("check", "--mutate", cwd=project(WIDE))
    assert run.code == 0
    assert "\nmutants: 15 of 15 noticed\n\n" in run.out


def test_samples_and_the_fresh_schema_each_see_their_own(project, inside):
    def missing(*left_out: str) -> list[tuple[int, str]]:
        files = {k: v for k, v in WIDE.items() if k not in left_out}
        settings = WIDE["migsafe.toml"].splitlines(keepends=True)
        files["migsafe.toml"] = "".join(
            s for s in settings if not any(f'"{name}"' in s for name in left_out)
        )
        root = project(files, name="without-" + "-".join(left_out).replace("/", "-"))
        return missed(inside("check", "--mutate", "--format", "json", cwd=root))

    assert missing("samples/0001/b.sql") == [
        (7, "COALESCE without its default"),
        (9, "LEFT JOIN turned into JOIN"),
    ]
    assert missing("fresh.sql") == [
        (3, "name without NOT NULL"),
        (3, "name without DEFAULT"),
        (3, "name: another DEFAULT ('')"),
    ]
    # A column left out of the copy needs no invariant: old and new values are compared anyway.
    assert missing("expect.sql") == []


def test_verdict_findings_and_exit_code_stay_the_same(project, inside):
    broken = REBUILD.replace("coalesce(users.name, 'nobody')", "users.name")
    root = project({**WIDE, "migrations/0002_names.sql": broken})
    without = inside("check", "--format", "json", cwd=root)
    mutated = inside("check", "--format", "json", "--mutate", cwd=root)
    assert without.code == mutated.code == 1
    before, after = untimed(without.out), untimed(mutated.out)
    assert before["replay"].pop("mutants") is None
    # One of the two samples fails as it is: the other one still judges.
    assert after["replay"].pop("mutants")["tried"] == 14
    assert before == after


def test_failing_everywhere_is_said(project, inside):
    root = project({**NARROW, "migrations/0002_names.sql": "ALTER TABLE nowhere ADD COLUMN a;\n"})
    run = inside("check", "--mutate", cwd=root)
    assert run.code == 1
    assert "not run: mutation score (the migrations fail on every sample as they are)" in run.out
    assert "mutants:" not in run.out


def test_nothing_to_change_is_said(project, inside):
    root = project({**NARROW, "migrations/0002_names.sql": "SELECT 1;\n"})
    run = inside("check", "--mutate", cwd=root)
    assert "not run: mutation score (the pending migrations hold nothing to change)" in run.out


def test_the_limit_asks_for_the_score_by_itself(project, inside):
    root = project(NARROW)
    assert (
        inside("check", "--mutants", 5, "--format", "json", cwd=root).json["replay"]["mutants"][
            "tried"
        ]
        == 5
    )
    assert inside("check", "--mutants", 0, cwd=root).code == 2


@pytest.mark.slow
def test_the_list_is_cut_at_twenty_unless_asked(project, inside):
    columns = "".join(f"ALTER TABLE users ADD COLUMN c{n} INTEGER;\n" for n in range(30))
    root = project({**NARROW, "migrations/0002_names.sql": columns})
    short = inside("check", "--mutate", cwd=root)
    total = inside("check", "--mutate", "--format", "json", cwd=root).json["replay"]["mutants"]
    left = len(total["unnoticed"]) - 20
    assert left > 0
    assert short.out.count("  migrations/0002_names.sql:") == 20
    assert f"\n  and {left} more (-v shows them)\n" in short.out
    everything = inside("check", "--mutate", "-v", cwd=root)
    assert everything.out.count("  migrations/0002_names.sql:") == 20 + left
    assert "mutants:" not in inside("check", "--mutate", "-q", cwd=root).out


@pytest.mark.slow
def test_processes_give_the_same_bytes(project, migsafe):
    root = project(NARROW)
    runs = [
        migsafe("check", "--mutate", "--format", "json", "--jobs", jobs, cwd=root)
        for jobs in (1, 2, 2)
    ]
    first, *others = [untimed(r.out) for r in runs]
    assert all(other == first for other in others)
    assert first["replay"]["mutants"]["tried"] > 10


def test_the_version_that_is_forgotten_shows_at_the_second_launch(project, inside, database):
    script = "ALTER TABLE users ADD COLUMN age INTEGER;\nPRAGMA user_version = 2;\n"
    root = project(
        {
            "migrations/0001_users.sql": USERS + "PRAGMA user_version = 1;\n",
            "migrations/0002_age.sql": script,
            "samples/a.db": database(USERS + "PRAGMA user_version = 1;"),
            "migsafe.toml": '[samples]\npath = "samples"\n',
        }
    )
    run = inside("check", "--mutate", "--format", "json", cwd=root)
    assert (2, "without this statement") not in missed(run)
    assert (1, "without this statement") in missed(run)


def test_what_only_a_kill_shows(project, inside, database):
    script = (
        "BEGIN;\nALTER TABLE users ADD COLUMN age INTEGER;\n"
        "UPDATE users SET age = 1;\nPRAGMA user_version = 2;\nCOMMIT;\n"
    )
    old = USERS + "INSERT INTO users VALUES (1, 'a', 1);\nPRAGMA user_version = 1;"
    root = project(
        {
            "migrations/0001_users.sql": USERS + "PRAGMA user_version = 1;\n",
            "migrations/0002_age.sql": script,
            "samples/a.db": database(old),
            "migsafe.toml": '[migrations]\ntransaction = false\n[samples]\npath = "samples"\n',
        }
    )
    run = inside("check", "--mutate", "--format", "json", cwd=root)
    assert run.json["replay"]["failed"] == 0
    unseen = {what for _, what in missed(run)}
    assert "without this transaction" not in unseen
    assert "run as the first statement" not in unseen


def test_an_endless_mutant_is_stopped_and_noticed(project, inside, monkeypatch):
    monkeypatch.setattr("migsafe.replay.score._PATIENCE", 0.3)
    endless = """\
UPDATE users SET name = (
  WITH RECURSIVE n (i) AS (
    SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3 OR coalesce(NULL, 0) IS NULL
  ) SELECT count(*) FROM n
);
"""
    root = project({**NARROW, "migrations/0002_names.sql": endless})
    run = inside("check", "--mutate", "--format", "json", cwd=root)
    assert run.json["replay"]["mutants"]["tried"] == 2
    assert missed(run) == [(1, "without this statement")]


ALEMBIC = {
    "alembic.ini": "[alembic]\nscript_location = scripts\n",
    "scripts/env.py": """\
from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
""",
    "scripts/versions/a1_start.py": """\
from alembic import op

revision = "a1"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE t (a)")
""",
}


def test_alembic_says_that_mutants_need_sql(project, migsafe):
    run = migsafe("check", "--mutate", cwd=project(ALEMBIC))
    assert run.code == 0
    assert run.out.count("not run: mutation score (mutants need SQL migrations)") == 1
    assert "mutants:" not in run.out
