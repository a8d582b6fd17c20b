"""`migsafe rules`: list, explain and test, those that ship and a project's own."""

from __future__ import annotations

import json

import pytest

RULE = """id = "no-cache-tables"
title = "a table whose name starts with cache_ is made"
severity = "error"
category = "house"
needs = "statements"
find = '''
SELECT statement, tbl FROM operation WHERE kind = 'create_table' AND tbl LIKE 'cache%'
'''
message = "{tbl} belongs to the cache database"
remedy = "Make it in the cache database."
[incident]
summary = "The cache grew in the backups."
date = "2026-01-02"
links = ["https://example.org/postmortem"]
[[incident.why]]
question = "Why did the backup grow?"
answer = "It held the cache."
"""
PLAIN = "CREATE TABLE users (id INTEGER PRIMARY KEY);\n"
OWN = {
    "migsafe.toml": '[rules]\npaths = ["rules"]\n',
    "rules/no-cache-tables/rule.toml": RULE,
    "fixtures/rules/no-cache-tables/fail/named/0001_a.sql": (
        f"{PLAIN}CREATE TABLE cache_items (id); -- expect: no-cache-tables\n"
    ),
    "fixtures/rules/no-cache-tables/pass/plain/0001_a.sql": PLAIN,
}
FIXTURES = "fixtures/rules/no-cache-tables"


def test_list_in_text_and_json(project, inside):
    root = project({})
    entries = json.loads(inside("rules", "list", "--format", "json", cwd=root).out)
    assert [e["id"] for e in entries] == sorted(e["id"] for e in entries)
    assert len(entries) >= 50
    for entry in entries:
        assert set(entry) == {
            "id",
            "title",
            "severity",
            "confidence",
            "default",
            "category",
            "needs",
            "dialects",
        }
        assert entry["severity"] in {"note", "warning", "error", "blocker"}
    text = inside("rules", "list", cwd=root)
    assert text.code == 0
    assert text.out.splitlines()[-1].startswith(f"{len(entries)} rules; ")
    for entry in entries:
        assert f"{entry['severity']:8} {entry['id']} " in text.out


def test_explain_shows_the_whole_rule_with_its_fixtures(project, inside):
    root = project(OWN)
    run = inside("rules", "explain", "no-cache-tables", cwd=root)
    assert run.code == 0
    for words in (
        "A table whose name starts with cache_ is made",
        "CREATE TABLE cache_items (id)",
        "Make it in the cache database.",
        "WHERE kind = 'create_table'",
        "The cache grew in the backups.",
        "Why did the backup grow?",
        "https://example.org/postmortem",
    ):
        assert words in run.out
    shipped = inside("rules", "explain", "unique-index-over-duplicates", cwd=root)
    assert shipped.code == 0
    assert "unique-index-over-duplicates" in shipped.out


def test_a_rule_that_does_not_exist(project, inside):
    root = project(OWN)
    for command in ("explain", "test"):
        run = inside("rules", command, "no-cache-table", cwd=root)
        assert run.code == 2
        assert run.err == (
            "migsafe: there is no rule no-cache-table\n  hint: did you mean no-cache-tables?\n"
        )
    assert "see `migsafe rules list`" in inside("rules", "explain", "zzzzzz", cwd=root).err


def test_own_rules_judge_beside_those_that_ship(project, migsafe):
    root = project(
        {
            **OWN,
            "migrations/0001_a.sql": PLAIN,
            "migrations/0002_b.sql": "CREATE TABLE cache_x (id);\n",
        }
    )
    run = migsafe("lint", "--format", "json", cwd=root)
    assert run.code == 1
    (finding,) = run.json["findings"]
    assert finding["rule"] == "no-cache-tables"
    assert finding["message"] == "cache_x belongs to the cache database"
    assert finding["evidence"] == {"tbl": "cache_x"}
    assert "no-cache-tables" in migsafe("rules", "list", cwd=root).out
    run = migsafe("rules", "test", "no-cache-tables", "-v", cwd=root)
    assert run.code == 0, run
    assert run.out.splitlines() == [
        "ok       no-cache-tables  (1 fail, 1 pass)",
        f"  fired    {FIXTURES}/fail/named",
        f"  silent   {FIXTURES}/pass/plain",
        "",
        "1 of 1 rules do what their fixtures say",
    ]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {f"{FIXTURES}/fail/named/0001_a.sql": PLAIN + "-- expect: no-cache-tables\n"},
            ["missed   no-cache-tables  (1 fail, 1 pass)", "0001_a.sql:2: no-cache-tables says"],
        ),
        (
            {f"{FIXTURES}/fail/named/0001_a.sql": PLAIN},
            ["untested no-cache-tables", "no line is marked -- expect: no-cache-tables"],
        ),
        (
            {f"{FIXTURES}/pass/plain/0001_a.sql": "CREATE TABLE cache_x (id);\n"},
            ["noisy    no-cache-tables", "0001_a.sql:1: cache_x belongs"],
        ),
        (
            {f"{FIXTURES}/pass/plain/0002_b.sql": PLAIN},
            ["noisy    no-cache-tables", "0002_b.sql:1: "],
        ),
        (
            {f"{FIXTURES}/pass/plain/0001_b.sql": PLAIN},
            ["no-cache-tables", "revision 0001 exists twice"],
        ),
        (
            {f"{FIXTURES}/pass/plain/migsafe.toml": "colour = 1\n"},
            ["no-cache-tables", "unknown key colour"],
        ),
    ],
)
def test_a_rule_that_does_not_do_what_its_fixtures_say(project, inside, files, said):
    run = inside("rules", "test", "no-cache-tables", cwd=project({**OWN, **files}))
    assert run.code == 1, run
    for words in said:
        assert words in run.out
    assert run.out.splitlines()[-1] == "0 of 1 rules do what their fixtures say"


def test_a_rule_without_fixtures_is_untested(project, inside):
    files = {k: v for k, v in OWN.items() if "/pass/" not in k}
    run = inside("rules", "test", "no-cache-tables", cwd=project(files))
    assert run.code == 1
    assert "untested no-cache-tables  (1 fail, 0 pass)" in run.out
    assert f"  no pass fixture in {FIXTURES}/pass" in run.out


DATA_RULE = """id = "old-emails"
title = "emails of the old kind"
severity = "error"
category = "house"
needs = "data"
for_each = "SELECT statement, tbl FROM operation WHERE kind = 'update' AND tbl = 'users'"
find = "SELECT count(*) AS n FROM {tbl} WHERE email LIKE '%@old' HAVING n > 0"
message = "{n:row} of {tbl} with an old email"
remedy = "Replace them first."
"""


def test_fixtures_with_old_data_are_replayed(project, inside):
    files = {
        "migsafe.toml": '[rules]\npaths = ["rules"]\n',
        "rules/old-emails/rule.toml": DATA_RULE,
    }
    old = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
    update = "UPDATE users SET email = lower(email);"
    for kind, email, mark in (("fail", "a@old", " -- expect: old-emails"), ("pass", "a@new", "")):
        case = f"fixtures/rules/old-emails/{kind}/case"
        files[f"{case}/old.sql"] = f"{old}INSERT INTO users VALUES (1, '{email}');\n"
        files[f"{case}/0001_lower.sql"] = f"{update}{mark}\n"
    run = inside("rules", "test", "old-emails", "-v", cwd=project(files))
    assert run.code == 0, run
    assert run.out.startswith("ok       old-emails  (1 fail, 1 pass)\n  fired")
