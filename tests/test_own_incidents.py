"""The incidents in the project's own rules: every page is guarded, finished and says its source."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from migsafe.cli.rules import all_rules
from migsafe.errors import ExitCode
from migsafe.incident import folder
from migsafe.incident.short_form import table
from migsafe.model.incident import Status

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def _pages() -> tuple[folder.Stored, ...]:
    return folder.find(folder.folders(ROOT, ()))


@pytest.mark.slow
def test_every_incident_is_guarded_and_finished(inside) -> None:
    done = inside("incident", "check", "--strict", "--format", "json", cwd=ROOT)
    found = json.loads(done.out)["incidents"]
    assert [(i["id"], i["problems"]) for i in found if i["problems"]] == []
    assert {i["verdict"] for i in found} == {"guarded"}
    assert done.code == ExitCode.OK
    assert len(found) >= 20


def test_every_page_is_of_a_public_incident_that_was_learnt_from() -> None:
    for page in _pages():
        record = page.record
        assert record.status is Status.LEARNED, page.path
        assert record.links, page.path
        assert all(link.startswith("https://") for link in record.links), page.path
        kinds = {name.partition("/")[0] for name in record.safeguard.fixtures}
        assert kinds == {"fail", "pass"}, page.path
        assert record.safeguard.rule == record.hazard, page.path


def test_the_short_form_is_that_of_the_first_page() -> None:
    firsts = [page for page in _pages() if page.path.name == "postmortem.md"]
    for page in firsts:
        rule = tomllib.loads(page.path.with_name("rule.toml").read_text(encoding="utf-8"))
        assert rule["incident"] == table(page.record), page.path
    told = {rule.id for rule in all_rules(None) if rule.incident}
    assert told == {page.record.hazard for page in firsts}


def test_a_rule_is_explained_with_the_page_and_its_source(inside) -> None:
    page = _pages()[0]
    done = inside("rules", "explain", page.record.hazard, cwd=ROOT)
    assert done.code == ExitCode.OK
    assert done.out.count(page.record.summary) == 1
    assert page.record.authors[0] not in done.out
    assert page.record.links[0] in done.out
    assert f"rules/{page.record.hazard}/postmortem.md" in done.out
