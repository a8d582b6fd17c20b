"""Linting a file on what was kept of the migrations before it says what linting it cold says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migsafe import store

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "rules"
TEXTS = sorted(p.read_text("utf-8") for p in FIXTURES.rglob("*/0*.sql"))
COUNT = 70

Lint = Callable[[str, str], Any]


def name(number: int) -> str:
    return f"migrations/{number:04}_step.sql"


def history(seed: int) -> list[str]:
    """Migrations of all fixtures, in an order of the seed's; what they need made before them."""
    return random.Random(seed).sample(TEXTS, COUNT)


@pytest.fixture
def root(project, tmp_path) -> Callable[[list[str], str], Path]:
    def make(texts: list[str], settings: str) -> Path:
        files = {name(n): text for n, text in enumerate(texts, 1)}
        made: Path = project({**files, "migsafe.toml": settings})
        return made

    return make


@pytest.fixture
def same(inside, tmp_path) -> Callable[[Path, int], None]:
    """Lints one file without a cache, and with it twice: the reports must be the same."""

    def run(root: Path, number: int) -> None:
        reports = []
        for cache in ("off", str(tmp_path / "cache"), str(tmp_path / "cache")):
            done = inside(
                "lint", name(number), "--format", "json", cwd=root, env={"MIGSAFE_CACHE": cache}
            )
            assert done.err == ""
            reports.append({**done.json, "timings": None})
        assert reports[0] == reports[1] == reports[2]
        assert reports[0]["checked"]["migrations"] == 1

    return run


@pytest.mark.parametrize("dialect", ["sqlite", "postgres", "mysql"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_file_in_turn(root, same, dialect: str, seed: int):
    folder = root(history(seed), f'dialect = "{dialect}"\n')
    for number in (COUNT, 30, 31, COUNT - 1, 52, COUNT):
        same(folder, number)


def test_settings_that_change_what_a_statement_does(root, same):
    texts = history(4)
    for settings in (
        'dialect = "postgres"\n',
        'dialect = "postgres"\n[engine]\noldest = "11"\n',
        'dialect = "sqlite"\n[migrations]\ntransaction = false\n',
        'dialect = "sqlite"\n[migrations]\non_error = "continue"\n',
        'dialect = "sqlite"\n[migrations]\nforeign_keys = true\n',
    ):
        same(root(texts, settings), COUNT)


def test_edited_added_and_renamed_files(root, same):
    texts = history(5)
    folder = root(texts, "")
    same(folder, COUNT)
    (folder / name(COUNT)).write_text("DROP TABLE draft;\n")
    same(folder, COUNT)
    (folder / name(3)).write_text("CREATE TABLE draft (id INTEGER PRIMARY KEY, body TEXT);\n")
    same(folder, COUNT)
    (folder / name(COUNT + 1)).write_text("ALTER TABLE draft ADD COLUMN at TEXT NOT NULL;\n")
    same(folder, COUNT + 1)
    (folder / name(3)).rename(folder / "migrations" / "0003_other.sql")
    same(folder, COUNT)
    (folder / name(20)).unlink()
    same(folder, COUNT)


def test_an_error_before_the_file_ends_the_rehearsal_for_good(root, same):
    made = [f"CREATE TABLE t{n} (a TEXT);\n" for n in range(1, COUNT)]
    made[40] = "CREATE TABLE t1 (again TEXT);\n"
    same(root([*made, "CREATE TABLE t2 (again TEXT);\n"], ""), COUNT)


def test_what_was_kept_is_used(root, inside, tmp_path, monkeypatch):
    folder = root(history(6), "")
    cache = {"MIGSAFE_CACHE": str(tmp_path / "cache")}
    inside("lint", name(COUNT), cwd=folder, env=cache)
    saved: list[str] = []
    monkeypatch.setattr(store, "save_value", lambda name, _: saved.append(name.partition(" /")[0]))
    (folder / name(COUNT)).write_text("CREATE TABLE newest (a TEXT);\n")
    inside("lint", name(COUNT), cwd=folder, env=cache)
    assert saved == ["judgement of some"]
    (folder / name(3)).write_text("CREATE TABLE other (a TEXT);\n")
    inside("lint", name(COUNT), cwd=folder, env=cache)
    assert saved[1:] == ["before focus", "judgement of some"]


@pytest.mark.parametrize("damage", ["x'80049500'", "zeroblob(50)", "value || x'00'", "NULL"])
def test_what_is_damaged_is_made_again(root, same, tmp_path, damage: str):
    folder = root(history(7), "")
    same(folder, COUNT)
    database = store._opened()
    assert database is not None
    database.execute(f"UPDATE read SET value = {damage}")
    database.close()
    same(folder, COUNT)


WHOLE = [f"CREATE TABLE t{n} (a TEXT);\n" for n in range(1, COUNT)]


@pytest.mark.parametrize(
    "change",
    [
        ("migrations/0070_step.sql", "ALTER TABLE t1 ADD COLUMN b TEXT NOT NULL;\n"),
        ("migrations/0002_step.sql", "-- migsafe: allow nothing\nCREATE TABLE t2 (a);\n"),
        ("migrations/0071_code.py", "print()\n"),
        ("migsafe.toml", '[migrations]\non_error = "continue"\n'),
        ("migsafe.toml", '[engine]\noldest = "3.8"\n'),
        ("migsafe.toml", '[rules]\npaths = ["own"]\n'),
        ("migsafe.lock", f"migrations/0001_step.sql 0001 {'0' * 64} 1.0\n"),
    ],
)
def test_a_judgement_is_made_anew_where_anything_is_new(project, inside, tmp_path, change):
    texts = dict.fromkeys(("title", "category", "message", "remedy"), "x")
    texts |= {"id": "no-t1", "severity": "note", "needs": "schema"}
    texts |= {"find": "SELECT statement FROM operation WHERE tbl = 't1'"}
    rule = "".join(f'{key} = "{text}"\n' for key, text in texts.items())
    files = {name(n): text for n, text in enumerate([*WHOLE, "DROP TABLE t1;\n"], 1)}
    folder = project({**files, "own/no-t1/rule.toml": rule})
    env = {"MIGSAFE_CACHE": str(tmp_path / "cache")}

    def report(**env: str) -> Any:
        return {**inside("lint", "--format", "json", cwd=folder, env=env).json, "timings": None}

    before = report(**env)
    assert report(**env) == before
    path, text = change
    (folder / path).write_text(text)
    after = report(**env)
    assert after == report() == report(**env)


def test_the_same_judgement_is_not_made_twice(root, inside, tmp_path, monkeypatch):
    folder = root(WHOLE, "")
    cache = {"MIGSAFE_CACHE": str(tmp_path / "cache")}
    first = inside("lint", cwd=folder, env=cache)
    monkeypatch.setattr("migsafe.cli.resuming._judged", None)
    again = inside("lint", cwd=folder, env=cache)
    assert again.out.splitlines()[1:] == first.out.splitlines()[1:]
