"""What people type (times, events, whys, actions) as values, and times as people read them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from migsafe.errors import UsageError
from migsafe.incident.codec import Misfit, utc
from migsafe.model.incident import Action, ActionKind, Event, EventKind
from migsafe.model.rule import Why

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z| ?UTC|[+-]\d\d:\d\d)?"
_EVENT = re.compile(
    rf"(?P<time>{_TIME}|now)\s+(?:(?P<kind>[a-z-]+)\s*(?::\s*|$))?(?P<what>.*)", re.S
)
_LATER = re.compile(r"\+(?P<count>\d{1,4})(?P<unit>[mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_AFTER = re.compile(r"after (?P<number>\d+):\s*")
TIME_HINT = "write 2026-02-28 18:00 (UTC), or +2h from now"


def time(text: str, now: datetime) -> datetime:
    """A time in UTC: `2026-02-28 18:00`, with a zone, or later than now (`+30m`, `+2h`, `+1d`).

    Raises UsageError for anything else.
    """
    text = text.strip()
    later = _LATER.fullmatch(text)
    if later:
        return now + timedelta(**{_UNITS[later["unit"]]: int(later["count"])})
    if text == "now":
        return now
    if not re.fullmatch(_TIME, text):
        raise UsageError(f"{text} is not a time", hint=TIME_HINT)
    try:
        return utc(datetime.fromisoformat(re.sub(r" ?UTC$", "Z", text)))
    except (ValueError, Misfit):
        raise UsageError(f"{text} is not a time of the calendar", hint=TIME_HINT) from None


def day(text: str) -> date:
    """A date: `2026-02-28`. Raises UsageError for anything else."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{text} is not a date", hint="write 2026-02-28") from None


def event(text: str, now: datetime) -> Event:
    """An entry of the timeline: `TIME [KIND:] WHAT`. Raises UsageError for anything else."""
    found = _EVENT.fullmatch(text.strip())
    if found is None:
        hint = 'write "2026-02-28 18:00 detected: crash reports of 4.2"'
        raise UsageError(f"{text} does not say when what happened", hint=hint)
    kind, what = found["kind"] or "", found["what"].strip()
    if kind and kind not in set(EventKind):
        # A word and a colon that are no kind belong to the sentence.
        kind, what = "", f"{kind}: {what}"
    return Event(time(found["time"], now), EventKind(kind or EventKind.NOTE), what)


def why(text: str) -> Why:
    """One why: `[after N:] QUESTION | ANSWER [| EVIDENCE]`. Raises UsageError for anything else."""
    after = _AFTER.match(text.strip())
    parts = [p.strip() for p in text.strip()[after.end() if after else 0 :].split("|")]
    if len(parts) not in {2, 3} or not all(parts[:2]):
        raise UsageError(f"{text} is not a why", hint='write "question | answer | evidence"')
    return Why(parts[0], parts[1], "".join(parts[2:]), int(after["number"]) if after else 0)


def action(text: str) -> Action:
    """One action: `TEXT [| OWNER] [| DATE] [| prevent, detect or mitigate]`.

    Raises UsageError where a part is none of these.
    """
    what, *rest = (p.strip() for p in text.split("|"))
    owner, due, kind = "", None, ActionKind.PREVENT
    for part in rest:
        if part in set(ActionKind):
            kind = ActionKind(part)
        elif re.fullmatch(r"\d{4}-\d\d-\d\d", part):
            due = day(part)
        elif part and not owner:
            owner = part
        elif part:
            raise UsageError(
                f"{part} is one part too many", hint='write "text | owner | date | type"'
            )
    if not what:
        raise UsageError("an action says what is to be done", hint='write "text | owner | date"')
    return Action(what, kind, owner, due)


def shown(moment: datetime) -> str:
    """A time as people read it: `2026-02-28 18:00 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
