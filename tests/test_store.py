"""The cache: it changes nothing but the time, and nothing that is wrong with it matters."""

from __future__ import annotations

from pathlib import Path

import pytest

from migsafe import store
from migsafe.adapters import Options, load
from migsafe.analyse import Runner, analyse
from migsafe.model.evidence import Evidence
from migsafe.model.migration import Dialect

COUNT = 25


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIGSAFE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project" / "migrations"
    folder.mkdir(parents=True)
    for number in range(1, COUNT + 1):
        (folder / f"{number:04}_t.sql").write_text(
            f"CREATE TABLE t{number} (a TEXT);\nINSERT INTO t{number} SELECT sqlite_version();\n"
        )
    return folder.parent


def cache() -> Path:
    place = store.folder()
    assert place is not None
    return place


def evidence(project: Path) -> Evidence:
    history = load("numbered", project, project / "migrations", Options(Dialect.SQLITE))
    return analyse(history, (), Runner(), {})


def test_what_comes_from_the_cache_is_what_reading_gives(project: Path):
    cold = evidence(project)
    assert (cache() / "read.db").is_file()
    assert evidence(project) == cold


def test_a_changed_file_is_read_again(project: Path):
    evidence(project)
    path = project / "migrations" / f"{COUNT:04}_t.sql"
    path.write_text("CREATE TABLE other (b TEXT); INSERT INTO missing_column (z) VALUES (1);")
    last = evidence(project).steps[-2:]
    (made,) = last[0].statement.operations or ()
    assert made.table == "other"
    assert "other" in last[1].after.tables


def test_a_new_migration_is_rehearsed_after_the_kept_ones(project: Path):
    evidence(project)
    path = project / "migrations" / "0099_t.sql"
    path.write_text("CREATE TABLE t1 (again TEXT);")
    assert evidence(project).steps[-1].error == "table t1 already exists"
    path.write_text("DROP TABLE t1;")
    assert evidence(project).steps[-1].error == ""


@pytest.mark.parametrize("damage", [b"no database at all", b""])
def test_a_damaged_cache_only_costs_time(project: Path, damage: bytes):
    cold = evidence(project)
    (cache() / "read.db").write_bytes(damage)
    assert evidence(project) == cold


def test_a_damaged_entry_is_read_again(project: Path):
    cold = evidence(project)
    database = store._opened()
    assert database is not None
    database.execute("UPDATE read SET value = x'80049500'")
    database.close()
    assert evidence(project) == cold


def test_it_can_be_switched_off(project: Path, monkeypatch: pytest.MonkeyPatch):
    place = cache()
    monkeypatch.setenv("MIGSAFE_CACHE", "off")
    evidence(project)
    assert not place.exists()


def test_a_folder_that_cannot_be_made_only_costs_time(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIGSAFE_CACHE", str(tmp_path / "file" / "below"))
    assert len(evidence(project).steps) == 2 * COUNT
