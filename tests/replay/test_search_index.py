"""A full-text index that lost its table is told of, and only by the migration that did it."""

from __future__ import annotations

from contextlib import closing

import pytest

from migsafe.analyse import read
from migsafe.engines import sqlite as engine
from migsafe.model.migration import Dialect, History, Migration
from migsafe.replay import search_index
from migsafe.replay.lineage import Lineage
from migsafe.replay.schemas import schema_of
from migsafe.sql.split import split

FTS5 = "CREATE VIRTUAL TABLE packet_find USING fts5 (body, content = 'packet');"
FTS4 = 'CREATE VIRTUAL TABLE packet_find USING fts4 (body, content="packet");'
REBUILT = "INSERT INTO packet_find (packet_find) VALUES ('rebuild');"
OLD = """
CREATE TABLE packet (uuid TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL);
{}
INSERT INTO packet VALUES ('a', 'hello'), ('b', 'over'), ('c', 'weather');
DELETE FROM packet WHERE uuid = 'a';
"""
REBUILD = """
CREATE TABLE packet_new (uuid TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL);
INSERT INTO packet_new SELECT uuid, body FROM packet;
DROP TABLE packet;
ALTER TABLE packet_new RENAME TO packet;
"""


def seen(old: str, script: str):
    with closing(engine.clone(engine.empty())) as database:
        database.executescript(old)
        data = database.serialize()
        database.executescript(script)
        step = Migration("1", "m/1.sql", statements=split(script, Dialect.SQLITE, "m/1.sql"))
        lineage = Lineage(read(History(Dialect.SQLITE, "numbered", (step,))).migrations)
        found = list(search_index.check(data, database, schema_of(database), lineage))
        assert not database.in_transaction
        return found


@pytest.mark.parametrize("index", [FTS5, FTS4])
def test_a_rebuild_that_renumbers_rows_is_placed_at_its_copy(index: str):
    (found,) = seen(OLD.format(index) + REBUILT, REBUILD)
    assert (found.kind, found.table, found.name) == ("integrity", "packet", "packet_find")
    assert found.place is not None
    assert found.place.line == 3


@pytest.mark.parametrize("index", [FTS5, FTS4])
@pytest.mark.parametrize("script", [REBUILD + REBUILT, "CREATE TABLE other (id INTEGER);"])
def test_what_fits_is_not_told(index: str, script: str):
    assert seen(OLD.format(index) + REBUILT, script) == []


def test_an_index_that_did_not_fit_before_is_not_the_migrations_doing():
    assert seen(OLD.format(FTS5), REBUILD) == []


def test_an_index_that_cannot_be_asked_is_not_accused():
    absent = "CREATE VIRTUAL TABLE packet_find USING fts5 (body, content = 'absent');"
    assert seen(OLD.format(absent), REBUILD + "INSERT INTO packet_find (body) VALUES ('x');") == []
