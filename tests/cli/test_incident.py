"""`migsafe incident`: the commands as a team uses them, from the first hour to the lesson."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from migsafe.incident import folder
from tests.incident.records import FILLED

ROOT = Path(__file__).resolve().parents[2]
HAZARD = "null-copied-into-not-null"
PAGE = f"rules/{HAZARD}/postmortem.md"
CASES = f"fixtures/rules/{HAZARD}"
LEAST = f'+++\nhazard = "{HAZARD}"\nslug = "{HAZARD}"\ntitle = "It crashes"\nauthors = ["data"]\n'
LEAST += f'[impact]\nseen = "the app closes"\n[safeguard]\nrule = "{HAZARD}"\n+++\n'
NO_RULE = LEAST.replace(f'rule = "{HAZARD}"', 'no_rule_reason = "the server sent it"')
AT = ("--now", "2026-03-03 12:40")


@pytest.fixture
def team(project):
    """A project with one incident, whose rule ships with migsafe, and its fixtures."""
    root = project({PAGE: LEAST})
    for case in ("fail/rebuild-demands-a-value", "pass/coalesce"):
        shutil.copytree(ROOT / CASES / case, root / CASES / case)
    return root


def page(root: Path) -> str:
    return (root / PAGE).read_text("utf-8")


# -- list, show -----------------------------------------------------------------------------------


def test_incidents_of_all_folders_are_listed_by_date(project, inside):
    other = LEAST.replace(f'slug = "{HAZARD}"', 'slug = "second"\ndate = 2026-03-04')
    root = project(
        {
            "migsafe.toml": '[rules]\npaths = ["safeguards", "rules"]\n',
            f"rules/{HAZARD}/rule.md": "",
            f"safeguards/{HAZARD}/postmortem.md": LEAST,
            f"safeguards/{HAZARD}/postmortem-second.md": other,
            "rules/orphans/postmortem.md": LEAST.replace(HAZARD, "orphans", 2),
        }
    )
    run = inside("incident", "list", cwd=root)
    assert run.code == 0, run
    assert run.out.splitlines() == [
        "no date     draft     error    null-copied-into-not-null  It crashes",
        "no date     draft     error    orphans                    It crashes",
        "2026-03-04  draft     error    second                     It crashes",
        "3 incidents",
    ]
    entries = inside("incident", "list", "--format", "json", cwd=root).json
    assert [e["id"] for e in entries] == [HAZARD, "orphans", "second"]
    assert entries[2]["path"] == f"safeguards/{HAZARD}/postmortem-second.md"


def test_a_project_without_incidents_says_so(project, inside):
    root = project({"a": ""})
    assert inside("incident", "list", cwd=root).out == "no incidents\n"
    assert inside("incident", "list", "--format", "json", cwd=root).json == []
    assert inside("incident", "check", cwd=root) == inside("incident", "list", cwd=root)


def test_show_prints_the_page_or_its_record(team, inside):
    run = inside("incident", "show", HAZARD, cwd=team)
    assert run.code == 0
    assert run.out.startswith("It crashes\nnull-copied-into-not-null · draft · error · by data\n")
    assert run.out.endswith(f"\npage: {PAGE}\n")
    record = inside("incident", "show", HAZARD, "--format", "json", cwd=team).json
    assert (record["title"], record["path"]) == ("It crashes", PAGE)


def test_an_unknown_id_is_answered_with_a_near_one(team, inside):
    run = inside("incident", "show", "null-copied", cwd=team)
    assert run.code == 2
    assert run.err == (
        f"migsafe: there is no incident null-copied\n  hint: did you mean {HAZARD}?\n"
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({PAGE: LEAST.replace("title =", "titel =")}, f"{PAGE}:4: unknown key titel: did you mean"),
        ({PAGE: LEAST.encode() + b"\nx\xff"}, f"{PAGE}:12: the page is not UTF-8"),
        ({"rules/b/postmortem.md": LEAST}, "the hazard null-copied-into-not-null differs from its"),
        ({f"rules/{HAZARD}/postmortem-x.md": LEAST}, "the slug null-copied-into-not-null differs"),
        (
            {PAGE: LEAST, f"safe/{HAZARD}/postmortem.md": LEAST},
            f"{PAGE}: the id {HAZARD} is that of safe/{HAZARD}/postmortem.md too",
        ),
    ],
)
@pytest.mark.parametrize("command", ["list", "check"])
def test_a_page_that_cannot_be_read_is_named(project, inside, files, said, command):
    root = project({"migsafe.toml": '[rules]\npaths = ["safe"]\n', "safe/a": "", **files})
    run = inside("incident", command, cwd=root)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("migsafe: ")
    assert said in run.err


# -- update ---------------------------------------------------------------------------------------


def test_the_first_update_makes_the_whole_page(team, inside):
    assert inside("incident", "update", HAZARD, cwd=team).out == f"wrote {PAGE}\n"
    assert page(team).startswith(LEAST)
    assert "## Safeguard" in page(team)
    assert inside("incident", "update", HAZARD, cwd=team).out == f"{PAGE} is up to date\n"


def test_what_people_wrote_stays_through_updates(team, inside):
    inside("incident", "update", HAZARD, cwd=team)
    mine = "What I think.\n\n<!-- for: client -->\nWe are sorry.\n<!-- /for -->\n"
    text = page(team).replace("## How it was found", f"## How it was found{'!'}")
    (team / PAGE).write_text(f"{text}\n{mine}", "utf-8")
    run = inside(
        "incident", "update", HAZARD, "--timeline", "2026-03-03 09:00 released: 4.2.0",
        "--action", "replay samples | platform | 2026-03-20", "--status", "learned", *AT, cwd=team,
    )  # fmt: skip
    assert run.code == 0, run
    assert page(team).endswith(f"\n{mine}")
    assert "## How it was found!\n" in page(team)
    assert "| 2026-03-03 09:00 | released: 4.2.0 |" in page(team)
    assert "| 1 | replay samples | prevent | platform | 2026-03-20 |" in page(team)
    inside("incident", "update", HAZARD, "--done", "1", cwd=team)
    assert "| 1 | replay samples | prevent | platform | done |" in page(team)
    record = inside("incident", "show", HAZARD, "--format", "json", cwd=team).json
    assert record["status"] == "learned"


def test_answers_may_be_given_later(team, inside):
    update = ("incident", "update", HAZARD)
    first = inside(*update, "--seen", "it hangs", "--why", "why? | so", "--author", "web", cwd=team)
    assert first.code == 0, first
    inside(*update, "--seen", "a white screen", "--why", "after 1: and why? | thus", cwd=team)
    record = inside("incident", "show", HAZARD, "--format", "json", cwd=team).json
    assert record["impact"]["seen"] == "a white screen"
    assert [w["answer"] for w in record["why"]] == ["so", "thus"]
    assert record["authors"] == ["data", "web"]
    before = page(team)
    run = inside(*update, "--why", "after 4: why? | so", cwd=team)
    assert (run.code, page(team)) == (2, before)
    assert "why[3].follows must be the number of an answer above it" in run.err


def test_messages_are_worded_kept_and_exported(team, inside):
    update = ("incident", "update", HAZARD)
    run = inside(*update, "--message", "", "--next", "+2h", *AT, cwd=team)
    assert run.out == (
        f"wrote {PAGE}\n\nto send to users:\n\nWe are looking into a problem.\n"
        "What you see: the app closes.\nNext update: 2026-03-03 14:40 UTC.\n"
    )
    inside(*update, "--message", "A fix is tested.", "--next", "2026-03-03 16:00", *AT, cwd=team)
    run = inside(*update, "--resolved", "--version", "4.2.1", "--now", "2026-03-03 16:00", cwd=team)
    assert run.code == 0, run
    for kind, first in (
        ("initial", "We are looking into a problem."),
        ("update", "A fix is tested."),
        ("resolved", "The problem is resolved. It is fixed in version 4.2.1."),
    ):
        run = inside("incident", "export", HAZARD, "--format", "txt", "--message", kind, cwd=team)
        assert run.out.splitlines()[0] == first
    record = inside("incident", "show", HAZARD, "--format", "json", cwd=team).json
    assert record["status"] == "resolved"
    assert [e["kind"] for e in record["timeline"]] == ["communicated", "resolved"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--message", "news"], "a message to users says when they hear next"),
        (["--next", "+2h"], "--next promises an update"),
        (["--message", "news", "--next", "soon"], "soon is not a time"),
        (["--message", "news", "--next", "2020-01-01 00:00"], "must be later than now"),
        (["--message", "news", "--resolved", "--next", "+2h"], "--resolved is the last message"),
        (["--version", "4.2.1"], "--version goes with --resolved"),
        (["--resolved", "--status", "open"], "--resolved sets the status itself"),
        (["--timeline", "released"], "does not say when what happened"),
        (["--action", "a | b | c"], "c is one part too many"),
        (["--done", "1"], "there is no action 1"),
        (["--status", "over"], "'over' is not one of"),
        (["--message", "see users.sql", "--next", "+2h"], "tells the name of a file (users.sql)"),
        (["--resolved", "--version", "DROP TABLE users"], "tells SQL"),
    ],
)
def test_an_update_that_cannot_be_changes_nothing(team, inside, options, said):
    run = inside("incident", "update", HAZARD, *options, cwd=team)
    assert run.code == 2
    assert said in run.err
    assert page(team) == LEAST


def test_the_rules_short_form_follows_the_record(team, inside):
    rule = team / f"rules/{HAZARD}/rule.toml"
    rule.write_text('id = "x"  # mine\n[incident]\nsummary = "old"\n', "utf-8")
    inside("incident", "update", HAZARD, cwd=team)
    assert rule.read_text("utf-8") == 'id = "x"  # mine\n\n[incident]\nsummary = "It crashes"\n'


def test_a_rule_that_is_no_text_is_left_to_those_who_read_rules(team, inside):
    rule = team / f"rules/{HAZARD}/rule.toml"
    rule.write_bytes(b"[incident]\nsummary = '\xff'\n")
    assert inside("incident", "update", HAZARD, cwd=team).code == 0
    assert b"\xff" in rule.read_bytes()


# -- export ---------------------------------------------------------------------------------------


def test_exports_go_to_the_screen_or_to_a_file(team, inside):
    run = inside("incident", "export", HAZARD, cwd=team)
    assert (run.code, run.out[:13]) == (0, "# It crashes\n")
    export = ("incident", "export", HAZARD, "--format", "html", "--audience", "client")
    run = inside(*export, "--output", "out.html", cwd=team)
    assert (run.code, run.out) == (0, "wrote out.html\n")
    text = (team / "out.html").read_text("utf-8")
    assert text == inside(*export, cwd=team).out
    assert "the app closes" in text
    assert "It crashes" not in text
    assert "data" not in text.replace("your data", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--output", PAGE], "is the page itself"),
        (["--output", "no/such/folder.md"], "cannot be written"),
        (["--message", "initial", "--format", "html"], "a message to users is plain text"),
        (["--message", "update"], "an update tells users when they hear next"),
    ],
)
def test_an_export_that_cannot_be_is_refused(team, inside, options, said):
    run = inside("incident", "export", HAZARD, *options, cwd=team)
    assert run.code == 2
    assert said in run.err
    assert page(team) == LEAST


@pytest.mark.parametrize("format_", ["md", "html", "txt"])
def test_nothing_that_steers_a_terminal_is_exported(team, inside, format_):
    text = LEAST.replace("the app closes", r"\u001b[2Jthe\u0000 app\u009b closes")
    (team / PAGE).write_text(text, "utf-8")
    for more in (["--audience", "client"], ["--audience", "team"]):
        run = inside("incident", "export", HAZARD, "--format", format_, *more, cwd=team)
        assert run.code == 0, run
        assert not {"\x1b", "\x00", "\x9b"} & set(run.out)
        assert "[2Jthe app closes" in run.out


def test_a_leak_is_refused_and_nothing_is_written(team, inside):
    (team / PAGE).write_text(LEAST.replace("the app closes", "error in user_id"), "utf-8")
    for audience in ("client", "company"):
        run = inside(
            "incident", "export", HAZARD, "--audience", audience, "--output", f"{audience}.md",
            cwd=team,
        )  # fmt: skip
        assert (run.code, (team / f"{audience}.md").exists()) == (
            (2, False) if audience == "client" else (0, True)
        )
    assert "impact.seen is for clients" in inside("incident", "check", cwd=team).out


# -- check ----------------------------------------------------------------------------------------


def judged(inside, root, *options):
    run = inside("incident", "check", "--format", "json", *options, cwd=root)
    found = run.json["incidents"][0]
    assert run.json["passed"] is (run.code == 0)
    return run.code, found["verdict"], {(p["severity"], p["what"]) for p in found["problems"]}


def errors(problems):
    return [what for severity, what in problems if severity == "error"]


def test_an_incident_whose_rule_fires_on_its_fixture_is_guarded(team, inside):
    code, verdict, problems = judged(inside, team)
    assert (code, verdict) == (0, "guarded")
    assert errors(problems) == []
    run = inside("incident", "check", HAZARD, cwd=team)
    assert run.out.startswith(f"guarded   {HAZARD}  ({PAGE})\n  warning   to be written")
    assert run.out.endswith("\n1 of 1 incidents are guarded\n")
    assert inside("incident", "check", "--strict", cwd=team).code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAST.replace(f'rule = "{HAZARD}"', ""), "no rule guards it, and no_rule_reason does not"),
        (LEAST.replace(f'rule = "{HAZARD}"', 'no_rule_reason = " "'), "no rule guards it"),
        (
            LEAST.replace(f'rule = "{HAZARD}"', 'rule = "null-copied"'),
            "there is no rule null-",
        ),
        (LEAST.replace(f'rule = "{HAZARD}"', 'rule = "prefer-bigint"'), "prefer-bigint is off"),
        (LEAST.replace(f'rule = "{HAZARD}"', 'rule = "rows-lost"'), "rows-lost was never seen to"),
        (
            LEAST.replace("\n+++\n", '\nfixtures = ["pass/coalesce"]\n+++\n'),
            "was never seen to fire on it",
        ),
        (
            LEAST.replace("\n+++\n", '\nfixtures = ["fail/other"]\n+++\n'),
            f"there is no fixture {CASES}/fail/other",
        ),
        (
            LEAST.replace("\n+++\n", '\nfixtures = ["fail/../pass/coalesce"]\n+++\n'),
            "fail/../pass/coalesce is no fixture",
        ),
    ],
)
def test_an_incident_without_a_safeguard_fails(team, inside, text, said):
    (team / PAGE).write_text(text, "utf-8")
    code, verdict, problems = judged(inside, team)
    assert (code, verdict) == (1, "unguarded")
    assert [what for what in errors(problems) if said in what]


def test_a_rule_that_stays_silent_on_the_fixture_fails(team, inside):
    case = team / CASES / "fail/rebuild-demands-a-value"
    for path in case.glob("[0-9]*.sql"):
        path.write_text(f"CREATE TABLE harmless (id INTEGER);  -- expect: {HAZARD}\n", "utf-8")
    code, _, problems = judged(inside, team)
    assert code == 1
    assert [w for w in errors(problems) if w.startswith(f"{HAZARD} does not fire: {CASES}/fail")]


def test_a_rule_that_fires_on_the_repaired_migration_fails(team, inside):
    shutil.copytree(team / CASES / "fail/rebuild-demands-a-value", team / CASES / "pass/wrong")
    for path in (team / CASES / "pass/wrong").glob("[0-9]*.sql"):
        path.write_text(path.read_text("utf-8").replace("-- expect:", "--"), "utf-8")
    code, _, problems = judged(inside, team)
    assert code == 1
    assert [w for w in errors(problems) if w.startswith(f"{HAZARD} is noisy: {CASES}/pass/wrong/")]


def test_a_reason_may_stand_instead_of_a_rule(team, inside):
    (team / PAGE).write_text(NO_RULE, "utf-8")
    assert judged(inside, team)[:2] == (0, "guarded")


def test_what_is_overdue_or_out_of_date_is_a_warning(team, inside):
    inside(
        "incident", "update", HAZARD, "--message", "We look.", "--next", "+2h", "--action",
        "do | team | 2026-03-20", *AT, cwd=team,
    )  # fmt: skip
    before = judged(inside, team, "--today", "2026-03-03")
    after = judged(inside, team, "--today", "2026-03-21")
    assert after[0] == 0
    assert after[2] - before[2] == {
        ("warning", "action 1 was due on 2026-03-20: do"),
        (
            "warning",
            "users were promised an update for 2026-03-03 14:40 UTC, and it is still open",
        ),
    }
    text = page(team).replace('title = "It crashes"', 'title = "It burns"')
    (team / PAGE).write_text(text, "utf-8")
    what = f"the page does not say what its record says: migsafe incident update {HAZARD}"
    assert ("warning", what) in judged(inside, team)[2]
    (team / PAGE).write_text(page(team).replace("## Why\n", "## Why\n\nI know.\n"), "utf-8")
    assert any("was edited by hand" in w for _, w in judged(inside, team)[2])


def test_a_finished_incident_has_no_warnings(team, inside):
    shutil.rmtree(team / "rules")
    record = FILLED.__class__(
        **{
            **{f: getattr(FILLED, f) for f in FILLED.__slots__},
            "safeguard": FILLED.safeguard.__class__(HAZARD),
        }
    )
    folder.write(team / "rules", record)
    run = inside("incident", "check", "--strict", "--today", "2026-03-21", cwd=team)
    assert (run.code, run.out) == (
        0,
        f"guarded   {HAZARD}  ({PAGE})\n1 of 1 incidents are guarded\n",
    )


def test_a_second_incident_of_a_hazard_has_a_page_of_its_own(team, monkeypatch, inside):
    monkeypatch.chdir(team)
    again = FILLED.__class__(HAZARD, "again-in-may")
    path = folder.write(team / "rules", again)
    assert path.name == "postmortem-again-in-may.md"
    assert [e["id"] for e in inside("incident", "list", "--format", "json", cwd=team).json] == [
        "again-in-may",
        HAZARD,
    ]
    run = inside("incident", "show", "again-in-may", "--format", "json", cwd=team)
    assert json.loads(run.out)["slug"] == "again-in-may"


def test_the_real_program_knows_the_command(team, migsafe):
    run = migsafe("incident", "check", cwd=team)
    assert run.code == 0
    assert "1 of 1 incidents are guarded" in run.out
