"""`migsafe init`, run as a user would."""

from __future__ import annotations

import tomllib

import pytest

SQL = {"migrations/0001_a.sql": "CREATE TABLE t (id INTEGER);\n"}


def test_a_new_project_is_configured_and_can_be_linted(project, migsafe):
    root = project(SQL)
    run = migsafe("init", cwd=root)
    assert (run.code, run.err) == (0, "")
    assert "wrote migsafe.toml" in run.out
    assert 'path = "migrations"' in (root / "migsafe.toml").read_text()
    assert "id: migsafe-lint" in (root / ".pre-commit-config.yaml").read_text()
    assert migsafe("lint", cwd=root).code == 0


def test_an_alembic_project_is_recognised(project, inside):
    root = project(
        {
            "alembic.ini": "[alembic]\nscript_location = db\n",
            "db/versions/a1_x.py": 'revision = "a1"\ndown_revision = None\n\n\ndef upgrade():\n'
            "    pass\n",
        }
    )
    assert inside("init", cwd=root).code == 0
    text = (root / "migsafe.toml").read_text()
    assert 'framework = "alembic"' in text
    assert inside("lint", cwd=root).code == 0


EXPORT = (
    '{"database": {"entities": [{"tableName": "t",'
    ' "createSql": "CREATE TABLE `${TABLE_NAME}` (`id` INTEGER)"}]}}'
)


def test_the_newest_schema_that_room_exported_is_what_to_compare_with(project, inside):
    folder = "app/schemas/com.example.Db"
    exports = {f"{folder}/{n}.json": EXPORT for n in (9, 10)}
    others = {f"{folder}/11.json": "{}", f"{folder}/latest.json": EXPORT}
    root = project({**SQL, **exports, **others})
    assert inside("init", cwd=root).code == 0
    settings = tomllib.loads((root / "migsafe.toml").read_text())
    assert settings["launch"] == {"schema": f"{folder}/10.json"}
    assert inside("check", cwd=root).code == 0


def test_which_of_several_databases_it_is_nobody_knows(project, inside):
    root = project({**SQL, "schemas/a.Db/1.json": EXPORT, "schemas/b.Db/2.json": EXPORT})
    assert inside("init", cwd=root).code == 0
    text = (root / "migsafe.toml").read_text()
    assert "launch" not in tomllib.loads(text)
    assert '# schema = "schemas/a.Db/1.json"' in text
    assert '# schema = "schemas/b.Db/2.json"' in text


def test_hooks_that_are_there_stay_as_they_are(project, inside):
    root = project({**SQL, ".pre-commit-config.yaml": "repos: []\n"})
    run = inside("init", cwd=root)
    assert run.code == 0
    assert "add to .pre-commit-config.yaml" in run.out
    assert (root / ".pre-commit-config.yaml").read_text() == "repos: []\n"


@pytest.mark.parametrize(
    ("files", "code", "words"),
    [
        ({**SQL, "migsafe.toml": ""}, 2, "migsafe.toml configures this project already"),
        ({"README": ""}, 3, "no migrations were found here"),
    ],
)
def test_what_it_cannot_do_it_says(project, inside, snapshot, files, code, words):
    root = project(files)
    before = snapshot(root)
    run = inside("init", cwd=root)
    assert run.code == code
    assert words in run.err
    assert snapshot(root) == before
