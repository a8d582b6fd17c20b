"""What is wrong with an incident as it is written down; its rule is tried elsewhere."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from migsafe.incident import page, short_form
from migsafe.incident.folder import Stored, rule_text
from migsafe.incident.gaps import gaps
from migsafe.incident.leaks import leaks
from migsafe.incident.said import shown
from migsafe.model.incident import Audience, Status


class Weight(StrEnum):
    """Does a problem fail the check, or is it only said? `unchecked`: nobody could tell."""

    ERROR = "error"
    WARNING = "warning"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in a sentence."""

    weight: Weight
    what: str


def warnings(stored: Stored, now: datetime.datetime) -> Iterator[Problem]:
    """What should be mended, and fails nothing: gaps, what is overdue, what is out of date."""
    for sentence in (
        *_unfinished(stored),
        *_overdue(stored, now),
        *_late(stored, now),
        *_stale(stored),
        *_leaking(stored),
    ):
        yield Problem(Weight.WARNING, sentence)


def _unfinished(stored: Stored) -> Iterator[str]:
    for gap in gaps(stored.record, stored.page.told(Audience.TEAM)):
        yield f"to be written ({gap.section}): {gap.what}"


def _overdue(stored: Stored, now: datetime.datetime) -> Iterator[str]:
    for number, action in enumerate(stored.record.actions, 1):
        if not action.done and action.due and action.due < now.date():
            yield f"action {number} was due on {action.due}: {action.text}"


def _late(stored: Stored, now: datetime.datetime) -> Iterator[str]:
    record = stored.record
    if record.status not in {Status.DRAFT, Status.OPEN} or not record.messages:
        return
    promised = record.messages[-1].next
    if promised and promised < now:
        yield f"users were promised an update for {shown(promised)}, and it is still open"


def _stale(stored: Stored) -> Iterator[str]:
    again = f"migsafe incident update {stored.id}"
    if any(part.edited for part in stored.page.parts):
        yield f"a part that is made from the record was edited by hand; `{again}` moves it out"
    elif not page.is_current(stored.page, stored.text):
        yield f"the page does not say what its record says: {again}"
    if short_form.differs(rule_text(stored), stored.record):
        yield f"[incident] of rule.toml says something else than the record: {again}"


def _leaking(stored: Stored) -> Iterator[str]:
    for leak in leaks(stored.page):
        yield f"{leak.where} is for clients and tells {leak.what}"
