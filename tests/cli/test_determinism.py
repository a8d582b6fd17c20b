"""The same input gives the same bytes, whatever the order of sets and the number of processes."""

from __future__ import annotations

import json

import pytest

SETTINGS = '[migrations]\nframework = "sql"\npath = "m"\n[samples]\npath = "samples"\n'
OLD = """
CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE, note);
CREATE TABLE c (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p (id) ON DELETE SET NULL, at TEXT);
CREATE INDEX c_at ON c (at);
CREATE TABLE log (line TEXT DEFAULT (datetime('now')), seed INTEGER);
INSERT INTO p VALUES (1, 'Ada', 'x'), (2, 'ada', 1), (3, NULL, NULL), (9, 'Plato', 2.5);
DELETE FROM p WHERE id = 9;
INSERT INTO c VALUES (1, 1, '2026-01-01'), (2, 2, '1999-12-31'), (3, 77, 'never'), (4, NULL, NULL);
"""
REBUILT = """
CREATE TABLE q (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, note INTEGER);
INSERT INTO q (id, name) SELECT id, name FROM p {where};
DROP TABLE p;
ALTER TABLE q RENAME TO p;
"""
MIGRATIONS = {
    "harmless": "ALTER TABLE p ADD COLUMN x; CREATE INDEX i ON c (p_id);",
    "unique": "CREATE UNIQUE INDEX u ON p (name); CREATE UNIQUE INDEX v ON c (at);",
    "rebuilt": REBUILT.format(where=""),
    "narrowed": REBUILT.format(where="WHERE name IS NOT NULL"),
    "parents go": "DELETE FROM p WHERE id < 3; UPDATE c SET at = NULL WHERE id = 1;",
    "chance": "UPDATE log SET seed = random(); UPDATE p SET note = random() % 2;"
    " DELETE FROM c WHERE random() % 2 = 0; CREATE UNIQUE INDEX n ON p (note);",
    "chosen": "DELETE FROM c WHERE id IN (SELECT id FROM c ORDER BY randomblob(8) LIMIT 1);",
    "clock": "DELETE FROM c WHERE at < date('now', '-30 days');"
    " INSERT INTO log (seed) VALUES (strftime('%s')), (unixepoch());",
    "keyword": "DELETE FROM c WHERE at < date(CURRENT_TIMESTAMP, '-30 days');"
    " ALTER TABLE p RENAME TO q; CREATE TABLE p (id INTEGER PRIMARY KEY, at DEFAULT CURRENT_TIME);"
    " INSERT INTO p (id) SELECT id FROM q; DROP TABLE q;",
    "square": "UPDATE c SET at = (SELECT name FROM p WHERE p.note = c.at);",
    "broken": "CREATE TABLE a (x); DROP TABLE log; ALTER TABLE c DROP COLUMN nope;",
}


@pytest.fixture
def reported(project, migsafe):
    def run(migration: str, seed: str, *options: str) -> str:
        samples = {
            "samples/samples.toml": "".join(
                f'[[sample]]\nfile = "{name}.sql"\nversion = "0001"\nweight = {weight}\n'
                for name, weight in (("b", 3), ("a", 7), ("c", 1))
            ),
            "samples/a.sql": OLD,
            "samples/b.sql": OLD + "DELETE FROM p;",
            "samples/c.sql": OLD + "UPDATE p SET name = id; UPDATE c SET at = id;",
        }
        history = {"m/0001_old.sql": OLD, "m/0002_new.sql": migration, "migsafe.toml": SETTINGS}
        root = project({**history, **samples})
        arguments = ("check", "--format", "json", "--today", "2026-02-03", *options)
        given = {"PYTHONHASHSEED": seed, "MIGSAFE_CACHE": "off"}
        document = migsafe(*arguments, cwd=root, env=given).json
        assert set(document.pop("timings")) == {"total", "replay"}
        assert document["replay"]["samples"] == 3
        return json.dumps(document, indent=1)

    return run


@pytest.mark.parametrize("name", MIGRATIONS)
def test_the_same_bytes_but_for_the_timings(reported, name):
    once = reported(MIGRATIONS[name], "1", "--jobs", "1")
    assert reported(MIGRATIONS[name], "2", "--jobs", "2") == once


@pytest.mark.parametrize("name", ["clock", "keyword"])
def test_the_day_of_the_check_is_the_day_of_the_replay(reported, name):
    """Two samples have a row of New Year's Day, which is older than thirty days only in June."""
    migration = MIGRATIONS[name]
    lost = {
        day: sum(
            g["rows_affected"]
            for g in json.loads(reported(migration, "1", "--today", day))["replay"]["groups"]
            if (g["kind"], g["table"]) == ("rows-lost", "c")
        )
        for day in ("2026-01-15", "2026-06-15")
    }
    assert lost == {"2026-01-15": 4, "2026-06-15": 6}
