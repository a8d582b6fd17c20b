"""`migsafe incident`: what happened, who was told, what was learnt, and what guards it now."""

from __future__ import annotations

import click

from migsafe.cli.incident import check, export, listing, new, show, update


@click.group("incident")
def command() -> None:
    """Keep incidents: the page, the messages to users, and the proof that a rule guards each.

    An incident is a page, `<rules>/HAZARD/postmortem.md`, in every folder of `[rules] paths` and in
    `rules/`. The record at its top is the source of all the rest.
    """


_COMMANDS = (
    new.new,
    new.resume,
    listing.list_,
    show.show,
    update.update,
    export.export,
    check.check,
)
for _one in _COMMANDS:
    command.add_command(_one)
