"""[launch] schema as Room exports it: migrated databases are held to it as Room does."""

from __future__ import annotations

import json

import pytest

NOTE = (
    "CREATE TABLE IF NOT EXISTS `${TABLE_NAME}` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,"
    " `title` TEXT NOT NULL, `stars` INTEGER NOT NULL DEFAULT 0, `folder` INTEGER,"
    " FOREIGN KEY(`folder`) REFERENCES `folder`(`id`) ON UPDATE NO ACTION ON DELETE CASCADE )"
)
INDEX = "CREATE INDEX IF NOT EXISTS `index_note_folder` ON `${TABLE_NAME}` (`folder`)"
VIEW = "CREATE VIEW `${VIEW_NAME}` AS SELECT id FROM note WHERE stars > 0"
EXPORT = {
    "formatVersion": 1,
    "database": {
        "version": 2,
        "identityHash": "5d41402abc4b2a76b9719d911017c592",
        "entities": [
            {
                "tableName": "note_text",
                "createSql": "CREATE VIRTUAL TABLE IF NOT EXISTS `${TABLE_NAME}` USING FTS4"
                "(`title` TEXT, content=`note`)",
                "ftsVersion": "FTS4",
                "contentSyncTriggers": [
                    "CREATE TRIGGER IF NOT EXISTS room_fts_content_sync_note_text_BEFORE_DELETE"
                    " BEFORE DELETE ON `note` BEGIN DELETE FROM `note_text`"
                    " WHERE `docid`=OLD.`rowid`; END"
                ],
            },
            {"tableName": "note", "createSql": NOTE, "indices": [{"createSql": INDEX}]},
            {
                "tableName": "folder",
                "createSql": "CREATE TABLE IF NOT EXISTS `${TABLE_NAME}`"
                " (`id` INTEGER NOT NULL, PRIMARY KEY(`id`))",
            },
        ],
        "views": [
            {
                "viewName": "starred",
                "createSql": VIEW,
            }
        ],
        "setupQueries": [
            "CREATE TABLE IF NOT EXISTS room_master_table (id INTEGER PRIMARY KEY,"
            "identity_hash TEXT)",
            "INSERT OR REPLACE INTO room_master_table (id,identity_hash) VALUES(42, '5d41')",
        ],
    },
}
OLD = """
CREATE TABLE folder (id INTEGER NOT NULL PRIMARY KEY);
CREATE TABLE note (id INTEGER PRIMARY KEY NOT NULL, folder INTEGER
    REFERENCES folder(id) ON DELETE CASCADE, title VARCHAR(20) NOT NULL COLLATE NOCASE
    CHECK (length(title) > 0));
CREATE TABLE of_another_library (a);
"""
GOOD = """
ALTER TABLE note ADD COLUMN stars INT NOT NULL DEFAULT 0;
CREATE INDEX index_by_folder ON note (folder);
CREATE VIEW starred AS SELECT id FROM note WHERE stars > 0;
CREATE VIRTUAL TABLE note_text USING fts4(title, content=note);
INSERT INTO note_text (note_text) VALUES ('rebuild');
"""
NAME = "app/schemas/com.example.Notes/2.json"
SETTINGS = f'[samples]\npath = "samples"\n[launch]\nschema = "{NAME}"\n'


@pytest.fixture
def check(project, inside):
    """Runs `migsafe check` with this migration, and another text of the export."""

    def run(migration: str, export: str | None = None, **more: str):
        files = {
            "migrations/0001_old.sql": OLD,
            "migrations/0002_new.sql": migration,
            "samples/old.sql": f"{OLD}INSERT INTO note VALUES (1, NULL, 'a');\n",
            "samples/samples.toml": '[[sample]]\nfile = "old.sql"\nversion = "0001"\n',
            "migsafe.toml": SETTINGS,
            NAME: json.dumps(EXPORT, indent=2) if export is None else export,
            **more,
        }
        return inside("check", "--no-made", "--format", "json", cwd=project(files))

    return run


def messages(run: object) -> list[str]:
    return sorted(f["message"] for f in run.json["findings"])  # type: ignore[attr-defined]


def test_what_room_lets_through_is_no_finding(check):
    """Another order, type name, CHECK, collation; no AUTOINCREMENT, no trigger; one table more."""
    run = check(GOOD)
    assert (run.code, messages(run)) == (0, [])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("INT NOT", "TEXT NOT", "column note.stars: affinity is TEXT, on a fresh install INTEGER"),
        ("DEFAULT 0", "DEFAULT 1", "column note.stars: default is 1, on a fresh install 0"),
        ("stars INT NOT NULL", "stars INT", "column note.stars: not null is no"),
        ("stars", "Stars", "column note.stars is missing"),
        ("index_by_folder", "by_folder", "index by_folder of note is not part of a fresh install"),
        ("(folder)", "(folder DESC)", "index index_note_folder of note is missing"),
        ("CREATE INDEX", "CREATE UNIQUE INDEX", "index index_note_folder of note is missing"),
        ("stars > 0", "stars > 1", "view starred: select is"),
        ("VIEW starred", "VIEW other", "view starred is missing"),
        ("fts4(", "fts5(", "virtual"),
        ("CREATE VIRTUAL", "DROP TABLE folder; CREATE VIRTUAL", "table folder is missing"),
        ("CREATE VIRTUAL", "ALTER TABLE note ADD COLUMN x; CREATE VIRTUAL", "column note.x is not"),
    ],
)
def test_what_room_throws_on_is_an_error(check, old, new, said):
    assert old in GOOD
    run = check(GOOD.replace(old, new, 1).replace("content=note", "content='note'"))
    assert run.code == 1
    assert any(said in text for text in messages(run)), messages(run)


def test_other_actions_and_keys_are_errors(check):
    rebuilt = """
    CREATE TABLE n (id INTEGER PRIMARY KEY, title TEXT NOT NULL,
        stars INTEGER NOT NULL DEFAULT (0), folder INTEGER REFERENCES folder(id));
    INSERT INTO n SELECT id, title, 0, folder FROM note;
    DROP TABLE note;
    ALTER TABLE n RENAME TO note;
    """
    run = check(GOOD.replace("ALTER TABLE note ADD COLUMN stars INT NOT NULL DEFAULT 0;", rebuilt))
    said = messages(run)
    assert any("foreign key" in text and "is missing" in text for text in said), said
    assert any("foreign key" in text and "not part of" in text for text in said), said
    assert any("column note.id: not null is no" in text for text in said), said
    assert not any("default" in text for text in said), said


def test_values_are_held_to_the_exported_types(check):
    run = check(f"{GOOD}UPDATE note SET stars = 'many';\n")
    assert "values-misfit-declared-type" in run.rules


def test_launch_queries_may_ask_rooms_own_table(check):
    query = "SELECT identity_hash FROM room_master_table WHERE id = 42;\n"
    more = {"launch.sql": query, "migsafe.toml": f'{SETTINGS}queries = "launch.sql"\n'}
    run = check(GOOD, **more)
    assert run.rules == ["launch-query-fails"]  # the sample is of no app that Room has opened


@pytest.mark.parametrize(
    ("export", "words"),
    [
        ("", "its JSON is broken"),
        ("{", "its JSON is broken"),
        ("[1]", "a part of it is of another kind"),
        ("{}", "it has no 'database'"),
        ('{"database": {}}', "it has no 'entities'"),
        ('{"database": {"entities": [1]}}', "a part of it is of another kind"),
        ('{"database": {"entities": [{"tableName": 1, "createSql": "x"}]}}', "of another kind"),
        ("[" * 100_000, "its JSON is broken"),
        (json.dumps(EXPORT).replace("`title` TEXT NOT NULL", "`title` TEXT NOT"), "syntax error"),
        (json.dumps(EXPORT).replace(VIEW, "ATTACH 'x' AS y"), "stay inside the database"),
    ],
)
def test_a_broken_export_is_one_sentence(check, export, words):
    run = check(GOOD, export)
    assert (run.code, run.out) == (2, "")
    assert words in run.err
    assert NAME in run.err


def test_a_statement_of_the_export_that_fails_is_named_by_its_line(check):
    text = json.dumps(EXPORT, indent=2).replace("WHERE stars > 0", "WHERE stars > 0 0")
    line = next(n for n, x in enumerate(text.splitlines(), 1) if "stars > 0 0" in x)
    run = check(GOOD, text)
    assert run.code == 2
    assert f"{NAME}:{line}" in run.err
