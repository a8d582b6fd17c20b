"""What is proven to be as it was, and what is only nearly so."""

from __future__ import annotations

from contextlib import closing

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Migration
from migsafe.replay.kept import Kept
from migsafe.replay.lineage import Lineage
from migsafe.replay.values import pair
from migsafe.schema.inspect import inspect

OLD = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b);"
    "INSERT INTO t VALUES (1, 'x', 1), (2, NULL, 2.5), (3, 'z', x'ff');"
)


def noted(database, old: str, change: str) -> tuple[bool, set[str], set[str]]:
    """Is every row intact, which columns hold, and which of them in place."""
    data = database(old)
    with closing(engine.clone(data)) as now:
        with closing(engine.clone(data)) as pristine:
            before = inspect(pristine).tables["t"]
        now.executescript(change)
        after = inspect(now).tables["t"]
        both = pair(before, after, Lineage((Migration("1", "1.sql"),)))
        assert both is not None
        counts = [now.execute("SELECT count(*) FROM t").fetchone()[0]]
        kept = Kept()
        with engine.attached_old(now, data):
            counts.insert(0, now.execute("SELECT count(*) FROM old.t").fetchone()[0])
            intact = kept.note(now, both, *counts)
        names = [c.name for c in after.columns]
    held = {n for n in names if kept.holds(after, n)}
    return intact, held, {n for n in names if kept.in_place(after, n)}


def test_a_new_column_leaves_the_others_as_they_were(database):
    change = "ALTER TABLE t ADD COLUMN c DEFAULT 'new';"
    assert noted(database, OLD, change) == (True, {"id", "a", "b"}, {"id", "a", "b"})


def test_one_other_value_and_its_column_is_not_held(database):
    for change in ("a = 'y' WHERE id = 1", "a = NULL WHERE id = 3", "a = '' WHERE id = 2"):
        assert noted(database, OLD, f"UPDATE t SET {change};") == (False, {"id", "b"}, {"id", "b"})


def test_the_same_letters_in_other_bytes_are_another_value(database):
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE);"
    old = f"{table} INSERT INTO t VALUES (1, 'x');"
    assert noted(database, old, "UPDATE t SET a = 'X';") == (False, {"id"}, {"id"})


def test_a_number_that_became_text_is_another_value(database):
    change = "UPDATE t SET b = CAST(b AS TEXT) WHERE id = 1;"
    assert noted(database, OLD, change) == (False, {"id", "a"}, {"id", "a"})


def test_rows_that_went_leave_what_the_others_have(database):
    assert noted(database, OLD, "DELETE FROM t WHERE id = 2;")[:2] == (False, {"id", "a", "b"})


def test_rows_that_came_hold_nothing_but_the_old_ones_are_intact(database):
    assert noted(database, OLD, "INSERT INTO t VALUES (9, 'q', 9);") == (True, set(), set())


def test_as_many_rows_with_other_ids_are_not_the_same(database):
    change = "UPDATE t SET id = 7 WHERE id = 3;"
    assert noted(database, OLD, change) == (False, set(), set())


def test_a_coarser_key_joins_two_old_rows_with_one_new_row(database):
    old = "CREATE TABLE t (k TEXT PRIMARY KEY, a); INSERT INTO t VALUES ('a', 1), ('A', 1);"
    change = (
        "CREATE TABLE n (k TEXT COLLATE NOCASE PRIMARY KEY, a);"
        "INSERT INTO n VALUES ('a', 1), ('other', 5);"
        "DROP TABLE t; ALTER TABLE n RENAME TO t;"
    )
    assert noted(database, old, change) == (False, set(), set())


def test_a_table_of_many_columns_is_not_judged_at_once(database):
    columns = ", ".join(f"c{n} TEXT" for n in range(150))
    old = f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns}); INSERT INTO t (id) VALUES (1);"
    assert noted(database, old, "SELECT 1;") == (False, set(), set())
