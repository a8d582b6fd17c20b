"""Whatever is wrong with the input: one clear sentence, its place, a hint, a documented code."""

from __future__ import annotations

from typing import Any

import pytest

from migsafe import cli
from migsafe.cli import lint

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);\n"
ONE = {"migrations/0001_users.sql": USERS}
TWO = {**ONE, "migrations/0002_age.sql": "ALTER TABLE users ADD COLUMN age INTEGER;\n"}


def told(run: Any, code: int, place: str, sentence: str, hint: str = "") -> None:
    """The whole of what is said on standard error; nothing on standard output."""
    assert run.code == code, run
    assert run.out == ""
    lines = run.err.splitlines()
    start = f"migsafe: {place}: " if place else "migsafe: "
    assert lines[0].startswith(start), run.err
    assert sentence in lines[0], run.err
    assert len(lines) <= 2, run.err
    if hint:
        assert lines[1].startswith("  hint: ")
        assert hint in lines[1]


# -- nothing there --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["lint", "check"])
def test_no_migrations(project, inside, command):
    run = inside(command, cwd=project({}))
    told(run, 3, "", "no migrations were found", "[migrations] path")
    root = project(
        {"migrations/README.md": "", "migsafe.toml": '[migrations]\npath="migrations"\n'}
    )
    told(inside(command, cwd=root), 3, "", "holds no migrations", "0001_create_users.sql")


def test_a_migrations_folder_that_does_not_exist(project, inside):
    root = project({**ONE, "migsafe.toml": '[migrations]\npath = "schema"\n'})
    told(inside("lint", cwd=root), 2, "", "the migrations folder schema does not exist", "path")


# -- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        ("dialect = ", "not valid TOML", "line"),
        (b"dialect = '\xff'", "not valid TOML", ""),
        ('dialekt = "sqlite"\n', "unknown key dialekt", "did you mean dialect?"),
        ("[migrations]\npaht = 'x'\n", "unknown key migrations.paht", "did you mean path?"),
        ("[launch]\nzzz = 1\n", "unknown key launch.zzz", "known keys: schema"),
        ("[engine]\nold = '3'\n", "unknown key engine.old", "did you mean oldest?"),
        ("dialect = 'oracle'\n", "dialect is 'oracle'", "one of: sqlite, postgres, mysql"),
        ("fail_on = 'fatal'\n", "fail_on is 'fatal'", "one of: note, warning, error, blocker"),
        ("fail_on = 3\n", "fail_on must be text", ""),
        ("[migrations]\non_error = 'hope'\n", "migrations.on_error is 'hope'", "stop, continue"),
        ("[migrations]\ntransaction = 'no'\n", "migrations.transaction must be true or false", ""),
        ("migrations = 3\n", "migrations must be a table", ""),
        ("migrations = [3]\n", "migrations must be a table", ""),
        ("samples = 'here'\n", "samples must be a table", ""),
        ("[engine]\noldest = 3.31\n", "engine.oldest must be text", ""),
        ("[engine]\noldest = 'old'\n", "engine.oldest is 'old'", "3.31"),
        ("[engine]\noldest = '²'\n", "engine.oldest is '²'", "3.31"),
        ("[rules]\npaths = [1]\n", "rules.paths must be a list of texts", ""),
        ("[migrations]\nframework = 'alembik'\n", "'alembik' is not known", "alembic"),
    ],
)
def test_a_configuration_that_is_wrong(project, inside, text, sentence, hint):
    root = project({**ONE, "migsafe.toml": text})
    place = str(root / "migsafe.toml") if "alembik" not in str(text) else ""
    told(inside("lint", cwd=root), 2, place, sentence, hint)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[tool]\nmigsafe = 3\n", "[tool.migsafe] must be a table"),
        ("[tool.migsafe]\nfoo = 3\n", "unknown key foo"),
        ("[tool.migsafe\n", "not valid TOML"),
    ],
)
def test_a_pyproject_that_is_wrong(project, inside, text, sentence):
    root = project({**ONE, "pyproject.toml": text})
    told(inside("lint", cwd=root), 2, str(root / "pyproject.toml"), sentence)


def test_a_pyproject_whose_tool_is_no_table_says_nothing_of_inside(project, inside):
    root = project({**ONE, "pyproject.toml": "tool = 3\n"})
    assert inside("lint", cwd=root).code == 0


def test_a_configuration_that_is_not_there(project, migsafe):
    root = project(ONE)
    told(
        migsafe("lint", "--config", "x.toml", cwd=root), 2, "", "x.toml does not exist", "--config"
    )
    told(migsafe("lint", "--config", ".", cwd=root), 2, "", "does not exist", "--config")


# -- migrations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "SELEKT 1;\n",
        "CREATE TABLE broken (id INTEGER,,);\n",
        "CREATE TABLE broken (id INTEGER;\n",
        "INSERT INTO users VALUES ('it's');\n",
        "SELECT 'never closed;\n",
        "CREATE TABLE other (id INTEGER); \x00 DROP TABLE users;\n",
    ],
)
def test_broken_sql_is_a_finding(project, inside, text):
    root = project({**ONE, "migrations/0002_broken.sql": text})
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 1, run
    assert run.json["findings"][0]["path"] == "migrations/0002_broken.sql"
    assert run.json["findings"][0]["severity"] == "blocker"


@pytest.mark.parametrize(
    "text", ["SELEKT 1;\n", "CREATE TABLE broken (id INTEGER,,);\n", "SELECT 'never closed;\n"]
)
def test_broken_sql_is_a_finding_of_lint_too(project, inside, text):
    root = project({**ONE, "migrations/0002_broken.sql": text})
    run = inside("lint", "--format", "json", cwd=root)
    assert run.code == 1, run
    assert run.json["findings"][0]["path"] == "migrations/0002_broken.sql"


def test_two_migrations_with_one_number(project, migsafe):
    root = project({**ONE, "migrations/0001_other.sql": "CREATE TABLE other (id);\n"})
    for command in ("lint", "check"):
        run = migsafe(command, cwd=root)
        told(run, 4, "migrations/0001_users.sql", "exists twice", "another number")
        assert "migrations/0001_other.sql" in run.err


def test_a_migration_that_is_not_utf8(project, migsafe):
    root = project({**ONE, "migrations/0002_x.sql": "SELECT 'é';\n".encode("latin-1")})
    told(migsafe("lint", cwd=root), 4, "migrations/0002_x.sql", "not UTF-8", "UTF-8")


@pytest.mark.parametrize(
    "text",
    ["", "\n\n", "-- nothing yet\n", "\ufeff", ";;;\n", "/* */"],
    ids=["empty", "blank", "comment", "bom", "semicolons", "block"],
)
def test_an_empty_migration_is_no_error(project, inside, text):
    root = project({**ONE, "migrations/0002_empty.sql": text})
    assert inside("lint", cwd=root).code == 0
    run = inside("check", "--format", "json", cwd=root)
    assert run.code == 0, run
    assert run.json["checked"]["migrations"] == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(
            "".join(f"INSERT INTO users (email) VALUES ('{n}');\n" for n in range(100_000)),
            0,
            id="100,000 lines",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "INSERT INTO users (email) VALUES\n" + ",\n".join("('a')" for _ in range(100_000)),
            0,
            id="one statement of 100,000 lines",
            marks=pytest.mark.slow,
        ),
        pytest.param("SELECT " + "1, " * 1_500 + "1;" + " " * 1_000_000, 0, id="a long line"),
        pytest.param("SELECT '" + "x" * 5_000_000 + "';\n", 0, id="a long literal"),
        pytest.param("SELECT " + "(" * 5_000 + "1" + ")" * 5_000 + ";\n", 1, id="deep parentheses"),
        pytest.param("SELECT " + "1 + " * 20_000 + "1;\n", 1, id="a deep expression"),
        pytest.param("SELECT " + "NOT " * 50_000 + "1;\n", 1, id="many prefixes"),
        pytest.param("SELECT 1" + " UNION ALL SELECT 1" * 5_000 + ";\n", 1, id="a long union"),
        pytest.param(
            "CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1;\n" * 500, 1, id="begin"
        ),
    ],
)
def test_migrations_of_extreme_shapes(project, migsafe, text, code):
    root = project({**ONE, "migrations/0002_x.sql": text})
    run = migsafe("lint", "-v", cwd=root)
    assert run.code in {0, 1}, run
    assert max(map(len, run.out.splitlines())) < 1_000
    run = migsafe("check", cwd=root)
    assert run.code == code, run


def test_a_folder_that_cannot_be_read(project, migsafe):
    root = project({**ONE, "other/0001_x.sql": USERS})
    (root / "migrations").chmod(0)
    try:
        run = migsafe("lint", cwd=root, unprivileged=True)
    finally:
        (root / "migrations").chmod(0o755)
    told(run, 4, "migrations", "permission denied")


def test_a_migration_that_cannot_be_read(project, migsafe):
    root = project(TWO)
    (root / "migrations/0002_age.sql").chmod(0)
    run = migsafe("lint", cwd=root, unprivileged=True)
    told(run, 4, "migrations/0002_age.sql", "cannot be read: Permission denied")


# -- Alembic --------------------------------------------------------------------------------------


def script(revision: str, down: str | None, body: str = "pass") -> str:
    parent = "None" if down is None else f'"{down}"'
    return (
        "from alembic import op\nimport sqlalchemy as sa\n\n"
        f'revision = "{revision}"\ndown_revision = {parent}\n\n\n'
        f"def upgrade():\n    {body}\n"
    )


ENV = """from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""


def alembic(**scripts: str) -> dict[str, str]:
    files = {f"alembic/versions/{name}.py": text for name, text in scripts.items()}
    return {
        "alembic.ini": "[alembic]\nscript_location = alembic\n",
        "alembic/env.py": ENV,
        **files,
    }


@pytest.mark.parametrize(
    ("scripts", "sentence"),
    [
        ({"a": script("a", None), "b": script("a", None)}, "exists twice"),
        ({"a": script("a", None), "b": script("b", "gone")}, "gone"),
        ({"a": script("a", "b"), "b": script("b", "a")}, "circle"),
        ({"a": script("a", None), "b": script("b", "a"), "c": script("c", "a")}, "2 heads"),
    ],
)
def test_an_alembic_history_that_forms_no_line(project, migsafe, scripts, sentence):
    root = project(alembic(**scripts))
    for command in ("lint", "check"):
        run = migsafe(command, cwd=root)
        assert run.code == 4, run
        assert run.out == ""
        assert run.err.startswith("migsafe: alembic/versions/")
        assert sentence in run.err.splitlines()[0]
        assert "\n  hint: " in run.err


# -- samples --------------------------------------------------------------------------------------


def damaged(data: bytes) -> bytes:
    page = int.from_bytes(data[16:18], "big")
    return data[:page] + b"\xaa" * (len(data) - page)


def test_samples_that_cannot_be_read_do_not_stop_the_others(project, migsafe, database):
    good = database(f"{USERS} INSERT INTO users VALUES (1, 'a'); PRAGMA user_version = 1;")
    newer = database(f"{USERS} PRAGMA user_version = 9;")
    files = {
        **TWO,
        "migsafe.toml": '[samples]\npath = "samples"\n',
        "samples/good.db": good,
        "samples/corrupt.db": damaged(good),
        "samples/cut.db": good[: len(good) // 2],
        "samples/empty.db": b"",
        "samples/encrypted.db": bytes(range(256)) * 64,
        "samples/newer.db": newer,
        "samples/unknown.db": database(USERS),
        "samples/broken.sql": "CREATE TABLE users (id);\nINSERT INTO nowhere VALUES (1);\n",
        "samples/broken.db.gz": b"\x1f\x8b\x08\x00nothing",
    }
    root = project(files)
    run = migsafe("check", "--format", "json", cwd=root)
    assert run.code == 4
    report = run.json
    assert report["verdict"] == "unchecked"
    assert report["replay"]["samples"] == 1
    assert report["replay"]["failed"] == 0
    why = {n["what"]: n["why"] for n in report["not_run"] if n["what"].startswith("samples/")}
    assert set(why) == {
        "samples/broken.db.gz",
        "samples/broken.sql:2",
        "samples/corrupt.db",
        "samples/cut.db",
        "samples/empty.db",
        "samples/encrypted.db",
        "samples/newer.db",
        "samples/unknown.db",
    }
    assert "gzip" in why["samples/broken.db.gz"]
    assert "no such table: nowhere" in why["samples/broken.sql:2"]
    assert "corrupt" in why["samples/corrupt.db"]
    assert "corrupt" in why["samples/cut.db"]
    assert "empty (0 bytes)" in why["samples/empty.db"]
    assert "encrypted" in why["samples/encrypted.db"]
    assert "version 9" in why["samples/newer.db"]
    assert "newest is 0002" in why["samples/newer.db"]
    assert "version is not known" in why["samples/unknown.db"]
    text = migsafe("check", cwd=root)
    assert text.code == 4
    assert text.out.splitlines()[-1].startswith("unchecked: ")
    # Findings on the samples that can be read come first.
    files["migrations/0002_age.sql"] = "ALTER TABLE users ADD COLUMN age INTEGER NOT NULL;\n"
    run = migsafe("check", "--format", "json", cwd=project(files))
    assert run.code == 1
    assert sum(n["what"].startswith("samples/") for n in run.json["not_run"]) == 8


def test_no_sample_that_can_be_read(project, migsafe):
    files = {**TWO, "migsafe.toml": '[samples]\npath = "samples"\n', "samples/a.db": b""}
    run = migsafe("check", cwd=project(files))
    assert run.code == 4
    assert "not run: samples/a.db (the sample is empty" in run.out
    assert run.out.startswith("checked nothing: no sample could be read\n")
    assert run.out.splitlines()[-1].startswith("unchecked")


@pytest.mark.parametrize(
    ("files", "code", "sentence"),
    [
        ({}, 2, "the samples folder samples does not exist"),
        ({"samples/notes.txt": ""}, 4, "holds no database"),
        ({"samples/samples.toml": "[[sample"}, 2, "not valid TOML"),
        ({"samples/samples.toml": "[[samples]]\nfile='a'\n"}, 2, "unknown key samples"),
        ({"samples/samples.toml": "[[sample]]\nversion='1'\n"}, 2, "has no file"),
        ({"samples/samples.toml": "[[sample]]\nfile='a'\nwight=1\n"}, 2, "unknown key wight"),
        ({"samples/samples.toml": "[[sample]]\nfile='gone.db'\n"}, 2, "gone.db does not exist"),
        ({"samples/samples.toml": "[[sample]]\nfile='a'\nweight='1'\n"}, 2, "weight of a must be"),
        ({"samples/samples.toml": "[[sample]]\nfile='a'\nweight=-1\n"}, 2, "weight of a must be"),
        ({"samples/samples.toml": "[[sample]]\nfile='a'\nweight=nan\n"}, 2, "weight of a must be"),
        ({"samples/samples.toml": "[[sample]]\nfile='a'\nweight=inf\n"}, 2, "weight of a must be"),
        ({"samples/samples.toml": "[[sample]]\nfile='a'\nweight=true\n"}, 2, "weight of a must be"),
        ({"samples/samples.toml": "[[sample]]\nfile=3\n"}, 2, "file must be text"),
        ({"samples/samples.toml": "sample = 3\n"}, 2, "[[sample]]"),
        ({"samples/samples.toml": "sample = [3]\n"}, 2, "[[sample]]"),
        ({"samples/samples.toml": "[sample]\nfile='a'\n"}, 2, "[[sample]]"),
        (
            {"samples/samples.toml": "[[sample]]\nfile='a.sql'\n" * 2, "samples/a.sql": USERS},
            2,
            "a.sql is listed twice",
        ),
    ],
)
def test_a_samples_folder_that_is_wrong(project, inside, files, code, sentence):
    root = project({**TWO, "migsafe.toml": '[samples]\npath = "samples"\n', **files})
    run = inside("check", cwd=root)
    assert run.code == code, run
    assert sentence in run.err
    assert run.err.startswith("migsafe: ")


# -- rules ----------------------------------------------------------------------------------------


RULE = """id = "own"
title = "t"
severity = "error"
category = "c"
message = "m"
remedy = "r"
needs = "schema"
find = '''{find}'''
"""
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i AS statement FROM n"


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("id = ", "the rule cannot be read"),
        (RULE.format(find="SELEKT"), 'find of rule own fails: near "SELEKT": syntax error'),
        (RULE.format(find="SELECT x FROM statement"), "no such column: x"),
        (RULE.format(find="DELETE FROM statement"), "the query tries to write"),
        (RULE.format(find="DROP TABLE statement"), "the query tries to write"),
        (RULE.format(find="ATTACH 'stolen.db' AS x"), "attach"),
        (RULE.format(find="PRAGMA journal_mode = DELETE"), "PRAGMA journal_mode"),
        (RULE.format(find="SELECT load_extension('x')"), "load_extension"),
        (RULE.format(find="SELECT 1; SELECT 2"), "one statement at a time"),
        (RULE.format(find=""), "not a SELECT"),
        (RULE.format(find=FOREVER), "rule own"),
        (RULE.format(find=FOREVER.replace("SELECT i AS", "SELECT count(*) AS")), "longer than"),
        (RULE.format(find="SELECT 1 AS n"), "returned a row without a place"),
        (RULE.format(find="SELECT 1 AS statement") + "colour = 1\n", "unknown key colour"),
        (RULE.format(find="SELECT 1 AS statement") + "severty = 1\n", "did you mean severity?"),
        (RULE.format(find="").replace('"schema"', '"luck"'), "needs is 'luck'"),
        (RULE.format(find="").replace('id = "own"', 'id = "other"'), "differs from its folder"),
        (RULE.format(find="").replace('title = "t"\n', ""), "the key title is missing"),
        (RULE.format(find="").replace('title = "t"', "title = 3"), "title must be text"),
        (RULE.format(find="SELECT 1 AS statement").replace('"m"', '"{x}"'), "names x"),
        (RULE.format(find="") + "[[incident.why]]\nquestion = 'x'\n", "incident"),
    ],
)
def test_a_rule_that_is_wrong(project, inside, rule, sentence):
    root = project(
        {
            **ONE,
            "migsafe.toml": '[rules]\npaths = ["rules"]\n',
            "rules/own/rule.toml": rule,
        }
    )
    run = inside("lint", cwd=root)
    told(run, 2, "rules/own/rule.toml", sentence)
    assert not (root / "stolen.db").exists()


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (RULE.format(find="") + 'confidence = "total"\n', "confidence is 'total'"),
        (RULE.format(find="") + "dialects = 3\n", "dialects must be"),
        (RULE.format(find="") + "for_each = 3\n", "for_each must be text"),
        (RULE.format(find="") + "explains = 3\n", "explains must be"),
        (RULE.format(find="") + "incident = 3\n", "incident must be"),
        (RULE.format(find="SELECT 1 AS statement, 'huge' AS severity"), "severity"),
        (RULE.format(find="") + "incident.summary = 's'\nincident.why = [{}]\n", "question"),
    ],
)
def test_a_rule_with_a_value_of_the_wrong_kind(project, inside, rule, sentence):
    root = project(
        {
            **ONE,
            "migsafe.toml": '[rules]\npaths = ["rules"]\n',
            "rules/own/rule.toml": rule,
        }
    )
    told(inside("lint", cwd=root), 2, "rules/own/rule.toml", sentence)


def test_a_rules_folder_that_is_wrong(project, inside):
    settings = {"migsafe.toml": '[rules]\npaths = ["mine"]\n'}
    told(inside("lint", cwd=project({**ONE, **settings})), 2, "", "mine does not exist", "[rules]")
    twice = RULE.format(find="SELECT 1 AS statement").replace('"own"', '"drop-column-in-use"')
    root = project({**ONE, **settings, "mine/drop-column-in-use/rule.toml": twice})
    told(inside("lint", cwd=root), 2, "mine/drop-column-in-use/rule.toml", "exists twice")


# -- launch files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "place", "sentence"),
    [
        ({}, "", "launch.sql cannot be read: No such file"),
        ({"launch.sql": b"SELECT '\xff'"}, "", "launch.sql cannot be read: it is not UTF-8"),
        ({"launch.sql": "\nSELEKT 1;"}, "launch.sql:2", "the query fails on any database"),
        ({"launch.sql": "\n\nSELECT 'x;"}, "launch.sql:3", "the query fails on any database"),
    ],
)
def test_launch_queries_that_are_wrong(project, inside, files, place, sentence):
    root = project({**TWO, "migsafe.toml": '[launch]\nqueries = "launch.sql"\n', **files})
    told(inside("check", cwd=root), 2, place, sentence)


FRESH = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, age INTEGER);\n"


@pytest.mark.parametrize(
    ("files", "place", "sentence"),
    [
        ({"new.sql": "CREATE TABEL x"}, "new.sql:1", "the fresh install's schema fails"),
        ({"new.sql": FRESH + "ATTACH 'made.db' AS m"}, "new.sql:2", "must stay inside"),
        ({"new.sql": FRESH + "VACUUM INTO 'made.db'"}, "new.sql:2", "must stay inside"),
        ({"launch.sql": "ATTACH 'made.db' AS m"}, "launch.sql:1", "must stay inside"),
        ({"launch.sql": "SELECT name FROM users"}, "launch.sql:1", "on a fresh install too"),
        ({"expect.sql": "DELETE FROM users"}, "expect.sql:1", "must be a SELECT"),
    ],
)
def test_launch_files_that_are_wrong(project, inside, files, place, sentence):
    settings = '[launch]\nschema = "new.sql"\nqueries = "launch.sql"\ninvariants = "expect.sql"\n'
    base = {
        "new.sql": FRESH,
        "launch.sql": "SELECT age FROM users;\n",
        "expect.sql": "SELECT id FROM users WHERE email IS NULL;\n",
    }
    root = project({**TWO, "migsafe.toml": settings, **base, **files})
    told(inside("check", cwd=root), 2, place, sentence)
    assert not (root / "made.db").exists()


def test_a_launch_query_that_fails_on_the_old_data_too_is_not_blamed_on_the_migration(
    project, migsafe
):
    root = project(
        {
            **TWO,
            "migsafe.toml": '[launch]\nqueries = "launch.sql"\n[samples]\npath = "samples"\n',
            "launch.sql": "SELECT * FROM settings;\n",
            "samples/0001/a.sql": USERS,
        }
    )
    run = migsafe("check", "--format", "json", cwd=root)
    assert run.code == 1
    finding = run.json["findings"][0]
    assert (finding["rule"], finding["path"], finding["line"]) == (
        "launch-query-fails",
        "launch.sql",
        1,
    )
    assert "it fails on the old database in the same way" in " ".join(finding["detail"])


# -- the rest -------------------------------------------------------------------------------------


def test_a_dsn_that_is_none(project, inside):
    pytest.importorskip("pg8000")
    settings = 'dialect = "postgres"\n[engine]\ndsn = "nonsense"\n'
    root = project({**ONE, "migsafe.toml": settings})
    told(inside("check", cwd=root), 2, "", "[engine] dsn cannot be read", "postgresql://")


def test_check_replays_one_set_of_migrations(project, inside):
    text = '[[migrations]]\npath = "a"\n[[migrations]]\npath = "b"\n'
    root = project({"a/0001_a.sql": USERS, "b/0001_b.sql": USERS, "migsafe.toml": text})
    told(inside("check", cwd=root), 2, "", "one set of migrations", "--config")


def test_an_error_of_our_own_has_its_code_and_asks_for_a_report(project, monkeypatch, capsys):
    def fail(_):
        raise ZeroDivisionError("secret value of a row")

    monkeypatch.chdir(project(ONE))
    monkeypatch.setattr(lint, "open_all", fail)
    assert cli.run(["lint"]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("migsafe: internal error: ZeroDivisionError in fail (test_bad")
    assert "please report it" in captured.err
    assert "secret value of a row" not in captured.err
    assert "Traceback" not in captured.err
    monkeypatch.setenv("MIGSAFE_TRACEBACK", "1")
    assert cli.run(["lint"]) == 5
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_no_traceback(project, monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.chdir(project(ONE))
    monkeypatch.setattr(lint, "open_all", interrupt)
    assert cli.run(["lint"]) == 4
    assert capsys.readouterr().err == "migsafe: interrupted, nothing was changed\n"
