"""rule.toml as a value: defaults, every key, and an error that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from migsafe.errors import ConfigError, RuleInvalid
from migsafe.model.migration import Dialect
from migsafe.model.rule import Confidence, Fix, Needs, Severity, When
from migsafe.rules.load import enable, load, read, shipped

LEAST = """id = "a-rule"
title = "t"
severity = "warning"
category = "c"
message = "m"
remedy = '''
first
    second
'''
needs = "schema"
find = "SELECT 1 AS statement"
"""


def write(root: Path, text: str, name: str = "a-rule") -> Path:
    path = root / name / "rule.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_least_rule_has_these_defaults(tmp_path):
    rule = read(write(tmp_path, LEAST))
    assert (rule.id, rule.severity, rule.needs) == ("a-rule", Severity.WARNING, Needs.SCHEMA)
    assert rule.confidence is Confidence.HIGH
    assert rule.dialects == tuple(Dialect)
    assert rule.when is When.STATEMENT
    assert rule.undecided is None
    assert rule.incident is None
    assert not rule.off
    assert rule.remedy == "first\n    second"


def test_every_key_reaches_its_field(tmp_path):
    text = (
        LEAST.replace('"schema"', '"data"')
        + """confidence = "low"
dialects = ["sqlite", "mysql"]
for_each = "SELECT 1"
when = "before"
undecided = "note"
undecided_message = "perhaps"
explains = ["x", "y"]
default = "off"
[remedies]
django = "d"
alembic = "a"
[incident]
summary = "s"
date = 2026-01-02
versions = "4.0"
affected = "25 %"
links = ["l"]
[[incident.why]]
question = "q"
answer = "a"
"""
    )
    rule = read(write(tmp_path, text))
    assert rule.dialects == (Dialect.SQLITE, Dialect.MYSQL)
    assert (rule.for_each, rule.when, rule.undecided) == ("SELECT 1", When.BEFORE, Severity.NOTE)
    assert (rule.undecided_message, rule.explains) == ("perhaps", ("x", "y"))
    assert rule.remedies == (("alembic", "a"), ("django", "d"))
    assert rule.off
    assert rule.incident is not None
    assert (rule.incident.date, rule.incident.links) == ("2026-01-02", ("l",))
    assert (rule.incident.why[0].question, rule.incident.why[0].answer) == ("q", "a")


def test_those_that_ship_are_in_order_and_complete():
    rules = load([shipped()])
    assert [r.id for r in rules] == sorted(r.id for r in rules)
    for rule in rules:
        assert rule.title
        assert rule.remedy
        assert not rule.title.endswith(".")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('title = "t"\n', ""), "the key title is missing"),
        (("find", "fnid"), "unknown key fnid: did you mean find?"),
        (('"warning"', '"bad"'), "severity is 'bad', expected one of note, warning, error, block"),
        (('"schema"', '"data"'), "a rule that needs data must say for_each"),
        (('"a-rule"', '"b-rule"'), "the id b-rule differs from its folder a-rule"),
        (('"t"', "[1]"), "title must be text"),
        (('id = "a-rule"', 'id = "a-rule"\ndefault = "no"'), "default is 'no', expected one of on"),
        (('"t"', '"t'), "the rule cannot be read"),
    ],
)
def test_an_error_names_the_file_and_the_key(tmp_path, change, sentence):
    path = write(tmp_path, LEAST.replace(*change))
    with pytest.raises(RuleInvalid) as caught:
        read(path)
    assert caught.value.place.endswith("a-rule/rule.toml")
    assert caught.value.message.startswith(sentence)


def test_an_id_in_other_letters(tmp_path):
    with pytest.raises(RuleInvalid, match="lower-case words-with-dashes"):
        read(write(tmp_path, LEAST.replace("a-rule", "A_Rule"), "A_Rule"))


def test_an_id_that_stands_in_two_folders(tmp_path):
    write(tmp_path / "one", LEAST)
    write(tmp_path / "two", LEAST)
    with pytest.raises(RuleInvalid, match="a-rule exists twice") as caught:
        load([tmp_path / "one", tmp_path / "two"])
    assert caught.value.place == "two/a-rule/rule.toml"


def test_a_rule_that_is_off_is_enabled_by_its_id(tmp_path):
    off = write(tmp_path, LEAST + 'default = "off"\n')
    rules = load([off.parent.parent])
    assert [r.off for r in enable(rules, ["a-rule"])] == [False]
    with pytest.raises(ConfigError, match=r"rules\.enable names a-rul, and there is no such rule"):
        enable(rules, ["a-rul"])


def test_folders_without_a_rule_file_are_passed_over(tmp_path):
    (tmp_path / "draft").mkdir()
    (tmp_path / "README.md").touch()
    assert load([tmp_path]) == ()


def test_a_rule_names_a_fix_that_there_is(tmp_path):
    assert read(write(tmp_path, LEAST)).fix is None
    assert read(write(tmp_path, f'{LEAST}fix = "concurrently"\n')).fix is Fix.CONCURRENTLY
    with pytest.raises(RuleInvalid, match="fix is 'magic', expected one of concurrently, "):
        read(write(tmp_path, f'{LEAST}fix = "magic"\n'))


def test_every_fix_is_named_by_a_rule_that_ships():
    assert {rule.fix for rule in load([shipped()])} >= set(Fix)
