"""docs/in-a-team.md: its settings are accepted, its commands run, it names our files."""

from __future__ import annotations

import re
from pathlib import Path

from migsafe import baseline, config, released

PAGE = (Path(__file__).resolve().parents[2] / "docs/in-a-team.md").read_text("utf-8")
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY);\n"
NEEDED = "ALTER TABLE users ADD COLUMN name TEXT NOT NULL;\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def test_its_settings_are_accepted(tmp_path):
    for number, text in enumerate(blocks("toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        config.load(tmp_path, file)
    assert number == 1


def test_its_commands_do_what_it_says(project, migsafe):
    root = project({"migrations/0001_a.sql": USERS, "migrations/0002_b.sql": NEEDED})
    release, adopt = (text.split()[1:] for text in blocks("sh"))
    assert migsafe(*adopt, cwd=root).out.startswith(f"wrote {baseline.NAME}")
    assert migsafe(*release, cwd=root).out.startswith("locked 2 migrations as released in 4.2.0")
    assert {path.name for path in root.glob("migsafe.*")} == {baseline.NAME, released.NAME}
    (merging,) = blocks("text")
    assert {line.split()[0] for line in merging.splitlines()} == {baseline.NAME, released.NAME}
