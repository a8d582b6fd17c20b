"""A text in pieces: words, numbers, days, keys of hexadecimal digits, and what lies between."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from migsafe.sampling.public import Public

KEPT, WORD, NUMBER, FRACTION, DAY, TIME, HEX, BITS, ADDRESS, ESCAPE, SYMBOL = (
    "kept", "word", "number", "fraction", "day", "time", "hex", "bits", "address", "escape",
    "symbol",
)  # fmt: skip

_ALONE = r"(?<![^\W_])"
_END = r"(?![^\W_])"
_PIECE = re.compile(
    rf"""
    (?P<uuid>{_ALONE}[0-9A-Fa-f]{{8}}(?:-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}}{_END})
  | (?P<day>(?<!\d)\d{{4}}-\d{{2}}-\d{{2}}(?!\d))
  | (?P<turned>(?<![\d./])\d{{1,2}}([/.])\d{{1,2}}\4\d{{4}}(?![\d./]))
  | (?P<time>(?<![\d:])\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?![\d:]))
  | (?P<address>(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\d.]))
  | (?P<hex>{_ALONE}(?=[0-9A-Fa-f]*[0-9])(?=[0-9A-Fa-f]*[A-Fa-f])[0-9A-Fa-f]{{6,}}{_END})
  | (?P<bits>(?<!\d)[01]{{8,}}(?!\d))
  | (?P<fraction>(?<![\d.])[0-9]+\.[0-9]+(?![\d.]))
  | (?P<number>[0-9]+)
  | (?P<word>(?:[^\W\d_][\u0300-\u036f]*)+)
  | (?P<symbol>[\U0001f300-\U0001faff\udc80-\udcff\u0660-\u0669\uff10-\uff19])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SCIENTIFIC = re.compile(r"[+-]?\d{1,3}(?:\.\d)?[eE][+-]?\d{1,3}")
"""A number with an exponent, and too few digits to tell anything."""

_KINDS = {"uuid": HEX, "turned": DAY}


class Piece(NamedTuple):
    """A stretch of a text; `kind` KEPT for what stays as it is."""

    kind: str
    text: str


def pieces(text: str, public: Public) -> Iterator[Piece]:
    """The pieces of the text, whose texts together are the text."""
    if text.strip().casefold() in public.whole or _SCIENTIFIC.fullmatch(text.strip()):
        yield Piece(KEPT, text)
        return
    found = _cut(text, _ESCAPE, ESCAPE) if text.lstrip()[:1] in {"{", "[", '"'} else [(text, "")]
    for part, kind in found:
        if kind:
            yield Piece(_escape_kind(part), part)
        else:
            yield from _of_plain(part, public)


def _escape_kind(text: str) -> str:
    return ESCAPE if len(text) > 2 and chr(int(text[2:], 16)).isalpha() else KEPT


def _cut(text: str, pattern: re.Pattern[str], kind: str) -> Iterator[tuple[str, str]]:
    """The text in parts: what the pattern finds, of that kind, and what lies between."""
    at = 0
    for match in pattern.finditer(text):
        if match.start() > at:
            yield text[at : match.start()], ""
        yield match[0], kind
        at = match.end()
    if at < len(text):
        yield text[at:], ""


def _of_plain(text: str, public: Public) -> Iterator[Piece]:
    cut = _cut(text, public.parts, KEPT) if public.parts else [(text, "")]
    for part, kind in cut:
        if kind:
            yield Piece(KEPT, part)
            continue
        at = 0
        for match in _PIECE.finditer(part):
            if match.start() > at:
                yield Piece(KEPT, part[at : match.start()])
            yield _piece(str(match.lastgroup), match[0], public)
            at = match.end()
        if at < len(part):
            yield Piece(KEPT, part[at:])


def _piece(name: str, text: str, public: Public) -> Piece:
    kind = _KINDS.get(name, name)
    if kind == WORD and text.casefold() in public.words:
        return Piece(KEPT, text)
    if kind == NUMBER and len(text) < 20 and int(text) in public.numbers:
        return Piece(KEPT, text)
    return Piece(kind, text)


def day_of(text: str) -> date | None:
    """The day that a piece of kind DAY names; None for one that does not exist.

    Of 1/2/2024 the first number is taken for the day, unless that is no day.
    """
    first, second, third = (int(n) for n in re.split(r"[-/.]", text))
    if "-" in text:
        return _day(first, second, third)
    return _day(third, second, first) or _day(third, first, second)


def compact_day(number: int) -> date | None:
    """The day that a number such as 20240131 names; None for another number."""
    year, rest = divmod(abs(number), 10_000)
    return _day(year, *divmod(rest, 100)) if 1900 <= year < 2100 else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
