"""Made-up old rows: what they find, what the old schema refuses, and what they do not blame."""

from __future__ import annotations

from contextlib import closing

import pytest

from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Place
from migsafe.model.sample import Sample
from migsafe.model.variation import Ground
from migsafe.replay import made
from migsafe.replay.plan import LaunchPlan, Plan, Query
from migsafe.replay.schemas import schema_of
from migsafe.replay.trial import Found, varied
from migsafe.replay.variations import literals_of, variations
from migsafe.sql.split import split

OLD = """\
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT);
CREATE TABLE book (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES author (id),
  title TEXT NOT NULL UNIQUE, pages INTEGER CHECK (pages > 0));
INSERT INTO author VALUES (1, 'Ann', 'ann@example.com');
INSERT INTO book VALUES (1, 1, 'First: a start', 100), (2, 1, 'Second: on', 200);
"""


def plan(change: str, **launch: object) -> Plan:
    statements = split(change, Dialect.SQLITE, "m/1.sql")
    steps = (Migration("0", "m/0.sql"), Migration("1", "m/1.sql", ("0",), statements=statements))
    history = read(History(Dialect.SQLITE, "numbered", steps))
    return Plan(history, {"0": True, "1": True}, launch=LaunchPlan(**launch))  # type: ignore[arg-type]


def sample(script: str = OLD) -> Sample:
    with closing(engine.clone(engine.empty())) as database:
        database.executescript(script)
        return Sample("old.db", "0", database.serialize(), "")


def explored(change: str, script: str = OLD, **launch: object):
    chosen = plan(change, **launch)
    return made.explore(chosen, sample(script), chosen.history.pending("0"), ())


def shapes(found: Found) -> set[str]:
    return {o.made for o in found.observations}


MAIL = "CREATE TABLE n (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);\n"


def test_a_null_that_the_old_schema_allows_is_found():
    found = explored(MAIL + "INSERT INTO n SELECT id, mail FROM author;")
    assert shapes(found) == {"a row of author with mail NULL"}
    assert found.observations[0].error == "NOT NULL constraint failed: n.mail"
    assert found.observations[0].place == Place("m/1.sql", 2, 1)
    assert found.complete


def test_a_repaired_copy_is_silent():
    found = explored(MAIL + "INSERT INTO n SELECT id, coalesce(mail, '') FROM author;")
    assert found.observations == []
    assert found.tried > 10


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        ("CREATE UNIQUE INDEX u ON author (name);", "two rows of author that are alike"),
        ("CREATE UNIQUE INDEX u ON book (title COLLATE NOCASE);", "only in letter case"),
        (
            "INSERT INTO book (author, title) SELECT 1, 'Third' WHERE NOT EXISTS"
            " (SELECT 1 FROM book WHERE title = 'third');",
            "with title 'Third'",
        ),
        (
            "CREATE TABLE n (x TEXT NOT NULL); INSERT INTO n"
            " SELECT CASE WHEN title IN ('', 'zz-unlisted') THEN title ELSE"
            " substr(title, 1, nullif(instr(title, ':'), 0)) END FROM book;",
            "whose title has no ':'",
        ),
        (
            "CREATE TABLE n (x INTEGER NOT NULL); INSERT INTO n SELECT max(pages) FROM book;",
            "no row in",
        ),
    ],
)
def test_each_kind_of_row_is_made(change: str, shape: str):
    found = explored(change)
    assert any(shape in s for s in shapes(found)), shapes(found)


def test_orphans_are_made_only_where_the_app_lets_them_be():
    change = (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, author INTEGER NOT NULL, name TEXT NOT NULL);\n"
        "INSERT INTO n SELECT id, author, (SELECT name FROM author a WHERE a.id = b.author)"
        " FROM book b;"
    )
    assert any("points to no row" in s for s in shapes(explored(change)))
    enforced = shapes(explored(change, foreign_keys=True))
    assert not any("points to no row" in s for s in enforced)


def test_what_the_old_schema_refuses_is_not_tried():
    with closing(engine.clone(sample().data)) as old:
        ground = Ground(schema_of(old), ("book",), literals=literals_of(["SELECT -5"]))
        tries = list(variations(ground, lambda _: 1))
    refused = [v for v in tries if varied(sample().data, v, enforce=True) is None]
    assert any(v.column == "pages" for v in refused)  # CHECK (pages > 0)
    assert not any("title NULL" in v.shape for v in tries)  # NOT NULL


def test_an_invariant_that_the_row_breaks_by_itself_is_not_blamed_on_the_migration():
    query = Query("SELECT 1 FROM author WHERE mail IS NULL", Place("expect.sql", 1))
    change = "CREATE INDEX i ON author (mail);"
    assert explored(change, invariants=(query,)).observations == []


def test_an_invariant_that_the_migration_breaks_names_its_statement():
    query = Query("SELECT 1 FROM book WHERE pages < 0", Place("expect.sql", 1))
    change = "CREATE INDEX i ON book (pages);\nUPDATE book SET pages = NULL WHERE pages IS NULL;\n"
    breaks = change + "UPDATE book SET pages = coalesce(pages, 1) + 0 WHERE author IS NULL;\n"
    assert explored(breaks, invariants=(query,)).observations == []


def test_a_table_without_rows_gets_one():
    empty = "CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('a')));"
    found = explored(
        "CREATE TABLE n (x INTEGER CHECK (x < 0)); INSERT INTO n SELECT id FROM t;", empty
    )
    assert shapes(found) == {"a row in t"}


def test_the_sample_itself_stays_as_it_is():
    chosen, old = plan("DELETE FROM book;"), sample()
    before = bytes(old.data)
    made.explore(chosen, old, chosen.history.pending("0"), ())
    assert old.data == before


def test_larger_samples_get_fewer_variations():
    chosen = plan("SELECT 1")
    small, large = sample(), Sample("l", "0", b"\0" * 4_000_000, "")
    pending = chosen.history.pending("0")
    assert made._limit(chosen, large, pending) < made._limit(chosen, small, pending)


def test_a_long_ladder_gets_fewer_variations():
    wide = ", ".join(f"c{n} TEXT DEFAULT 'x{n}'" for n in range(80))
    script = (
        f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {wide});INSERT INTO wide (id) VALUES (1), (2);"
    )
    step = "UPDATE wide SET c1 = c1 || '';\n"
    short, long = (explored(step * length, script) for length in (1, 1000))
    assert short.tried > 300
    assert (long.tried, long.complete) == (80, False)
