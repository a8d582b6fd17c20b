"""Changes to a record while the incident goes on: messages, the timeline, actions, its status."""

from __future__ import annotations

import datetime
from dataclasses import replace

from migsafe.errors import UsageError
from migsafe.incident.messages import text as message_text
from migsafe.model.incident import (
    Action,
    Event,
    EventKind,
    Incident,
    Message,
    MessageKind,
    Status,
)


def told(
    record: Incident, news: str, now: datetime.datetime, next_time: datetime.datetime | None
) -> Incident:
    """The record with one more message to users: the first, or an update, with its next time.

    Raises UsageError without a next time, or one that is not later than now.
    """
    if next_time is None:
        hint = "--next TIME, or --resolved"
        raise UsageError("a message to users says when they hear next", hint=hint)
    if next_time <= now:
        raise UsageError("the next update must be later than now", hint="--next +2h")
    kind = MessageKind.UPDATE if record.messages else MessageKind.INITIAL
    message = Message(now, kind, message_text(record, kind, next_time, news), next_time)
    record = replace(record, messages=(*record.messages, message))
    if record.status is Status.DRAFT:
        record = replace(record, status=Status.OPEN)
    if kind is MessageKind.INITIAL:
        record = _noted(record, Event(now, EventKind.COMMUNICATED))
    return record


def resolved(record: Incident, news: str, now: datetime.datetime, version: str) -> Incident:
    """The record with its last message, which says that it is resolved, and in which version."""
    if version:
        record = replace(record, resolution=replace(record.resolution, version=version))
    kind = MessageKind.RESOLVED
    message = Message(now, kind, message_text(record, kind, None, news))
    record = replace(record, messages=(*record.messages, message), status=Status.RESOLVED)
    return _noted(record, Event(now, EventKind.RESOLVED))


def _noted(record: Incident, event: Event) -> Incident:
    """With this event, unless there is one of its kind."""
    if any(e.kind is event.kind for e in record.timeline):
        return record
    return happened(record, event)


def happened(record: Incident, event: Event) -> Incident:
    """The record with one more entry of the timeline, in the order of time."""
    timeline = sorted((*record.timeline, event), key=lambda e: e.time)
    return replace(record, timeline=tuple(timeline))


def planned(record: Incident, action: Action) -> Incident:
    """The record with one more action."""
    return replace(record, actions=(*record.actions, action))


def done(record: Incident, number: int) -> Incident:
    """The record with this action (from 1) done. Raises UsageError where there is no such one."""
    if not 1 <= number <= len(record.actions):
        count = len(record.actions)
        raise UsageError(f"there is no action {number}", hint=f"the page has {count}")
    actions = list(record.actions)
    actions[number - 1] = replace(actions[number - 1], done=True)
    return replace(record, actions=tuple(actions))
