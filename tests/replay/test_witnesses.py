"""For every kind of demand a migration can make: the row that no sample has, found by `check`."""

from __future__ import annotations

import pytest

AUTHORS = """\
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT);
CREATE INDEX author_by_name ON author (name);
CREATE TABLE book (id INTEGER PRIMARY KEY, author_id INTEGER, author_name TEXT NOT NULL,
  status TEXT NOT NULL, tags TEXT NOT NULL, prefs TEXT NOT NULL, price TEXT NOT NULL);
CREATE TABLE setting (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL);
"""
ROWS = """\
INSERT INTO author VALUES (1, 'Ann Lee', 'ann@example.com'), (2, 'Bob Ray', 'bob@example.com');
INSERT INTO book VALUES (1, 1, 'Ann Lee', 'draft', 'red,blue', '{"theme": "dark"}', '12'),
  (2, 2, 'Bob Ray', 'done', 'green', '{"theme": "light"}', '30');
INSERT INTO setting VALUES (1, 'language', 'en'), (2, 'size', '12');
"""
SPLIT = """\
CREATE TABLE tag (book INTEGER NOT NULL, tag TEXT NOT NULL{rules});
WITH RECURSIVE part (book, tag, rest) AS (
  SELECT id, '', tags || ',' FROM book
  UNION ALL
  SELECT book, substr(rest, 1, instr(rest, ',') - 1), substr(rest, instr(rest, ',') + 1)
  FROM part WHERE rest <> ''
)
INSERT {how}INTO tag SELECT book, tag FROM part WHERE tag <> '';
"""

CASES = {
    "not null": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);\n",
        "INSERT INTO n SELECT id, mail FROM author;",
        "INSERT INTO n SELECT id, coalesce(mail, '') FROM author;",
    ),
    "unique": (
        "",
        "CREATE UNIQUE INDEX u ON author (mail);",
        "CREATE INDEX u ON author (mail);",
    ),
    "unique under another collation": (
        "",
        "CREATE UNIQUE INDEX u ON setting (key COLLATE NOCASE);",
        "CREATE INDEX u ON setting (key COLLATE NOCASE);",
    ),
    "check": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''));\n",
        "INSERT INTO n SELECT id, name FROM author;",
        "INSERT INTO n SELECT id, coalesce(nullif(name, ''), '?') FROM author;",
    ),
    "foreign key": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, author INTEGER REFERENCES author (id));\n",
        "INSERT INTO n SELECT id, author_id FROM book;",
        "INSERT INTO n SELECT id, (SELECT a.id FROM author a WHERE a.id = author_id) FROM book;",
    ),
    "cast": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, price INTEGER NOT NULL) STRICT;\n",
        "INSERT INTO n SELECT id, price FROM book;",
        "INSERT INTO n SELECT id, CASE WHEN price <> '' AND length(price) < 10"
        " AND price NOT GLOB '*[^0-9]*' THEN price ELSE 0 END FROM book;",
    ),
    "json path": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, theme TEXT NOT NULL);\n",
        "INSERT INTO n SELECT id, json_extract(prefs, '$.theme') FROM book;",
        "INSERT INTO n SELECT id, CASE WHEN json_valid(prefs)"
        " THEN coalesce(json_extract(prefs, '$.theme'), 'dark') ELSE 'dark' END FROM book;",
    ),
    "json path that is not there": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, theme TEXT NOT NULL);\n",
        "INSERT INTO n SELECT id, CASE WHEN json_valid(prefs)"
        " THEN json_extract(prefs, '$.theme') ELSE 'dark' END FROM book;",
        "INSERT INTO n SELECT id, CASE WHEN json_valid(prefs)"
        " THEN coalesce(json_extract(prefs, '$.theme'), 'dark') ELSE 'dark' END FROM book;",
    ),
    "split": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, first TEXT NOT NULL CHECK (first <> ''));\n",
        "INSERT INTO n SELECT id, substr(name, 1, instr(name, ' ') - 1) FROM author"
        " WHERE name NOT IN ('', 'zz-unlisted');",
        "INSERT INTO n SELECT id, substr(name, 1, instr(name, ' ') - 1) FROM author"
        " WHERE instr(name, ' ') > 1;",
    ),
    "join partner": (
        "CREATE TABLE book_new (id INTEGER PRIMARY KEY, author_id INTEGER, author_name TEXT NOT"
        " NULL, status TEXT NOT NULL, tags TEXT NOT NULL, prefs TEXT NOT NULL, price TEXT);\n",
        "INSERT INTO book_new SELECT b.id, b.author_id, a.name, b.status, b.tags, b.prefs, b.price"
        " FROM book b JOIN author a ON a.id = b.author_id;\n"
        "DROP TABLE book;\nALTER TABLE book_new RENAME TO book;",
        "INSERT INTO book_new SELECT b.id, b.author_id, coalesce(a.name, b.author_name), b.status,"
        " b.tags, b.prefs, b.price FROM book b LEFT JOIN author a ON a.id = b.author_id;\n"
        "DROP TABLE book;\nALTER TABLE book_new RENAME TO book;",
    ),
    "seeded row that is there": (
        "",
        "INSERT INTO setting (key, value) VALUES ('theme', 'dark');",
        "INSERT INTO setting (key, value) VALUES ('theme', 'dark') ON CONFLICT (key) DO NOTHING;",
    ),
    "seeded row that is missing": (
        "CREATE TABLE n (language TEXT NOT NULL);\n",
        "INSERT INTO n SELECT (SELECT value FROM setting WHERE key = 'language');",
        "INSERT INTO n SELECT coalesce((SELECT value FROM setting WHERE key = 'language'), 'en');",
    ),
    "enum lookup": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, status INTEGER NOT NULL);\n",
        "INSERT INTO n"
        " SELECT id, CASE status WHEN 'draft' THEN 0 WHEN 'done' THEN 1 END FROM book;",
        "INSERT INTO n SELECT id, CASE status WHEN 'draft' THEN 0 ELSE 1 END FROM book;",
    ),
    "scalar subquery": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, author INTEGER NOT NULL);\n",
        "INSERT INTO n"
        " SELECT id, (SELECT a.id FROM author a WHERE a.name = author_name) FROM book;",
        "INSERT INTO n SELECT id,"
        " coalesce((SELECT a.id FROM author a WHERE a.name = author_name), 0) FROM book;",
    ),
    "limit": (
        "CREATE TABLE setting_new (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
        " value TEXT NOT NULL);\n",
        "INSERT INTO setting_new SELECT id, key, value FROM setting LIMIT 2;\n"
        "DROP TABLE setting;\nALTER TABLE setting_new RENAME TO setting;",
        "INSERT INTO setting_new SELECT id, key, value FROM setting;\n"
        "DROP TABLE setting;\nALTER TABLE setting_new RENAME TO setting;",
    ),
    "distinct": (
        "CREATE TABLE n (name TEXT PRIMARY KEY, mail TEXT);\n",
        "INSERT INTO n SELECT DISTINCT name, mail FROM author;",
        "INSERT INTO n SELECT name, max(mail) FROM author GROUP BY name;",
    ),
    "group by": (
        "CREATE TABLE n (status TEXT PRIMARY KEY, price TEXT);\n",
        "INSERT INTO n SELECT status, price FROM book GROUP BY status, price;",
        "INSERT INTO n SELECT status, max(price) FROM book GROUP BY status;",
    ),
    "aggregate over no row": (
        "CREATE TABLE n (last INTEGER NOT NULL);\n",
        "INSERT INTO n SELECT max(id) FROM book;",
        "INSERT INTO n SELECT coalesce(max(id), 0) FROM book;",
    ),
    "packed text": (
        "",
        SPLIT.format(rules=", PRIMARY KEY (book, tag)", how=""),
        SPLIT.format(rules="", how=""),
    ),
    "packed text with an empty part": (
        "CREATE TABLE n (id INTEGER PRIMARY KEY, tag TEXT NOT NULL CHECK (tag <> ''));\n",
        "INSERT INTO n SELECT id, substr(tags, instr(tags, ',') + 1) FROM book WHERE tags <> '';",
        "INSERT INTO n SELECT id,"
        " coalesce(nullif(substr(tags, instr(tags, ',') + 1), ''), 'none') FROM book;",
    ),
}


def project_of(project, change: str, explore: int = 0):
    return project(
        {
            "migsafe.toml": f'[samples]\npath = "samples"\nexplore = {explore}\n',
            "migrations/0001_old.sql": AUTHORS,
            "migrations/0002_change.sql": change + "\n",
            "samples/0001/old.sql": AUTHORS + ROWS,
        }
    )


def told(run) -> list[tuple[int, str]]:
    """The line of what is a warning, and the row that shows it; nothing is worse."""
    assert run.code == 0, run.out + run.err
    found = [f for f in run.json["findings"] if f["severity"] != "note"]
    assert {(f["severity"], f["path"]) for f in found} <= {
        ("warning", "migrations/0002_change.sql")
    }
    return [(f["line"], "; ".join(f["detail"])) for f in found]


@pytest.mark.parametrize("name", CASES)
def test_the_row_that_no_sample_has_is_found(project, inside, name: str):
    before, broken, _ = CASES[name]
    root = project_of(project, before + broken)
    run = inside("check", "--format", "json", cwd=root)
    start = broken.index("WITH") if "WITH" in broken else 0
    guilty = (before + broken[:start]).count("\n") + 1
    rows = [row for line, row in told(run) if line == guilty]
    assert any("no sample shows it; the old schema allows it" in row for row in rows)


@pytest.mark.parametrize("name", CASES)
def test_the_repaired_migration_is_silent(project, inside, name: str):
    before, _, fixed = CASES[name]
    run = inside("check", "--format", "json", cwd=project_of(project, before + fixed))
    assert told(run) == []


def test_without_any_sample_rows_are_made_for_the_newest_migration(project, inside):
    before, broken, fixed = CASES["not null"]
    files = {"migrations/0001_old.sql": AUTHORS, "migsafe.toml": "[samples]\nexplore = 0\n"}
    for change, lines in ((broken, [2]), (fixed, [])):
        root = project({**files, "migrations/0002_change.sql": before + change})
        assert [line for line, _ in told(inside("check", "--format", "json", cwd=root))] == lines
