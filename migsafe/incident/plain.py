"""A document as plain text, and the company's five lines."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from migsafe.incident.document import Block, Document, Facts, Items, Missing, Prose, Table
from migsafe.incident.messages import who
from migsafe.model.incident import Incident, Resolution, Status

_WIDTH = 80


def render(document: Document) -> str:
    """The whole document, for a mail or a terminal."""
    lines = [document.title, document.line, ""]
    for chapter in document.chapters:
        lines += [chapter.title.upper()] if chapter.title else []
        for block in chapter.blocks:
            lines += _block(block)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts(pairs):
            yield from (_wrapped(f"{label}: {value}") for label, value in pairs)
        case Table(_, rows):
            yield from (_wrapped("  ".join(cell for cell in row if cell)) for row in rows)
        case Items(items, numbered):
            for number, item in enumerate(items, 1):
                yield _wrapped(item, f"{number}. " if numbered else "- ")
        case Prose(text):
            yield from text.split("\n")
        case Missing(what):
            yield _wrapped(f"To be written: {what}.")


def _wrapped(text: str, mark: str = "") -> str:
    """On lines of a mail's width; words such as addresses are never broken."""
    return fill(
        " ".join(text.split()).replace("**", ""),
        _WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * (len(mark) or 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def five_lines(record: Incident) -> str:
    """What the company needs in a message: what, whom, the data, the fix, the lesson."""
    guard = record.safeguard
    lesson = f"the rule {guard.rule}" if guard.rule else guard.no_rule_reason or "none yet"
    open_actions = sum(not a.done for a in record.actions)
    pairs = (
        (_STATES[record.status], record.title or record.slug),
        ("Who is affected", who(record.impact) or record.impact.versions or "not known yet"),
        ("Their data", record.impact.data_safe or "not known yet"),
        ("Fix", _fixed(record.resolution)),
        ("Safeguard", f"{lesson}; open actions: {open_actions}"),
    )
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in pairs)


def _fixed(resolution: Resolution) -> str:
    done = resolution.final or resolution.temporary
    version = f"version {resolution.version}" if resolution.version else ""
    return f"{done} ({version})" if done and version else done or version or "not yet"


_STATES = {
    Status.DRAFT: "Incident",
    Status.OPEN: "Incident, going on",
    Status.RESOLVED: "Incident, resolved",
    Status.LEARNED: "Incident, resolved and guarded against",
}
