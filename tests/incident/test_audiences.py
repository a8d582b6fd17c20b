"""What each audience may read: canaries in every field and in all prose; and what is refused."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from migsafe.errors import UsageError
from migsafe.incident import export
from migsafe.incident.leaks import leaks
from migsafe.incident.page import Page, Part
from migsafe.incident.sections import Section
from migsafe.model.incident import Audience, Impact, Incident, MessageKind, Resolution, Status
from tests.incident.records import FILLED, at

FOR_CLIENTS = {
    "impact.affected", "impact.versions", "impact.seen", "impact.data_safe", "impact.workaround",
    "impact.contact", "resolution.version", "resolution.told", "resolution.to_do",
    "messages[0].text",
}  # fmt: skip
"""The fields that are written for clients; any other text of a record must not reach them."""
NOT_FOR_COMPANY = {
    "hazard", "impact.error", "impact.revisions", "links[0]", "safeguard.says",
    "safeguard.fixtures[0]", "safeguard.backtest", "safeguard.runs", "why[0].evidence",
}  # fmt: skip
NUMBERS = ("nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def marked(kind: Any, path: str, found: dict[str, str]) -> Any:
    """A value of this type in which every text is a canary of its own, noted by its path."""
    if get_origin(kind) is UnionType:
        kind = next(k for k in get_args(kind) if k is not type(None))
    if get_origin(kind) is tuple:
        return (marked(get_args(kind)[0], f"{path}[0]", found),)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        dot = f"{path}." if path else ""
        values = {f.name: marked(hints[f.name], dot + f.name, found) for f in fields(kind)}
        return kind(**values)  # type: ignore[operator]
    if issubclass(kind, Enum):
        return next(iter(kind))
    if kind is str:
        found[path] = "canary" + "".join(NUMBERS[int(c)] for c in str(len(found)))
        return found[path]
    days = {datetime.date: datetime.date(2026, 3, 3), datetime.datetime: at("2026-03-03T09:00")}
    return days[kind] if kind in days else kind(0)


def canaries() -> tuple[Page, dict[str, str], dict[tuple[Section, Audience], str]]:
    """A page with a canary in every text, in every fence and in every comment."""
    texts: dict[str, str] = {}
    record = marked(Incident, "", texts)
    prose: dict[tuple[Section, Audience], str] = {}
    parts = []
    for section in Section:
        written = f"loose{section}\n<!-- hidden{section} -->\n"
        for audience in Audience:
            prose[section, audience] = f"prose{section}{audience}end"
            written += f"<!-- for: {audience} -->\n{prose[section, audience]}"
            written += f"\n<!-- hidden{section}\n-->\n<!-- /for -->\n"
        parts.append(Part(section, written))
    page = Page(record, tuple(parts), "loosehead\n")
    return page, texts, prose


def exports(page: Page, audience: Audience) -> Iterator[str]:
    for format_ in export.FORMATS:
        yield export.render(page, format_, audience)


def seen(text: str, canary: str) -> bool:
    return re.search(rf"{canary}(?![a-z])", text) is not None


@pytest.mark.parametrize("format_", export.FORMATS)
@pytest.mark.parametrize(
    ("status", "later"),
    [(Status.OPEN, "resolution.to_do"), (Status.LEARNED, "impact.workaround")],
)
def test_clients_read_what_was_written_for_them_and_nothing_else(format_, status, later):
    page, texts, prose = canaries()
    page = replace(page, record=replace(page.record, status=status))
    text = export.render(page, format_, Audience.CLIENT)
    found = {path for path, canary in texts.items() if seen(text, canary)}
    assert found == FOR_CLIENTS - {"messages[0].text", later}
    assert {a for (_, a), canary in prose.items() if canary in text} == {Audience.CLIENT}
    assert all(prose[s, Audience.CLIENT] in text for s in Section)
    assert "loose" not in text
    assert "hidden" not in text


@pytest.mark.parametrize("kind", MessageKind)
def test_messages_hold_only_what_was_written_for_users(kind):
    page, texts, _ = canaries()
    sent = {path for path, canary in texts.items() if seen(export.message(page, kind), canary)}
    assert sent <= FOR_CLIENTS
    assert sent
    unsent = replace(page.record, messages=(replace(page.record.messages[0], text="x"),))
    worded = export.message(replace(page, record=unsent), kind)
    assert "prose" not in worded
    assert "loose" not in worded


@pytest.mark.parametrize("format_", ["md", "html"])
def test_the_company_reads_all_but_what_is_the_teams(format_):
    page, texts, prose = canaries()
    text = export.render(page, format_, Audience.COMPANY)
    absent = {path for path, canary in texts.items() if not seen(text, canary)}
    assert absent == NOT_FOR_COMPANY | {"messages[0].text"}
    assert {a for (_, a), c in prose.items() if c in text} == {Audience.COMPANY, Audience.CLIENT}
    assert "loose" not in text
    assert "hidden" not in text


@pytest.mark.parametrize("format_", export.FORMATS)
def test_the_team_reads_everything(format_):
    page, texts, prose = canaries()
    text = export.render(page, format_, Audience.TEAM)
    absent = {path for path, canary in texts.items() if not seen(text, canary)}
    assert absent == {"hazard", "messages[0].text"}
    assert all(canary in text for canary in prose.values())
    assert "loosehead" in text


def test_the_company_gets_five_lines_as_text():
    text = export.render(Page(FILLED), "txt", Audience.COMPANY)
    assert text == (
        "Incident, resolved and guarded against: 4.2.0 crashes on launch for a quarter of users\n"
        "Who is affected: about a quarter of those who update from 4.0 or 4.1\n"
        "Their data: Yes. Nothing was deleted; do not remove the app\n"
        "Fix: The copy fills a missing client id with an empty text. (version 4.2.1)\n"
        "Safeguard: the rule null-copied-into-not-null; open actions: 1\n"
    )


def test_gaps_are_shown_inside_and_never_to_clients():
    page = Page(Incident("a-hazard", "a-hazard"))
    for audience in (Audience.TEAM, Audience.COMPANY):
        assert "To be written: who is affected" in export.render(page, "md", audience)
    for text in exports(page, Audience.CLIENT):
        assert "to be written" not in text.lower()
        assert "a-hazard" not in text


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("see migrations/0042_unique_email.sql", "the name of a file"),
        ("error in models.py", "the name of a file"),
        ("run DELETE FROM account WHERE id = 3", "SQL"),
        ("select id, max(id) from account", "SQL"),
        ("we had to ALTER TABLE account", "SQL"),
        ("the column client_id is empty", "a name out of the code"),
        ("it is users.email", "the name of a column"),
        ("ask Ann Example", "the name of a person"),
        ("ask ANN EXAMPLE now", "the name of a person"),
        ("caught by unique-index-over-duplicates", "the name of a rule"),
        ("see https://git.example.com/app/pull/1", "an internal link"),
        ("see http://wiki/incident", "an internal link"),
        ("see https://status.corp/x", "an internal link"),
        ("see http://10.1.2.3/x", "an internal link"),
        ("see https://[bad/x", "an internal link"),
    ],
)
@pytest.mark.parametrize("field", ["seen", "told", "message", "prose"])
def test_a_text_for_clients_that_tells_what_is_internal_is_refused(words, what, field):
    record = replace(
        FILLED,
        authors=("Ann Example",),
        safeguard=replace(FILLED.safeguard, rule="unique-index-over-duplicates"),
        impact=replace(FILLED.impact, error="UNIQUE constraint failed: users.email"),
    )
    prose = ""
    match field:
        case "seen":
            record = replace(record, impact=replace(record.impact, seen=words))
        case "told":
            record = replace(record, resolution=replace(record.resolution, told=words))
        case "message":
            record = replace(record, messages=(replace(record.messages[0], text=words),))
        case _:
            prose = f"<!-- for: client -->\n{words}\n<!-- /for -->\n"
    page = Page(record, (Part(Section.WHY, prose),))
    assert what in {leak.what.partition(" (")[0] for leak in leaks(page)}
    for format_ in export.FORMATS:
        with pytest.raises(UsageError, match="is for clients and tells"):
            export.render(page, format_, Audience.CLIENT)
    with pytest.raises(UsageError, match="is for clients and tells"):
        export.message(page, MessageKind.RESOLVED)
    assert export.render(page, "md", Audience.TEAM)


@pytest.mark.parametrize(
    "words",
    [
        "Update the app to 4.2.1 from the store, then start it. Your notes are safe.",
        "Select a note from the list and drop it onto the table below.",
        "See https://help.example.com/crash_4_2 or write to first_line@example.com.",
        "Select notes from your list, or select all and insert them.",
        "Create a table of contents? Alter nothing; delete nothing from your phone!",
        "Version 4.2.1 (build 812) is out; 25 % of users (14 to 43 %) were affected.",
    ],
)
def test_plain_words_for_users_are_not_refused(words):
    impact = Impact(seen=words, workaround=words, contact="https://git.example.com/support")
    record = replace(FILLED, impact=impact, resolution=Resolution(told=words, to_do=words))
    assert leaks(Page(record)) == ()


def test_a_filled_page_tells_clients_all_they_need():
    text = export.render(Page(FILLED), "md", Audience.CLIENT)
    assert text == (
        "# The problem with version 4.2.0\n\n2026-03-03 · resolved\n\n"
        "## Who is affected, and what to do\n\n"
        "- **Who is affected:** about a quarter of those who update from 4.0 or 4.1\n"
        "- **What you see:** the app closes as soon as it starts\n"
        "- **Is your data safe:** Yes. Nothing was deleted; do not remove the app\n"
        "- **Questions:** help@example.com\n\n"
        "## What happened\n\n"
        "| time (UTC) | what |\n|---|---|\n"
        "| 2026-03-03 09:00 | released |\n"
        "| 2026-03-03 09:40 | first failure |\n"
        "| 2026-03-03 12:05 | detected |\n"
        "| 2026-03-03 12:40 | communicated |\n"
        "| 2026-03-03 13:00 | mitigated |\n"
        "| 2026-03-04 08:00 | resolved |\n\n"
        "## What we did\n\n"
        "- **What was fixed:** accounts from old versions can be opened again\n"
        "- **Fixed in version:** 4.2.1\n"
        "- **What you must do:** update to 4.2.1 and start the app\n"
        "- **So that it does not happen again:** Every later update is now checked for this kind"
        " of problem before it is released.\n"
    )
