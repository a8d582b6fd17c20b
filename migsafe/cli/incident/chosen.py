"""The project's incidents, and the one that is asked for; and what time it is."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from migsafe import config as settings_of
from migsafe.errors import UsageError
from migsafe.incident import folder, said
from migsafe.incident.folder import Stored

_Function = TypeVar("_Function", bound=Callable[..., Any])

project = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration file of the project."
)


def _moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime:
    current = datetime.now(UTC).replace(second=0, microsecond=0)
    if value is None:
        return current
    return said.time(value if " " in value or "T" in value else f"{value} 00:00", current)


now = click.option("--now", hidden=True, callback=_moment, help="The time, instead of the clock's.")
today = click.option(
    "--today", "now", hidden=True, callback=_moment, help="The date that is judged by (YYYY-MM-DD)."
)


def incidents(config: Path | None) -> tuple[Stored, ...]:
    """All incidents of the project in the working directory."""
    settings = settings_of.load(Path.cwd(), config)
    return folder.find(folder.folders(settings.root, settings.rules.paths))


def incident(config: Path | None, identifier: str) -> Stored:
    """The incident of that id. Raises UsageError where there is none."""
    known = {s.id: s for s in incidents(config)}
    if identifier not in known:
        near = difflib.get_close_matches(identifier, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "see `migsafe incident list`"
        raise UsageError(f"there is no incident {identifier}", hint=hint)
    return known[identifier]
