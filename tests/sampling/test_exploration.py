"""Exploring around sampled rows: what it finds, what it never makes up, what it leaves behind."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.model.variation import Ground, Variation
from migsafe.replay import explored, made
from migsafe.replay.plan import Plan
from migsafe.replay.schemas import schema_of
from migsafe.replay.trial import varied
from migsafe.sampling import Exploration
from migsafe.sql.split import split

OLD = """\
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE item (id INTEGER PRIMARY KEY, owner INTEGER REFERENCES owner (id),
  code TEXT NOT NULL CHECK (length(code) < 50000), size INTEGER CHECK (size < 1000), note TEXT);
INSERT INTO owner VALUES (1, 'canary-owner'), (2, 'canary-other');
INSERT INTO item VALUES (1, 1, '7', 10, 'canary-note'), (2, 2, '12', 20, NULL);
"""
TABLE = "CREATE TABLE n (id INTEGER PRIMARY KEY, v{rule});\n"


def plan(change: str, examples: int = 150) -> Plan:
    statements = split(change, Dialect.SQLITE, "m/1.sql")
    steps = (Migration("0", "m/0.sql"), Migration("1", "m/1.sql", ("0",), statements=statements))
    history = read(History(Dialect.SQLITE, "numbered", steps))
    return Plan(history, {"0": True, "1": True}, explorer=Exploration(examples))


def sample(script: str = OLD) -> Sample:
    with closing(engine.clone(engine.empty())) as database:
        database.executescript(script)
        return Sample("old.db", "0", database.serialize(), "")


def ground(script: str = OLD, *tables: str) -> Ground:
    with closing(engine.clone(sample(script).data)) as old:
        schema = schema_of(old)
        names = tables or tuple(schema.tables)
        counts = {t: old.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in names}
        return Ground(schema, names, rows=counts)


def found(change: str) -> list[Observation]:
    """What the exploration alone shows."""
    chosen = plan(change)
    pending = chosen.history.pending("0")
    return explored.explore(chosen, sample(), pending, (), ground()).observations


FINDS = [
    (
        " CHECK (length(v) < 1000)",
        "note",
        "coalesce(note, '')",
        "substr(coalesce(note, ''), 1, 99)",
    ),
    (" CHECK (v NOT LIKE '0%')", "code", "code", "coalesce(nullif(ltrim(code, '0'), ''), '?')"),
    (" CHECK (instr(v, char(10)) = 0)", "note", "note", "replace(note, char(10), ' ')"),
    (" CHECK (v = CAST(v AS INTEGER))", "size", "size", "CAST(size AS INTEGER)"),
]


@pytest.mark.parametrize(("rule", "column", "broken", "fixed"), FINDS)
def test_what_no_listed_variation_shows_is_found(rule: str, column: str, broken: str, fixed: str):
    first = TABLE.format(rule=rule)
    shown = found(first + f"INSERT INTO n SELECT id, {broken} FROM item;")
    assert [(o.kind, o.place and o.place.line) for o in shown] == [("raised", 2)]
    assert f"item whose {column} " in shown[0].made
    assert found(first + f"INSERT INTO n SELECT id, {fixed} FROM item;") == []


def test_a_failure_that_takes_two_edits_is_found_with_no_more_than_two():
    both = "CHECK (NOT (length(v) > 1000 AND substr(v, 1, 1) = '-'))"
    change = (
        TABLE.format(rule=" " + both)
        + "INSERT INTO n SELECT id, coalesce(size, 0) || coalesce(note, '') FROM item;"
    )
    shown = explored.explore(
        plan(change, 1500), sample(), plan(change).history.pending("0"), (), ground(OLD, "item")
    )
    assert [o.kind for o in shown.observations] == ["raised"]
    assert shown.observations[0].made.count(", and ") == 1


def test_what_is_known_is_not_told_again():
    change = TABLE.format(rule=" NOT NULL") + "INSERT INTO n SELECT id, note FROM item;"
    chosen = plan(change)
    pending = chosen.history.pending("0")
    first = explored.explore(chosen, sample(), pending, (), ground())
    assert [o.error for o in first.observations] == ["NOT NULL constraint failed: n.v"]
    again = explored.explore(chosen, sample(), pending, first.observations, ground())
    assert again.observations == []
    listed = made.explore(chosen, sample(), pending, ())
    assert len(listed.observations) == 1


def tries(on: Ground, examples: int, data: bytes) -> Iterator[tuple[Variation, bytes]]:
    """Every change that was tried and that the old schema takes, with what it made."""
    taken: list[tuple[Variation, bytes]] = []

    def note(variation: Variation) -> frozenset[tuple[str, str, int, str, str]] | None:
        changed = varied(data, variation, enforce=False)
        if changed is None:
            return None
        taken.append((variation, changed))
        return frozenset()

    list(Exploration(examples).explore(on, examples, frozenset(), note))
    yield from taken


def test_the_budget_counts_what_the_old_schema_allows_and_nothing_is_tried_twice():
    taken = [v for v, _ in tries(ground(), 80, sample().data)]
    assert len(taken) == 80
    assert len({v.statements for v in taken}) == 80


def test_nothing_is_made_that_the_old_schema_refuses():
    for variation, data in tries(ground(), 200, sample().data):
        with closing(engine.clone(data)) as made_up:
            assert made_up.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert made_up.execute("PRAGMA foreign_key_check").fetchall() == [], variation


def test_orphans_are_made_only_where_the_app_lets_them_be():
    on = ground()
    allowed = Ground(on.schema, on.tables, rows=on.rows, orphans=True)
    for each, expected in ((on, False), (allowed, True)):
        shapes = [v.shape for v, _ in tries(each, 400, sample().data)]
        assert any("points to no row" in s for s in shapes) is expected


def test_no_key_is_at_the_end_of_all_integers():
    shapes = [v.shape for v, _ in tries(ground(), 400, sample().data)]
    assert any("id is beyond 32 bits" in s for s in shapes)
    assert not any("id is the largest integer" in s for s in shapes)


def test_the_same_seed_makes_the_same_changes_and_no_shape_holds_a_value():
    first = [v for v, _ in tries(ground(), 60, sample().data)]
    assert first == [v for v, _ in tries(ground(), 60, sample().data)]
    assert "canary" not in " ".join(v.shape for v in first)


def test_a_schema_that_refuses_everything_ends_it():
    closed = """\
    CREATE TABLE item (a TEXT);
    INSERT INTO item VALUES ('x');
    CREATE TRIGGER i BEFORE INSERT ON item BEGIN SELECT raise(ABORT, 'no'); END;
    CREATE TRIGGER u BEFORE UPDATE ON item BEGIN SELECT raise(ABORT, 'no'); END;
    CREATE TRIGGER d BEFORE DELETE ON item BEGIN SELECT raise(ABORT, 'no'); END;
    """
    assert list(tries(ground(closed), 20, sample(closed).data)) == []


def test_an_error_of_what_is_tried_comes_out():
    def breaks(_: Variation) -> None:
        raise LookupError("on purpose")

    with pytest.raises(LookupError, match="on purpose"):
        list(Exploration(5).explore(ground(), 5, frozenset(), breaks))


def test_it_goes_to_a_worker_process_with_the_plan():
    chosen = pickle.loads(pickle.dumps(plan("SELECT 1;", 7)))
    assert chosen.explorer == Exploration(7)


PROJECT = {
    "migsafe.toml": '[samples]\npath = "samples"\n',
    "migrations/0001_old.sql": OLD[: OLD.index("INSERT")],
    "migrations/0002_new.sql": TABLE.format(rule=" CHECK (length(v) < 1000)")
    + "INSERT INTO n SELECT id, coalesce(note, '') FROM item;\n",
    "samples/0001/old.sql": OLD,
}


def test_check_tells_it_as_a_warning_twice_alike_and_leaves_no_file(project, migsafe):
    root = project(PROJECT)
    before = sorted(p for p in root.rglob("*"))
    runs = [migsafe("check", "--format", "json", cwd=root).json for _ in range(2)]
    told = [(f["severity"], f["line"], f["detail"]) for f in runs[0]["findings"]]
    assert told == [
        (
            "warning",
            2,
            ["no sample shows it; the old schema allows it: a row of item whose note is very long"],
        )
    ]
    assert runs[0]["findings"] == runs[1]["findings"]
    assert sorted(p for p in root.rglob("*")) == before


def test_it_can_be_switched_off_and_a_wrong_budget_is_said(project, inside):
    root = project(PROJECT)
    (root / "migsafe.toml").write_text('[samples]\npath = "samples"\nexplore = 0\n')
    assert inside("check", "--format", "json", cwd=root).json["findings"] == []
    for wrong in ("-1", "true", '"many"'):
        (root / "migsafe.toml").write_text(f"[samples]\nexplore = {wrong}\n")
        run = inside("check", cwd=root)
        assert run.code == 2
        assert "samples.explore must be a whole number from 0" in run.err


def test_without_hypothesis_the_report_says_so_once(project):
    root: Path = project(PROJECT)
    code = (
        "import sys; sys.modules['hypothesis'] = None; from migsafe import cli;"
        " sys.exit(cli.run(['check']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout.count("Hypothesis is not installed") == 1, done.stdout + done.stderr
    assert done.returncode == 0
