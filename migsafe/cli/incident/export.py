"""`migsafe incident export`: the page for an audience, or a message to users."""

from __future__ import annotations

from pathlib import Path

import click

from migsafe.cli.incident import chosen
from migsafe.errors import ExitCode, UsageError
from migsafe.incident import export as exports
from migsafe.incident.files import put
from migsafe.incident.folder import Stored, shown
from migsafe.model.incident import Audience, MessageKind


@click.command("export")
@click.argument("identifier", metavar="ID")
@click.option(
    "--format",
    "format_",
    type=click.Choice(exports.FORMATS),
    default="md",
    show_default=True,
    help="html is one file to print or to send; txt for the company is five lines.",
)
@click.option(
    "--audience",
    type=click.Choice([a.value for a in Audience]),
    default=Audience.TEAM.value,
    show_default=True,
    help="Who reads it; clients get only what was written for them.",
)
@click.option(
    "--message",
    type=click.Choice([m.value for m in MessageKind]),
    help="Instead of the page: the message to users (txt).",
)
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of the screen.")
@chosen.project
def export(
    identifier: str,
    format_: str,
    audience: str,
    message: str | None,
    output: Path | None,
    config: Path | None,
) -> int:
    """Write an incident's page for the team, the company or clients, or a message to users."""
    stored = chosen.incident(config, identifier)
    if message is None:
        text = exports.render(stored.page, format_, Audience(audience))
    else:
        _only_text(format_)
        text = exports.message(stored.page, MessageKind(message))
    if output is None:
        click.echo(text, nl=False)
        return ExitCode.OK
    _put(output, text, stored)
    return ExitCode.OK


def _only_text(format_: str) -> None:
    given = click.get_current_context().get_parameter_source("format_")
    if given is click.core.ParameterSource.COMMANDLINE and format_ != "txt":
        raise UsageError("a message to users is plain text", hint="--format txt")


def _put(output: Path, text: str, stored: Stored) -> None:
    if output.exists() and output.samefile(stored.path):
        raise UsageError(f"{shown(output)} is the page itself", hint="choose another --output")
    put(output, text)
    click.echo(f"wrote {output}")
