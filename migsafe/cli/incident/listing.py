"""`migsafe incident list`: all incidents, oldest first."""

from __future__ import annotations

import json
from pathlib import Path

import click

from migsafe.cli.incident import chosen
from migsafe.errors import ExitCode
from migsafe.incident.folder import Stored, shown
from migsafe.report.text import printable


@click.command("list")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@chosen.project
def list_(format_: str, config: Path | None) -> int:
    """List the incidents: date, status, severity, id, title, and the rule that guards each."""
    found = chosen.incidents(config)
    if format_ == "json":
        click.echo(json.dumps([entry(s) for s in found], indent=2))
        return ExitCode.OK
    width = max((len(s.id) for s in found), default=0)
    for stored in found:
        record = stored.record
        date = str(record.date or "no date")
        text = f"{date:10}  {record.status:8}  {record.severity!s:8} {stored.id:{width}}  "
        click.echo(printable(f"{text}{record.title}").rstrip())
    count = len(found)
    click.echo(f"{count} incident{'' if count == 1 else 's'}" if found else "no incidents")
    return ExitCode.OK


def entry(stored: Stored) -> dict[str, object]:
    """What a machine needs to find an incident."""
    record = stored.record
    return {
        "id": stored.id,
        "hazard": record.hazard,
        "title": record.title,
        "date": str(record.date) if record.date else None,
        "status": record.status.value,
        "severity": str(record.severity),
        "rule": record.safeguard.rule or None,
        "path": shown(stored.path),
    }
