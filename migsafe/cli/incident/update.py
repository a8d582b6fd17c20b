"""`migsafe incident update`: tell users, note what happened, plan and tick off, write the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import click

from migsafe.cli.incident import asking, chosen
from migsafe.errors import ExitCode, UsageError
from migsafe.incident import changes, export, folder, said
from migsafe.incident.questions import QUESTIONS, answered
from migsafe.model.incident import Incident, Status
from migsafe.report.text import printable


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the command line asks for."""

    message: str | None
    next_time: str | None
    resolved: bool
    version: str
    timeline: tuple[str, ...]
    actions: tuple[str, ...]
    done: tuple[int, ...]
    status: str | None
    answers: Mapping[str, tuple[str, ...]]


_OTHERWISE = {"messages", "timeline", "actions"}  # these have options of their own
_answers = partial(asking.options, questions=[q for q in QUESTIONS if q.fills not in _OTHERWISE])


@click.command("update")
@click.argument("identifier", metavar="ID")
@click.option("--message", help="What to tell users; needs --next or --resolved.")
@click.option(
    "--next", "next_time", metavar="TIME", help=f"When users hear next: {said.TIME_HINT}."
)
@click.option("--resolved", is_flag=True, help="It is resolved: the last message to users.")
@click.option("--version", default="", help="With --resolved: the version that has the fix.")
@click.option(
    "--timeline",
    multiple=True,
    metavar="'TIME [KIND:] WHAT'",
    help="An entry of the timeline; KIND: released, first-failure, detected, ...",
)
@click.option(
    "--action",
    "actions",
    multiple=True,
    metavar="'WHAT [| OWNER] [| DATE] [| TYPE]'",
    help="An action; TYPE: prevent (if none is given), detect or mitigate.",
)
@click.option("--done", type=int, multiple=True, metavar="N", help="Action N is done.")
@click.option("--status", type=click.Choice([s.value for s in Status]), help="The new status.")
@_answers
@chosen.project
@chosen.now
def update(
    identifier: str,
    message: str | None,
    next_time: str | None,
    resolved: bool,
    version: str,
    timeline: tuple[str, ...],
    actions: tuple[str, ...],
    done: tuple[int, ...],
    status: str | None,
    config: Path | None,
    now: datetime,
    **answers: object,
) -> int:
    """Change an incident's record and write its page anew.

    What people wrote into the page stays. Without options, the page is made to say what its record
    says. A message to users must tell when they hear next, or that it is resolved. The answers that
    `incident new` asks for may be given here as well: a text takes the place of the one before.
    """
    stored = chosen.incident(config, identifier)
    said_now = asking.given(answers)
    wishes = _Wishes(
        message, next_time, resolved, version, timeline, actions, done, status, said_now
    )
    _sensible(wishes)
    record = _changed(stored.record, wishes, now)
    said_more = len(record.messages) > len(stored.record.messages)
    if said_more:
        export.refuse(replace(stored.page, record=record))
    wrote = folder.save(stored, record)
    where = printable(folder.shown(stored.path))
    click.echo(f"wrote {where}" if wrote else f"{where} is up to date")
    if said_more:
        click.echo("\nto send to users:\n")
        for line in record.messages[-1].text.split("\n"):
            click.echo(printable(line))
    return ExitCode.OK


def _sensible(wishes: _Wishes) -> None:
    if wishes.resolved and wishes.next_time:
        raise UsageError("--resolved is the last message: it needs no --next")
    if wishes.next_time and wishes.message is None:
        raise UsageError("--next promises an update", hint="say what is known now: --message TEXT")
    if wishes.version and not wishes.resolved:
        raise UsageError("--version goes with --resolved")
    if wishes.resolved and wishes.status:
        raise UsageError("--resolved sets the status itself")


def _changed(record: Incident, wishes: _Wishes, now: datetime) -> Incident:
    record = answered(record, wishes.answers, now)
    for text in wishes.timeline:
        record = changes.happened(record, said.event(text, now))
    for text in wishes.actions:
        record = changes.planned(record, said.action(text))
    for number in wishes.done:
        record = changes.done(record, number)
    if wishes.resolved:
        record = changes.resolved(record, wishes.message or "", now, wishes.version)
    elif wishes.message is not None:
        later = said.time(wishes.next_time, now) if wishes.next_time else None
        record = changes.told(record, wishes.message, now, later)
    return replace(record, status=Status(wishes.status)) if wishes.status else record
