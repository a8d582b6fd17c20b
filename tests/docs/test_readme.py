"""The README tells the truth: its output is what the program prints, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from migsafe import config

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "docs/rules/README.md"]
_SECONDS = re.compile(r"in \d+\.\d+ s")


def test_the_demo_prints_what_the_readme_shows():
    shown = re.search(r"<!-- demo -->\n```text\n(.*?)```", README, re.S)
    done = subprocess.run(
        [sys.executable, str(ROOT / "fixtures/demo/run.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown is not None
    assert _SECONDS.sub("in _ s", done.stdout.strip()) == _SECONDS.sub("in _ s", shown[1].strip())
    assert done.returncode == 0


def test_the_configuration_that_the_readme_shows_is_accepted(tmp_path: Path):
    block = re.search(r"```toml\n(dialect = .*?)```", README, re.S)
    assert block is not None
    (tmp_path / "migsafe.toml").write_text(block[1], "utf-8")
    settings = config.load(tmp_path)
    assert settings.launch.queries == "launch.sql"
    assert set(tomllib.loads(block[1])) == {
        "dialect", "fail_on", "migrations", "samples", "launch", "engine", "rules", "downgrade",
        "suppress",
    }  # fmt: skip


def test_the_rule_that_the_readme_shows_fires(tmp_path: Path):
    block = re.search(
        r"```toml\n# rules/not-null-without-default/rule.toml\n(.*?)```", README, re.S
    )
    assert block is not None
    rule = block[1].replace('"not-null-without-default"', '"our-own"')
    folder = tmp_path / "ours" / "our-own"
    folder.mkdir(parents=True)
    (folder / "rule.toml").write_text(rule, "utf-8")
    (tmp_path / "migsafe.toml").write_text('[rules]\npaths = ["ours"]\n', "utf-8")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations/0001_a.sql").write_text("CREATE TABLE t (id INTEGER);", "utf-8")
    (tmp_path / "migrations/0002_b.sql").write_text(
        "ALTER TABLE t ADD COLUMN c TEXT NOT NULL;", "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "migsafe", "lint"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "our-own" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=[p.relative_to(ROOT).as_posix() for p in PAGES])
def test_every_link_leads_to_a_file(page: Path):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
