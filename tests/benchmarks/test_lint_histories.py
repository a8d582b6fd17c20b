"""The benchmark on public histories: which files it takes, and how it draws its sample."""

from __future__ import annotations

import csv
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.lint_histories import (
    SHEET,
    Linted,
    chosen,
    entries,
    lay_out,
    linted,
    natural,
    sample,
    table,
    variants,
)

SHEET_FILE = Path(__file__).parents[2] / "benchmarks" / "lint-precision.tsv"


def finding(
    rule: str, line: int, severity: str = "error", suppressed: object = None
) -> dict[str, Any]:
    place = {"path": "migrations/1.sql", "line": line}
    return {"rule": rule, "severity": severity, "suppressed": suppressed, **place}


def history(*findings: dict[str, Any]) -> Linted:
    entry = {"name": "shop", "dialect": "sqlite", "path": "migrations"}
    return Linted(entry, {"findings": list(findings)}, 0, 0, 0.0, 1)


def test_versions_are_sorted_by_value():
    assert sorted(["v1.10/a.sql", "v1.9/b.sql"], key=natural) == ["v1.9/b.sql", "v1.10/a.sql"]


def test_the_file_of_the_dialect_wins_over_the_common_one():
    files = dict.fromkeys(
        (
            "1_a.up.sql", "1_a.mysql.up.sql", "1_a.sqlite3.up.sql", "1_a.down.sql",
            "2_b.autocommit.up.sql", "2_b.cockroach.autocommit.up.sql", "3_c.cockroach.up.sql",
        ),
        b"",
    )  # fmt: skip
    assert list(variants(files, "mysql")) == ["1_a.mysql.up.sql", "2_b.autocommit.up.sql"]
    assert list(variants(files, "sqlite")) == ["1_a.sqlite3.up.sql", "2_b.autocommit.up.sql"]
    assert list(variants(files, "postgres")) == ["1_a.up.sql", "2_b.autocommit.up.sql"]


def test_folders_become_numbers_and_placeholders_are_filled_in():
    files = {"v1.10/a.sql": b"DROP TABLE ${t}", "v1.9/b.sql": b"", "v1.9/manifest.json": b"{}"}
    entry = {"flatten": True, "replace": {"${t}": "song"}}
    assert chosen(files, entry) == {
        "0001_v1.9-b.sql": b"",
        "0002_v1.10-a.sql": b"DROP TABLE song",
    }


def test_a_sample_has_few_of_each_rule_and_is_the_same_for_the_same_seed():
    lines = [finding("one", n) for n in range(20)] + [finding("two", 5)]
    lines += [finding("three", 1, "warning"), finding("four", 1, suppressed={"line": 1})]
    drawn = sample([history(*lines)], seed=7, size=50)
    assert Counter(row[4] for row in drawn) == {"one": 3, "two": 1}
    assert drawn == sample([history(*reversed(lines))], seed=7, size=50)
    assert drawn != sample([history(*lines)], seed=8, size=50)


def test_a_laid_out_history_is_linted(tmp_path: Path):
    clone = tmp_path / "clones" / "me+shop"
    clone.mkdir(parents=True)
    (clone / "db").mkdir()
    (clone / "db" / "1_start.sql").write_text("CREATE TABLE song (id INTEGER);\nFROB x;\n")
    (clone / "db" / "2_more.sql").write_text("ALTER TABLE song ADD COLUMN n TEXT NOT NULL;\n")
    for words in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm 1"):
        subprocess.run(["git", *words.split()], cwd=clone, check=True)
    entry = {"name": "shop", "repository": "me/shop", "commit": "HEAD", "path": "db"}
    entry |= {"dialect": "sqlite", "framework": "numbered", "take": r"\d_.*"}
    lay_out(tmp_path / "clones", tmp_path / "out", entry)
    result = linted(tmp_path / "out", entry)
    assert [f["rule"] for f in result.found("error")] == ["not-null-without-default"]
    assert (result.unread, result.report["checked"]["statements"]) == (1, 3)
    assert "| shop | HEAD | numbered | sqlite | 2 | 3 | 66.67 % |" in table([result])


@pytest.mark.parametrize("entry", entries(), ids=[e["name"] for e in entries()])
def test_each_listed_history_says_where_it_comes_from(entry: dict[str, Any]):
    needed = {"name", "repository", "commit", "path", "dialect", "framework"}
    assert needed <= set(entry) <= needed | {
        "take", "variant", "flatten", "replace", "before", "live_traffic",
    }  # fmt: skip


def test_every_finding_of_the_sheet_is_judged():
    with SHEET_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names = {e["name"] for e in entries()}
    assert tuple(rows[0]) == (*SHEET, "sample")
    assert {row["verdict"] for row in rows} <= {"true", "debatable", "false"}
    assert all(row["reason"] and row["project"] in names for row in rows)
    most = Counter((r["sample"], r["project"], r["rule"]) for r in rows)
    assert max(most.values()) <= 3
