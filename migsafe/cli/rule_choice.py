"""Which rules a command is about."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from migsafe import config
from migsafe.errors import UsageError, nearest
from migsafe.model.rule import Rule
from migsafe.rules.ruleset import ruleset

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration file of the project."
)


def all_rules(explicit: Path | None) -> tuple[Rule, ...]:
    """The rules that ship and those of the project in the working directory, if there is one."""
    today = date.today().isoformat()  # noqa: DTZ011 - the user's own calendar
    return ruleset(config.load(Path.cwd(), explicit), today)


def chosen(ruleset: tuple[Rule, ...], ids: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules of these ids, all for none. Raises UsageError for one that does not exist."""
    known = {r.id: r for r in ruleset}
    for name in ids:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near[0]}?" if near else "see `migsafe rules list`"
            raise UsageError(f"there is no rule {name}", hint=hint)
    return tuple(known[name] for name in ids) if ids else ruleset


def shown(path: Path) -> str:
    """The path as the user would write it here."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()
