"""`migsafe check --fix-for`: a hotfix and the three kinds of database that it meets."""

from __future__ import annotations

from typing import Any

import pytest

from migsafe.incident import page
from migsafe.incident.page import Page
from migsafe.model.incident import Incident, Safeguard

ACCOUNT = "CREATE TABLE account (id INTEGER PRIMARY KEY, name TEXT, client TEXT);\n"
ROWS = "INSERT INTO account VALUES (1, 'ann', 'web'), (2, 'bob', NULL);\n"
OLD = f"{ACCOUNT}{ROWS}PRAGMA user_version = 1;\n"
SOUND = OLD.replace("NULL", "'app'")
REBUILD = """\
ALTER TABLE account ADD COLUMN note TEXT;
CREATE TABLE account_new (id INTEGER PRIMARY KEY, name TEXT, client TEXT NOT NULL, note TEXT);
INSERT INTO account_new SELECT id, name, client, note FROM account;
DROP TABLE account;
ALTER TABLE account_new RENAME TO account;
"""
FIXED = REBUILD.replace("SELECT id, name, client,", "SELECT id, name, coalesce(client, ''),")
# Begins anew whatever was left: every statement can run again.
RESUMED = """\
DROP TABLE IF EXISTS account_new;
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, name TEXT, client TEXT, note TEXT);
CREATE TABLE account_new (id INTEGER PRIMARY KEY, name TEXT, client TEXT NOT NULL, note TEXT);
INSERT INTO account_new (id, name, client) SELECT id, name, coalesce(client, '') FROM account;
DROP TABLE account;
ALTER TABLE account_new RENAME TO account;
"""
SETTINGS = "[migrations]\npath = 'migrations'\n"
NOT_YET, BROKEN, UNHARMED = "not yet updated", "updated and broken", "updated and unharmed"


def files(
    broken: str, fixed: str, *, settings: str = "transaction = true", **more: str
) -> dict[str, str]:
    """A project whose second migration broke; `fixed` stands in its place."""
    return {
        "migrations/0001_account.sql": ACCOUNT,
        "migrations/0002_client.sql": fixed,
        "shipped/0001_account.sql": ACCOUNT,
        "shipped/0002_client.sql": broken,
        "samples/old.sql": OLD,
        "samples/sound.sql": SOUND,
        "migsafe.toml": f"{SETTINGS}{settings}\n[samples]\npath = 'samples'\n",
        **more,
    }


def kinds(run: Any) -> dict[str, tuple[int, int]]:
    """Databases and failures of each population."""
    found = run.json["fix_for"]["populations"]
    assert [p["name"] for p in found] == [NOT_YET, BROKEN, UNHARMED]
    return {p["name"]: (p["databases"], p["failed"]) for p in found}


def population(run: Any, name: str) -> Any:
    return next(p for p in run.json["fix_for"]["populations"] if p["name"] == name)


@pytest.fixture
def check(project, inside):
    def run(made: dict[str, str], *words: str) -> Any:
        root = project(made)
        given = words or ("--broken", "shipped")
        return inside("check", *given, "--no-made", "--format", "json", cwd=root)

    return run


def test_a_right_hotfix_is_silent_on_all_three(check):
    run = check(files(REBUILD, FIXED))
    assert run.code == 0
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (1, 0)}
    (made,) = population(run, BROKEN)["made"]
    assert made == {"how": "stopped at shipped/0002_client.sql:3", "databases": 1}


def test_without_a_transaction_the_half_done_migration_breaks_the_hotfix(check):
    run = check(files(REBUILD, FIXED, settings="transaction = false"))
    assert run.code == 1
    assert kinds(run)[NOT_YET] == (2, 0)
    assert kinds(run)[UNHARMED] == (1, 0)
    databases, failed = kinds(run)[BROKEN]
    assert databases == failed == 6  # one stopped, five killed after a statement
    found = population(run, BROKEN)["findings"]
    assert {f["message"] for f in found} == {
        "duplicate column name: note",
        "no such table: account",
    }
    assert {f["line"] for f in found} == {1}
    worst = run.json["findings"][0]
    assert worst["detail"] == ["updated and broken: 5 of 6 databases"]
    assert worst["blast_radius"] is None  # nobody who is still to update meets it


def test_what_is_not_undone_may_run_twice(check):
    broken = "INSERT INTO account (name) VALUES ('admin');\nSELECT no_such_column FROM account;\n"
    fixed = "INSERT INTO account (name) VALUES ('admin');\n"
    run = check(files(broken, fixed, settings="transaction = false"))
    assert run.code == 1
    assert kinds(run)[BROKEN] == (2, 2)
    assert kinds(run)[UNHARMED] == (0, 0)
    (trouble,) = population(run, BROKEN)["troubles"]
    assert trouble["what"] == "rows"
    assert "account has 4 rows, and 3 on the same database" in trouble["sentence"]
    assert "run twice?" in trouble["sentence"]


def test_an_update_that_runs_twice_is_told_by_its_values(check):
    broken = "UPDATE account SET id = id + 10;\nSELECT no_such_column FROM account;\n"
    fixed = "UPDATE account SET id = id + 10;\n"
    run = check(files(broken, fixed, settings="transaction = false"))
    assert kinds(run)[BROKEN] == (2, 2)
    assert population(run, BROKEN)["troubles"][0]["what"] == "values"


def test_edited_in_place_leaves_those_behind_who_came_through(check):
    fixed = FIXED + "CREATE INDEX account_name ON account (name);\n"
    run = check(files(REBUILD, fixed))
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (1, 1)}
    (trouble,) = population(run, UNHARMED)["troubles"]
    assert trouble["what"] == "schema"
    assert trouble["sentence"].startswith("index account.account_name is missing")


def test_drift_is_a_finding_where_a_fresh_install_is_known(check):
    index = "CREATE INDEX account_name ON account (name);\n"
    columns = "id INTEGER PRIMARY KEY, name TEXT, client TEXT NOT NULL, note TEXT"
    table = f"CREATE TABLE account ({columns});\n"
    made = files(REBUILD, FIXED + index, **{"new.sql": table + index})
    made["migsafe.toml"] += '[launch]\nschema = "new.sql"\n'
    run = check(made)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (1, 1)}
    assert population(run, UNHARMED)["findings"][0]["rule"] == "drifts-from-fresh-install"
    assert population(run, UNHARMED)["troubles"] == []


def test_rolled_forward_reaches_all_three(check):
    made = files(REBUILD, FIXED)
    made["migrations/0003_name.sql"] = "CREATE INDEX account_name ON account (name);\n"
    run = check(made)
    assert run.code == 0
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (1, 0)}


def test_the_broken_one_left_in_place_still_breaks_those_not_yet_updated(check):
    made = files(REBUILD, REBUILD)
    made["migrations/0003_client.sql"] = "UPDATE account SET client = '' WHERE client IS NULL;\n"
    run = check(made)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 1), BROKEN: (1, 1), UNHARMED: (1, 0)}


def test_a_revert_leaves_the_new_schema_with_those_who_came_through(check):
    made = files(REBUILD, FIXED)
    del made["migrations/0002_client.sql"]
    made["migrations/0003_name.sql"] = "CREATE INDEX account_name ON account (name);\n"
    run = check(made)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (1, 1)}
    told = {t["sentence"].partition(":")[0] for t in population(run, UNHARMED)["troubles"]}
    assert "column account.note is there besides" in told


def test_rows_that_the_broken_version_lost_are_a_note(check):
    copy = "CREATE TABLE kept AS SELECT * FROM account WHERE 0;\nDROP TABLE account;\n"
    broken = copy + "ALTER TABLE kept RENAME TO account;\nCREATE TABLE tag (id INTEGER);\n"
    run = check(files(broken, "CREATE TABLE tag (id INTEGER);\n"))
    lost = population(run, BROKEN)
    assert (lost["databases"], lost["made"][0]["how"]) == (2, "harmed: rows are lost in account")
    assert any("do not come back (0 of 2 are there)" in note for note in lost["notes"])


EMPTIES = """\
CREATE TABLE kept AS SELECT * FROM account WHERE 0;
DROP TABLE account;
ALTER TABLE kept RENAME TO account;
CREATE TABLE tag (id INTEGER);
"""
HELD = "SELECT 'too few' WHERE (SELECT count(*) FROM account) < 2;\n"


def emptied(**more: str) -> dict[str, str]:
    made = files(EMPTIES, "CREATE TABLE tag (id INTEGER);\n", **{"expect.sql": HELD}, **more)
    made["migsafe.toml"] += "[launch]\ninvariants = 'expect.sql'\n"
    return made


def test_an_invariant_that_rests_on_lost_rows_is_a_note(check):
    run = check(emptied())
    notes = population(run, BROKEN)["notes"]
    assert any(n.startswith("the invariant expect.sql:1 does not hold") for n in notes)
    assert population(run, BROKEN)["findings"] == []


def test_a_hotfix_that_claims_to_mend_it_has_to(check):
    one = "INSERT INTO account (name) SELECT 'ann' WHERE NOT EXISTS (SELECT 1 FROM account);\n"
    run = check(emptied(**{"migrations/0003_back.sql": one}))
    assert run.code == 1
    (found,) = population(run, BROKEN)["findings"]
    assert (found["path"], found["rule"]) == ("expect.sql", "invariant-broken")
    assert kinds(run)[BROKEN] == (2, 2)


def test_what_the_broken_migration_did_not_touch_is_the_hotfixes_to_mend(check):
    broken = "CREATE TABLE tag (id INTEGER);\n"
    fixed = broken + "DELETE FROM account WHERE client IS NULL;\n"
    made = files(broken, fixed, **{"expect.sql": "SELECT id FROM account WHERE client IS NULL;\n"})
    made["migsafe.toml"] += "[launch]\ninvariants = 'expect.sql'\n"
    run = check(made)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 1), UNHARMED: (1, 0)}
    (trouble,) = population(run, BROKEN)["troubles"]
    assert trouble["sentence"].endswith("the hotfix does not touch them here")


# -- incidents and fixtures ------------------------------------------------------------------------

FIXTURE = "fixtures/rules/null-client/fail/bob"


def with_incident(fixed: str, fixtures: tuple[str, ...] = ("fail/bob",)) -> dict[str, str]:
    guard = Safeguard(rule="null-client", fixtures=fixtures)
    record = Incident(hazard="null-client", slug="bob-cannot-start", safeguard=guard)
    made = files("", fixed)
    return {
        **{name: text for name, text in made.items() if not name.startswith("shipped/")},
        "rules/null-client/postmortem.md": page.render(Page(record)),
        f"{FIXTURE}/old.sql": OLD,
        f"{FIXTURE}/0002_client.sql": REBUILD,
    }


@pytest.mark.parametrize("name", ["bob-cannot-start", FIXTURE])
def test_an_incident_names_the_fixture_that_holds_the_broken_migration(check, name):
    run = check(with_incident(FIXED), "--fix-for", name)
    assert run.code == 0
    assert run.json["fix_for"]["incident"] == name
    # The fixture's own old database is met as well.
    assert kinds(run) == {NOT_YET: (3, 0), BROKEN: (2, 0), UNHARMED: (1, 0)}
    run = check(with_incident(REBUILD), "--fix-for", name)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (3, 2), BROKEN: (2, 2), UNHARMED: (1, 0)}


def test_without_samples_the_fixture_is_what_is_met(check):
    made = with_incident(FIXED)
    made = {k: v for k, v in made.items() if not k.startswith("samples/")}
    made["migsafe.toml"] = SETTINGS
    run = check(made, "--fix-for", "bob-cannot-start")
    assert run.code == 0
    assert kinds(run) == {NOT_YET: (1, 0), BROKEN: (1, 0), UNHARMED: (0, 0)}


def test_what_cannot_be_found_is_said(check):
    made = with_incident(FIXED)
    run = check(made, "--fix-for", "bob-cannot-stop")
    assert run.code == 2
    assert "did you mean bob-cannot-start?" in run.err
    run = check(with_incident(FIXED, ("pass/bob",)), "--fix-for", "bob-cannot-start")
    assert run.code == 2
    assert "names no fixture that fails" in run.err
    assert "--broken DIR" in run.err
    run = check(made, "--broken", "nowhere")
    assert (run.code, run.err) == (2, "migsafe: --broken nowhere is not a folder\n")


def test_only_the_broken_file_is_enough(check):
    made = files(REBUILD, FIXED)
    del made["shipped/0001_account.sql"]
    made["samples/older.sql"] = "PRAGMA user_version = 0;\n"
    made["samples/samples.toml"] = "[[sample]]\nfile = 'older.sql'\nversion = 'base'\n"
    run = check(made)
    assert run.code == 0
    assert kinds(run) == {NOT_YET: (3, 0), BROKEN: (1, 0), UNHARMED: (2, 0)}


def test_a_sample_that_has_had_the_broken_migration_is_met_as_it_is(check):
    made = files(REBUILD, FIXED + "CREATE INDEX account_name ON account (name);\n")
    made["samples/updated.sql"] = f"{ACCOUNT}{ROWS}{FIXED}PRAGMA user_version = 2;\n"
    run = check(made)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (2, 2)}


def test_the_report_says_it_in_words(project, inside):
    root = project(files(REBUILD, FIXED + "CREATE INDEX account_name ON account (name);\n"))
    run = inside("check", "--broken", "shipped", "--no-made", cwd=root)
    head, told = run.out.split("\n\n")[:2]
    assert head.startswith("checked 1 pending migration on 2 old databases of 1 version: ")
    assert told.splitlines() == [
        "the hotfix for shipped meets",
        "  not yet updated: all 2 databases come through",
        "  updated and broken: the database comes through",
        "    (1 stopped at shipped/0002_client.sql:3)",
        "  updated and unharmed: 1 of 1 database fails",
        "    (1 came through)",
        "    error: index account.account_name is missing: it is otherwise on a database that was"
        " not yet updated (1 database)",
    ]
    assert run.out.splitlines()[-1] == (
        "unsafe: the hotfix fails on databases updated and unharmed"
    )


# -- tools that note what they have run ------------------------------------------------------------


def test_sqlx_refuses_a_file_that_was_edited_in_place(check):
    table = "version BIGINT PRIMARY KEY, description TEXT, success BOOLEAN, checksum BLOB"
    noted = f"CREATE TABLE _sqlx_migrations ({table}, execution_time BIGINT);\n"
    noted += "INSERT INTO _sqlx_migrations VALUES (1, 'account', 1, X'', 0);\n"
    made = files(REBUILD, FIXED, settings="framework = 'sqlx'")
    made |= {f"samples/{n}.sql": made[f"samples/{n}.sql"] + noted for n in ("old", "sound")}
    run = check(made)
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (1, 0), UNHARMED: (1, 1)}
    (trouble,) = population(run, UNHARMED)["troubles"]
    assert trouble["sentence"] == "sqlx has noted another checksum of 0002 and runs nothing"


# -- Alembic ---------------------------------------------------------------------------------------

ENV = """\
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""
SCRIPT = """\
from alembic import op

revision = "{revision}"
down_revision = {down}


def upgrade():
    for statement in {sql!r}.split(";"):
        if statement.strip():
            op.execute(statement)
"""


def script(revision: str, down: str | None, sql: str) -> str:
    return SCRIPT.format(revision=revision, down=repr(down), sql=sql)


def alembic(
    broken: str, fixed: dict[str, tuple[str, str]], folder: str = "shipped"
) -> dict[str, str]:
    first = script("aaa1", None, ACCOUNT)
    old = f"{ACCOUNT}{ROWS}CREATE TABLE alembic_version (version_num TEXT);\n"
    old += "INSERT INTO alembic_version VALUES ('aaa1');\n"
    made = {
        "alembic.ini": "[alembic]\nscript_location = %(here)s/alembic\n",
        "alembic/env.py": ENV,
        "alembic/versions/aaa1_account.py": first,
        "shipped/bbb2_client.py": script("bbb2", "aaa1", broken),
        "samples/old.sql": old,
        "samples/sound.sql": old.replace("NULL", "'app'"),
        "migsafe.toml": '[samples]\npath = "samples"\n',
    }
    for revision, (down, sql) in fixed.items():
        made[f"alembic/versions/{revision}.py"] = script(revision, down, sql)
    return made


def test_alembic_edited_in_place(check):
    # Python's sqlite3 opens a transaction before rows only: the first statements stay.
    run = check(alembic(REBUILD, {"bbb2": ("aaa1", FIXED)}))
    assert run.code == 1
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (4, 4), UNHARMED: (1, 0)}
    (found,) = population(run, BROKEN)["findings"]
    assert (found["path"], found["message"]) == (
        "alembic/versions/bbb2.py",
        "duplicate column name: note",
    )


@pytest.mark.slow
def test_alembic_edited_so_that_it_begins_anew(check):
    run = check(alembic(REBUILD, {"bbb2": ("aaa1", RESUMED)}))
    assert run.code == 0
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (4, 0), UNHARMED: (1, 0)}


@pytest.mark.slow
def test_alembic_edited_in_place_drifts_for_those_who_came_through(check):
    fixed = FIXED + "CREATE INDEX account_name ON account (name);\n"
    run = check(alembic(REBUILD, {"bbb2": ("aaa1", fixed)}))
    assert run.code == 1
    assert kinds(run)[UNHARMED] == (1, 1)


def test_alembic_rolled_forward(check):
    more = "CREATE INDEX account_name ON account (name);\n"
    run = check(alembic(REBUILD, {"bbb2": ("aaa1", RESUMED), "ccc3": ("bbb2", more)}))
    assert run.code == 0
    assert kinds(run) == {NOT_YET: (2, 0), BROKEN: (4, 0), UNHARMED: (1, 0)}


@pytest.mark.slow
def test_alembic_finds_no_revision_that_was_taken_out(check):
    run = check(alembic(REBUILD, {"ccc3": ("aaa1", FIXED)}))
    assert run.code == 1
    assert kinds(run)[NOT_YET] == (2, 0)
    assert kinds(run)[UNHARMED] == (1, 1)
    (trouble,) = population(run, UNHARMED)["troubles"]
    assert trouble["sentence"] == "alembic knows no revision bbb2 and runs nothing"
