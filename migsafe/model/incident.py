"""An incident: what happened, who was told what, why, how it was mended and what guards it now.

The record is written once, in the front matter of `postmortem.md`; the page, every export and the
messages to users are made from it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from enum import StrEnum

from migsafe.model.rule import Severity, Why


class Status(StrEnum):
    """How far an incident is: being written, going on, mended, and its lesson in place."""

    DRAFT = "draft"
    OPEN = "open"
    RESOLVED = "resolved"
    LEARNED = "learned"


class Audience(StrEnum):
    """Who reads, from the inside outwards; who stands further out may see less."""

    TEAM = "team"
    COMPANY = "company"
    CLIENT = "client"

    def sees(self, least: Audience) -> bool:
        """May this audience read what is meant for `least` and for everybody further in?"""
        order = tuple(Audience)
        return order.index(least) >= order.index(self)


class EventKind(StrEnum):
    """What an entry of the timeline is about; NOTE is anything else."""

    RELEASED = "released"
    FIRST_FAILURE = "first-failure"
    DETECTED = "detected"
    COMMUNICATED = "communicated"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    NOTE = "note"


class ActionKind(StrEnum):
    """What an action is for: that it does not happen, that it is seen, that it hurts less."""

    PREVENT = "prevent"
    DETECT = "detect"
    MITIGATE = "mitigate"


class MessageKind(StrEnum):
    """Which of the messages to users."""

    INITIAL = "initial"
    UPDATE = "update"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Impact:
    """Whom it hit and what they can do. `share`, `low` and `high` are shares of users, 0 to 1.

    `failing` of `sampled` databases showed it. Every text but `error` and `revisions` is written
    for users; `versions` are those that break, as users know them.
    """

    affected: str = ""
    versions: str = ""
    share: float | None = None
    low: float | None = None
    high: float | None = None
    failing: int = 0
    sampled: int = 0
    error: str = ""  # the class of error, without values of rows
    seen: str = ""  # what users see
    data_safe: str = ""
    workaround: str = ""
    contact: str = ""
    revisions: str = ""  # of the sampled databases that fail


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the timeline; `time` is in UTC."""

    time: datetime.datetime
    kind: EventKind = EventKind.NOTE
    what: str = ""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How it was mended: at first, for good, and in which version.

    `told` is what was fixed in words for users, `to_do` what they must do now.
    """

    temporary: str = ""
    final: str = ""
    version: str = ""
    told: str = ""
    to_do: str = ""


@dataclass(frozen=True, slots=True)
class Safeguard:
    """The rule that would have stopped it, and the proof; or why there is none.

    `fixtures` are cases of the rule (`fail/NAME`, `pass/NAME`) below `fixtures/rules/<rule>`;
    none named: all of them.
    """

    rule: str = ""
    says: str = ""
    fixtures: tuple[str, ...] = ()
    backtest: str = ""
    runs: str = ""  # where it runs: in which hook, in which job
    no_rule_reason: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do, owned by a team; `due` is the last day."""

    text: str
    kind: ActionKind = ActionKind.PREVENT
    owner: str = ""
    due: datetime.date | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What users were told, when, and when they hear next (None: it was the last message)."""

    time: datetime.datetime
    kind: MessageKind
    text: str
    next: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """The whole record. `hazard` names the folder of rules it lies in, `slug` is its id.

    Times are aware and in UTC. Every text may be empty: it is then still to be written.
    """

    hazard: str
    slug: str
    title: str = ""
    date: datetime.date | None = None
    status: Status = Status.DRAFT
    severity: Severity = Severity.ERROR
    authors: tuple[str, ...] = ()  # teams
    summary: str = ""
    detection: str = ""
    sooner: str = ""  # how it could have been found earlier
    links: tuple[str, ...] = ()
    well: tuple[str, ...] = ()
    lucky: tuple[str, ...] = ()
    impact: Impact = field(default_factory=Impact)
    resolution: Resolution = field(default_factory=Resolution)
    safeguard: Safeguard = field(default_factory=Safeguard)
    timeline: tuple[Event, ...] = ()
    why: tuple[Why, ...] = ()
    actions: tuple[Action, ...] = ()
    messages: tuple[Message, ...] = ()
