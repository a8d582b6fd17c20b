"""Templates: every one gives a rule that its fixtures prove at once, general or for one table."""

from __future__ import annotations

import shutil
import tomllib

import pytest

from migsafe.cli.rule_fixtures import judge
from migsafe.errors import RuleInvalid, UsageError
from migsafe.model.finding import Stage
from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity
from migsafe.rules.load import load, shipped
from migsafe.rules.templates import TEMPLATES, Fields, instantiate, template_for, write

PATTERN = "ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL"
SAFE = "ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL DEFAULT $D"
NAMES = ("order", "user", "group")  # each has to stand in quotes
REPLAYED = {"lost-rows", "drift", "launch-query"}
CASES = [
    (template, dialect, named)
    for template in TEMPLATES
    for dialect in Dialect
    for named in (False, True)
    if (template, dialect) != ("lock", Dialect.SQLITE)
]


def fields(template, dialect, named):
    if template == "pattern":
        return Fields((dialect,), pattern=PATTERN, unless=(SAFE,))
    table, column, parent = NAMES if named else ("", "", "")
    return Fields((dialect,), table=table, column=column, parent=parent)


@pytest.mark.parametrize(("template", "dialect", "named"), CASES)
def test_a_rule_from_a_template_passes_its_own_test(
    template, dialect, named, project, inside, request
):
    if template in REPLAYED and dialect is not Dialect.SQLITE:
        request.getfixturevalue(str(dialect))  # skips where there is no server
    root = project({"migsafe.toml": '[rules]\npaths = ["rules"]\n'})
    rule = instantiate(template, "a-hazard", fields(template, dialect, named))
    written = write(rule, root / "rules")
    assert {p.relative_to(root).parts[0] for p in written} == {"rules", "fixtures"}
    run = inside("rules", "test", "a-hazard", cwd=root)
    assert run.code == 0, run.out
    assert run.out.splitlines()[0] == "ok       a-hazard  (1 fail, 1 pass)"


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES, Dialect.MYSQL])
@pytest.mark.parametrize("template", ["unique", "not-null", "orphan", "cast"])
def test_the_question_of_a_template_can_be_asked_on_a_server(template, dialect, tmp_path, request):
    """`rules test` only lints these: here a server answers the question."""
    request.getfixturevalue(str(dialect))
    write(
        instantiate(template, "a-hazard", fields(template, dialect, named=True)), tmp_path / "rules"
    )
    ruleset = load([tmp_path / "rules"])
    fixtures = tmp_path / "fixtures" / "rules" / "a-hazard"
    broken = judge(ruleset, fixtures / "fail" / "example", on_server=True)
    (finding,) = (f for f in broken.findings if f.rule == "a-hazard")
    assert (finding.severity, finding.stage) == (Severity.ERROR, Stage.REPLAY)
    mended = judge(ruleset, fixtures / "pass" / "example", on_server=True)
    assert [f.rule for f in mended.findings] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_a_template_leaves_nothing_of_itself(template):
    dialect = Dialect.POSTGRES if template == "lock" else Dialect.SQLITE
    rule = instantiate(template, "a-hazard", fields(template, dialect, named=True))
    for _, text in (("rule.toml", rule.toml), *rule.fixtures):
        assert "@" not in text
    assert tomllib.loads(rule.toml)["id"] == "a-hazard"
    with_incident = rule.toml + '[incident]\nsummary = "it was"\n'
    assert tomllib.loads(with_incident)["incident"] == {"summary": "it was"}


def test_fields_reach_the_rule():
    rule = instantiate(
        "unique",
        "a-hazard",
        Fields(title='two "equal" labels', severity=Severity.BLOCKER, table="note"),
    )
    table = tomllib.loads(rule.toml)
    assert table["title"] == 'two "equal" labels'
    assert table["severity"] == "blocker"
    assert "final_tbl = 'note'" in table["for_each"]
    assert "instr" not in table["for_each"]


def test_a_rule_for_several_dialects_has_fixtures_for_each():
    both = (Dialect.SQLITE, Dialect.POSTGRES)
    rule = instantiate("not-null", "a-hazard", Fields(both))
    assert tomllib.loads(rule.toml)["dialects"] == ["sqlite", "postgres"]
    cases = {"/".join(name.split("/")[:2]) for name, _ in rule.fixtures}
    assert cases == {
        "fail/example",
        "fail/example-postgres",
        "pass/example",
        "pass/example-postgres",
    }
    texts = dict(rule.fixtures)
    assert texts["fail/example-postgres/migsafe.toml"] == 'dialect = "postgres"\n'


@pytest.mark.parametrize(
    ("template", "hazard", "given", "said"),
    [
        ("uniqe", "a-hazard", Fields(), "there is no template uniqe"),
        ("unique", "A hazard", Fields(), "A hazard cannot name a hazard"),
        ("unique", "../x", Fields(), "cannot name a hazard"),
        ("lock", "a-hazard", Fields(), "the template lock is for postgres and mysql"),
        ("pattern", "a-hazard", Fields(), "the template pattern needs a pattern"),
        ("unique", "a-hazard", Fields(pattern=PATTERN), "the template unique takes no pattern"),
        ("unique", "a-hazard", Fields(table="a'b"), "cannot be the name of a table or column"),
        ("unique", "a-hazard", Fields(column="a\nb"), "cannot be the name of a table or column"),
    ],
)
def test_what_cannot_be_is_refused(template, hazard, given, said):
    with pytest.raises(UsageError) as refused:
        instantiate(template, hazard, given)
    assert said in refused.value.message


def test_a_pattern_that_cannot_be_read_is_refused():
    with pytest.raises(RuleInvalid, match="cannot be read in sqlite"):
        instantiate("pattern", "a-hazard", Fields(pattern="ALTER TABLE $T MODIFY $C"))


def test_nothing_is_overwritten(tmp_path):
    rule = instantiate("unique", "a-hazard")
    write(rule, tmp_path / "rules")
    with pytest.raises(UsageError, match="exists already"):
        write(rule, tmp_path / "rules")
    shutil.rmtree(tmp_path / "rules")
    with pytest.raises(UsageError, match="fixtures/rules/a-hazard exists already"):
        write(rule, tmp_path / "rules")


@pytest.mark.parametrize(
    ("kind", "error", "template"),
    [
        ("raised", "UNIQUE constraint failed: note.label", "unique"),
        ("raised", "could not create unique index \"u\"", "unique"),
        ("raised", "Duplicate entry '?' for key 'u'", "unique"),
        ("raised", "UniqueViolation", "unique"),
        ("raised", "NOT NULL constraint failed: note.label", "not-null"),
        ("raised", 'null value in column "a" violates not-null constraint', "not-null"),
        ("raised", "Column 'a' cannot be null", "not-null"),
        ("raised", "FOREIGN KEY constraint failed", "orphan"),
        ("raised", "a foreign key constraint fails", "orphan"),
        ("foreign-keys", "", "orphan"),
        ("raised", "invalid input syntax for type integer", "cast"),
        ("raised", "Incorrect integer value for column 'a'", "cast"),
        ("raised", "cannot store TEXT value in INTEGER column note.rank", "cast"),
        ("rows-lost", "", "lost-rows"),
        ("drifted", "", "drift"),
        ("launch-query", "no such column: body", "launch-query"),
        ("lock-queue", "", "lock"),
        ("deadlock", "", "lock"),
        ("raised", "canceling statement due to lock timeout", "lock"),
        ("raised", "no such table: note", ""),
        ("renumbered", "", ""),
    ],
)  # fmt: skip
def test_the_template_for_a_failure(kind, error, template):
    assert template_for(kind, error) == template


def test_no_name_of_a_template_is_a_rule_that_ships():
    assert not set(TEMPLATES) & {rule.id for rule in load([shipped()])}
