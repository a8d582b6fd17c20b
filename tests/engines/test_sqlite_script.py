"""A database written as a script and built again is the same database, to the byte."""

from __future__ import annotations

import sqlite3
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from migsafe.engines import sqlite as engine
from migsafe.engines.sqlite_script import script
from migsafe.schema.diff import diff
from migsafe.schema.inspect import inspect
from migsafe.sql.tokens import quoted

ENCODINGS = ("UTF-8", "UTF-16le", "UTF-16be")
TABLES = (
    "CREATE TABLE plain (a, b TEXT, c INTEGER, d REAL, e NUMERIC, f BLOB)",
    "CREATE TABLE keyed (id INTEGER PRIMARY KEY, a, b TEXT, c INTEGER, d REAL)",
    "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, a, b TEXT)",
    "CREATE TABLE packed (a NOT NULL, b, c TEXT, PRIMARY KEY (a)) WITHOUT ROWID",
    "CREATE TABLE made (a, is_what TEXT AS (typeof(b)) STORED, b TEXT, filled AS (a IS NOT NULL))",
    'CREATE TABLE "odd ""name" (rowid, "sel;ect" TEXT, -- a remark\n oid)',
    "CREATE TABLE falling (id INTEGER PRIMARY KEY DESC, a)",
)
OTHERS = (
    "CREATE UNIQUE INDEX by_id ON keyed (id, a) WHERE a IS NOT NULL",
    "CREATE INDEX by_text ON plain (b COLLATE NOCASE DESC, length(b))",
    "CREATE VIEW shown AS SELECT a FROM plain -- with a remark",
    "CREATE TRIGGER noted AFTER INSERT ON keyed BEGIN"
    " INSERT INTO plain (b) VALUES ('by; trigger'); END",
    "CREATE TRIGGER through INSTEAD OF INSERT ON shown BEGIN SELECT 1; END",
)


def contents(database: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table with the types and the bytes of its values, and its rowid."""
    found = {}
    names = [r[0] for r in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in names:
        columns = [r[1] for r in database.execute(f"PRAGMA table_xinfo({quoted(name)})")]
        shown = [quoted(c) for c in columns] + (["_rowid_"] if has_rowid(database, name) else [])
        asked = ", ".join(f"typeof({c}), {c}, CAST({c} AS BLOB)" for c in shown)
        database.text_factory = bytes
        rows = database.execute(f"SELECT {asked} FROM {quoted(name)}").fetchall()
        database.text_factory = str
        found[name] = sorted((tuple(map(exact, row)) for row in rows), key=repr)
    for pragma in ("user_version", "application_id", "encoding"):
        found[pragma] = database.execute(f"PRAGMA {pragma}").fetchall()
    return found


def has_rowid(database: sqlite3.Connection, table: str) -> bool:
    try:
        database.execute(f"SELECT _rowid_ FROM {quoted(table)}")
    except sqlite3.OperationalError:
        return False
    return True


def exact(value: object) -> object:
    return struct.pack(">d", value) if isinstance(value, float) else value


def built(text: str, folder: Path) -> sqlite3.Connection:
    path = folder / "sample.sql"
    path.write_bytes(text.encode())
    return engine.clone(engine.read_sample(path))


def by_program(text: str, folder: Path) -> sqlite3.Connection:
    """The same by the program `sqlite3`, with the script on its standard input."""
    path = folder / "by-program.db"
    path.unlink(missing_ok=True)
    subprocess.run(["sqlite3", "-bail", path], input=text.encode(), check=True)
    return sqlite3.connect(path)


@pytest.fixture
def old() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        yield database


def same(old: sqlite3.Connection, folder: Path) -> str:
    text = script(old)
    assert script(old) == text
    with closing(built(text, folder)) as new:
        assert diff(inspect(old), inspect(new)) == ()
        assert contents(new) == contents(old)
    return text


texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.binary(max_size=8),
    texts,
    st.sampled_from(["it's", "a\x00b", "\ufeffx", "\r\n", "--", "/* ;", "\u202e", "'" * 3, "1e5"]),
)
raw_texts = st.binary(max_size=6).map(lambda b: ("raw", b))


@settings(max_examples=150, deadline=None)
@given(
    encoding=st.sampled_from(ENCODINGS),
    rows=st.lists(
        st.tuples(st.integers(0, len(TABLES) - 1), st.lists(values | raw_texts, min_size=6)),
        max_size=8,
    ),
    version=st.integers(-(2**31), 2**31 - 1),
    gaps=st.booleans(),
)
@example("UTF-8", [(0, [1.8450682577305105e-11, -0.0, 5e-324, 9e999, -9e999, 0])], 1, True)
@example("UTF-16le", [(0, ["\ufeff", ("raw", b"\xff\xfe\x41"), 1, 1, 1, 1])], 0, False)
def test_schema_rows_types_and_bytes_come_back(tmp_path_factory, encoding, rows, version, gaps):
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as old:
        old.execute(f"PRAGMA encoding = '{encoding}'")
        for sql in TABLES:
            old.execute(sql)
        for number, cells in rows:
            insert(old, number, cells)
        if gaps:
            old.execute("DELETE FROM plain WHERE rowid = 1")
            old.execute("DELETE FROM counted")
        for sql in OTHERS:
            old.execute(sql)
        old.execute(f"PRAGMA user_version = {version}")
        old.execute(f"PRAGMA application_id = {version // 2}")
        same(old, tmp_path_factory.getbasetemp())


def insert(database: sqlite3.Connection, number: int, cells: list[object]) -> None:
    (name,) = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        " ORDER BY rowid LIMIT 1 OFFSET ?",
        (number,),
    ).fetchone()
    info = database.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    columns = [row[1] for row in info if row[6] == 0 and row[1] != "id"]
    cells = cells[: len(columns)]
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(c, tuple) else "?" for c in cells)
    # What the table itself refuses is no row of an old database.
    database.execute(
        f"INSERT OR IGNORE INTO {quoted(name)} ({', '.join(map(quoted, columns))})"
        f" VALUES ({marks})",
        [c[1] if isinstance(c, tuple) else c for c in cells],
    )


def test_the_program_sqlite3_builds_the_same_database(old, tmp_path: Path):
    old.executescript("\n;".join((*TABLES, *OTHERS, "")))
    old.execute(
        "INSERT INTO plain VALUES ('a' || char(13, 10) || '.quit', CAST(x'ff00' AS TEXT), 1,"
        " 0.1, -9e999, x'00')"
    )
    old.execute("INSERT INTO counted (id, b) VALUES (9223372036854775806, 'a' || char(0))")
    text = same(old, tmp_path)
    with closing(by_program(text, tmp_path)) as new:
        assert diff(inspect(old), inspect(new)) == ()
        assert contents(new) == contents(old)


def test_full_text_and_r_tree_tables_are_written_by_what_they_show(old, tmp_path: Path):
    old.executescript(
        "CREATE VIRTUAL TABLE words USING fts5(title, body, tokenize = 'porter');"
        "CREATE VIRTUAL TABLE older USING fts4(body);"
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);"
        "CREATE VIRTUAL TABLE found USING fts5(body, content='note', content_rowid='id');"
        "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1);"
        "INSERT INTO words (rowid, title, body) VALUES (7, 'it''s', 'running'), (9, NULL, '');"
        "INSERT INTO older (docid, body) VALUES (5, 'old words');"
        "INSERT INTO note VALUES (3, 'some words');"
        "INSERT INTO found (found) VALUES ('rebuild');"
        "INSERT INTO box VALUES (4, 0.1, 0.7);"
    )
    text = script(old)
    assert "words_content" not in text
    assert "box_node" not in text
    with closing(built(text, tmp_path)) as new:
        assert diff(inspect(old), inspect(new)) == ()
        for query in (
            "SELECT rowid, title, body FROM words WHERE words MATCH 'run'",
            "SELECT count(*), sum(rowid) FROM words",
            "SELECT docid, body FROM older WHERE older MATCH 'words'",
            "SELECT rowid, body FROM found WHERE found MATCH 'words'",
            "SELECT id, x0, x1 FROM box",
        ):
            expected = old.execute(query).fetchall()
            assert new.execute(query).fetchall() == expected
            assert len(expected) == 1


def test_rows_that_break_a_check_come_back(old, tmp_path: Path):
    old.execute("CREATE TABLE t (n INTEGER CHECK (n > 0))")
    old.execute("PRAGMA ignore_check_constraints = ON")
    old.execute("INSERT INTO t VALUES (-1)")
    old.execute("PRAGMA ignore_check_constraints = OFF")
    assert "ignore_check_constraints" in same(old, tmp_path)


def test_a_script_reads_well(old):
    old.executescript(
        "CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE tag (name TEXT, used REAL);"
        "CREATE INDEX tag_name ON tag (name);"
        "INSERT INTO user VALUES (1, 'Zoë'), (2, 'two' || char(10) || 'lines');"
        "INSERT INTO tag VALUES (NULL, 0.5); PRAGMA user_version = 4;"
    )
    assert script(old) == (
        "PRAGMA foreign_keys = OFF;\n"
        "PRAGMA user_version = 4;\n"
        "BEGIN;\n"
        "CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT);\n"
        'INSERT INTO "user" ("id", "name") VALUES (1, \'Zoë\');\n'
        'INSERT INTO "user" ("id", "name") VALUES (2, \'two\' || char(10) || \'lines\');\n'
        "CREATE TABLE tag (name TEXT, used REAL);\n"
        'INSERT INTO "tag" ("name", "used") VALUES (NULL, 0.5);\n'
        "CREATE INDEX tag_name ON tag (name);\n"
        "COMMIT;\n"
    )


def test_the_connection_is_as_it_was(old):
    old.row_factory, old.text_factory = sqlite3.Row, bytes
    old.execute("CREATE TABLE t (a)")
    old.execute("INSERT INTO t VALUES ('x')")
    assert "(\"a\") VALUES ('x')" in script(old)
    assert (old.row_factory, old.text_factory) == (sqlite3.Row, bytes)


def test_a_database_without_objects(old, tmp_path: Path):
    assert same(old, tmp_path) == "PRAGMA foreign_keys = OFF;\nBEGIN;\nCOMMIT;\n"
