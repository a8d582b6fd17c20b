"""Work that grows with the square of the rows is found by counting steps on two sizes."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.outcome import Observation, Scenario, Verdict
from migsafe.model.sample import Sample
from migsafe.replay import growth
from migsafe.replay.case import replay
from migsafe.replay.plan import Plan
from migsafe.replay.sizes import counted, halved, multiplied
from migsafe.sql.split import split

Database = Callable[[str], bytes]

TWO = """
CREATE TABLE place (id INTEGER PRIMARY KEY, code TEXT);
CREATE TABLE visit (id INTEGER PRIMARY KEY, place_id INTEGER, day TEXT);
"""
FEW = TWO + "INSERT INTO place VALUES (1, 'a'); INSERT INTO visit VALUES (1, 1, 'm'), (2, 1, 't');"
MANY = f"""{TWO}
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
INSERT INTO place SELECT i, 'c' || i FROM n;
INSERT INTO visit SELECT id, 1 + id % 600, 'm' FROM place;
"""
INDEX = "CREATE INDEX visit_place ON visit (place_id);\n"
LAST = "UPDATE place SET code = (SELECT max(day) FROM visit v WHERE v.place_id = place.id);"


def plan(text: str) -> Plan:
    migration = Migration("1", "m/1.sql", statements=split(text, Dialect.SQLITE, "m/1.sql"))
    return Plan(read(History(Dialect.SQLITE, "numbered", (migration,))), {"1": True})


def seen(text: str, data: bytes) -> list[Observation]:
    made = plan(text)
    return growth.check(made, Sample("s.db", None, data, ""), made.history.migrations)


def table(data: bytes, query: str) -> list[tuple[object, ...]]:
    with closing(engine.clone(data)) as database:
        return database.execute(query).fetchall()


# -- what is said of a migration -------------------------------------------------------------------


def test_rows_of_the_sample_show_a_square(database: Database):
    (found,) = seen(f"SELECT 1;\n{LAST}", database(MANY))
    assert found.kind == "growth"
    assert found.place is not None
    assert found.place.line == 2
    assert (found.table, found.column, found.affected) == ("visit", "place_id", 2400)
    numbers = re.search(r"([\d.]+) million steps on 2,400 rows; at 10 times", found.detail)
    assert numbers is not None
    assert 4 < float(numbers[1]) < 12
    assert "an index on visit (place_id) is missing" in found.detail


def test_multiplied_rows_show_it_where_the_sample_is_small(database: Database):
    (found,) = seen(LAST, database(FEW))
    assert found.kind == "growth-of-copies"
    assert (found.table, found.column) == ("visit", "place_id")
    assert "with 20,000 rows" in found.detail


@pytest.mark.parametrize("script", [FEW, MANY])
def test_an_index_made_first_ends_it(database: Database, script: str):
    assert seen(INDEX + LAST, database(script)) == []


@pytest.mark.parametrize("script", [FEW, MANY])
def test_what_passes_over_the_rows_a_few_times_is_no_square(database: Database, script: str):
    text = """
    CREATE TABLE copy (id INTEGER PRIMARY KEY, code TEXT NOT NULL);
    INSERT INTO copy SELECT p.id, p.code FROM place p LEFT JOIN visit v ON v.id = p.id;
    DROP TABLE place;
    ALTER TABLE copy RENAME TO place;
    DELETE FROM visit WHERE place_id NOT IN (SELECT id FROM place);
    UPDATE visit SET day = upper(day) WHERE day IN (SELECT day FROM visit GROUP BY day);
    """
    assert seen(text, database(script)) == []


def test_many_rows_of_one_kind_are_no_square_of_the_migration(database: Database):
    # Copies share their days: an index on day finds all of them, however few a real user has.
    text = "UPDATE visit SET day = (SELECT count(*) FROM visit v WHERE v.day = 'm' || visit.day);"
    script = FEW + "CREATE INDEX visit_day ON visit (day);"
    assert seen(text, database(script)) == []


def test_halves_whose_lookups_find_nothing_do_not_hide_a_square(database: Database):
    data = database(f"""{TWO}
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO visit (place_id, day) SELECT i, 'c' || (i % 1500 + 1) FROM n;
        INSERT INTO place SELECT id + 10, day FROM visit WHERE id <= 1500;""")
    lookup = "SELECT p.id FROM place p WHERE p.code = visit.day LIMIT 1"
    (found,) = seen(f"UPDATE visit SET place_id = ({lookup});", data)
    assert (found.kind, found.table, found.column) == ("growth", "place", "code")


def test_a_short_list_beside_many_rows_is_not_taken_to_grow(database: Database):
    script = f"""{MANY}
    CREATE TABLE kind (day TEXT, name TEXT);
    INSERT INTO kind VALUES ('m', 'Monday'), ('t', 'Tuesday'), ('w', NULL);
    """
    text = "UPDATE visit SET day = (SELECT name FROM kind WHERE kind.day = visit.day);"
    assert seen(text, database(script)) == []


def test_a_join_without_an_index_is_found(database: Database):
    text = "CREATE TABLE near AS SELECT a.id FROM place a JOIN place b ON a.code < b.code || b.id;"
    (found,) = seen(text, database(FEW))
    assert found.table == "place"


def test_the_same_work_gives_the_same_words(database: Database):
    data = database(FEW)
    assert seen(LAST, data) == seen(LAST, data)


@pytest.mark.parametrize(
    "script", ["", TWO, "CREATE TABLE other (x); INSERT INTO other VALUES (1);"]
)
def test_without_rows_there_is_nothing_to_say(database: Database, script: str):
    assert seen(f"{TWO.replace('TABLE', 'TABLE IF NOT EXISTS')}{LAST}", database(script)) == []


def test_work_beyond_the_limit_is_stopped_and_called_at_least(database: Database):
    script = f"""{TWO}
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
    INSERT INTO place SELECT i, 'c' || i FROM n;
    INSERT INTO visit SELECT id, id, 'm' FROM place;
    """
    (found,) = seen(LAST, database(script))
    assert re.search(r"more than (5\d|60)\.\d million steps on 8,000 rows", found.detail)


def test_the_reason_is_kept_where_a_sample_cannot_be_copied(database: Database):
    path = FEW + "CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(17000000));"
    (found,) = seen(LAST, database(path))
    assert (found.kind, found.affected) == ("growth-limited", 0)
    assert "too large" in found.detail


def test_a_deep_sample_has_an_outcome_of_its_own_for_it(database: Database):
    made = plan(LAST)
    sample = Sample("s.db", None, database(FEW), "")
    deep = Plan(made.history, made.wrapped, deep=frozenset({"s.db"}))
    verdicts = {o.scenario: o.verdict for o in replay(deep, sample)}
    assert verdicts[Scenario.GROWTH] is Verdict.GROWS
    assert verdicts[Scenario.STORAGE] is Verdict.OK
    assert Scenario.GROWTH not in {o.scenario for o in replay(made, sample)}


# -- the two sizes ---------------------------------------------------------------------------------

SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, sex TEXT);
CREATE TABLE sale (
  number TEXT, line INTEGER, customer_id INTEGER NOT NULL REFERENCES customer (id),
  email TEXT REFERENCES customer (email), status TEXT CHECK (status IN ('open', 'paid')),
  PRIMARY KEY (number, line)
) WITHOUT ROWID;
CREATE TABLE tag (name TEXT COLLATE NOCASE, twice TEXT AS (name || name));
CREATE UNIQUE INDEX tag_name ON tag (name);
CREATE TABLE code (two TEXT UNIQUE CHECK (length(two) = 2));
CREATE TRIGGER nobody BEFORE INSERT ON customer BEGIN SELECT raise(ABORT, 'no'); END;
CREATE TRIGGER noone BEFORE DELETE ON customer BEGIN SELECT raise(ABORT, 'no'); END;
"""
GOODS = (
    SHOP.split("CREATE TRIGGER", maxsplit=1)[0]
    + """
INSERT INTO customer VALUES (7, 'a@x', 'f'), (9, 'b@x', NULL);
INSERT INTO sale VALUES ('A', 1, 7, 'a@x', 'open'), ('A', 2, 7, NULL, 'paid');
INSERT INTO sale VALUES ('B', 1, 9, 'b@x', NULL);
INSERT INTO tag VALUES ('red');
INSERT INTO code VALUES ('nl');
"""
)
NAMES = ("customer", "sale", "tag", "code")


def test_copies_keep_the_old_constraints_and_the_proportion(database: Database):
    small, large = multiplied(database(GOODS), NAMES, (), (30, 120))
    assert (small.rows["sale"], small.rows["customer"], small.rows["tag"]) == (30, 20, 10)
    assert (large.rows["sale"], large.rows["customer"], large.rows["tag"]) == (120, 80, 40)
    assert large.rows["code"] == 1, "no other code has two letters"
    assert table(large.data, "PRAGMA integrity_check") == [("ok",)]
    assert table(large.data, "PRAGMA foreign_key_check") == []


def test_each_copy_refers_to_its_own_parents(database: Database):
    _, large = multiplied(database(GOODS), NAMES, (), (30, 120))
    query = "SELECT max(n), min(n) FROM (SELECT count(*) AS n FROM sale GROUP BY customer_id)"
    assert table(large.data, query) == [(2, 1)]
    assert table(large.data, "SELECT count(DISTINCT status) FROM sale") == [(2,)]


def test_columns_that_are_compared_differ_from_copy_to_copy(database: Database):
    _, large = multiplied(database(GOODS), NAMES, {"sex"}, (30, 120))
    assert table(large.data, "SELECT count(DISTINCT sex) FROM customer") == [(40,)]


def test_neither_triggers_nor_keys_hinder_the_sizes_and_they_are_there_again(database: Database):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(database(GOODS))
        connection.executescript("CREATE TRIGGER" + SHOP.split("CREATE TRIGGER", maxsplit=1)[1])
        data = connection.serialize()
    _, large = multiplied(data, NAMES, (), (30, 120))
    assert large.rows["customer"] == 80
    names = table(large.data, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    assert sorted(names) == [("nobody",), ("noone",)]


def test_keys_at_the_end_of_their_range_get_new_ones(database: Database):
    script = f"{TWO} INSERT INTO place VALUES (1, 'a'), ({2**62}, 'b');"
    small, large = multiplied(database(script), ("place",), (), (10, 40))
    assert (small.rows["place"], large.rows["place"]) == (10, 40)


def test_half_of_each_table_that_may_grow_is_left(database: Database):
    script = f"{MANY} CREATE TABLE kind (x); INSERT INTO kind VALUES (1), (2), (3);"
    half = halved(database(script), ("place", "visit", "kind"))
    assert half.rows == {"place": 600, "visit": 600, "kind": 3}
    assert counted(half.data, ("PLACE", "nothing")).rows == {"place": 600}


def test_a_table_without_rowid_is_halved_by_its_key(database: Database):
    script = """
    CREATE TABLE pair (a TEXT, b INTEGER, PRIMARY KEY (b, a)) WITHOUT ROWID;
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
    INSERT INTO pair SELECT i % 7, i FROM n;
    """
    assert halved(database(script), ("pair",)).rows == {"pair": 150}
