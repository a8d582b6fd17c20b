"""`migsafe rules new`: a rule from a template, with fixtures that prove it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from migsafe import config
from migsafe.cli.rule_choice import all_rules, config_option, shown
from migsafe.cli.rules_test import tested, told
from migsafe.config import Config
from migsafe.errors import ExitCode, UsageError
from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity
from migsafe.rules.load import FILE, shipped
from migsafe.rules.templates import TEMPLATES, Fields, RuleText, instantiate, write

FOLDER = "rules"
_LISTED = "\n".join(f"  {name:13} {what}" for name, what in TEMPLATES.items())


@click.command(
    "new", epilog="\b\nTemplates:\n" + _LISTED, short_help="Write a rule from a template."
)
@click.argument("hazard")
@click.option("--template", type=click.Choice(list(TEMPLATES)), help="What kind of hazard it is.")
@click.option(
    "--pattern", metavar="SQL", help="A statement with metavariables; implies --template pattern."
)
@click.option(
    "--unless", metavar="SQL", multiple=True, help="The shape of a safe one; may be repeated."
)
@click.option("--table", default="", help="Only this table (default: any).")
@click.option("--column", default="", help="Only this column (default: any).")
@click.option("--parent", default="", help="orphan: only this table that the key points to.")
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    type=click.Choice([str(d) for d in Dialect]),
    help="The dialects that it is about (default: the project's); may be repeated.",
)
@click.option("--title", default="", help="What goes wrong, in one clause.")
@click.option("--severity", type=click.Choice([str(s) for s in Severity]))
@config_option
def new(
    hazard: str,
    template: str | None,
    pattern: str | None,
    unless: tuple[str, ...],
    table: str,
    column: str,
    parent: str,
    dialects: tuple[str, ...],
    title: str,
    severity: str | None,
    config: Path | None,
) -> int:
    """Write the rule HAZARD, named for what goes wrong, and fixtures that prove it.

    It goes into the first folder of `[rules] paths` (`rules/`, where there is none yet), its
    fixtures into `fixtures/rules/HAZARD/` beside it. Nothing is overwritten.
    """
    if template is None and pattern is None:
        raise UsageError(
            "neither --template nor --pattern says what kind of rule it is to be",
            hint=f"--template {'|'.join(TEMPLATES)}",
        )
    fields = Fields(
        dialects=_dialects(dialects, template, config),
        title=title,
        severity=Severity.parse(severity) if severity else None,
        table=table,
        column=column,
        parent=parent,
        pattern=pattern or "",
        unless=unless,
    )
    rule = instantiate(template or "pattern", hazard, fields)
    return add(rule, config)


def add(rule: RuleText, explicit: Path | None) -> int:
    """Write a rule into the project, say what was written, and run its fixtures."""
    settings = _settings(explicit)
    folder_of(settings).mkdir(parents=True, exist_ok=True)
    if any(r.id == rule.id for r in all_rules(explicit)):
        raise UsageError(f"there is a rule {rule.id} already", hint="choose another name")
    for path in write(rule, folder_of(settings)):
        click.echo(f"wrote {shown(path)}")
    for line in named(settings):
        click.echo(line)
    return _proved(rule.id, explicit)


def _proved(name: str, explicit: Path | None) -> int:
    ruleset = all_rules(explicit)
    found = next((r for r in ruleset if r.id == name), None)
    if found is None:  # its folder is not among `paths` yet, which was said
        return ExitCode.OK
    done = tested(found, ruleset)
    click.echo()
    click.echo("\n".join(told(done, verbose=True)))
    click.echo(f"\nnext: put your own tables and rows there, then `migsafe rules test {name}`")
    return ExitCode.OK if done.fine else ExitCode.FINDINGS


def _settings(explicit: Path | None) -> Config:
    return config.load(Path.cwd(), explicit)


def _dialects(
    named: tuple[str, ...], template: str | None, explicit: Path | None
) -> tuple[Dialect, ...]:
    if named:
        return tuple(Dialect(d) for d in dict.fromkeys(named))
    own = _settings(explicit).dialect or Dialect.SQLITE
    return (Dialect.POSTGRES if template == "lock" and own is Dialect.SQLITE else own,)


# -- the folder of rules --------------------------------------------------------------------------


def folder_of(settings: Config) -> Path:
    """Where a new rule of the project goes.

    Raises UsageError in the folder of the rules that ship.
    """
    paths = settings.rules.paths
    folder = settings.root / (paths[0] if paths else FOLDER)
    if folder.resolve() == shipped().resolve():
        raise UsageError("this folder holds the rules that ship with migsafe")
    return folder


_SECTION = re.compile(r"^\s*\[+\s*(tool\.migsafe\.)?rules\s*\]+", re.MULTILINE)


def named(settings: Config) -> Iterator[str]:
    """Name the folder of rules in the configuration where it is not yet; what was done, in lines.

    A file that has a [rules] table already is left alone: the line to add is said.
    """
    if settings.rules.paths:
        return
    line = f'paths = ["{FOLDER}"]'
    file = settings.file or settings.root / config.NAME
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if _SECTION.search(text):
        yield f"add to [rules] in {shown(file)}, so that {FOLDER}/ is read:  {line}"
        return
    section = "tool.migsafe.rules" if file.name == "pyproject.toml" else "rules"
    gap = "\n" if text and not text.endswith("\n\n") else ""
    gap = "\n" + gap if text and not text.endswith("\n") else gap
    file.write_text(f"{text}{gap}[{section}]\n{line}\n", encoding="utf-8")
    yield f"{'added to' if text else 'wrote'} {shown(file)}: [{section}] {line}"


__all__ = ["FILE", "FOLDER", "add", "folder_of", "named", "new"]
