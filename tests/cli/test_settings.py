"""Where the settings come from: migsafe.toml, pyproject.toml, upwards, --config."""

from __future__ import annotations

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
WARNED = USERS + "CREATE UNIQUE INDEX u ON users (email);\n"
STRICT = 'fail_on = "{}"\n[migrations]\npath = "schema"\n'
HISTORY = {
    "schema/0001_users.sql": USERS,
    "schema/0002_unique.sql": "CREATE UNIQUE INDEX u ON users (email);\n",
}


def fail_on(run: object) -> str:
    return str(run.json["fail_on"])  # type: ignore[attr-defined]


def test_the_nearest_file_wins_and_migsafe_toml_beats_pyproject(project, inside):
    root = project(
        {
            **HISTORY,
            "pyproject.toml": '[tool.migsafe]\nfail_on = "note"\nmigrations.path = "schema"\n',
            "deep/er/README": "",
        }
    )
    for folder in (root, root / "deep/er", root / "schema"):
        run = inside("lint", "--format", "json", cwd=folder)
        assert (run.code, fail_on(run)) == (1, "note")
        assert {f["path"] for f in run.json["findings"]} == {"schema/0002_unique.sql"}
    (root / "migsafe.toml").write_text(STRICT.format("warning"))
    assert fail_on(inside("lint", "--format", "json", cwd=root)) == "warning"
    (root / "deep/migsafe.toml").write_text(
        'fail_on = "blocker"\n[migrations]\npath = "../schema"\n'
    )
    run = inside("lint", "--format", "json", cwd=root / "deep/er")
    assert (run.code, fail_on(run)) == (0, "blocker")
    assert {f["path"] for f in run.json["findings"]} == {"../schema/0002_unique.sql"}


def test_the_search_ends_at_the_repository(project, inside):
    outer = project({**HISTORY, "migsafe.toml": "nonsense = 1\n"})
    (outer / "inner" / ".git").mkdir(parents=True)
    (outer / "inner" / "migrations").mkdir()
    (outer / "inner/migrations/0001_a.sql").write_text(USERS)
    assert inside("lint", cwd=outer / "inner").code == 0
    assert inside("lint", cwd=outer).code == 2


def test_a_pyproject_without_our_table_is_passed_over(project, inside):
    root = project(
        {
            **HISTORY,
            "migsafe.toml": STRICT.format("note"),
            "package/pyproject.toml": "[tool.other]\nmigsafe = true\n[project]\nname = 'x'\n",
        }
    )
    assert fail_on(inside("lint", "--format", "json", cwd=root / "package")) == "note"


def test_config_names_the_file_whatever_it_is_called(project, inside):
    root = project(
        {
            **HISTORY,
            "migsafe.toml": "nonsense = 1\n",
            "schema/other.toml": 'fail_on = "note"\n[migrations]\npath = "."\n',
        }
    )
    run = inside("lint", "--config", "schema/other.toml", "--format", "json", cwd=root)
    assert (run.code, fail_on(run)) == (1, "note")
    assert {f["path"] for f in run.json["findings"]} == {"0002_unique.sql"}
    by_name = inside("lint", "schema/0001_users.sql", "--config", "schema/other.toml", cwd=root)
    assert by_name.code == 0
    absolute = inside("lint", "--config", root / "schema/other.toml", cwd=root.parent)
    assert absolute.code == 1


def test_a_byte_order_mark_is_no_part_of_the_settings(project, inside):
    root = project({**HISTORY, "migsafe.toml": "\ufeff" + STRICT.format("note")})
    assert fail_on(inside("lint", "--format", "json", cwd=root)) == "note"


def test_settings_reach_the_rules_and_the_replay(project, inside):
    stopping = {
        "migrations/0001_users.sql": USERS,
        "migrations/0002_bad.sql": "DROP TABLE nobody;\nALTER TABLE users ADD COLUMN age;\n",
    }
    root = project({**stopping, "migsafe.toml": "[migrations]\non_error = 'continue'\n"})
    run = inside("check", "--format", "json", cwd=root)
    assert "migration-fails" not in run.rules
    assert "statement-error-ignored" in run.rules
    (root / "migsafe.toml").write_text("[migrations]\non_error = 'stop'\n")
    assert "statement-error-ignored" not in inside("check", "--format", "json", cwd=root).rules
    old = project(
        {
            "migrations/0001_users.sql": USERS,
            "migrations/0002_drop.sql": "ALTER TABLE users DROP COLUMN email;\n",
            "migsafe.toml": '[engine]\noldest = "3.31"\n',
        },
        name="old",
    )
    rule = "statement-too-new-for-oldest-engine"
    assert rule in inside("lint", "--format", "json", cwd=old).rules
    (old / "migsafe.toml").write_text('[engine]\noldest = "3.35.0"\n')
    assert rule not in inside("lint", "--format", "json", cwd=old).rules


def test_what_means_nothing_with_sqlite_is_said(project, inside):
    text = (
        "[launch]\nold_queries = 'compat.sql'\n"
        "[engine]\nlive_traffic = true\ndsn = 'postgresql://x'\n[downgrade]\ncheck = true\n"
    )
    root = project({"migrations/0001_users.sql": USERS, "migsafe.toml": text})
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 0
    later = [n["what"] for n in run.json["not_run"] if n["why"] == "it is for PostgreSQL and MySQL"]
    assert later == [
        "[launch] old_queries",
        "[engine] dsn",
        "[downgrade] check",
    ]


def test_dialect_of_the_command_line_beats_the_configuration(project, inside):
    root = project({"migrations/0001_users.sql": USERS, "migsafe.toml": 'dialect = "sqlite"\n'})
    run = inside("lint", "--dialect", "postgres", "--format", "json", cwd=root)
    assert run.json["checked"]["dialect"] == "postgres"
    assert inside("lint", "--format", "json", cwd=root).json["checked"]["dialect"] == "sqlite"


def test_a_rule_of_taste_speaks_only_where_it_is_enabled(project, inside):
    files = {"migrations/0001_song.sql": "CREATE TABLE song (id serial PRIMARY KEY);\n"}
    settings = 'dialect = "postgres"\n'
    silent = project({**files, "migsafe.toml": settings})
    assert inside("lint", "--format", "json", cwd=silent).rules == []
    enabled = {**files, "migsafe.toml": settings + '[rules]\nenable = ["prefer-bigint"]\n'}
    assert inside("lint", "--format", "json", cwd=project(enabled)).rules == ["prefer-bigint"]
    wrong = {**files, "migsafe.toml": settings + '[rules]\nenable = ["prefer-bigin"]\n'}
    run = inside("lint", cwd=project(wrong))
    assert run.code == 2
    assert "did you mean prefer-bigint?" in run.err
