"""Write an incident: the page, the rule, its fixtures; then test them and say what comes next."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from migsafe.cli import rule_fixtures
from migsafe.cli.incident import making
from migsafe.cli.project import Project
from migsafe.cli.rules_backtest import summary
from migsafe.cli.rules_new import folder_of, named
from migsafe.errors import ExitCode
from migsafe.incident import drafts, folder, questions, short_form
from migsafe.incident.drafts import Draft
from migsafe.incident.files import put
from migsafe.incident.gaps import gaps
from migsafe.model.incident import Incident
from migsafe.model.rule import Rule
from migsafe.rules.load import FILE


def taken(project: Project) -> set[str]:
    """The ids that incidents of the project have."""
    settings = project.config
    return {s.id for s in folder.find(folder.folders(settings.root, settings.rules.paths))}


def write(project: Project, draft: Draft) -> int:
    """Write everything that the draft holds, and drop it.

    Raises UsageError where a file is there already: nothing is overwritten.
    """
    root = project.config.root
    record = questions.record_from(draft.answers, draft.known)
    home = making.folder(root, draft.id)
    rules = folder_of(project.config)
    files = list(_placed(rules, home, draft, record))
    files.append(folder.write(rules, record))
    drafts.drop(root, draft.id)
    shutil.rmtree(home, ignore_errors=True)
    click.echo("\nwritten:")
    for path in files:
        click.echo(f"  {folder.shown(path)}")
    if record.safeguard.rule:
        for line in named(project.config):
            click.echo(f"  {line}")
    good = _proved(project, rules, record)
    _next(record)
    return ExitCode.OK if good else ExitCode.FINDINGS


def _placed(rules: Path, home: Path, draft: Draft, record: Incident) -> Iterator[Path]:
    """The rule, unless it is there, and the fixtures of this incident."""
    hazard = draft.notes.get("rule")
    if not hazard:
        return
    text = (home / FILE).read_text(encoding="utf-8")
    target = rules / hazard / FILE
    if text and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        put(target, f"{text.rstrip()}\n\n{short_form.to_toml(record)}")
        yield target
    for kind in (making.FAIL, making.PASS):
        if (home / kind).is_dir():
            case = rules.parent / "fixtures" / "rules" / hazard / kind / draft.id
            case.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(home / kind, case)
            yield case


# -- proof -----------------------------------------------------------------------------------------


def _proved(project: Project, rules: Path, record: Incident) -> bool:
    """Does the rule fire on the fixture, and stay silent on the repaired one?"""
    ruleset = _with_folder(project).rules()
    rule = next((r for r in ruleset if r.id == record.safeguard.rule), None)
    if rule is None:
        return True
    results = [_tested(rule, ruleset, rules, name) for name in record.safeguard.fixtures]
    for line in summary(project, rule):
        click.echo(f"backtest:   {line}")
    return all(results)


def _with_folder(project: Project) -> Project:
    """The project as it is once its folder of rules is named."""
    rules = project.config.rules
    named_ = replace(rules, paths=rules.paths or (folder.DEFAULT,))
    return replace(project, config=replace(project.config, rules=named_))


def _tested(rule: Rule, ruleset: tuple[Rule, ...], rules: Path, name: str) -> bool:
    case = rules.parent / "fixtures" / "rules" / rule.id / name
    result = rule_fixtures.run(rule, ruleset, case.parent.name, case)
    word = "fired" if case.parent.name == making.FAIL else "silent"
    click.echo(f"rules test: {word if result.good else 'not as meant'} {folder.shown(case)}")
    for spot, message in result.noisy:
        click.echo(f"  noisy: {spot.path}:{spot.line}: {message}")
    return result.good


def _next(record: Incident) -> None:
    click.echo("\nnext:")
    missing = gaps(record, {})
    if missing:
        click.echo(f"  write what is still open on the page: {len(missing)} things")
    click.echo(
        f"  tell users: migsafe incident export {record.slug} --format txt --message initial"
    )
    click.echo("  commit the files, and let CI run: migsafe incident check")
