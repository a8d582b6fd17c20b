"""The messages to users, worded from the record: the first, an update, and the last."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from migsafe.errors import UsageError
from migsafe.incident.said import shown
from migsafe.model.incident import Impact, Incident, MessageKind, Resolution


def text(
    record: Incident, kind: MessageKind, next_time: datetime.datetime | None, news: str = ""
) -> str:
    """The message, ready to be sent; it is made of the fields that are written for users only.

    `news` is what an update has to tell. Raises UsageError for an update without a next time.
    """
    if kind is MessageKind.UPDATE and next_time is None:
        hint = "--next TIME, or --resolved"
        raise UsageError("an update tells users when they hear next", hint=hint)
    promised = f"Next update: {shown(next_time)}." if next_time else ""
    return "\n".join(line for line in (*_lines(record, kind, news), promised) if line)


def _lines(record: Incident, kind: MessageKind, news: str) -> Iterator[str]:
    match kind:
        case MessageKind.INITIAL:
            return _initial(record.impact, news)
        case MessageKind.UPDATE:
            return _update(record.impact, news)
        case MessageKind.RESOLVED:
            return _resolved(record, news)


def _initial(impact: Impact, news: str) -> Iterator[str]:
    yield news or f"We are looking into a problem{_in(impact.versions)}."
    yield _labelled("Who is affected", who(impact))
    yield _labelled("What you see", impact.seen)
    yield _labelled("What you can do now", impact.workaround)
    yield _labelled("Is your data safe", impact.data_safe)
    yield _labelled("Questions", impact.contact)


def _update(impact: Impact, news: str) -> Iterator[str]:
    yield news or f"We are still working on the problem{_in(impact.versions)}."
    yield _labelled("What you can do now", impact.workaround)
    yield _labelled("Is your data safe", impact.data_safe)


def _resolved(record: Incident, news: str) -> Iterator[str]:
    resolution = record.resolution
    fixed = f" It is fixed in version {resolution.version}." if resolution.version else ""
    yield news or f"The problem{_in(record.impact.versions)} is resolved.{fixed}"
    if news and resolution.version:
        yield _labelled("Fixed in version", resolution.version)
    yield _labelled("What was fixed", resolution.told)
    yield _labelled("What you must do", to_do(resolution))
    yield _labelled("Is your data safe", record.impact.data_safe)
    yield _labelled("Questions", record.impact.contact)


def to_do(resolution: Resolution) -> str:
    """What users must do now that it is resolved."""
    if resolution.to_do or not resolution.version:
        return resolution.to_do or "Nothing."
    return f"Update to version {resolution.version}."


def _in(versions: str) -> str:
    return f" with version {versions}" if versions else ""


def _labelled(label: str, value: str) -> str:
    return f"{label}: {_sentence(value)}" if value.strip() else ""


def _sentence(value: str) -> str:
    value = " ".join(value.split())
    return value if value[-1] in ".!?" else f"{value}."


def who(impact: Impact) -> str:
    """Who is affected: in words where there are some, else the share of users."""
    return impact.affected or share(impact)


def share(impact: Impact) -> str:
    """The share of users in words, with its interval: `about 25 % of users (14 to 43 %)`."""
    if impact.share is None:
        return ""
    words = f"about {_percent(impact.share)} % of users"
    if impact.low is None or impact.high is None:
        return words
    return f"{words} ({_percent(impact.low)} to {_percent(impact.high)} %)"


def _percent(part: float) -> str:
    return f"{100 * part:.1f}" if 0 < part < 0.01 else f"{100 * part:.0f}"
