"""SQL directories as they are in the wild: bytes, line ends, odd names, missing files."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from migsafe import adapters
from migsafe.errors import ConfigError, NothingToCheck, UnreadableMigration, UsageError
from migsafe.model.migration import Dialect

SQLITE = adapters.Options(Dialect.SQLITE)


def project(tmp_path: Any, files: Any) -> Any:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tmp_path


def read(
    root: Any, framework: Any = None, options: Any = SQLITE, folder: str = "migrations"
) -> Any:
    return adapters.load(framework, root, root / folder, options)


def test_crlf_and_byte_order_mark(tmp_path):
    text = "CREATE TABLE a (x);\r\n\r\nDROP TABLE b;\r\n"
    root = project(tmp_path, {"migrations/1.sql": b"\xef\xbb\xbf" + text.encode()})
    (migration,) = read(root).migrations
    assert [(s.sql, s.span.line, s.span.column) for s in migration.statements] == [
        ("CREATE TABLE a (x)", 1, 1),
        ("DROP TABLE b", 3, 1),
    ]
    assert migration.digest == hashlib.sha256(text.encode()).hexdigest()


def test_bytes_that_are_no_text_are_named_with_their_offset(tmp_path):
    root = project(tmp_path, {"migrations/1_a.sql": b"SELECT '\xff'"})
    with pytest.raises(UnreadableMigration, match="byte 8") as caught:
        read(root)
    assert caught.value.place == "migrations/1_a.sql"


def test_numbers_order_the_files_not_their_text(tmp_path):
    root = project(tmp_path, {f"migrations/{n}_x.sql": "SELECT 1" for n in (10, 9, 100)})
    history = read(root)
    assert [m.revision for m in history.migrations] == ["9", "10", "100"]
    assert history.migrations[2].parents == ("10",)


def test_text_of_an_editor_replaces_a_file_and_adds_one(tmp_path):
    root = project(tmp_path, {"migrations/1_a.sql": "SELECT 1"})
    given = {"migrations/1_a.sql": "SELECT 'one'", "migrations/2_b.sql": "SELECT 2", "x.sql": ""}
    history = read(root, options=adapters.Options(Dialect.SQLITE, None, given))
    assert [s.sql for m in history.migrations for s in m.statements] == ["SELECT 'one'", "SELECT 2"]


@pytest.mark.parametrize(
    ("dialect", "said", "wrapped"),
    [
        (Dialect.SQLITE, None, True),
        (Dialect.POSTGRES, None, False),
        (Dialect.SQLITE, False, False),
        (Dialect.MYSQL, True, True),
    ],
)
def test_who_wraps_a_migration(tmp_path, dialect, said, wrapped):
    root = project(tmp_path, {"migrations/1.sql": "SELECT 1"})
    assert read(root, options=adapters.Options(dialect, said)).transactional is wrapped


def test_a_folder_without_migrations_says_what_one_is_called(tmp_path):
    root = project(tmp_path, {"migrations/README.md": "", "migrations/deep/1_x.sql": ""})
    with pytest.raises(NothingToCheck) as caught:
        read(root)
    assert "0001_create_users.sql" in caught.value.hint


def test_paths_outside_the_root(tmp_path):
    project(tmp_path, {"shared/migrations/1.sql": "SELECT 1", "app/x": ""})
    history = adapters.load("sql", tmp_path / "app", tmp_path / "shared/migrations", SQLITE)
    assert history.migrations[0].path == "../shared/migrations/1.sql"


def test_a_block_of_goose_is_one_statement_on_a_server(tmp_path):
    body = "CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql; SELECT 2;"
    text = f"-- +goose Up\nSELECT 0;\n-- +goose StatementBegin\n{body}\n-- +goose StatementEnd\n"
    root = project(tmp_path, {"migrations/1_x.sql": text})
    (migration,) = read(root, options=adapters.Options(Dialect.POSTGRES)).migrations
    assert [s.sql for s in migration.statements] == ["SELECT 0", body]
    assert migration.statements[1].span.line == 4


def test_detect_prefers_alembic_then_the_usual_places(tmp_path):
    assert adapters.detect(tmp_path) is None
    project(tmp_path, {"db/migrations/1_x.up.sql": "SELECT 1"})
    assert adapters.detect(tmp_path) == ("sql", tmp_path / "db/migrations")
    project(tmp_path, {"alembic.ini": "[alembic]\nscript_location = alembic\n"})
    assert adapters.detect(tmp_path) == ("alembic", tmp_path)


def test_an_ini_below_the_root_is_found(tmp_path):
    project(tmp_path, {"backend/alembic.ini": "[alembic]\nscript_location = alembic\n"})
    assert adapters.detect(tmp_path) == ("alembic", tmp_path / "backend")


def test_unknown_framework_suggests_the_nearest(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "alembix")
    assert "'alembic'" in caught.value.hint


def test_sql_needs_no_runner(tmp_path):
    with pytest.raises(UsageError):
        adapters.runner("goose", tmp_path, tmp_path)


def test_a_layout_can_be_named(tmp_path):
    root = project(tmp_path, {"migrations/1_a.up.sql": "SELECT 1"})
    assert read(root, "numbered").framework == "numbered"
    assert read(root).framework == "golang-migrate"


@pytest.mark.parametrize(
    ("framework", "wrapped"), [("flyway", False), ("numbered", None)]
)  # flyway/flyway issue 2190
def test_flyway_opens_no_transaction_around_a_switch_of_foreign_keys(tmp_path, framework, wrapped):
    name = {"flyway": "V1__a.sql", "numbered": "1_a.sql"}[framework]
    text = "-- a rebuild\npragma foreign_keys= OFF;\nDROP TABLE t;\n"
    root = project(tmp_path, {f"migrations/{name}": text})
    (migration,) = read(root, framework).migrations
    assert migration.transactional is wrapped


def test_program_code_has_its_place_among_the_files(tmp_path):
    names = ("1_a.sql", "2_b.go", "3_c.sql", "3_post.go", "9_last.php", "2_b_test.txt", "helper.go")
    root = project(tmp_path, {f"migrations/{name}": "SELECT 1;" for name in names})
    history = read(root, "numbered")
    assert [(step.path, step.before) for step in history.code] == [
        ("migrations/2_b.go", "3"),
        ("migrations/3_post.go", "3"),
        ("migrations/9_last.php", ""),
    ]
    assert "migrations/2_b.go" in history.ignored


def test_a_java_migration_of_flyway_has_its_place_too(tmp_path):
    files = {
        "migrations/V1__a.sql": "SELECT 1",
        "migrations/V1_1__b.java": "",
        "migrations/V2__c.sql": "",
    }
    (step,) = read(project(tmp_path, files), "flyway").code
    assert (step.path, step.before) == ("migrations/V1_1__b.java", "2")


@pytest.mark.parametrize(
    ("first", "said", "wrapped"),
    [
        ("PRAGMA foreign_keys = OFF;\nBEGIN;\nSELECT 1;\nCOMMIT;", None, False),
        ("begin immediate;\nSELECT 1;\nCOMMIT;", None, False),
        ("SELECT 1;", None, True),
        ("BEGIN;\nSELECT 1;\nCOMMIT;", True, True),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;", None, True),
    ],
)
def test_a_history_whose_oldest_file_opens_a_transaction_is_not_wrapped(
    tmp_path, first, said, wrapped
):
    files = {"migrations/1_a.up.sql": first, "migrations/2_b.up.sql": "BEGIN;\nCOMMIT;"}
    options = adapters.Options(Dialect.SQLITE, transaction=said)
    assert read(project(tmp_path, files), options=options).transactional is wrapped


_TWO = "SET LOCAL lock_timeout = '2s';\nSELECT 1;"
_OUTSIDE = "run_in_transaction = false"
_ALONE = "CREATE INDEX CONCURRENTLY i ON t (a);"


@pytest.mark.parametrize(
    ("files", "framework", "wrapped"),
    [
        ({"1_a.sql": f"-- +goose Up\n{_TWO}"}, "goose", True),
        ({"1_a.sql": f"-- +goose NO TRANSACTION\n-- +goose Up\n{_ALONE}"}, "goose", False),
        ({"1_a.sql": f"-- migrate:up\n{_TWO}"}, "dbmate", True),
        ({"1_a.sql": f"-- migrate:up transaction:false\n{_ALONE}"}, "dbmate", False),
        ({"V1__a.sql": _TWO}, "flyway", True),
        ({"V1__a.sql": _ALONE}, "flyway", False),
        ({"1_a.up.sql": _TWO}, "golang-migrate", True),
        ({"1_a.up.sql": _ALONE}, "golang-migrate", False),
        ({"1_a.up.sql": f"BEGIN;\n{_TWO}\nCOMMIT;"}, "golang-migrate", False),
        ({"1_a/migration.sql": _TWO}, "numbered", True),
        ({"1_a/migration.sql": _ALONE}, "numbered", False),
        ({"1_a/up.sql": _ALONE}, "numbered", True),
        ({"1_a/up.sql": _ALONE, "1_a/metadata.toml": _OUTSIDE}, "numbered", False),
        ({"1_a.sql": _TWO}, "numbered", None),
    ],
)  # fmt: skip
def test_on_postgres_the_tool_decides_about_the_transaction(tmp_path, files, framework, wrapped):
    root = project(tmp_path, {f"migrations/{name}": text for name, text in files.items()})
    (migration,) = read(root, framework, adapters.Options(Dialect.POSTGRES)).migrations
    assert migration.transactional is wrapped
    said = read(root, framework, adapters.Options(Dialect.POSTGRES, transaction=True))
    assert said.transactional is True
