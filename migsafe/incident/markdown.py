"""A document, or one section of it, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from migsafe.incident.document import Block, Document, Facts, Items, Missing, Prose, Table

_LINE_END = re.compile(r"\r\n?|\n")


def render(document: Document) -> str:
    """The whole document."""
    lines = [f"# {one_line(document.title)}", "", one_line(document.line), ""]
    for chapter in document.chapters:
        lines += [f"## {chapter.title}", ""] if chapter.title else []
        lines += [*section(chapter.blocks), ""]
    return "\n".join(lines).rstrip() + "\n"


def section(blocks: Iterable[Block]) -> Iterator[str]:
    """The lines of some blocks, with an empty line between them."""
    for number, block in enumerate(blocks):
        if number:
            yield ""
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts(pairs):
            yield from (f"- **{label}:** {one_line(value)}" for label, value in pairs)
        case Table(heads, rows):
            yield _row(heads)
            yield "|" + "---|" * len(heads)
            yield from (_row(row) for row in rows)
        case Items(items, numbered):
            for number, item in enumerate(items, 1):
                yield f"{number}. {one_line(item)}" if numbered else f"- {one_line(item)}"
        case Prose(text):
            yield from _LINE_END.split(inert(text))
        case Missing(what):
            yield f"*To be written: {what}.*"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(one_line(c).replace('|', chr(92) + '|') for c in cells)} |"


def one_line(text: str) -> str:
    """The text on one line, in which nothing starts a comment of HTML."""
    return inert(" ".join(text.split()))


def inert(text: str) -> str:
    """Comments of HTML mark the page's own parts, so that no value may hold one."""
    return text.replace("<!--", "&lt;!--")
