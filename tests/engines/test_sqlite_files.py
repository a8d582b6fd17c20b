"""Reading samples: what is read, what is refused, and that the original stays as it was."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.engines import sqlite as engine
from migsafe.errors import UnreadableSample


def make(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for sql in statements:
            database.execute(sql)
    return path


def rows(data: bytes, query: str) -> list[tuple[object, ...]]:
    with closing(engine.clone(data)) as database:
        return database.execute(query).fetchall()


FILL = (
    "CREATE TABLE t (a)",
    "WITH c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5000) "
    "INSERT INTO t SELECT hex(randomblob(20)) FROM c",
)


def test_a_database_is_known_by_its_header(tmp_path: Path) -> None:
    path = make(tmp_path / "sample.backup", "CREATE TABLE t (a)", "INSERT INTO t VALUES (7)")
    assert rows(engine.read_sample(path), "SELECT a FROM t") == [(7,)]


def test_a_gzipped_database_is_unpacked(tmp_path: Path) -> None:
    plain = make(tmp_path / "a.db", "CREATE TABLE t (a)")
    packed = tmp_path / "a.db.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert engine.read_sample(packed) == engine.read_sample(plain)


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A database whose newest row is in the write-ahead log only, as copied off a device."""
    live, copy = tmp_path / "live", tmp_path / "copy"
    live.mkdir()
    copy.mkdir()
    with closing(sqlite3.connect(live / "a.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (a)")
        database.execute("PRAGMA wal_checkpoint")
        database.execute("INSERT INTO t VALUES ('in the log')")
        for name in ("a.db", "a.db-wal"):
            shutil.copyfile(live / name, copy / name)
    return copy / "a.db"


def test_the_log_beside_a_database_is_read_and_nothing_is_touched(logged: Path) -> None:
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in logged.parent.iterdir()}
    data = engine.read_sample(logged)
    assert rows(data, "SELECT a FROM t") == [("in the log",)]
    assert data[18:20] == b"\x01\x01"
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in logged.parent.iterdir()}
    assert after == before


def test_without_its_log_a_database_in_wal_mode_can_be_cloned(logged: Path) -> None:
    Path(f"{logged}-wal").unlink()
    assert rows(engine.read_sample(logged), "SELECT a FROM t") == []


def test_a_hot_journal_is_rolled_back_on_a_copy(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES ('kept')")
    copy = tmp_path / "copy"
    copy.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE t SET a = 'half done'")
        database.execute("INSERT INTO t SELECT zeroblob(100000)")
        for name in ("a.db", "a.db-journal"):
            shutil.copyfile(tmp_path / name, copy / name)
    assert rows(engine.read_sample(copy / "a.db"), "SELECT a FROM t") == [("kept",)]
    assert sorted(p.name for p in copy.iterdir()) == ["a.db", "a.db-journal"]


def test_rows_that_break_constraints_do_not_make_a_sample_unreadable(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db",
        "CREATE TABLE t (a CHECK (a > 0), b NOT NULL DEFAULT 1)",
        "PRAGMA ignore_check_constraints = ON",
        "INSERT INTO t VALUES (-1, 1)",
        "CREATE TABLE child (t REFERENCES absent)",
        "INSERT INTO child VALUES (1)",
    )
    assert rows(engine.read_sample(path), "SELECT count(*) FROM t") == [(1,)]


def test_what_only_the_app_registers_does_not_make_a_sample_unreadable(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as database:
        database.create_function("app_fn", 1, lambda a: a, deterministic=True)
        database.create_collation("app_order", lambda a, b: (a > b) - (a < b))
        database.execute("CREATE TABLE t (a COLLATE app_order UNIQUE, CHECK (app_fn(a) <> 'no'))")
        database.execute("INSERT INTO t VALUES ('b'), ('a')")
    data = engine.read_sample(tmp_path / "a.db")
    assert rows(data, "SELECT a FROM t ORDER BY a") == [("a",), ("b",)]


# -- refused -----------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    make(path, *FILL)
    path.write_bytes(path.read_bytes()[: -3 * 4096 - 100])


def scribbled(path: Path) -> None:
    make(path, *FILL)
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * 4096 + data[12288:])


def scribbled_index(path: Path) -> None:
    make(path, *FILL, "CREATE INDEX i ON t (a)")
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'i'"
        (page,) = database.execute(query).fetchone()
    data = path.read_bytes()
    path.write_bytes(data[: (page - 1) * 4096] + b"\xff" * 4096 + data[page * 4096 :])


def broken_schema(path: Path) -> None:
    make(path, "CREATE TABLE t (a)", "PRAGMA writable_schema = ON",
         "UPDATE sqlite_master SET sql = 'CREATE TABLE t (secret, '")  # fmt: skip


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("a.db", lambda p: p.write_bytes(b""), "empty"),
        ("a.db", lambda p: p.write_bytes(os.urandom(4096)), "not a SQLite database, or it is enc"),
        ("a.db", lambda p: p.write_text("CREATE TABLE t (a);"), "not a SQLite database"),
        ("a.db", lambda p: None, "cannot be read: no such file"),
        ("a.db", lambda p: p.mkdir(), "cannot be read: is a directory"),
        ("a.db", truncated, "corrupt: it is shorter than its header says"),
        ("a.db", scribbled, "corrupt: database disk image is malformed"),
        ("a.db", scribbled_index, "corrupt: a page cannot be read"),
        ("a.db", broken_schema, "corrupt: malformed database schema"),
        ("a.db", lambda p: p.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000), "corrupt"),
        ("a.db.gz", lambda p: p.write_bytes(b"no gzip"), "not a whole gzip file"),
        ("a.db.gz", lambda p: p.write_bytes(gzip.compress(b"x" * 9999)[:-9]), "not a whole gzip"),
        ("a.db.gz", lambda p: p.write_bytes(gzip.compress(b"")), "empty"),
        ("a.sql", lambda p: p.write_bytes(b""), "empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_in_a_sentence(
    tmp_path: Path, name: str, write: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(UnreadableSample) as caught:
        engine.read_sample(path)
    assert words in caught.value.message
    assert caught.value.place == str(path)
    assert "\n" not in caught.value.message


# -- scripts -----------------------------------------------------------------------------------

DUMP = """\ufeffPRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE t (a TEXT COLLATE UNICODE, b REFERENCES absent);
INSERT INTO t VALUES('one;two', 1);
CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;
COMMIT;
"""


@pytest.mark.parametrize("name", ["old.sql", "old.SQL", "old.sql.gz"])
def test_a_script_builds_its_database(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    raw = DUMP.encode()
    path.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    assert rows(engine.read_sample(path), "SELECT * FROM t") == [("one;two", 1)]


def test_an_open_transaction_at_the_end_of_a_script_counts(tmp_path: Path) -> None:
    path = tmp_path / "old.sql"
    path.write_text("BEGIN; CREATE TABLE t (a)")
    assert rows(engine.read_sample(path), "SELECT * FROM t") == []


@pytest.mark.parametrize(
    ("script", "line", "words"),
    [
        ("CREATE TABLE t (a);\n\nINSERT INTO u VALUES (1);", 3, "no such table: u"),
        ("CREATE TABLE t (a);\nCREATE TABEL u;", 2, "syntax error"),
        ("CREATE TABLE t (a);\nATTACH '{other}' AS o;", 2, "another file"),
        ("CREATE TABLE t (a);\nVACUUM INTO '{other}';", 2, "another file"),
        ("PRAGMA temp_store_directory = '{folder}';", 1, "another file"),
        ("\nSELECT load_extension('x');", 2, "not authorized"),
    ],
)
def test_a_failing_script_is_placed_at_its_line(
    tmp_path: Path, script: str, line: int, words: str
) -> None:
    path, other = tmp_path / "old.sql", tmp_path / "other.db"
    path.write_text(script.format(other=other, folder=tmp_path))
    with pytest.raises(UnreadableSample, match=words) as caught:
        engine.read_sample(path)
    assert caught.value.place == f"{path}:{line}"
    assert not other.exists()


def test_values_stay_out_of_a_failing_scripts_message(tmp_path: Path) -> None:
    path = tmp_path / "old.sql"
    path.write_text("CREATE TABLE t (a);\nINSERT INTO t VALUES (json('secret 4711'));\n"
                    "SELECT raise('secret 4711')")  # fmt: skip
    with pytest.raises(UnreadableSample) as caught:
        engine.read_sample(path)
    assert "4711" not in caught.value.message


def test_a_script_that_is_no_text_is_placed_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "old.sql"
    path.write_bytes(b"CREATE TABLE t (a);\n-- caf\xe9\n")
    with pytest.raises(UnreadableSample, match="not UTF-8") as caught:
        engine.read_sample(path)
    assert caught.value.place == f"{path}:2"
