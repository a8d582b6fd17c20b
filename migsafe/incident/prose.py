"""Free prose as HTML: paragraphs, headings, lists, quotes, code, emphasis and links.

A small part of Markdown, enough for a page of this kind. Every character that reaches the HTML is
escaped, and a link leads to the web or to a mail address, or it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from textwrap import dedent

_INLINE = re.compile(
    r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>.+?)(?P=ticks)(?!`)"
    r"|\[(?P<label>[^\[\]]+)\]\((?P<target>[^()\s]+)\)"
    r"|<(?P<auto>https?://[^\s<>]+)>|(?P<bare>https?://[^\s<>()]*[^\s<>().,;:!?'\"])"
    r"|\*\*(?P<strong>[^\s*](?:[^*]*[^\s*])?)\*\*"
    r"|\*(?P<em>[^\s*](?:[^*]*[^\s*])?)\*"
    r"|(?<!\w)_(?P<em_>[^\s_](?:[^_]*[^\s_])?)_(?!\w)",
    re.S,
)
_ITEM = re.compile(
    r"(?P<indent> {0,3})(?P<mark>[-*+]|(?P<number>\d{1,9})[.)])(?P<gap> +)(?P<text>.*)"
)
_HEADING = re.compile(r"(?P<marks>#{1,6}) +(?P<text>.*)")
_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})[^`]*$")
_SAFE = re.compile(r"(?:https?://|mailto:)", re.I)
_DEEPEST = 8  # lists within lists and quotes within quotes: deeper ones stay text


def html(text: str, depth: int = 0) -> str:
    """The blocks of a text as HTML."""
    lines = [line.replace("\t", "    ").rstrip() for line in text.split("\n")]
    return "\n".join(_blocks(lines, depth))


def inline(text: str) -> str:
    """One stretch of text as HTML: code, links and emphasis; everything is escaped."""
    pieces, at = [], 0
    for found in _INLINE.finditer(text):
        pieces += [escape(text[at : found.start()]), _inline(found)]
        at = found.end()
    return "".join((*pieces, escape(text[at:])))


def _inline(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "code":
            return f"<code>{escape(found['code'].strip())}</code>"
        case "target":
            return _link(found["target"], inline(found["label"]), found[0])
        case "auto" | "bare":
            target = found[found.lastgroup]
            return _link(target, escape(target), found[0])
        case "strong":
            return f"<strong>{inline(found['strong'])}</strong>"
        case _:
            return f"<em>{inline(found['em'] or found['em_'])}</em>"


def _link(target: str, label: str, whole: str) -> str:
    if not _SAFE.match(target):
        return escape(whole)
    return f'<a href="{escape(target)}" rel="noreferrer">{label}</a>'


# -- blocks ---------------------------------------------------------------------------------------


def _blocks(lines: list[str], depth: int) -> Iterator[str]:
    at = 0
    while at < len(lines):
        end = _end(lines, at)
        if lines[at]:
            yield _block(lines[at:end], depth)
        at = end


def _end(lines: list[str], at: int) -> int:
    """Where the block that starts here ends: the number of the line after it."""
    line, end = lines[at], at + 1
    fence = _FENCE.match(line)
    if fence:
        closed = (n for n in range(end, len(lines)) if lines[n].strip().startswith(fence["marks"]))
        return next(closed, len(lines) - 1) + 1
    if not line or _HEADING.match(line):
        return end
    if _ITEM.match(line):
        return _list_end(lines, end)
    quoted = line.startswith(">")
    while end < len(lines) and lines[end] and lines[end].startswith(">") is quoted:
        if not quoted and _starts(lines[end]):
            break
        end += 1
    return end


def _starts(line: str) -> bool:
    """Does a line of another kind end a paragraph?"""
    return bool(_ITEM.match(line) or _HEADING.match(line) or _FENCE.match(line))


def _list_end(lines: list[str], end: int) -> int:
    """A list goes on over items and indented lines; an empty line ends it unless it goes on."""
    first = _ITEM.match(lines[end - 1])
    numbered = bool(first and first["number"])
    while end < len(lines):
        following = next((n for n in range(end, len(lines)) if lines[n]), None)
        if following is None:
            return end
        item = _ITEM.match(lines[following])
        same = item and bool(item["number"]) is numbered
        goes_on = same or lines[following].startswith("  ")
        if not goes_on and (following > end or _starts(lines[following])):
            return end
        end = following + 1
    return end


def _block(lines: list[str], depth: int) -> str:
    first = lines[0]
    heading = _HEADING.match(first)
    if heading:
        # The page has h1 and h2 already.
        level = min(6, max(3, len(heading["marks"])))
        return f"<h{level}>{inline(heading['text'].rstrip(' #'))}</h{level}>"
    if _FENCE.match(first):
        return f"<pre><code>{escape(_code(lines))}</code></pre>"
    if _ITEM.match(first) and depth < _DEEPEST:
        return _list(lines, depth)
    if first.startswith(">") and depth < _DEEPEST:
        inner = "\n".join(line[1:].removeprefix(" ") for line in lines)
        return f"<blockquote>{html(inner, depth + 1)}</blockquote>"
    return f"<p>{inline(chr(10).join(lines))}</p>"


def _code(lines: list[str]) -> str:
    fence = _FENCE.match(lines[0])
    closed = fence and len(lines) > 1 and lines[-1].strip().startswith(fence["marks"])
    return dedent("\n".join(lines[1:-1] if closed else lines[1:]))


def _list(lines: list[str], depth: int) -> str:
    start = _ITEM.match(lines[0])
    assert start is not None
    items = "".join(f"<li>{_tight(item, depth)}</li>" for item in _items(lines))
    if start["number"] is None:
        return f"<ul>{items}</ul>"
    first = int(start["number"])
    return f"<ol>{items}</ol>" if first == 1 else f'<ol start="{first}">{items}</ol>'


def _items(lines: list[str]) -> Iterator[list[str]]:
    """The lines of each item, without its mark and indent."""
    item: list[str] = []
    width, indent = 0, 0
    for line in lines:
        found = _ITEM.match(line)
        if found and (not item or len(found["indent"]) <= indent):
            if item:
                yield item
            indent = len(found["indent"])
            width = indent + len(found["mark"]) + len(found["gap"])
            item = [found["text"]]
        else:
            spaces = len(line) - len(line.lstrip(" "))
            item.append(line[min(width, spaces) :])
    yield item


def _tight(item: list[str], depth: int) -> str:
    """An item of one paragraph needs no tag around it."""
    inner = html("\n".join(item), depth + 1)
    only = inner.startswith("<p>") and inner.count("<p>") == 1
    return inner.replace("<p>", "", 1).replace("</p>", "", 1) if only else inner
