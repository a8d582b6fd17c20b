"""One incident for one audience in one format, and the messages to users."""

from __future__ import annotations

import re
from collections.abc import Callable

from migsafe.errors import UsageError
from migsafe.incident import document, html, markdown, plain
from migsafe.incident.document import Document
from migsafe.incident.leaks import leaks
from migsafe.incident.messages import text as message_text
from migsafe.incident.page import Page
from migsafe.model.incident import Audience, MessageKind

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What steers a terminal and belongs into no text."""
FORMATS = ("md", "html", "txt")
_RENDER: dict[str, Callable[[Document], str]] = {
    "md": markdown.render,
    "html": html.render,
    "txt": plain.render,
}


def render(page: Page, format_: str, audience: Audience) -> str:
    """The incident as this audience reads it.

    Raises UsageError where a text for clients tells what is internal.
    """
    if audience is Audience.CLIENT:
        refuse(page)
    if audience is Audience.COMPANY and format_ == "txt":
        return plain.five_lines(document.for_company(page.record))
    text = _RENDER[format_](document.build(page.record, audience, page.told(audience)))
    return _CONTROL.sub("", text)


def message(page: Page, kind: MessageKind) -> str:
    """The message to users of that kind: the last one that was sent, else as the record words it.

    Raises UsageError where there is nothing to send yet, or it tells what is internal.
    """
    refuse(page)
    sent = [m for m in page.record.messages if m.kind is kind]
    promised = page.record.messages[-1].next if page.record.messages else None
    until = None if kind is MessageKind.RESOLVED else promised
    text = sent[-1].text if sent else message_text(page.record, kind, until)
    return _CONTROL.sub("", f"{text.rstrip()}\n")


def refuse(page: Page) -> None:
    """Raises UsageError for the first text for clients that tells what is internal."""
    for leak in leaks(page):
        hint = "say it in words for users; nothing was written"
        raise UsageError(f"{leak.where} is for clients and tells {leak.what}", hint=hint)
