"""`migsafe incident show`: one incident, to read at the terminal."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import click

from migsafe.cli.incident import chosen
from migsafe.errors import ExitCode
from migsafe.incident.codec import to_table
from migsafe.incident.export import render
from migsafe.incident.folder import shown
from migsafe.model.incident import Audience
from migsafe.report.text import printable


@click.command("show")
@click.argument("identifier", metavar="ID")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@chosen.project
def show(identifier: str, format_: str, config: Path | None) -> int:
    """Show one incident as the team reads it; json gives its record."""
    stored = chosen.incident(config, identifier)
    if format_ == "json":
        record = {**to_table(stored.record), "path": shown(stored.path)}
        click.echo(json.dumps(record, indent=2, default=_written))
        return ExitCode.OK
    for line in render(stored.page, "txt", Audience.TEAM).splitlines():
        click.echo(printable(line))
    click.echo(f"\npage: {printable(shown(stored.path))}")
    return ExitCode.OK


def _written(value: object) -> str:
    """A date or a time (in UTC) as JSON has it: a text."""
    return value.isoformat() if isinstance(value, date) else str(value)
