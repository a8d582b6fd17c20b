"""Made-up projects to measure on: histories of many migrations, fleets of small devices."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

TABLES = 60


def write_history(root: Path, migrations: int, seed: int = 1, dialect: str = "sqlite") -> Path:
    """A project of that many SQL migrations below `root`; returns the last migration's path."""
    folder = _project(root, dialect)
    last = folder
    for number, text in enumerate(_migrations(migrations, random.Random(seed)), 1):
        if dialect == "postgres":
            text = _for_postgres(text)  # noqa: PLW2901 - the same migration in other words
        last = folder / f"{number:04}_step.sql"
        last.write_text(text, encoding="utf-8")
    return last


def _project(root: Path, dialect: str) -> Path:
    folder = root / "migrations"
    folder.mkdir(parents=True)
    settings = f'dialect = "{dialect}"\n[migrations]\npath = "migrations"\n'
    (root / "migsafe.toml").write_text(settings, encoding="utf-8")
    return folder


def _for_postgres(text: str) -> str:
    for sqlite, postgres in _WORDS:
        text = text.replace(sqlite, postgres)
    return text


_WORDS = (
    ("INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL", "BIGSERIAL PRIMARY KEY"),
    ("INTEGER PRIMARY KEY", "BIGSERIAL PRIMARY KEY"),
    (" COLLATE NOCASE", ""),
    ("BLOB", "BYTEA"),
)


def write_rows(root: Path, megabytes: int) -> None:
    """A project of one migration of that size, nearly all of it rows to insert."""
    folder = _project(root, "sqlite")
    text = "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER);\n"
    line = "INSERT INTO item (id, name, price) VALUES ({0}, 'the name of item number {0}', 9);\n"
    count = megabytes * 1_000_000 // len(line)
    rows = "".join(line.format(number) for number in range(1, count + 1))
    (folder / "0001_items.sql").write_text(text + rows, encoding="utf-8")


def _migrations(count: int, chance: random.Random) -> Iterator[str]:
    columns: dict[int, int] = {}
    for number in range(count):
        table = number % TABLES
        if table not in columns:
            columns[table] = 0
            yield _create(table)
            continue
        columns[table] += 1
        yield chance.choice(_STEPS).format(t=table, c=columns[table], p=(table + 1) % TABLES)


def _create(table: int) -> str:
    return (
        f"CREATE TABLE item_{table} (\n"
        "  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
        "  name TEXT NOT NULL DEFAULT '' COLLATE NOCASE,\n"
        "  created INTEGER NOT NULL DEFAULT 0 CHECK (created >= 0),\n"
        "  payload BLOB\n);\n"
        f"CREATE INDEX item_{table}_name ON item_{table} (name, created);\n"
    )


_STEPS = (
    "ALTER TABLE item_{t} ADD COLUMN extra_{c} TEXT;\n"
    "CREATE INDEX item_{t}_extra_{c} ON item_{t} (extra_{c}) WHERE extra_{c} IS NOT NULL;\n",
    "ALTER TABLE item_{t} ADD COLUMN size_{c} INTEGER NOT NULL DEFAULT 0;\n"
    "UPDATE item_{t} SET size_{c} = length(payload) WHERE payload IS NOT NULL;\n",
    "-- tidy up\nDELETE FROM item_{t} WHERE created < 1000 AND name = 'draft {c}';\n"
    "INSERT INTO item_{t} (name, created) VALUES ('seed {c}', {c}), ('other {c}', 1{c});\n",
    "CREATE TABLE note_{t}_{c} (id INTEGER PRIMARY KEY, body TEXT NOT NULL,\n"
    "  created INTEGER NOT NULL DEFAULT 0);\n"
    "INSERT INTO note_{t}_{c} (body, created)\n"
    "  SELECT coalesce(i.name, ''), max(i.created) FROM item_{t} AS i\n"
    "  LEFT JOIN item_{t} AS o ON o.id = i.id AND o.created > 5 GROUP BY i.name;\n",
)


def device_script(number: int, rows: int = 4000) -> str:
    """The SQL of a device of about 200 KB at the version before the fleet's last migration."""
    chance = random.Random(number)
    accounts = "".join(
        f"INSERT INTO account VALUES ({i}, 'host{chance.randrange(9)}.example',"
        f" 'user {number}-{i}', 'client-{i}');\n"
        for i in range(1, rows // 4 + 1)
    )
    drafts = "".join(
        f"INSERT INTO draft VALUES ({i}, {chance.randrange(1, rows // 4 + 1)}, 'draft text {i}',"
        f" {chance.randrange(10**6)});\n"
        for i in range(1, rows + 1)
    )
    return f"BEGIN;\n{FLEET_SCHEMA}{accounts}{drafts}PRAGMA user_version = 1;\nCOMMIT;\n"


FLEET_SCHEMA = """\
CREATE TABLE account (id INTEGER PRIMARY KEY, domain TEXT NOT NULL, name TEXT, client TEXT);
CREATE TABLE draft (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, content TEXT,
  changed INTEGER);
CREATE INDEX draft_account ON draft (account);
"""
FLEET_CHANGE = """\
CREATE TABLE account_new (id INTEGER PRIMARY KEY, domain TEXT NOT NULL, name TEXT NOT NULL,
  client TEXT NOT NULL DEFAULT '');
INSERT INTO account_new (id, domain, name, client)
  SELECT id, domain, coalesce(name, ''), coalesce(client, '') FROM account;
DROP TABLE account;
ALTER TABLE account_new RENAME TO account;
CREATE UNIQUE INDEX account_name ON account (domain, name);
ALTER TABLE draft ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
UPDATE draft SET pinned = 1 WHERE changed > 900000;
PRAGMA user_version = 2;
"""
