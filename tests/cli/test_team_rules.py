"""A team's own rules: folders, overrides, packs, code, and how loudly each rule speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest

USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
NEEDED = "ALTER TABLE users ADD COLUMN name TEXT NOT NULL;\n"
SHIPPED = "not-null-without-default"
HISTORY = {"migrations/0001_a.sql": USERS, "migrations/0002_b.sql": NEEDED}
OWN = """id = "{}"
title = "a table is made"
severity = "warning"
category = "house"
needs = "statements"
message = "{{tbl}} is made"
remedy = "Ask first."
"""
FIND = "find = \"SELECT statement, tbl FROM operation WHERE kind = 'create_table'\"\n"
PATHS = '[rules]\npaths = ["mine"]\n'
OVERRIDE = f'id = "{SHIPPED}"\nextends = true\n'


def found(run) -> dict[str, dict[str, Any]]:
    return {f["rule"]: f for f in run.json["findings"]}


def lint(root, inside, *more: str):
    return inside("lint", "--format", "json", *more, cwd=root)


# -- folders ----------------------------------------------------------------------------------


def test_several_folders_also_outside_of_the_project(project, inside):
    root = project(
        {
            **HISTORY,
            "../shared/rules/one/rule.toml": OWN.format("one") + FIND,
            "house/two/rule.toml": OWN.format("two") + FIND,
            "migsafe.toml": '[rules]\npaths = ["../shared/rules", "house"]\n',
        }
    )
    assert {"one", "two"} <= set(lint(root, inside).rules)
    (root / "house/one").mkdir()
    (root / "house/one/rule.toml").write_text(OWN.format("one") + FIND)
    run = inside("lint", cwd=root)
    assert run.code == 2
    assert "house/one/rule.toml: rule one exists twice: here, and in ../shared/rules" in run.err


def test_the_id_of_a_shipped_rule_is_no_accident(project, inside):
    files = {**HISTORY, f"mine/{SHIPPED}/rule.toml": OWN.format(SHIPPED) + FIND}
    run = inside("lint", cwd=project({**files, "migsafe.toml": PATHS}))
    assert run.code == 2
    assert "exists twice: here, and in the rules that ship with migsafe" in run.err
    assert "extends = true" in run.err


# -- overrides --------------------------------------------------------------------------------


def test_an_override_says_what_it_changes_and_inherits_the_rest(project, inside):
    change = 'severity = "note"\nmessage = "{tbl}.{col}: ask the data team"\n'
    files = {**HISTORY, f"mine/{SHIPPED}/rule.toml": OVERRIDE + change, "migsafe.toml": PATHS}
    root = project(files)
    run = lint(root, inside)
    finding = found(run)[SHIPPED]
    assert run.code == 0
    assert (finding["severity"], finding["message"]) == ("note", "users.name: ask the data team")
    assert finding["remedy"]
    (root / f"mine/{SHIPPED}/rule.toml").unlink()
    assert found(lint(root, inside))[SHIPPED]["severity"] == "error"


def test_its_fixtures_are_the_teams(project, inside):
    fixtures = f"fixtures/rules/{SHIPPED}"
    root = project(
        {
            f"mine/{SHIPPED}/rule.toml": OVERRIDE + 'severity = "warning"\n',
            "migsafe.toml": PATHS,
            f"{fixtures}/fail/a/0001.sql": USERS,
            f"{fixtures}/fail/a/0002.sql": NEEDED.replace("\n", f" -- expect: {SHIPPED}\n"),
        }
    )
    run = inside("rules", "test", SHIPPED, cwd=root)
    assert "(1 fail, 0 pass)" in run.out
    assert "no pass fixture: " in run.out
    assert f"{fixtures}/pass/" in run.out


def test_an_override_of_an_override(project, inside):
    root = project(
        {
            **HISTORY,
            f"a/{SHIPPED}/rule.toml": OVERRIDE + 'severity = "note"\nmessage = "a"\n',
            f"b/{SHIPPED}/rule.toml": OVERRIDE + 'message = "b"\n',
            "migsafe.toml": '[rules]\npaths = ["a", "b"]\n',
        }
    )
    finding = found(lint(root, inside))[SHIPPED]
    assert (finding["severity"], finding["message"]) == ("note", "b")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (SHIPPED, OVERRIDE + 'sevrity = "note"\n', "unknown key sevrity: did you mean severity?"),
        (SHIPPED, OVERRIDE + 'severity = "bad"\n', "severity is 'bad'"),
        (SHIPPED, OVERRIDE + "version = 0\n", "version must be a whole number from 1"),
        ("nowhere", 'id = "nowhere"\nextends = true\n', "nowhere extends a rule that does not"),
        ("own", OWN.format("own") + FIND + 'requires = "migsafe >= 99.1"\nnew_key = 1\n', "99.1"),
        ("own", OWN.format("own") + FIND + 'requires = "99"\n', "requires is '99'"),
        ("own", OWN.format("own"), "the key find is missing"),
        ("own", OWN.format("own") + FIND + 'check = "a.py:b"\n', "find and check exclude"),
        ("own", OWN.format("own") + 'check = "../a.py:b"\n', "check is '../a.py:b'"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_in_one_sentence(project, migsafe, name, text, sentence):
    root = project({**HISTORY, f"mine/{name}/rule.toml": text, "migsafe.toml": PATHS})
    run = migsafe("lint", cwd=root)
    assert run.code == 2
    assert run.err.startswith(f"migsafe: mine/{name}/rule.toml: ")
    assert sentence in run.err


def test_a_rule_that_this_migsafe_is_new_enough_for(project, inside):
    text = OWN.format("own") + FIND + 'requires = "migsafe >= 0.1"\nversion = 3\n'
    root = project({**HISTORY, "mine/own/rule.toml": text, "migsafe.toml": PATHS})
    assert "own" in lint(root, inside).rules


# -- how loudly a rule speaks -------------------------------------------------------------------


def test_a_severity_of_the_project(project, inside):
    settings = f'[rules]\nseverity = {{ {SHIPPED} = "warning" }}\n'
    run = lint(project({**HISTORY, "migsafe.toml": settings}), inside)
    assert (run.code, found(run)[SHIPPED]["severity"]) == (0, "warning")


def test_it_holds_for_rows_with_a_severity_and_for_open_questions(project, inside):
    rule = "unique-index-over-duplicates"
    index = "CREATE UNIQUE INDEX u ON users (email);\n"
    files = {"migrations/0001_a.sql": USERS, "migrations/0002_b.sql": index}
    for severity, expected in (("note", "note"), ("blocker", "warning")):
        settings = f'[rules]\nseverity = {{ {rule} = "{severity}" }}\n'
        run = lint(project({**files, "migsafe.toml": settings}), inside)
        assert found(run)[rule]["severity"] == expected, "a question is no worse than it was"
    own = OWN.format("own") + FIND.replace("tbl FROM", "tbl, 'error' AS severity FROM")
    settings = PATHS + 'severity = { own = "note" }\n'
    root = project({**files, "mine/own/rule.toml": own, "migsafe.toml": settings})
    assert found(lint(root, inside))["own"]["severity"] == "note"


def test_a_disabled_rule_is_told_with_its_reason(project, inside):
    entry = f'{{ rule = "{SHIPPED}", reason = "we reset devices", until = 2026-12-31 }}'
    root = project({**HISTORY, "migsafe.toml": f"[rules]\ndisable = [{entry}]\n"})
    run = lint(root, inside, "--today", "2026-12-31")
    assert SHIPPED not in run.rules
    assert {
        "what": f"rule {SHIPPED}",
        "why": "disabled until 2026-12-31, we reset devices",
    } in run.json["not_run"]
    later = lint(root, inside, "--today", "2027-01-01")
    assert SHIPPED in later.rules
    assert any("speaks again" in n["why"] for n in later.json["not_run"])
    listed = inside("rules", "list", cwd=root).out
    assert "disabled until 2026-12-31, we reset devices" in listed or "speaks again" in listed


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('severity = { rows-lots = "note" }', "rules.severity names rows-lots"),
        ('severity = { rows-lost = "loud" }', "rules.severity of rows-lost is 'loud'"),
        ('disable = [{ rule = "rows-lots", reason = "x" }]', "rules.disable names rows-lots"),
        ('disable = [{ rule = "rows-lost" }]', "rules.disable of rows-lost gives no reason"),
        ('disable = ["rows-lost"]', "rules.disable must be a list of tables"),
        ('disable = [{ rule = "rows-lost", reason = "x", when = 1 }]', "rules.disable.when"),
        ('packs = ["nobody-has-this"]', "rules.packs names nobody-has-this, which is not installe"),
        ('paths = ["nowhere"]', "the rules folder nowhere does not exist"),
    ],
)
def test_settings_that_name_what_is_not_there(project, migsafe, settings, sentence):
    root = project({**HISTORY, "migsafe.toml": f"[rules]\n{settings}\n"})
    run = migsafe("lint", cwd=root)
    assert run.code == 2
    assert sentence in run.err


# -- code ----------------------------------------------------------------------------------------

CODE = OWN.format("coded") + 'check = "look.py:find"\n'
LOOK = """\
QUERY = "SELECT statement, tbl FROM operation WHERE kind = 'create_table'"

def find(facts):
    for statement, tbl in facts.execute(QUERY):
        yield {"statement": statement, "tbl": tbl}
"""


def coded(project, look: str, allowed: bool = True):
    settings = PATHS + ("allow_code = true\n" if allowed else "")
    files = {"mine/coded/rule.toml": CODE, "mine/coded/look.py": look, "migsafe.toml": settings}
    return project({**HISTORY, **files})


def test_a_function_finds_what_it_yields_and_leaves_nothing_behind(project, migsafe, snapshot):
    root = coded(project, LOOK)
    before = snapshot(root)
    run = migsafe("lint", "--format", "json", cwd=root)
    assert found(run)["coded"]["message"] == "users is made"
    assert snapshot(root) == before
    assert "look.py:find" in migsafe("rules", "explain", "coded", cwd=root).out


def test_no_function_runs_unless_the_project_says_so(project, migsafe):
    root = coded(project, "open('ran', 'w')\n", allowed=False)
    for command in (("lint",), ("rules", "list"), ("rules", "test", "coded")):
        run = migsafe(*command, cwd=root)
        assert run.code == 2
        assert "rule coded is Python code (look.py:find), which is not allowed to run" in run.err
    assert not (root / "ran").exists()


@pytest.mark.parametrize(
    ("look", "place", "sentence"),
    [
        (
            "def find(facts):\n    return 1 / 0\n",
            "look.py:2",
            "raises ZeroDivisionError: division by zero",
        ),
        ("def find(facts:\n", "look.py:1", "raises SyntaxError"),
        ("import nowhere_at_all\n", "look.py:1", "raises ModuleNotFoundError"),
        ("import sys\nsys.exit(0)\n", "look.py:2", "raises SystemExit: 0"),
        ("def other(facts):\n    pass\n", "rule.toml", "look.py has no function find"),
        ("def find(facts):\n    yield 1\n", "rule.toml", "yields a int, expected a dict"),
        ("def find(facts):\n    yield {'a': b'x'}\n", "rule.toml", "yields a bytes as a"),
        ("def find(facts):\n    return None\n", "look.py", "raises TypeError"),
        ("def find(facts):\n    facts.execute('DELETE FROM operation')\n", "rule.toml", "fails: "),
        (
            "def find(facts):\n    facts.execute('SELECT x FROM y')\n",
            "look.py:2",
            "no such table: y",
        ),
        (
            "def find(facts):\n    while True:\n        yield {'path': 'a', 'line': 1}\n",
            "rule.toml",
            "returns more than 10000 rows",
        ),
    ],
)
def test_a_function_that_is_wrong_is_one_sentence(project, migsafe, look, place, sentence):
    run = migsafe("lint", cwd=coded(project, look))
    assert run.code == 2
    assert run.err.startswith(f"migsafe: mine/coded/{place}: check of rule coded ")
    assert sentence in run.err
    assert run.err.count("\n") <= 2


# -- packs ---------------------------------------------------------------------------------------


def test_a_pack_speaks_only_where_it_is_listed_and_is_never_imported(project, migsafe):
    entry = "[migsafe.rules]\nacme = acme_rules.data\n"
    root = project(
        {
            **HISTORY,
            "site/acme_rules/__init__.py": "raise SystemExit('imported')\n",
            "site/acme_rules/data/rules/acme-table/rule.toml": OWN.format("acme-table") + FIND,
            "site/acme-1.0.dist-info/METADATA": "Name: acme\nVersion: 1.0\n",
            "site/acme-1.0.dist-info/entry_points.txt": entry,
        }
    )
    env = {"PYTHONPATH": str(root / "site")}
    silent = migsafe("lint", "--format", "json", cwd=root, env=env)
    assert "acme-table" not in silent.rules
    (root / "migsafe.toml").write_text('[rules]\npacks = ["acme"]\n')
    run = migsafe("lint", "--format", "json", cwd=root, env=env)
    assert found(run)["acme-table"]["message"] == "users is made"
    listed = json.loads(migsafe("rules", "list", "--format", "json", cwd=root, env=env).out)
    assert "acme-table" in {entry["id"] for entry in listed}
    (root / "migsafe.toml").write_text('[rules]\npacks = ["acmee"]\n')
    wrong = migsafe("lint", cwd=root, env=env)
    assert (wrong.code, "did you mean acme?" in wrong.err) == (2, True)
    (root / "migsafe.toml").write_text('[rules]\npacks = ["other"]\n')
    assert "installed packs: acme" in migsafe("lint", cwd=root, env=env).err
    (root / "migsafe.toml").write_text('[rules]\npacks = ["acme"]\n')
    (root / "site/acme_rules/data/rules").rename(root / "site/acme_rules/data/other")
    assert "the pack acme has no rules" in migsafe("lint", cwd=root, env=env).err
