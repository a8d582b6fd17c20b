"""What a reader gets to read, in neutral blocks: sections of facts, tables, lists and prose.

Each audience has a list of what it may see, and its document is built from that list. What is new
in the record is therefore seen by the team alone, until somebody adds it to a list here.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from migsafe.incident.gaps import gaps
from migsafe.incident.messages import share, to_do, who
from migsafe.incident.said import shown
from migsafe.incident.sections import TITLES, Section
from migsafe.model.incident import (
    Action,
    Audience,
    Event,
    EventKind,
    Impact,
    Incident,
    Message,
    Resolution,
    Safeguard,
    Status,
)
from migsafe.model.rule import Why


@dataclass(frozen=True, slots=True)
class Facts:
    """Labelled values; a value is one line of Markdown."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one-line Markdown below their headings."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of one-line Markdown."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown of any length, as a person wrote it."""

    text: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What is still to be written here."""

    what: str


Block = Facts | Table | Items | Prose | Missing
Told = Mapping[Section, str]
"""Free prose by section: what the audience may read of it."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One section: its blocks below its title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A title, a line below it, and chapters."""

    title: str
    line: str
    chapters: tuple[Chapter, ...]


def build(record: Incident, audience: Audience, prose: Told) -> Document:
    """The document for this audience; `prose` is what is fenced for it."""
    if audience is Audience.CLIENT:
        return _client(public(record), prose)
    if audience is Audience.COMPANY:
        record = for_company(record)
    chapters = (
        Chapter(TITLES[s], (*blocks(record, s, prose), *_prose(prose.get(s, ""))))
        for s in Section
        if s is not Section.HEAD
    )
    head = _prose(prose.get(Section.HEAD, ""))
    first = (Chapter("", head),) if head else ()
    return Document(title(record), line(record), (*first, *chapters))


def _prose(text: str) -> tuple[Block, ...]:
    return (Prose(text.strip("\n")),) if text.strip() else ()


def title(record: Incident) -> str:
    """The title, or the id of an incident that has none yet."""
    return record.title or record.slug


def line(record: Incident) -> str:
    """The line below the title: id, date, status, severity and who writes."""
    parts = [record.slug, str(record.date or ""), record.status.value, str(record.severity)]
    parts += [f"by {', '.join(record.authors)}"] if record.authors else []
    return " · ".join(p for p in parts if p)


# -- the sections of the page ---------------------------------------------------------------------


def blocks(record: Incident, section: Section, prose: Told) -> tuple[Block, ...]:
    """What the record says in this section, and what it does not say yet."""
    missing = "; ".join(g.what for g in gaps(record, prose) if g.section is section)
    return (*_SECTIONS[section](record), *((Missing(missing),) if missing else ()))


def _facts(*pairs: tuple[str, str]) -> Iterator[Block]:
    kept = tuple((label, value) for label, value in pairs if value.strip())
    if kept:
        yield Facts(kept)


def _head(_: Incident) -> Iterator[Block]:
    return iter(())


def _communicate(record: Incident) -> Iterator[Block]:
    impact = record.impact
    yield from _facts(
        ("Affected", who(impact)),
        ("Versions", impact.versions),
        ("They see", impact.seen),
        ("Their data", impact.data_safe),
        ("They can do", impact.workaround),
        ("Contact", impact.contact),
        ("Told so far", _told(record.messages)),
    )


def _told(messages: tuple[Message, ...]) -> str:
    if not messages:
        return ""
    text = ", ".join(f"{m.kind} {shown(m.time)}" for m in messages)
    last = messages[-1].next
    return f"{text}; next {shown(last)}" if last else text


def _happened(record: Incident) -> Iterator[Block]:
    if record.summary.strip():
        yield Prose(record.summary)
    impact = record.impact
    of = f"{impact.failing:,} of {impact.sampled:,} sampled databases" if impact.sampled else ""
    yield from _facts(
        ("Share", ", ".join(p for p in (share(impact), of) if p)),
        ("Of revision", impact.revisions),
        ("Error", impact.error),
        ("See", ", ".join(record.links)),
    )


def _timeline(record: Incident) -> Iterator[Block]:
    rows = tuple((_moment(e.time), event_text(e)) for e in record.timeline)
    if rows:
        yield Table(("time", "what"), rows)


def event_text(event: Event) -> str:
    """The entry in words: its kind, unless it is a free one, and what was written."""
    kind = "" if event.kind is EventKind.NOTE else event.kind.value.replace("-", " ")
    return ": ".join(part for part in (kind, event.what) if part)


def _moment(time: datetime.datetime) -> str:
    return shown(time).removesuffix(" UTC")


def _detection(record: Incident) -> Iterator[Block]:
    yield from _facts(("Found", record.detection), ("Sooner", record.sooner))


def _why(record: Incident) -> Iterator[Block]:
    if record.why:
        yield Items(tuple(_why_text(n, why) for n, why in enumerate(record.why, 1)), numbered=True)


def _why_text(number: int, why: Why) -> str:
    branch = f"(about {why.follows}) " if why.follows and why.follows != number - 1 else ""
    evidence = f" ({why.evidence})" if why.evidence else ""
    return f"{branch}**{why.question}** {why.answer}{evidence}"


def _resolution(record: Incident) -> Iterator[Block]:
    resolution = record.resolution
    yield from _facts(
        ("At once", resolution.temporary),
        ("For good", resolution.final),
        ("In version", resolution.version),
        ("Users were told", resolution.told),
        ("Users must do", resolution.to_do),
    )


def _safeguard(record: Incident) -> Iterator[Block]:
    guard = record.safeguard
    yield from _facts(
        ("Rule", f"`{guard.rule}`" if guard.rule else ""),
        ("It says", guard.says),
        ("Proof", ", ".join(f"`{f}`" for f in guard.fixtures)),
        ("Backtest", guard.backtest),
        ("Runs", guard.runs),
        ("No rule, because", guard.no_rule_reason),
    )


def _actions(record: Incident) -> Iterator[Block]:
    rows = tuple(_action(n, a) for n, a in enumerate(record.actions, 1))
    if rows:
        yield Table(("", "what", "type", "owner", "due"), rows)


def _action(number: int, action: Action) -> tuple[str, ...]:
    due = "done" if action.done else str(action.due or "")
    return (str(number), action.text, action.kind.value, action.owner, due)


def _lessons(record: Incident) -> Iterator[Block]:
    well = (f"Went well: {text}" for text in record.well)
    lucky = (f"Lucky: {text}" for text in record.lucky)
    if record.well or record.lucky:
        yield Items((*well, *lucky))


_SECTIONS = {
    Section.HEAD: _head,
    Section.COMMUNICATE: _communicate,
    Section.HAPPENED: _happened,
    Section.TIMELINE: _timeline,
    Section.DETECTION: _detection,
    Section.WHY: _why,
    Section.RESOLUTION: _resolution,
    Section.SAFEGUARD: _safeguard,
    Section.ACTIONS: _actions,
    Section.LESSONS: _lessons,
}


# -- the company ----------------------------------------------------------------------------------


def for_company(record: Incident) -> Incident:
    """What the company may read: no error text, evidence, fixtures, links or rule's words."""
    impact, guard = record.impact, record.safeguard
    return Incident(
        record.hazard,
        record.slug,
        title=record.title,
        date=record.date,
        status=record.status,
        severity=record.severity,
        authors=record.authors,
        summary=record.summary,
        detection=record.detection,
        sooner=record.sooner,
        well=record.well,
        lucky=record.lucky,
        impact=replace(_public_impact(impact), failing=impact.failing, sampled=impact.sampled),
        resolution=record.resolution,
        safeguard=Safeguard(guard.rule, no_rule_reason=guard.no_rule_reason),
        timeline=record.timeline,
        why=tuple(Why(w.question, w.answer, follows=w.follows) for w in record.why),
        actions=record.actions,
        messages=record.messages,
    )


def _public_impact(impact: Impact) -> Impact:
    return Impact(
        affected=impact.affected,
        versions=impact.versions,
        share=impact.share,
        low=impact.low,
        high=impact.high,
        seen=impact.seen,
        data_safe=impact.data_safe,
        workaround=impact.workaround,
        contact=impact.contact,
    )


# -- clients --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Public:
    """All that clients may ever read of a record: fields written for them, times and numbers."""

    going_on: bool
    date: datetime.date | None
    impact: Impact
    resolution: Resolution
    times: tuple[tuple[datetime.datetime, EventKind], ...]
    next: datetime.datetime | None
    guarded: bool


def public(record: Incident) -> Public:
    """The allow-list for clients: every field is named here, and nothing is taken away later."""
    going_on, mended = record.status in {Status.DRAFT, Status.OPEN}, record.resolution
    return Public(
        going_on=going_on,
        date=record.date,
        impact=_public_impact(record.impact),
        resolution=Resolution(version=mended.version, told=mended.told, to_do=mended.to_do),
        times=tuple((e.time, e.kind) for e in record.timeline if e.kind is not EventKind.NOTE),
        next=record.messages[-1].next if record.messages and going_on else None,
        guarded=bool(record.safeguard.rule) and not going_on,
    )


_GUARDED = "Every later update is now checked for this kind of problem before it is released."
_CLIENT_CHAPTERS = {
    "Who is affected, and what to do": (Section.HEAD, Section.COMMUNICATE),
    "What happened": (Section.HAPPENED, Section.TIMELINE, Section.DETECTION, Section.WHY),
    "What we did": (Section.RESOLUTION, Section.SAFEGUARD, Section.ACTIONS, Section.LESSONS),
}


def _client(view: Public, prose: Told) -> Document:
    own = (_client_impact(view), _client_times(view), _client_fix(view))
    chapters = []
    for (heading, sections), found in zip(_CLIENT_CHAPTERS.items(), own, strict=True):
        written = (block for s in sections for block in _prose(prose.get(s, "")))
        content = (*found, *written)
        chapters += [Chapter(heading, content)] if content else []
    versions = f" with version {view.impact.versions}" if view.impact.versions else ""
    status = "being worked on" if view.going_on else "resolved"
    below = " · ".join(p for p in (str(view.date or ""), status) if p)
    return Document(f"The problem{versions}", below, tuple(chapters))


def _client_impact(view: Public) -> Iterator[Block]:
    impact = view.impact
    yield from _facts(
        ("Who is affected", who(impact)),
        ("What you see", impact.seen),
        ("Is your data safe", impact.data_safe),
        ("What you can do", impact.workaround if view.going_on else ""),
        ("Questions", impact.contact),
        ("Next update", shown(view.next) if view.next else ""),
    )


def _client_times(view: Public) -> Iterator[Block]:
    rows = tuple((_moment(time), kind.value.replace("-", " ")) for time, kind in view.times)
    if rows:
        yield Table(("time (UTC)", "what"), rows)


def _client_fix(view: Public) -> Iterator[Block]:
    yield from _facts(
        ("What was fixed", view.resolution.told),
        ("Fixed in version", view.resolution.version),
        ("What you must do", "" if view.going_on else to_do(view.resolution)),
        ("So that it does not happen again", _GUARDED if view.guarded else ""),
    )
