"""The sections of an incident's page, in their order."""

from __future__ import annotations

from enum import StrEnum


class Section(StrEnum):
    """A section, by the name that marks it in the page."""

    HEAD = "head"
    COMMUNICATE = "communicate"
    HAPPENED = "happened"
    TIMELINE = "timeline"
    DETECTION = "detection"
    WHY = "why"
    RESOLUTION = "resolution"
    SAFEGUARD = "safeguard"
    ACTIONS = "actions"
    LESSONS = "lessons"


TITLES = {
    Section.HEAD: "",
    Section.COMMUNICATE: "Who is affected, and what to do",
    Section.HAPPENED: "What happened",
    Section.TIMELINE: "Timeline (UTC)",
    Section.DETECTION: "How it was found",
    Section.WHY: "Why",
    Section.RESOLUTION: "How it was resolved",
    Section.SAFEGUARD: "Safeguard",
    Section.ACTIONS: "Actions",
    Section.LESSONS: "What went well, and where we got lucky",
}
