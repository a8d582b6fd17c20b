"""The configuration as a value: defaults, every key, and that none is forgotten."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from migsafe import config
from migsafe.config import (
    Config,
    Disable,
    Engine,
    Launch,
    Migrations,
    Rules,
    Samples,
    Suppress,
)
from migsafe.errors import ConfigError
from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity


def load(tmp_path: Path, text: str) -> Config:
    file = tmp_path / config.NAME
    file.write_text(text, encoding="utf-8")
    return config.load(tmp_path, file)


def test_without_a_file_the_defaults_hold(tmp_path):
    (tmp_path / ".git").mkdir()
    assert config.load(tmp_path) == Config(root=tmp_path)
    assert Config(root=tmp_path).migrations == (Migrations(),)


def test_every_key_reaches_its_field(tmp_path):
    text = """
dialect = "mysql"
fail_on = "note"
[migrations]
framework = "flyway"
path = "db"
transaction = false
foreign_keys = true
on_error = "continue"
[samples]
path = "old"
[launch]
schema = "a.sql"
queries = "b.sql"
invariants = "c.sql"
foreign_keys = true
command = ["./smoke", "{db}"]
[engine]
oldest = "3.31"
without = ["json", "fts5"]
library = "lib.so"
[rules]
paths = ["mine", "ours"]
enable = ["a-rule"]
severity = { b-rule = "note" }
disable = [{ rule = "c-rule", reason = "why", until = 2027-01-01 }]
packs = ["acme"]
allow_code = true
max_suppression_days = 180
[[suppress]]
rule = "d-rule"
path = "old/*"
reason = "because"
until = "2027-01-02"
"""
    assert load(tmp_path, text) == Config(
        root=tmp_path,
        file=tmp_path / config.NAME,
        dialect=Dialect.MYSQL,
        fail_on=Severity.NOTE,
        migrations=(Migrations("flyway", "db", False, True, "continue"),),
        samples=Samples("old"),
        launch=Launch("a.sql", "b.sql", "c.sql", True, ("./smoke", "{db}")),
        engine=Engine("3.31", ("json", "fts5"), "lib.so"),
        rules=Rules(
            ("mine", "ours"),
            ("a-rule",),
            (("b-rule", Severity.NOTE),),
            (Disable("c-rule", "why", "2027-01-01"),),
            ("acme",),
            True,
            180,
        ),
        suppress=(Suppress("d-rule", "old/*", "because", "2027-01-02"),),
    )


def test_several_sets_of_migrations(tmp_path):
    made = load(tmp_path, '[[migrations]]\npath = "a"\n[[migrations]]\npath = "b"\n')
    assert [m.path for m in made.migrations] == ["a", "b"]
    assert load(tmp_path, "migrations = []\n").migrations == (Migrations(),)


def test_keys_that_wait_for_a_later_version_are_kept_by_name(tmp_path):
    made = load(
        tmp_path, '[launch]\nold_queries = "x"\nqueries = "q.sql"\n[downgrade]\ncheck = true\n'
    )
    assert made.later == ("[launch] old_queries", "[downgrade] check")
    assert made.launch.queries == "q.sql"
    assert load(tmp_path, "[downgrade]\ncheck = false\n").later == ()


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("migrations", Migrations),
        ("samples", Samples),
        ("engine", Engine),
        ("rules", Rules),
        ("rules.disable", Disable),
        ("suppress", Suppress),
    ],
)
def test_every_field_has_its_key(section, kind):
    assert {f.name for f in fields(kind)} <= set(config._KEYS[section])


def test_later_keys_are_known_keys():
    for section, keys in config._ON_SERVERS.items():
        assert set(keys) <= set(config._KEYS[section])


@pytest.mark.parametrize("text", ["a = [", "x = \x00", "dialect = 1", "[a.b]\nc = 1", "'' = 1"])
def test_an_error_names_the_file(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.place == str(tmp_path / config.NAME)
    assert "\n" not in caught.value.message


def test_the_search_ends_where_the_file_system_does():
    root = Path(Path.cwd().anchor)
    assert config.find(root) in {None, root / config.NAME, root / "pyproject.toml"}
