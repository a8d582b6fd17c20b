"""What is still to be written, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migsafe.incident.messages import who
from migsafe.incident.sections import Section
from migsafe.model.incident import Incident


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a section does not say yet; `what` ends the sentence "to be written: ..."."""

    section: Section
    what: str


_PROSE_WILL_DO = {Section.HAPPENED, Section.DETECTION, Section.RESOLUTION, Section.LESSONS}
"""Sections that may be told in free prose; the others feed messages and checks."""


def gaps(record: Incident, prose: Mapping[Section, str]) -> tuple[Gap, ...]:
    """What the record does not say yet, and no prose of its section says instead."""
    told = {s for s in _PROSE_WILL_DO if prose.get(s, "").strip()}
    return tuple(g for g in _gaps(record) if g.section not in told)


def _gaps(record: Incident) -> Iterator[Gap]:
    impact, resolution, guard = record.impact, record.resolution, record.safeguard
    for section, content, what in (
        (Section.HEAD, record.title, "the title"),
        (Section.HEAD, record.authors, "which teams write this"),
        (Section.COMMUNICATE, who(impact), "who is affected"),
        (Section.COMMUNICATE, impact.versions, "which versions"),
        (Section.COMMUNICATE, impact.seen, "what users see"),
        (Section.COMMUNICATE, impact.data_safe, "whether their data is safe"),
        (Section.COMMUNICATE, impact.workaround, "what users can do now"),
        (Section.HAPPENED, record.summary, "what happened"),
        (Section.TIMELINE, record.timeline, "what happened when"),
        (Section.DETECTION, record.detection, "how it was found"),
        (Section.DETECTION, record.sooner, "how it could have been found earlier"),
        (Section.WHY, record.why, "why it happened, asked five times"),
        (Section.RESOLUTION, resolution.final, "how it was resolved"),
        (Section.RESOLUTION, resolution.told, "what was fixed, in words for users"),
        (Section.SAFEGUARD, guard.rule or guard.no_rule_reason, "the rule that guards it now"),
        (Section.ACTIONS, record.actions, "what else is to be done"),
        (Section.LESSONS, record.well or record.lucky, "what went well, where we got lucky"),
    ):
        if not (content.strip() if isinstance(content, str) else content):
            yield Gap(section, what)
