"""The questions after an incident (communicate, fix, learn) as data, and the record they fill."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from migsafe.errors import UsageError
from migsafe.incident import said
from migsafe.incident.changes import told
from migsafe.incident.codec import Misfit
from migsafe.incident.record import checked
from migsafe.model.incident import (
    Event,
    Impact,
    Incident,
    Message,
    MessageKind,
    Safeguard,
    Status,
)
from migsafe.model.rule import Severity

Answers = Mapping[str, Sequence[str]]
"""What was said, by the key of its question; a question with one answer has a list of one."""


class Part(StrEnum):
    """The three steps, in their order."""

    COMMUNICATE = "Communicate"
    FIX = "Fix"
    LEARN = "Learn"


class AnswerKind(StrEnum):
    """What an answer is: one text, one time, or any number of texts, events, whys, actions."""

    TEXT = "text"
    TIME = "time"
    TEXTS = "texts"
    EVENTS = "events"
    WHYS = "whys"
    ACTIONS = "actions"

    @property
    def several(self) -> bool:
        """May the question be answered more than once?"""
        return self not in {AnswerKind.TEXT, AnswerKind.TIME}


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `flag` answers it on the command line; `fills` is a field of the record.

    Without an answer to a `required` one the page is unfinished, and `incident check` says so.
    """

    key: str
    part: Part
    text: str
    fills: str
    help: str
    kind: AnswerKind = AnswerKind.TEXT
    required: bool = False

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return f"--{self.key}"


_C, _F, _L = Part.COMMUNICATE, Part.FIX, Part.LEARN
QUESTIONS: tuple[Question, ...] = (
    Question("affected", _C, "Who is affected?", "impact.affected",
             "for users: who, in words", required=True),
    Question("versions", _C, "Which versions?", "impact.versions",
             "those that break, as users know them", required=True),
    Question("seen", _C, "What do they see?", "impact.seen",
             "for users: what happens on their screen", required=True),
    Question("data-safe", _C, "Is their data safe?", "impact.data_safe",
             "for users: yes or no, and what that means", required=True),
    Question("workaround", _C, "What can they do now?", "impact.workaround",
             "for users: what to do, and what not", required=True),
    Question("contact", _C, "Where can they ask?", "impact.contact",
             "for users: an address or a page"),
    Question("next-update", _C, "When do they hear from us next?", "messages",
             f"the time that the first message promises: {said.TIME_HINT}", AnswerKind.TIME),
    Question("title", _C, "What happened, in one line?", "title",
             "the title of the page", required=True),
    Question("summary", _C, "What happened, in five lines?", "summary",
             "for the company", required=True),
    Question("event", _C, "What happened when?", "timeline",
             'a line each: "2026-02-28 18:00 detected: crash reports"', AnswerKind.EVENTS,
             required=True),
    Question("author", _C, "Which teams write this?", "authors",
             "teams, not people", AnswerKind.TEXTS, required=True),
    Question("temporary", _F, "What was done at once?", "resolution.temporary",
             "what stopped it, before the fix"),
    Question("fix", _F, "How was it resolved?", "resolution.final",
             "the fix for good", required=True),
    Question("fixed-version", _F, "Which version has the fix?", "resolution.version",
             "the version that users need"),
    Question("told", _F, "What was fixed, in words for users?", "resolution.told",
             "for users: no names of tables or files", required=True),
    Question("to-do", _F, "What must users do now?", "resolution.to_do",
             "for users: after the fix is out"),
    Question("detection", _L, "How was it found?", "detection",
             "who or what noticed it", required=True),
    Question("sooner", _L, "How could it have been found earlier?", "sooner",
             "what would have noticed it before users did", required=True),
    Question("why", _L, "Why?", "why",
             'five times, a line each: "question | answer | evidence"; the last names a missing'
             " safeguard, never a person", AnswerKind.WHYS, required=True),
    Question("action", _L, "What else is to be done?", "actions",
             'a line each: "text | owner | 2026-02-28 | prevent"', AnswerKind.ACTIONS),
    Question("well", _L, "What went well?", "well", "a line each", AnswerKind.TEXTS),
    Question("lucky", _L, "Where did we get lucky?", "lucky", "a line each", AnswerKind.TEXTS),
    Question("no-rule-reason", _L, "If no rule can guard it: why not?", "safeguard.no_rule_reason",
             "instead of a rule"),
)  # fmt: skip
"""All questions in the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class Known:
    """What needs no asking: from the failing replay, the rule and its tests. `now` is in UTC."""

    hazard: str
    now: datetime.datetime
    slug: str = ""  # "": named as the hazard
    title: str = ""
    summary: str = ""
    severity: Severity = Severity.BLOCKER
    impact: Impact = field(default_factory=Impact)
    safeguard: Safeguard = field(default_factory=Safeguard)
    timeline: tuple[Event, ...] = ()
    links: tuple[str, ...] = ()


def record_from(answers: Answers, known: Known) -> Incident:
    """The record: what is known, and what was answered on top of it.

    A version or a way in which it was fixed makes it resolved, a promised next update open.
    Raises UsageError for an answer that cannot be read, or has no question.
    """
    record = Incident(
        known.hazard,
        known.slug or known.hazard,
        known.title,
        known.now.date(),
        severity=known.severity,
        summary=known.summary,
        links=known.links,
        impact=known.impact,
        safeguard=known.safeguard,
        timeline=known.timeline,
    )
    record = answered(record, answers, known.now)
    return _worded(replace(record, status=_status(record)))


def answered(record: Incident, answers: Answers, now: datetime.datetime) -> Incident:
    """The record with these answers: one text takes the place of another, lists grow.

    Raises UsageError for an answer that cannot be read, or has no question.
    """
    by_key = {q.key: q for q in QUESTIONS}
    for key, given in answers.items():
        if key not in by_key:
            raise UsageError(f"there is no question {key}", hint=", ".join(by_key))
        texts = [t for t in given if t.strip()]
        if texts:
            record = _with(record, by_key[key], texts, now)
    record = replace(record, timeline=tuple(sorted(record.timeline, key=lambda e: e.time)))
    try:
        return checked(record)
    except Misfit as error:
        raise UsageError(error.sentence) from error


def value(question: Question, texts: Sequence[str], now: datetime.datetime) -> Any:
    """The answer as the record holds it. Raises UsageError for one that cannot be read."""
    match question.kind:
        case AnswerKind.TEXT:
            return "\n".join(texts).strip()
        case AnswerKind.TIME:
            return said.time(texts[0], now)
        case AnswerKind.TEXTS:
            return tuple(t.strip() for t in texts)
        case AnswerKind.EVENTS:
            return tuple(said.event(t, now) for t in texts)
        case AnswerKind.WHYS:
            return tuple(said.why(t) for t in texts)
        case AnswerKind.ACTIONS:
            return tuple(said.action(t) for t in texts)


def _with(
    record: Incident, question: Question, texts: Sequence[str], now: datetime.datetime
) -> Incident:
    content = value(question, texts, now)
    if question.fills == "messages":
        content = (Message(now, MessageKind.INITIAL, "", content),)
    table, dot, name = question.fills.rpartition(".")
    holder: Any = getattr(record, table) if dot else record
    if question.kind.several:
        content = (*getattr(holder, name), *content)
    holder = replace(holder, **{name: content})
    whole: Incident = replace(record, **{table: holder}) if dot else holder
    return whole


def _status(record: Incident) -> Status:
    if record.resolution.final or record.resolution.version:
        return Status.RESOLVED
    return Status.OPEN if record.messages else Status.DRAFT


def _worded(record: Incident) -> Incident:
    """The first message says what all the answers say, so it is worded last."""
    for first in record.messages:
        return told(replace(record, messages=()), "", first.time, first.next)
    return record
