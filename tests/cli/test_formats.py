"""The formats of the report: printed or written, the exit code and the findings are the same."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from migsafe.cli.options import FORMATS

TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"
UNIQUE = "-- unique from now on\nCREATE UNIQUE INDEX u ON users (email);\n"
FILES = {
    "app/migrations/0001_users.sql": TABLE,
    "app/migrations/0002_email.sql": UNIQUE,
    "app/migsafe.toml": '[samples]\npath = "samples"\n',
    **{
        f"app/samples/0001/{n:02}.sql": TABLE
        + f"INSERT INTO users (email) VALUES ('a'), ('{'a' if n < 2 else 'b'}');\n"
        for n in range(20)
    },
}


def test_every_format_is_printed_and_written_alike(project, inside):
    root = project(FILES) / "app"
    outputs = [f"--output={name}=out.{name}" for name in FORMATS]
    run = inside("check", "--format", "github", *outputs, cwd=root)
    assert run.code == 1
    for name in FORMATS:
        written = (root / f"out.{name}").read_text("utf-8")
        assert "0002_email.sql" in written
        alone = inside("check", "--format", name, cwd=root)
        assert alone.code == 1
        assert len(alone.out.splitlines()) == len(written.splitlines())


def test_paths_are_those_of_the_repository_where_a_forge_reads_them(project, inside):
    root = project(FILES) / "app"
    path = "app/migrations/0002_email.sql"
    sarif = inside("check", "--format", "sarif", cwd=root).json["runs"][0]
    (result,) = sarif["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (path, 2)
    assert sarif["automationDetails"]["id"] == "migsafe/check/app/"
    (entry,) = inside("check", "--format", "gitlab", cwd=root).json
    assert entry["location"] == {"path": path, "lines": {"begin": 2}}
    github = inside("check", "--format", "github", cwd=root).out
    assert f"::error file={path},line=2," in github
    # The others are for people, who are in the project's folder.
    assert "blocker  migrations/0002_email.sql:2" in inside("check", cwd=root).out
    assert inside("check", "--format", "json", cwd=root).json["findings"][0]["path"] == path[4:]


def test_a_project_at_the_root_of_its_repository_has_no_folder(project, inside):
    root = project({path.removeprefix("app/"): text for path, text in FILES.items()})
    (entry,) = inside("check", "--format", "gitlab", cwd=root).json
    assert entry["location"]["path"] == "migrations/0002_email.sql"


def test_junit_has_the_databases_and_where_each_one_stopped(project, inside):
    files = {**FILES, "app/migrations/0003_more.sql": "CREATE TABLE more (id INTEGER);\n"}
    root = project({**files, "app/samples/0001/bad.db": b"no database"}) / "app"
    run = inside("check", "--format", "junit", cwd=root)
    found = ElementTree.fromstring(run.out)
    assert (found.attrib["failures"], found.attrib["errors"]) == ("2", "1")
    suites = {s.attrib["name"]: [[c.tag for c in case] for case in s] for s in found}
    assert suites["samples/0001/00.sql from 0001"] == [["failure"], ["skipped"]]
    assert suites["samples/0001/05.sql from 0001"] == [[], []]
    assert len([s for s in suites if s.startswith("samples/")]) == 20


@pytest.mark.parametrize("name", FORMATS)
def test_the_exit_code_does_not_depend_on_the_format(project, inside, name):
    root = project(FILES) / "app"
    (root / "migrations/0002_email.sql").write_text("CREATE INDEX u ON users (email);\n")
    run = inside("check", "--format", name, cwd=root)
    assert run.code == 0
    (root / "samples/0001/bad.db").write_bytes(b"no database")
    assert inside("check", "--format", name, cwd=root).code == 4
    assert inside("lint", "--format", name, cwd=root).code == 0


def test_a_format_that_does_not_exist(project, inside):
    root = project(FILES) / "app"
    run = inside("check", "--output", "xml=out.xml", cwd=root)
    assert run.code == 2
    assert "sarif" in run.err
    assert not (root / "out.xml").exists()


# -- how many users may be hit ----------------------------------------------------------------


def test_max_blast_lets_pass_what_hits_few(project, inside):
    root = project(FILES) / "app"
    (found,) = inside("check", "--format", "json", cwd=root).json["findings"]
    blast = found["blast_radius"]
    assert (blast["failing"], blast["sampled"]) == (2, 20)
    assert 0.1 < blast["high"] < 0.35
    passed = inside("check", "--max-blast", "0.35", cwd=root)
    assert passed.code == 0
    assert passed.out.endswith("safe: 1 blocker; --max-blast 35 % lets 1 finding pass\n")
    # The share that was seen is below, what it may be is not.
    failed = inside("check", "--max-blast", "0.15", "--format", "json", cwd=root)
    assert (failed.code, failed.json["findings"][0]["fails"]) == (1, True)
    assert failed.json["max_blast"] == 0.15


def test_max_blast_fails_below_fail_on_where_the_app_does_not_start(project, inside):
    root = project(FILES) / "app"
    rules = ("unique-index-over-duplicates", "migration-fails")
    quiet = "[rules]\nseverity = { " + ", ".join(f'{r} = "warning"' for r in rules) + " }\n"
    (root / "migsafe.toml").write_text('[samples]\npath = "samples"\n' + quiet)
    before = inside("check", "--format", "json", cwd=root)
    assert (before.code, before.json["findings"][0]["severity"]) == (0, "warning")
    found = inside("check", "--format", "json", "--max-blast", "0.05", cwd=root)
    assert found.code == 1
    assert found.json["findings"][0]["fails"] is True


def test_max_blast_says_nothing_of_what_was_not_replayed(project, inside):
    files = {**FILES, "app/migrations/0002_email.sql": "SELEC 1;\n"}
    root = project(files) / "app"
    run = inside("check", "--max-blast", "1", "--format", "json", cwd=root)
    told = {f["rule"]: (f["fails"], f["blast_radius"] is not None) for f in run.json["findings"]}
    assert run.code == int(any(fails for fails, _ in told.values()))
    assert all(not (fails and known) for fails, known in told.values())


def test_max_blast_keeps_what_could_not_be_checked(project, inside):
    root = project({**FILES, "app/samples/0001/bad.db": b"no database"}) / "app"
    assert inside("check", "--max-blast", "0.9", cwd=root).code == 4


@pytest.mark.parametrize("share", ["-0.1", "1.5", "x"])
def test_max_blast_is_a_share(project, inside, share):
    assert inside("check", "--max-blast", share, cwd=project(FILES) / "app").code == 2


def test_allowed_findings_do_not_fail_by_their_share(project, inside):
    allow = '-- migsafe: allow unique-index-over-duplicates until=2027-02-28 reason="known"\n'
    root = project({**FILES, "app/migrations/0002_email.sql": allow + UNIQUE}) / "app"
    today = ("--today", "2027-02-01")
    run = inside("check", "--max-blast", "0", *today, "--format", "json", cwd=root)
    assert run.code == 0
    assert json.loads(run.out)["findings"][0]["suppressed"]["reason"] == "known"
