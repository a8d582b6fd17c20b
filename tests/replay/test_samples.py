"""Samples: which files they are, and which version each one has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from migsafe.adapters import revision_of
from migsafe.errors import ConfigError, MigsafeError, UnreadableSample
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.sample import Sample
from migsafe.replay import samples

HISTORY = History(
    Dialect.SQLITE,
    "numbered",
    (Migration("0001", "m/0001.sql"), Migration("0002", "m/0002.sql", ("0001",))),
)
TRACKED = History(
    Dialect.SQLITE,
    "alembic",
    (Migration("a", "a.py"), Migration("b", "b.py", ("a",))),
    version_tables=("alembic_version",),
    version_query="SELECT version_num FROM alembic_version",
)
SCRIPT = "CREATE TABLE t (a);\n"


def load(
    root: Path, history: History = HISTORY
) -> tuple[tuple[Sample, ...], tuple[MigsafeError, ...]]:
    return samples.load(root / "samples", root, history, revision_of)


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_which_files_are_samples(tmp_path):
    names = ["a.sqlite", "b.SQLITE3", "c.db", "d.db3", "e.sql", "f.db.gz", "g.SQL.GZ", "x/y/z.db"]
    others = ["notes.txt", ".hidden.db", "a.db-wal", "a.db-shm", "samples.toml", "a.gz", "db"]
    write(tmp_path, dict.fromkeys([*names, *others], ""))
    found = samples.files(tmp_path / "samples")
    assert [p.relative_to(tmp_path / "samples").as_posix() for p in found] == sorted(names)
    assert samples.files(tmp_path / "samples" / "c.db") == (tmp_path / "samples" / "c.db",)


def test_the_version_by_folder_base_or_list(tmp_path):
    write(
        tmp_path,
        {
            "0001/a.sql": SCRIPT,
            "base/b.sql": SCRIPT,
            "2/c.sql": SCRIPT,
            "d.sql": SCRIPT,
            "samples.toml": '[[sample]]\nfile = "d.sql"\nversion = "base"\nweight = 7\n'
            '[[sample]]\nfile = "0001/a.sql"\nversion = 2\n',
        },
    )
    found, errors = load(tmp_path)
    assert errors == ()
    assert {s.path: (s.revision, s.weight) for s in found} == {
        "samples/0001/a.sql": ("0002", 1.0),
        "samples/2/c.sql": ("0002", 1.0),
        "samples/base/b.sql": (None, 1.0),
        "samples/d.sql": (None, 7.0),
    }


def test_the_version_by_the_database_itself(tmp_path, database):
    write(
        tmp_path,
        {
            "two.db": database(f"{SCRIPT}PRAGMA user_version = 2;"),
            "0001/one.db": database(f"{SCRIPT}PRAGMA user_version = 1;"),
            "0001/none.db": database(SCRIPT),
        },
    )
    found, errors = load(tmp_path)
    assert errors == ()
    assert {s.path: (s.revision, s.tracked) for s in found} == {
        "samples/0001/none.db": ("0001", ""),
        "samples/0001/one.db": ("0001", "user_version"),
        "samples/two.db": ("0002", "user_version"),
    }


def test_the_version_by_the_frameworks_own_table(tmp_path, database):
    table = "CREATE TABLE alembic_version (version_num TEXT);"
    write(
        tmp_path,
        {
            "a.db": database(f"{table} INSERT INTO alembic_version VALUES ('a');"),
            "empty.db": database(table),
            "base/none.db": database(SCRIPT),
            "zzz.db": database(f"{table} INSERT INTO alembic_version VALUES ('zzz');"),
            "odd.db": database("CREATE TABLE alembic_version (other TEXT);"),
        },
    )
    found, errors = load(tmp_path, TRACKED)
    assert {s.path: (s.revision, s.tracked) for s in found} == {
        "samples/a.db": ("a", "table"),
        "samples/base/none.db": (None, ""),
        "samples/empty.db": (None, "table"),
        "samples/odd.db": (None, "table"),
    }
    (error,) = errors
    assert isinstance(error, UnreadableSample)
    assert error.place == "samples/zzz.db"
    assert "version zzz" in error.message
    assert "newest is b" in error.hint


def test_bytes_digest_and_place_are_those_of_the_file(tmp_path, database):
    data = database(SCRIPT)
    write(tmp_path, {"0001/a.db": data, "0001/b.db": data})
    (a, b), _ = load(tmp_path)
    assert a.data == b.data == data
    assert a.digest == b.digest
    assert len(a.digest) == 64


def test_one_file_may_stand_for_the_folder(tmp_path, database):
    write(tmp_path, {"a.db": database(f"{SCRIPT}PRAGMA user_version = 1;")})
    found, errors = samples.load(tmp_path / "samples/a.db", tmp_path, HISTORY, revision_of)
    assert (len(found), errors) == (1, ())


def test_a_folder_outside_the_project(tmp_path, database):
    write(tmp_path, {"a.db": database(f"{SCRIPT}PRAGMA user_version = 1;")})
    inner = tmp_path / "project"
    inner.mkdir()
    (sample,), _ = samples.load(tmp_path / "samples", inner, HISTORY, revision_of)
    assert sample.path.endswith("samples/a.db")


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(ConfigError, match="samples folder samples does not exist"):
        load(tmp_path)


def test_the_list_may_begin_with_a_byte_order_mark(tmp_path):
    write(
        tmp_path,
        {"a.sql": SCRIPT, "samples.toml": '\ufeff[[sample]]\nfile = "a.sql"\nversion = "1"\n'},
    )
    (sample,), _ = load(tmp_path)
    assert sample.revision == "0001"
