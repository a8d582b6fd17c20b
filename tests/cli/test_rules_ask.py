"""`migsafe rules try`, `trace` and `backtest`: a question before and after it is a rule."""

from __future__ import annotations

import pytest

OLD = "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, owner TEXT);\n"
CHANGE = "-- b\nUPDATE note SET body = 'x';\nALTER TABLE note ADD COLUMN place TEXT;\n"
SECRET = "Wilhelmine-4711"
SAMPLE = (
    OLD + f"INSERT INTO note VALUES (1, 'a', '{SECRET}'), (2, NULL, '{SECRET}'), (3, '', NULL);\n"
)
FILES = {
    "migsafe.toml": '[rules]\npaths = ["rules"]\n[samples]\npath = "samples"\n',
    "migrations/0001_a.sql": OLD,
    "migrations/0002_b.sql": CHANGE,
    "samples/device.sql": SAMPLE,
    "samples/samples.toml": '[[sample]]\nfile = "device.sql"\nversion = "0001"\n',
    "rules/owner-shared/rule.toml": """id = "owner-shared"
title = "two notes with one owner"
severity = "error"
category = "house"
needs = "data"
for_each = '''
SELECT statement, tbl FROM row_change WHERE verb = 'update' AND tbl = 'note'
'''
find = "SELECT owner FROM {tbl} WHERE owner IS NOT NULL GROUP BY owner HAVING count(*) > 1"
message = "{n:owner} of several rows of {tbl}"
remedy = "r"
""",
    "rules/body-filled/rule.toml": """id = "body-filled"
title = "every body is filled"
severity = "warning"
category = "house"
needs = "schema"
find = '''
WITH filled AS (SELECT * FROM filled_column WHERE col = 'body')
SELECT f.statement, f.line, f.tbl FROM filled f WHERE f.verb = 'update' AND NOT f.has_where
'''
message = "every body of {tbl} is filled"
remedy = "r"
""",
}


# -- try ------------------------------------------------------------------------------------------


def test_try_prints_the_rows_and_their_places(project, inside):
    run = inside("rules", "try", "select statement, tbl from row_change", cwd=project(FILES))
    assert run.code == 0
    assert run.out.splitlines() == [
        "(place)                  statement  tbl",
        "-----------------------  ---------  ----",
        "migrations/0002_b.sql:2          2  note",
        "",
        "1 row",
        "each row can be a finding: this SELECT can be the `find` of a rule",
    ]


def test_try_keeps_to_the_files_that_are_named(project, inside):
    root = project(FILES)
    select = "select statement from operation"
    both = inside("rules", "try", select, "--format", "json", cwd=root).json
    assert [row[0] for row in both[0]["rows"]] == [
        "migrations/0001_a.sql:1",
        "migrations/0002_b.sql:2",
        "migrations/0002_b.sql:3",
    ]
    one = inside("rules", "try", select, "migrations/0001_a.sql", "--format", "json", cwd=root).json
    assert [row[0] for row in one[0]["rows"]] == ["migrations/0001_a.sql:1"]


def test_try_says_when_no_column_is_a_place(project, inside):
    run = inside("rules", "try", "select count(*) from statement", cwd=project(FILES))
    assert run.out.splitlines()[-1] == (
        "no column says where a finding is: select `statement`, or `path` and `line`"
    )


@pytest.mark.parametrize(
    ("select", "said", "hint"),
    [
        ("select tbl\nfrom opration",
         "no such table: opration (line 2, column 6: from >>>opration)",
         "did you mean operation, "),
        ("select o.kinds from operation o",
         "no such column: o.kinds (line 1, column 8: select >>>o.kinds",
         "did you mean kind"),
        ("select tbl from operation wher tbl = 1", 'near "tbl": syntax error (line 1, column 32:',
         "docs/facts.md"),
        ("select 1 from", "incomplete input", "docs/facts.md"),
        ("select nofunction(1)", "no such function: nofunction", "lang_corefunc"),
        ("select 1; select 2", "You can only execute one statement at a time", "docs/facts.md"),
    ],
)  # fmt: skip
def test_try_shows_where_a_select_is_wrong(project, inside, select, said, hint):
    run = inside("rules", "try", select, cwd=project(FILES))
    assert run.code == 2
    assert run.err.startswith(f"migsafe: the SELECT is wrong: {said}"), run.err
    assert hint in run.err.splitlines()[1]


@pytest.mark.parametrize(
    "select",
    [
        "delete from operation",
        "drop table operation",
        "attach 'x.db' as x",
        "pragma writable_schema = 1",
        "select load_extension('x')",
        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n",
    ],
)
def test_try_only_reads_and_ends(project, inside, select, monkeypatch):
    monkeypatch.setattr("migsafe.rules.attempt.SECONDS", 0.3)
    root = project(FILES)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    run = inside("rules", "try", select, cwd=root)
    assert run.code == 2, run
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


def test_try_with_samples_knows_what_their_replay_shows(project, inside):
    root = project(FILES)
    select = "select path, revision from sample"
    assert inside("rules", "try", select, "--format", "json", cwd=root).json[0]["rows"] == []
    run = inside("rules", "try", select, "--samples", "--format", "json", cwd=root)
    assert run.json[0]["rows"] == [["samples/device.sql", "0001"]]


def test_try_asks_the_samples_before_and_after_and_hides_their_values(project, inside):
    root = project(FILES)
    select = (
        "select o.id, o.owner, o.body as was, n.body, n.place"
        " from old.note o join new.note n using (id)"
    )
    run = inside("rules", "try", select, cwd=root)
    assert run.code == 0, run
    assert run.out.splitlines() == [
        "samples/device.sql: 3 rows",
        "id         owner   was     body    place",
        "---------  ------  ------  ------  -----",
        "(integer)  (text)  (text)  (text)   null",
        "(integer)  (text)  null    (text)   null",
        "(integer)  null    (text)  (text)   null",
        "",
    ]
    assert SECRET not in run.out
    shown = inside("rules", "try", select, "--show-values", cwd=root)
    assert SECRET in shown.out
    counted = inside("rules", "try", "select count(*) from old.note", cwd=root)
    assert counted.out.splitlines()[3] == "       3"
    wrong = inside("rules", "try", "select 1 from old.notes", cwd=root)
    assert "did you mean old.note" in wrong.err


# -- trace ----------------------------------------------------------------------------------------


def test_trace_counts_each_step_and_marks_the_first_empty_one(project, inside):
    root = project({**FILES, "migrations/0002_b.sql": "UPDATE note SET body = 'x' WHERE id = 1;\n"})
    run = inside("rules", "trace", "body-filled", cwd=root)
    assert run.code == 0, run
    assert run.out.splitlines() == [
        "find:",
        "        1  WITH filled",
        "        1  FROM filled f",
        "        1  WHERE f.verb = 'update'",
        "        0  AND NOT f.has_where  <-- here it becomes empty",
        "        0  the whole SELECT",
        "findings: 0",
    ]


def test_trace_names_the_findings_of_a_rule_that_fires(project, inside):
    run = inside("rules", "trace", "body-filled", cwd=project(FILES))
    assert "becomes empty" not in run.out
    assert run.out.splitlines()[-2:] == [
        "findings: 1",
        "  migrations/0002_b.sql:2  every body of note is filled",
    ]


def test_trace_follows_a_question_into_the_samples(project, inside):
    run = inside("rules", "trace", "owner-shared", cwd=project(FILES))
    assert run.code == 0, run
    assert run.out.splitlines()[-3:] == [
        "find, asked for each of 1 rows of for_each:",
        "  migrations/0002_b.sql:2  tbl = note",
        "      1 row  samples/device.sql",
    ]
    assert SECRET not in run.out


def test_trace_on_a_fixture(project, inside):
    root = project(FILES)
    run = inside(
        "rules", "trace", "unique-index-over-duplicates", "--fixture", "fail/nope", cwd=root
    )
    assert run.code == 2
    assert "has no fixture fail/nope" in run.err
    assert "hint: it has fail/" in run.err
    name = run.err.split("hint: it has ")[1].split(",")[0]
    assert (
        inside("rules", "trace", "unique-index-over-duplicates", "--fixture", name, cwd=root).code
        == 0
    )


def test_trace_says_which_dialect_a_rule_is_about(project, inside):
    run = inside("rules", "trace", "index-not-concurrent", cwd=project(FILES))
    assert run.out == "index-not-concurrent is about postgres, and these migrations are sqlite\n"


# -- backtest -------------------------------------------------------------------------------------


def test_backtest_judges_every_migration_as_the_newest(project, inside):
    later = {"migrations/0003_c.sql": "UPDATE note SET body = 'y' WHERE id = 1;\n"}
    root = project({**FILES, **later})
    run = inside("rules", "backtest", "body-filled", cwd=root)
    assert run.code == 0, run
    assert run.out.splitlines() == [
        "body-filled",
        "  would have told of 0002 (migrations/0002_b.sql:2): every body of note is filled",
        "  no other alarm in 3 migrations",
    ]


def test_backtest_with_samples_asks_what_needs_rows(project, inside):
    root = project(FILES)
    run = inside("rules", "backtest", "owner-shared", "--samples", cwd=root)
    assert run.out.splitlines() == [
        "owner-shared",
        "  would have stopped 0002 (migrations/0002_b.sql:2): 1 owner of several rows of note",
        "  no other alarm in 2 migrations and on 1 sampled database",
    ]
    without = inside("rules", "backtest", "owner-shared", cwd=root)
    assert without.out.splitlines() == [
        "owner-shared",
        "  silent in 2 migrations",
        "this rule asks about old rows or a replay: --samples tells what they say",
    ]


def test_backtest_knows_nothing_of_what_came_later(project, inside):
    rule = FILES["rules/body-filled/rule.toml"].replace("body-filled", "newest-only")
    find = (
        "SELECT s.id AS statement, 'note' AS tbl FROM statement s"
        " WHERE s.migration = (SELECT max(id) FROM migration) GROUP BY s.migration"
    )
    rule = rule[: rule.index("find =")] + f'find = "{find}"\n' + rule[rule.index("message =") :]
    root = project({**FILES, "rules/newest-only/rule.toml": rule})
    run = inside("rules", "backtest", "newest-only", "--format", "json", cwd=root)
    (entry,) = run.json["rules"]
    assert [f["revision"] for f in entry["tells"]] == ["0001", "0002"]
    assert (run.json["migrations"], run.json["samples"], entry["stops"]) == (2, None, [])


def test_backtest_of_all_rules_names_those_that_speak(project, inside):
    run = inside("rules", "backtest", "--all", cwd=project(FILES))
    assert run.code == 0, run
    assert "body-filled\n  would have told of 0002" in run.out
    assert "rules are silent in 2 migrations" in run.out


def test_backtest_needs_to_know_which_rules(project, inside):
    root = project(FILES)
    assert inside("rules", "backtest", cwd=root).code == 2
    assert inside("rules", "backtest", "body-filled", "--all", cwd=root).code == 2
    wrong = {
        **FILES,
        "rules/body-filled/rule.toml": FILES["rules/body-filled/rule.toml"].replace(
            "filled f", "fild f"
        ),
    }
    assert inside("rules", "backtest", "body-filled", cwd=project(wrong, "wrong")).code == 2
