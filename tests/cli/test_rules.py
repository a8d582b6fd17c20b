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
    said = f"no pass fixture: nothing shows that this rule is ever silent ({FIXTURES}/pass/NAME/)"
    assert said in run.out


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


# -- what `rules test` says of each fixture -------------------------------------------------------

SEVERAL = "CREATE TABLE cache_a (id); -- expect: no-cache-tables, another-rule\n"
ANOTHER = RULE.replace("no-cache-tables", "another-rule")


def test_several_ids_may_stand_on_one_line(project, inside):
    files = {
        **OWN,
        "rules/another-rule/rule.toml": ANOTHER,
        f"{FIXTURES}/fail/named/0001_a.sql": SEVERAL,
        "fixtures/rules/another-rule/fail/named/0001_a.sql": SEVERAL,
        "fixtures/rules/another-rule/pass/plain/0001_a.sql": PLAIN,
    }
    run = inside("rules", "test", "no-cache-tables", "another-rule", cwd=project(files))
    assert run.code == 0, run


def test_all_that_is_wrong_is_told_and_nothing_stops_the_test(project, inside):
    files = {
        **OWN,
        "rules/another-rule/rule.toml": ANOTHER.replace("tbl LIKE", "tble LIKE"),
        "fixtures/rules/another-rule/fail/named/0001_a.sql": SEVERAL,
        f"{FIXTURES}/fail/late/0001_a.sql": f"{PLAIN}{PLAIN}-- expect: no-cache-tables\n",
        f"{FIXTURES}/pass/loud/0001_a.sql": f"{PLAIN}CREATE TABLE cache_b (id);\n",
    }
    root = project(files)
    run = inside("rules", "test", "another-rule", "no-cache-tables", cwd=root)
    assert run.code == 2  # a rule is wrong
    assert "error    another-rule  (1 fail, 0 pass)" in run.out
    assert "no pass fixture: nothing shows that this rule is ever silent" in run.out
    assert "find of rule another-rule fails: no such column: tble" in run.out
    only = {k: v for k, v in files.items() if "another-rule" not in k}
    run = inside("rules", "test", "no-cache-tables", "-v", cwd=project(only, "only"))
    assert run.code == 1
    assert run.out.splitlines() == [
        "missed   no-cache-tables  (2 fail, 2 pass)",
        f"  missed   {FIXTURES}/fail/late/0001_a.sql:3: no-cache-tables says nothing here",
        f"  fired    {FIXTURES}/fail/named",
        f"  noisy    {FIXTURES}/pass/loud/0001_a.sql:2: cache_b belongs to the cache database",
        f"  silent   {FIXTURES}/pass/plain",
        "",
        "0 of 1 rules do what their fixtures say",
    ]


def test_a_rule_that_was_never_seen_to_fire(project, inside):
    files = {k: v for k, v in OWN.items() if "/fail/" not in k}
    run = inside("rules", "test", "no-cache-tables", cwd=project(files))
    assert run.code == 1
    assert "no fail fixture: this rule has never been seen to fire" in run.out


def test_the_test_as_json(project, inside):
    files = {**OWN, f"{FIXTURES}/pass/loud/0001_a.sql": f"{PLAIN}CREATE TABLE cache_b (id);\n"}
    run = inside("rules", "test", "no-cache-tables", "--format", "json", cwd=project(files))
    assert run.code == 1
    assert (run.json["tested"], run.json["ok"]) == (1, 0)
    (rule,) = run.json["rules"]
    assert (rule["rule"], rule["result"]) == ("no-cache-tables", "noisy")
    words = {f["fixture"].rpartition("/")[2]: f["result"] for f in rule["fixtures"]}
    assert words == {"named": "fired", "loud": "noisy", "plain": "silent"}
    (noisy,) = rule["fixtures"][1]["noisy"]
    assert (noisy["path"], noisy["line"]) == ("0001_a.sql", 2)


# -- explain --------------------------------------------------------------------------------------


def test_explain_begins_with_the_page_of_the_incident(project, inside):
    page = (
        '+++\ntitle = "not this"\n+++\n# The cache\n\n<!-- nor this -->\n\n'
        "One night the backups\ngrew tenfold.\n\nAnd then more.\n"
    )
    root = project({**OWN, "rules/no-cache-tables/postmortem.md": page})
    run = inside("rules", "explain", "no-cache-tables", cwd=root)
    assert run.code == 0
    said = (
        "## Where it comes from\n\nOne night the backups grew tenfold.\n"
        "(the whole page: rules/no-cache-tables/postmortem.md)\n"
    )
    assert said in run.out
    assert "not this" not in run.out
    assert '-- migsafe: allow no-cache-tables until=YYYY-MM-DD reason="' in run.out


def test_explain_shows_a_pattern_and_its_select(project, inside):
    root = project({"migsafe.toml": '[rules]\npaths = ["rules"]\n'})
    options = ("--pattern", "DELETE FROM $T", "--unless", "DELETE FROM $T WHERE $W")
    assert inside("rules", "new", "emptied", *options, cwd=root).code == 0
    out = inside("rules", "explain", "emptied", cwd=root).out
    assert "```sql\nDELETE FROM $T\n```\nunless it has this one:\n" in out
    assert "which comes to this SELECT over the facts:\n```sql\nWITH p AS (SELECT" in out
