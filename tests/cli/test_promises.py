"""What migsafe promises whatever it is given: nothing changed, nothing told, nothing random."""

from __future__ import annotations

import gzip
import importlib.util
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.cli.options import FORMATS

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, age INTEGER);\n"
SETTINGS = '[samples]\npath = "samples"\n'
ENV = """import canary_module
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
"""
FIRST = """from alembic import op
import sqlalchemy as sa

revision = "a1"
down_revision = None


def upgrade():
    op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("email", sa.Text), sa.Column("age", sa.Integer))
"""
SECOND = """import logging
import sys

from alembic import op
import sqlalchemy as sa

revision = "b2"
down_revision = "a1"


def upgrade():
    bind = op.get_bind()
    for id_, email, age in bind.execute(sa.text("SELECT id, email, age FROM users")).all():
        print(email, age)
        print(email, age, file=sys.stderr)
        logging.getLogger("x").error("%s %s", email, age)
        {failing}
    op.add_column("users", sa.Column("name", sa.Text))
"""


def alembic(failing: str = "pass") -> dict[str, str]:
    return {
        "alembic.ini": "[alembic]\nscript_location = alembic\nprepend_sys_path = .\n",
        "canary_module.py": "VALUE = 1\n",
        "alembic/env.py": ENV,
        "alembic/versions/a1_users.py": FIRST,
        "alembic/versions/b2_names.py": SECOND.format(failing=failing),
        "migsafe.toml": SETTINGS,
    }


def stamped(revision: str) -> str:
    return (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);\n"
        f"INSERT INTO alembic_version VALUES ('{revision}');\n"
    )


# -- nothing is changed -------------------------------------------------------------------------


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[Mapping[str, bytes]]:
    """A database whose last rows are in its write-ahead log only, with the log's index file."""
    path = tmp_path / "live.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"{USERS} PRAGMA user_version = 1;")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO users VALUES (1, 'a', 1), (2, 'a', 2)")
        yield {
            f"samples/live.db{end}": Path(f"{path}{end}").read_bytes()
            for end in ("", "-wal", "-shm")
        }


@pytest.mark.parametrize("unique", [False, True], ids=["good", "failing"])
def test_files_and_samples_stay_byte_for_byte(project, migsafe, snapshot, database, wal, unique):
    data = database(f"{USERS} PRAGMA user_version = 1; INSERT INTO users VALUES (1, 'a', 1);")
    kind = "UNIQUE INDEX" if unique else "INDEX"
    root = project(
        {
            "migrations/0001_users.sql": USERS,
            "migrations/0002_email.sql": f"CREATE {kind} users_email ON users (email);\n",
            "migrations/0003_fill.sql": "UPDATE users SET age = 0 WHERE age IS NULL;\n",
            "migsafe.toml": SETTINGS + '[launch]\nschema = "new.sql"\nqueries = "launch.sql"\n',
            "new.sql": USERS + f"CREATE {kind} users_email ON users (email);\n",
            "launch.sql": "INSERT INTO users (email) VALUES ('new');\nDELETE FROM users;\n",
            "samples/plain.db": data,
            "samples/packed.db.gz": gzip.compress(data),
            "samples/0001/script.sql": USERS + "INSERT INTO users VALUES (1, 'x', 1);\n",
            **wal,
        }
    )
    before = snapshot(root)
    assert migsafe("lint", cwd=root).code == 0
    assert snapshot(root) == before
    run = migsafe("check", cwd=root)
    assert run.code == int(unique), run
    assert snapshot(root) == before
    # The rows that are in the log only were replayed: they are the ones that break the index.
    if unique:
        assert "1 of 4 sampled databases" in run.out


@pytest.mark.parametrize("failing", ["pass", "raise ValueError(email)", "1 / 0"])
def test_alembic_projects_stay_byte_for_byte(project, migsafe, snapshot, database, failing):
    data = database(USERS + stamped("a1") + "INSERT INTO users VALUES (1, 'a', 1);")
    root = project({**alembic(failing), "samples/a.db": data})
    before = snapshot(root)
    assert migsafe("lint", cwd=root).code == 0
    run = migsafe("check", cwd=root)
    assert run.code == int(failing != "pass"), run
    assert snapshot(root) == before


# -- nothing is told ----------------------------------------------------------------------------

TEXT, NUMBER, BLOB, KEY = "Zebra7Canary", "918273645", "C0FFEE77", "quokka-key"
ROWS = (
    f"INSERT INTO users VALUES ({NUMBER}, '{TEXT}', {NUMBER}), (2, '{TEXT}', 3);\n"
    f"INSERT INTO users VALUES (3, x'{BLOB}', 4), (4, x'{BLOB}', 5);\n"
    f"CREATE TABLE documents (name TEXT PRIMARY KEY, body TEXT);\n"
    f"INSERT INTO documents VALUES ('{KEY}', '{TEXT}'), ('{KEY}2', '{{\"{TEXT}\": 1');\n"
    f"INSERT INTO documents VALUES ('{KEY}3', CAST(x'{BLOB}' AS TEXT));\n"
)
SCHEMA = USERS + "CREATE TABLE documents (name TEXT PRIMARY KEY, body TEXT);\n"
CANARIES = re.compile("|".join((TEXT, NUMBER, BLOB, KEY, repr(bytes.fromhex(BLOB))[2:-1])), re.I)


def quiet(run: object) -> bool:
    return not CANARIES.search(str(run))


@pytest.mark.parametrize(
    "migration",
    [
        "CREATE UNIQUE INDEX u ON users (email);",
        "ALTER TABLE users ADD COLUMN x TEXT NOT NULL;",
        "CREATE TABLE n (id INTEGER PRIMARY KEY, age INTEGER CHECK (age < 100));"
        "INSERT INTO n SELECT id, age FROM users;",
        "CREATE TABLE n (id INTEGER PRIMARY KEY, email INTEGER NOT NULL) STRICT;"
        "INSERT INTO n SELECT id, email FROM users;",
        "CREATE TABLE n (id INTEGER PRIMARY KEY); INSERT INTO n SELECT email FROM users;",
        "CREATE TABLE n AS SELECT json_extract(body, '$.a') AS x FROM documents;",
        "CREATE TABLE n AS SELECT json_extract('{}', body) AS x FROM documents;",
        "CREATE TABLE n AS SELECT json_extract('{}', '$' || email) AS x FROM users;",
        "UPDATE documents SET body = email FROM users; DELETE FROM documents;",
        "UPDATE users SET email = NULL; UPDATE users SET id = age + 1;",
        "CREATE TABLE n (id INTEGER REFERENCES documents (name));"
        "INSERT INTO n SELECT id FROM users;",
        "CREATE TRIGGER t BEFORE UPDATE ON users BEGIN SELECT RAISE(ABORT, 'no') "
        "WHERE old.email IS NOT NULL; END; UPDATE users SET age = 1;",
        "CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f SELECT email FROM users;"
        "CREATE TABLE m AS SELECT (SELECT count(*) FROM f WHERE f MATCH body || ' AND (') AS n"
        " FROM documents;",
        "CREATE TABLE m AS SELECT 1 AS x FROM documents WHERE body LIKE 'a' ESCAPE body;",
        "SELECT load_extension(email) FROM users;",
        "SELECT CAST(email AS INTEGER), abs(-9223372036854775807 - 1) FROM users;",
    ],
)
def test_values_of_samples_are_never_told(project, inside, migration):
    root = project(
        {
            "migrations/0001_a.sql": SCHEMA,
            "migrations/0002_b.sql": migration,
            "migsafe.toml": SETTINGS
            + '[launch]\nqueries = "launch.sql"\ninvariants = "expect.sql"\n',
            "launch.sql": "SELECT json_extract(body, '$.x') FROM documents;\n",
            "expect.sql": "SELECT * FROM users WHERE age > 0;\n",
            "samples/0001/a.sql": USERS + ROWS,
        }
    )
    for arguments in (["-v"], ["--format", "json"]):
        run = inside("check", *arguments, cwd=root)
        assert run.code == 1, run
        assert quiet(run)
    assert inside("facts", "--out", "facts.db", cwd=root).code == 0
    assert not CANARIES.search((root / "facts.db").read_bytes().decode("latin-1"))


EVERY_TYPE = (
    "CREATE TABLE seeded (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE, n INTEGER,"
    " r REAL, b BLOB, day TEXT, loose, parent INTEGER REFERENCES seeded (id));\n"
)
SEEDED = (
    f"INSERT INTO seeded VALUES ({NUMBER}, '{TEXT}', {NUMBER}, {NUMBER}.25, x'{BLOB}',"
    f" '{TEXT}', '{KEY}', NULL), (8, '{KEY}', {NUMBER}, {NUMBER}.5, x'{BLOB}', NULL, {NUMBER},"
    f" {NUMBER}), (9, '{KEY}9', NULL, NULL, NULL, '{TEXT}', x'{BLOB}', 77);\n"
)
HARM = (
    "CREATE TABLE new (id INTEGER PRIMARY KEY, name TEXT, n INTEGER UNIQUE, r INTEGER, b TEXT,"
    " day TEXT NOT NULL, loose INTEGER CHECK (loose < 5));\n"
    "INSERT OR IGNORE INTO new SELECT id, name, n, r, b, day, loose FROM seeded;\n"
    "UPDATE seeded SET name = upper(day), r = NULL WHERE n IS NOT NULL;\n",
    "CREATE UNIQUE INDEX one_each ON seeded (n);\n",
    "ALTER TABLE seeded ADD COLUMN c TEXT NOT NULL;\n",
    "DELETE FROM seeded WHERE n IS NOT NULL; ALTER TABLE seeded DROP COLUMN day;\n",
)


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("command", ["lint", "check"])
def test_no_format_tells_a_value(project, inside, command, harm):
    root = project(
        {
            "migrations/0001_a.sql": EVERY_TYPE,
            "migrations/0002_b.sql": harm,
            "migsafe.toml": SETTINGS
            + '[launch]\nqueries = "launch.sql"\ninvariants = "expect.sql"\nschema = "new.sql"\n',
            "launch.sql": "SELECT json_extract(day, '$.x') FROM seeded;\n",
            "expect.sql": "SELECT * FROM seeded WHERE n > 0;\n",
            "new.sql": EVERY_TYPE,
            "samples/0001/a.sql": EVERY_TYPE + SEEDED,
            "samples/0001/b.sql": EVERY_TYPE,
        }
    )
    before = {p for p in root.rglob("*") if p.is_file()}
    outputs = [f"--output={name}=report.{name}" for name in FORMATS]
    run = inside(command, "-v", *outputs, cwd=root)
    assert run.code == (1 if command == "check" else run.code)
    assert quiet(run)
    written = {p for p in root.rglob("*") if p.is_file()} - before
    assert {p.name for p in written} == {f"report.{name}" for name in FORMATS}
    assert all(quiet(p.read_text("utf-8")) for p in written)


@pytest.mark.parametrize(
    "sample",
    [
        f"{USERS} INSERT INTO users VALUES ({NUMBER}, '{TEXT}', 1), ({NUMBER}, '{TEXT}', 1);\n",
        f"{USERS} INSERT INTO nowhere VALUES ('{TEXT}', {NUMBER}, x'{BLOB}');\n",
        f"{USERS} INSERT INTO users VALUES ('{TEXT}', 1, 2);\n",
        f"{USERS} INSERT INTO users VALUES ({NUMBER}, '{TEXT}' 2);\n",
        f"{USERS} SELECT json('{TEXT}');\n",
    ],
)
def test_a_sample_script_that_fails_keeps_its_values(project, inside, sample):
    root = project(
        {
            "migrations/0001_a.sql": USERS,
            "migrations/0002_b.sql": "DELETE FROM users;\n",
            "migsafe.toml": SETTINGS,
            "samples/0001/a.sql": sample,
        }
    )
    run = inside("check", "-v", cwd=root)
    assert run.code == 4, run
    assert quiet(run)


@pytest.mark.parametrize(
    "failing",
    [
        "raise ValueError(f'bad row {email!r} {age}')",
        "int('x' if email is None else repr(email))",
        "{}[email]",
        "bind.execute(sa.text('INSERT INTO users (id, email) VALUES (:a, :b)'),"
        " {'a': id_, 'b': email})",
        "bind.execute(sa.text('SELECT * FROM nowhere WHERE x = :a'), {'a': email})",
        "sys.exit(str(email))",
        "raise ValueError(f'bad row {email} of age {age}')",
        "bind.exec_driver_sql(f'SELECT * FROM {email}')",
    ],
)
def test_values_in_errors_of_programs_are_never_told(project, migsafe, database, failing):
    rows = f"INSERT INTO users VALUES ({NUMBER}, '{TEXT}', {NUMBER}), (2, '{TEXT}', 3);\n"
    root = project({**alembic(failing), "samples/a.db": database(USERS + stamped("a1") + rows)})
    run = migsafe("check", "-v", "--output", "json=out.json", cwd=root)
    assert run.code == 1, run
    assert quiet(run)
    assert quiet((root / "out.json").read_text())


# -- nothing is imported that lint does not need ------------------------------------------------


def imported(run: object) -> set[str]:
    return {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in str(getattr(run, "err", "")).splitlines()
        if line.startswith("import time:")
    }


def third_party(names: set[str]) -> set[str]:
    """Those that are installed: an import that was tried in vain is listed too."""
    known = sys.stdlib_module_names | {"migsafe", "sitecustomize", "usercustomize"}
    others = {n for n in names if n.isidentifier() and n not in known and not n.startswith("_")}
    return {n for n in others if importlib.util.find_spec(n) is not None}


LINT_NEEDS = {"click", "sqlglot", "mypy_extensions"}
"""sqlglot takes mypy_extensions where a type checker happens to have installed it."""


def test_lint_imports_click_and_sqlglot_at_most(project, migsafe):
    ddl = project(
        {
            "migrations/0001_a.sql": USERS,
            "migrations/0002_b.sql": "CREATE INDEX i ON users (email);\nDROP INDEX i;\n",
        }
    )
    run = migsafe("lint", cwd=ddl, python=("-X", "importtime"))
    assert run.code == 0
    assert third_party(imported(run)) == {"click"}
    assert not imported(run) & {"asyncio", "multiprocessing", "concurrent", "unittest", "logging"}
    mixed = project({"migrations/0003_c.sql": "UPDATE users SET age = age + 1 WHERE id > 3;\n"})
    run = migsafe("lint", cwd=mixed, python=("-X", "importtime"))
    assert run.code == 0
    assert third_party(imported(run)) <= LINT_NEEDS


def test_lint_of_an_alembic_project_imports_neither_alembic_nor_its_files(project, migsafe):
    files = {**alembic(), "canary_module.py": "raise SystemExit('executed')\n"}
    run = migsafe("lint", cwd=project(files), python=("-X", "importtime"))
    assert run.code == 0
    assert third_party(imported(run)) <= LINT_NEEDS


def test_the_version_is_told_without_click(project, migsafe):
    run = migsafe("--version", cwd=project({}), python=("-X", "importtime"))
    assert third_party(imported(run)) == set()
    assert "sqlite3" not in imported(run)


# -- nothing is random --------------------------------------------------------------------------


def untimed(text: str) -> str:
    return re.sub(r'in [\d.]+ s\b|"(?:total|replay)": [\d.]+|time="[\d.]+"', "", text)


@pytest.mark.slow
def test_same_input_same_bytes(project, migsafe):
    columns = ", ".join(f"c{n} TEXT" for n in range(12))
    drops = "".join(f"ALTER TABLE t DROP COLUMN c{n};\n" for n in range(6))
    samples = {
        f"samples/{v}/{n}.sql": f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns});\n"
        f"INSERT INTO t (id, c7) VALUES (1, 'a'), (2, '{'a' if n % 2 else 'b'}');\n"
        for v in ("0001", "0002")
        for n in range(3)
    }
    root = project(
        {
            "migrations/0001_a.sql": f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns});\n",
            "migrations/0002_b.sql": "CREATE INDEX i ON t (c0); CREATE VIEW v AS SELECT c2 FROM t;",
            "migrations/0003_c.sql": drops + "CREATE UNIQUE INDEX u ON t (c7);\nDELETE FROM t;\n",
            "migsafe.toml": SETTINGS + '[launch]\nschema = "new.sql"\nqueries = "launch.sql"\n',
            "new.sql": "CREATE TABLE t (id INTEGER PRIMARY KEY, c7 NOT NULL); CREATE TABLE x (a);",
            "launch.sql": "SELECT c7 FROM t;\n",
            **samples,
        }
    )
    for command in ("lint", "check"):
        for format_ in FORMATS:
            arguments = (command, "--format", format_)
            seen = {
                untimed(migsafe(*arguments, cwd=root, env={"PYTHONHASHSEED": seed}).out)
                for seed in ("0", "1")
            }
            assert len(seen) == 1
            assert "migrations/0003_c.sql" in seen.pop()


# -- the cache is never needed ------------------------------------------------------------------

LONG = {
    "migrations/0001_a.sql": USERS,
    "migrations/0002_b.sql": "UPDATE users SET age = (SELECT max(age) FROM users) WHERE id > 3;\n",
    "migrations/0003_c.sql": "CREATE UNIQUE INDEX u ON users (lower(email));\n",
    **{f"migrations/{n:04}_t.sql": f"CREATE TABLE t{n} (a);\n" for n in range(4, 30)},
}
"""Long enough to be worth a cache."""


def test_a_warm_run_says_the_same_without_a_parser(project, migsafe, snapshot, tmp_path):
    root = project({**LONG, "migsafe.toml": SETTINGS, "samples/0001/a.sql": USERS + ROWS})
    before = snapshot(root)
    cold = migsafe("lint", cwd=root)
    env = {"MIGSAFE_CACHE": str(tmp_path / "cache")}
    first = migsafe("lint", cwd=root, env=env)
    warm = migsafe("lint", cwd=root, env=env, python=("-X", "importtime"))
    assert untimed(cold.out) == untimed(first.out) == untimed(warm.out)
    assert third_party(imported(warm)) == {"click"}
    assert migsafe("check", cwd=root, env=env).code == 1
    assert snapshot(root) == before
    kept = [p.read_bytes().decode("latin-1") for p in (tmp_path / "cache").iterdir()]
    assert kept
    assert not any(CANARIES.search(text) for text in kept)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "80ff",
        "8004",
        "80049500",
        "68656c6c6f",
        "4b012e",
        "80045d942e",
        "284b014b026c2e",
    ],
)
def test_a_damaged_cache_changes_nothing(project, inside, tmp_path, value):
    root = project(LONG)
    env = {"MIGSAFE_CACHE": str(tmp_path / "cache")}
    good = inside("lint", cwd=root, env=env)
    (file,) = (tmp_path / "cache").iterdir()
    with closing(sqlite3.connect(file)) as cache:
        assert cache.execute(f"UPDATE read SET value = x'{value}'").rowcount
        cache.commit()
    again = inside("lint", cwd=root, env=env)
    assert (again.code, untimed(again.out)) == (good.code, untimed(good.out)), again


def test_a_cache_that_is_no_database_or_no_folder_changes_nothing(project, inside, tmp_path):
    root = project(LONG)
    good = inside("lint", cwd=root)
    cache = tmp_path / "cache"
    inside("lint", cwd=root, env={"MIGSAFE_CACHE": str(cache)})
    (file,) = cache.iterdir()
    file.write_bytes(b"not a database" * 1_000)
    for folder in (cache, root / "migrations/0001_a.sql", Path("/dev/null/x")):
        run = inside("lint", cwd=root, env={"MIGSAFE_CACHE": str(folder)})
        assert (run.code, untimed(run.out), run.err) == (good.code, untimed(good.out), "")
    assert (root / "migrations/0001_a.sql").read_text() == USERS


def test_what_came_through_before_hides_nothing_new(project, inside, tmp_path):
    root = project(LONG)
    env = {"MIGSAFE_CACHE": str(tmp_path / "cache")}
    good, bad = "CREATE TABLE new (a);\n", "CREATE TABLE t7 (a);\n"
    for _ in range(2):
        assert inside("lint", "-", cwd=root, stdin=good, env=env).code == 0
        assert inside("lint", "-", cwd=root, stdin=bad, env=env).code == 1
    last = root / "migrations/0030_last.sql"
    for _ in range(2):
        last.write_text(good)
        assert inside("lint", cwd=root, env=env).code == 0
        last.write_text(bad)
        assert inside("lint", cwd=root, env=env).code == 1
    last.unlink()
    (root / "migrations/0020_t.sql").write_text("CREATE TABLE t29 (a);\n")
    assert inside("lint", cwd=root, env=env).code == 1


def test_what_came_through_without_a_transaction_may_fail_within_one(project, inside, tmp_path):
    root = project({**LONG, "migrations/0030_last.sql": "VACUUM;\n"})
    env = {"MIGSAFE_CACHE": str(tmp_path / "cache")}
    for wrapped, code in (("false", 0), ("true", 1), ("false", 0)):
        (root / "migsafe.toml").write_text(f"[migrations]\ntransaction = {wrapped}\n")
        assert inside("lint", cwd=root).code == code, wrapped
        assert inside("lint", cwd=root, env=env).code == code, wrapped
