"""A check in parts: put together it is the check of everything, timings apart."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.cli import shards
from migsafe.cli.shards import Part
from migsafe.errors import UsageError
from migsafe.model.outcome import Outcome
from migsafe.model.sample import Sample
from tests.conftest import Run

DEMO = Path(__file__).resolve().parents[2] / "fixtures/demo"
TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, note TEXT);\n"
MIXED = {
    "migrations/0001_users.sql": TABLE,
    "migrations/0002_kind.sql": "ALTER TABLE users ADD COLUMN kind TEXT;\n",
    "migrations/0003_email.sql": "CREATE UNIQUE INDEX u ON users (email);\n"
    '-- migsafe: allow update-or-delete-without-where reason="a cache"\n'
    "DELETE FROM users;\n"
    '-- migsafe: allow null-copied-into-not-null reason="there is no such column"\n'
    "UPDATE users SET kind = lower(note) WHERE note IS NOT NULL;\n",
    "migsafe.toml": '[samples]\npath = "samples"\n[launch]\nqueries = "launch.sql"\n'
    '[[suppress]]\nrule = "rows-lost"\npath = "migrations/*"\nreason = "meant"\n',
    "launch.sql": "SELECT kind FROM users;\n",
    "samples/samples.toml": "".join(
        f'[[sample]]\nfile = "0001/{n:02}.sql"\nweight = {n + 1}\n' for n in range(8)
    ),
    **{
        f"samples/{version}/{n:02}.sql": TABLE
        + ("ALTER TABLE users ADD COLUMN kind TEXT;\n" if version == "0002" else "")
        + "INSERT INTO users (email, note) VALUES "
        + f"('a', 'x'), ('{'a' if n % 3 == 0 else 'b'}', {'NULL' if n % 2 else n});\n"
        for version in ("0001", "0002")
        for n in range(8)
    },
}


def in_parts(inside: Callable[..., Run], root: Path, number: int) -> list[str]:
    """The reports of all parts, the last first."""
    for n in range(1, number + 1):
        run = inside("check", "--shard", f"{n}/{number}", "--output", f"json=p{n}.json", cwd=root)
        assert run.code in {0, 1, 4}, run
    return [f"p{n}.json" for n in range(number, 0, -1)]


def untimed(run: Run) -> Any:
    report = run.json
    del report["timings"]
    return report


@pytest.mark.parametrize("number", [1, 3, 7])
def test_the_parts_together_are_the_whole(project, inside, number):
    root = project(MIXED)
    whole = inside("check", "--format", "json", cwd=root)
    assert whole.code == 1
    assert {f["rule"] for f in whole.json["findings"]} >= {"unique-index-over-duplicates"}
    assert any("there is nothing to allow" in n["why"] for n in whole.json["notes"])
    reports = in_parts(inside, root, number)
    merged = inside("merge", *reports, "--format", "json", cwd=root)
    assert merged.code == whole.code
    assert untimed(merged) == untimed(whole)


def test_every_option_of_the_report_goes_with_merge(project, inside):
    root = project(MIXED)
    reports = in_parts(inside, root, 3)
    for options in (("--max-blast", "1"), ("--no-suppressions",), ("--fail-on", "blocker")):
        whole = inside("check", *options, "--format", "json", cwd=root)
        merged = inside("merge", *reports, *options, "--format", "json", cwd=root)
        assert (merged.code, untimed(merged)) == (whole.code, untimed(whole))
    whole = inside("check", "--format", "markdown", cwd=root)
    merged = inside("merge", *reports, "--format", "markdown", cwd=root)
    assert [x for x in whole.out.splitlines() if " replays in " not in x] == [
        x for x in merged.out.splitlines() if " replays in " not in x
    ]


def test_the_demo_in_parts(tmp_path, inside):
    root = tmp_path / "app"
    shutil.copytree(DEMO, root)
    (root / ".git").mkdir()
    whole = inside("check", "--format", "json", cwd=root)
    merged = inside("merge", *in_parts(inside, root, 5), "--format", "json", cwd=root)
    assert untimed(merged) == untimed(whole)
    assert whole.json["replay"]["cases"] > 300


def test_what_could_not_be_read_is_told_once(project, inside):
    safe = {**MIXED, "migrations/0003_email.sql": "CREATE INDEX u ON users (email);\n"}
    root = project({**safe, "samples/0001/bad.db": b"no database"})
    whole = inside("check", "--format", "json", cwd=root)
    merged = inside("merge", *in_parts(inside, root, 3), "--format", "json", cwd=root)
    assert whole.code == merged.code == 4
    assert untimed(merged) == untimed(whole)


@pytest.mark.slow
def test_a_part_says_that_it_is_one(project, inside):
    root = project(MIXED)
    runs = [inside("check", "--shard", f"{n}/40", cwd=root) for n in range(1, 41)]
    assert sum("16 old databases" in run.out for run in runs) == 0
    empty = next(n for n, run in enumerate(runs, 1) if "checked nothing" in run.out)
    said = runs[empty - 1].out
    assert said.startswith(f"checked nothing: no sample is in part {empty} of 40\n")
    assert f"not run: the samples of other parts (--shard {empty}/40 replays 0 of 16" in said
    # That it did not meet what is allowed says nothing.
    assert all("there is nothing to allow" not in run.out for run in runs)


def test_no_value_stands_in_a_part(project, inside):
    root = project(MIXED)
    for n in range(8):
        path = root / f"samples/0001/{n:02}.sql"
        path.write_text(path.read_text().replace("'a'", "'Zebra7Canary'"))
    for report in in_parts(inside, root, 2):
        assert "zebra7canary" not in (root / report).read_text().lower()


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda root: (root / "p1.json").unlink(), "cannot be read"),
        (lambda root: (root / "p1.json").write_text("{}"), "not the report of a part"),
        (lambda root: (root / "p1.json").write_text("[" * 90_000), "not the report of a part"),
        (lambda root: (root / "p1.json").write_bytes(b"\xff"), "not the report of a part"),
        (lambda root: shutil.copy(root / "p2.json", root / "p1.json"), "of 2 parts there are 2, 2"),
        (lambda root: (root / "migrations/0003_email.sql").write_text("SELECT 1;\n"), "made from"),
        (lambda root: (root / "samples/0001/00.sql").write_text(TABLE), "made from"),
        (lambda root: (root / "samples/0001/99.sql").write_text(TABLE), "made from"),
    ],
)
def test_what_is_no_whole_is_refused(project, inside, break_it, why):
    root = project(MIXED)
    reports = in_parts(inside, root, 2)
    break_it(root)
    run = inside("merge", *reports, cwd=root)
    assert run.code == 2
    assert why in run.err


def test_a_damaged_part_is_refused(project, inside):
    root = project(MIXED)
    reports = in_parts(inside, root, 2)
    good = json.loads((root / "p1.json").read_text())
    for key, value in (("outcomes", [{}]), ("number", "1"), ("made", 1), ("more", 1)):
        (root / "p1.json").write_text(json.dumps({**good, "shard": {**good["shard"], key: value}}))
        run = inside("merge", *reports, cwd=root)
        assert (run.code, "not the report of a part" in run.err) == (2, True), key


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/", "/4", "a/b", "-1/4", "1/0", "²/4"])
def test_parts_count_from_one(text):
    with pytest.raises(UsageError):
        Part.parse(text)


def test_shard_goes_with_what_can_be_put_together(project, inside):
    root = project(MIXED)
    assert inside("check", "--shard", "1/2", "--mutate", cwd=root).code == 2


def test_a_name_alone_says_which_part():
    samples = [Sample(f"s/{n}.db", None, b"", "") for n in range(400)]
    parts = [Part(n, 4).mine(samples) for n in range(1, 5)]
    assert sorted(s.path for part in parts for s in part) == sorted(s.path for s in samples)
    assert all(60 < len(part) < 140 for part in parts)
    fewer = samples[::3]
    assert all(
        {s.path for s in Part(n, 4).mine(reversed(fewer))} <= {s.path for s in parts[n - 1]}
        for n in range(1, 5)
    )


def finite(outcome: Outcome) -> bool:
    numbers = [v for probe in outcome.probes for _, v in probe.first if isinstance(v, float)]
    return all(map(math.isfinite, [outcome.weight, *numbers]))


@settings(max_examples=150, deadline=None)
@given(st.from_type(Outcome).filter(finite))
def test_an_outcome_comes_back_as_it_was(outcome):
    text = json.dumps(asdict(outcome), allow_nan=False)
    assert shards._decoded(Outcome, json.loads(text)) == outcome


@pytest.mark.slow
def test_parts_on_a_server(project, inside, postgres):
    change = "ALTER TABLE person ALTER COLUMN email SET NOT NULL;\n"
    old = "CREATE TABLE person (id serial PRIMARY KEY, email text);\n"
    rows = "INSERT INTO person (email) VALUES ('a'), ({});\n"
    root = project(
        {
            "migsafe.toml": 'dialect = "postgres"\n[samples]\npath = "samples"\n',
            "migrations/0001_old.sql": old,
            "migrations/0002_change.sql": change,
            **{
                f"samples/0001/{n}.sql": old + rows.format("NULL" if n % 2 else "'b'")
                for n in range(4)
            },
        }
    )
    whole = inside("check", "--format", "json", cwd=root)
    merged = inside("merge", *in_parts(inside, root, 2), "--format", "json", cwd=root)
    assert (whole.code, merged.code) == (1, 1)
    assert untimed(merged) == untimed(whole)
