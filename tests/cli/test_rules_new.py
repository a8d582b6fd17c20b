"""`migsafe rules new`: where a rule goes, what is said, and what is never overwritten."""

from __future__ import annotations

import tomllib

import pytest

PATTERN = ("--pattern", "DROP TABLE $T")


def test_the_first_rule_of_a_project_makes_its_folder_and_names_it(project, inside):
    root = project({})
    run = inside("rules", "new", "table-gone", *PATTERN, cwd=root)
    assert run.code == 0, run
    assert run.out.splitlines() == [
        "wrote rules/table-gone/rule.toml",
        "wrote fixtures/rules/table-gone/fail/example/0001_tables.sql",
        "wrote fixtures/rules/table-gone/fail/example/0002_change.sql",
        "wrote fixtures/rules/table-gone/pass/example/0001_tables.sql",
        "wrote fixtures/rules/table-gone/pass/example/0002_change.sql",
        'wrote migsafe.toml: [rules] paths = ["rules"]',
        "",
        "ok       table-gone  (1 fail, 1 pass)",
        "  fired    fixtures/rules/table-gone/fail/example",
        "  silent   fixtures/rules/table-gone/pass/example",
        "",
        "next: put your own tables and rows there, then `migsafe rules test table-gone`",
    ]
    assert inside("rules", "test", "table-gone", cwd=root).code == 0


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (
            "migsafe.toml",
            'dialect = "sqlite"',
            'dialect = "sqlite"\n\n[rules]\npaths = ["rules"]\n',
        ),
        ("migsafe.toml", "[samples]\n", '[samples]\n\n[rules]\npaths = ["rules"]\n'),
        (
            "pyproject.toml",
            "[tool.migsafe]\n",
            '[tool.migsafe]\n\n[tool.migsafe.rules]\npaths = ["rules"]\n',
        ),
    ],
)
def test_a_configuration_without_rules_gets_the_line(project, inside, name, before, after):
    root = project({name: before})
    run = inside("rules", "new", "table-gone", *PATTERN, cwd=root)
    assert run.code == 0, run
    assert f"added to {name}: " in run.out
    text = (root / name).read_text()
    assert text == after
    assert tomllib.loads(text)
    again = inside("rules", "new", "view-gone", "--pattern", "DROP VIEW $V", cwd=root)
    assert again.code == 0, again
    assert (root / name).read_text() == after


def test_a_table_of_rules_is_left_to_its_author(project, inside):
    text = '[rules]\nenable = ["prefer-bigint"]\n'
    root = project({"migsafe.toml": text})
    run = inside("rules", "new", "table-gone", *PATTERN, cwd=root)
    assert run.code == 0, run
    said = 'add to [rules] in migsafe.toml, so that rules/ is read:  paths = ["rules"]'
    assert run.out.splitlines()[-1] == said
    assert (root / "migsafe.toml").read_text() == text


def test_the_first_of_several_folders_takes_the_rule(project, inside):
    root = project({"migsafe.toml": '[rules]\npaths = ["team/rules", "more"]\n', "more/.keep": ""})
    run = inside("rules", "new", "table-gone", *PATTERN, cwd=root)
    assert run.code == 0, run
    assert (root / "team/rules/table-gone/rule.toml").is_file()
    assert (root / "team/fixtures/rules/table-gone/fail/example").is_dir()


def test_nothing_is_overwritten(project, inside):
    root = project({})
    assert inside("rules", "new", "table-gone", *PATTERN, cwd=root).code == 0
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    run = inside("rules", "new", "table-gone", "--template", "unique", cwd=root)
    assert (run.code, run.err) == (
        2,
        "migsafe: there is a rule table-gone already\n  hint: choose another name\n",
    )
    shipped = inside("rules", "new", "rows-lost", "--template", "lost-rows", cwd=root)
    assert (shipped.code, shipped.err.splitlines()[0]) == (
        2,
        "migsafe: there is a rule rows-lost already",
    )
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


def test_what_a_rule_is_made_of_has_to_be_said(project, inside):
    root = project({})
    run = inside("rules", "new", "table-gone", cwd=root)
    assert run.code == 2
    assert run.err.startswith("migsafe: neither --template nor --pattern says")
    wrong = inside("rules", "new", "table-gone", "--pattern", "DROP $T", cwd=root)
    assert wrong.code == 2
    assert "the pattern cannot be read in sqlite" in wrong.err
    assert list(root.iterdir()) == [root / ".git"]


def test_the_dialect_is_that_of_the_project_unless_it_is_named(project, inside):
    root = project({"migsafe.toml": 'dialect = "postgres"\n'})
    assert inside("rules", "new", "a", "--template", "not-null", cwd=root).code == 0
    assert 'dialects = ["postgres"]' in (root / "rules/a/rule.toml").read_text()
    several = ("--dialect", "sqlite", "--dialect", "mysql")
    run = inside("rules", "new", "b", "--template", "not-null", *several, cwd=root)
    assert run.code == 0, run
    assert run.out.count("fired") == 2
    plain = project({}, "plain")
    assert inside("rules", "new", "c", "--template", "lock", cwd=plain).code == 0
    assert 'dialects = ["postgres"]' in (plain / "rules/c/rule.toml").read_text()


def test_options_reach_the_rule(project, inside):
    root = project({})
    options = ("--table", "note", "--column", "label", "--title", 'a "b"', "--severity", "blocker")
    run = inside("rules", "new", "a", "--template", "unique", *options, cwd=root)
    assert run.code == 0, run
    rule = tomllib.loads((root / "rules/a/rule.toml").read_text())
    assert (rule["title"], rule["severity"]) == ('a "b"', "blocker")
    assert "final_tbl = 'note'" in rule["for_each"]
    assert "label" in rule["for_each"]
