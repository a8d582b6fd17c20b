"""Audiences of free prose: `<!-- for: client -->` to `<!-- /for -->`; the rest is the team's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migsafe.incident.record import BrokenRecord
from migsafe.model.incident import Audience

_OPEN = re.compile(r"<!-- for: (?P<audience>\S+) -->")
_CLOSE = "<!-- /for -->"
_MARK = re.compile(r"\s*<!--\s*/?\s*for\b", re.I)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of prose and the audience furthest out that may read it."""

    least: Audience
    text: str


def split(prose: str, *, file: str = "", first_line: int = 1) -> tuple[Piece, ...]:
    """The pieces of some prose.

    Raises BrokenRecord for a fence that is not closed, is nested, names no audience, or is spelt
    otherwise: a slip must not show a text to those it is not for.
    """
    pieces: list[Piece] = []
    least, kept, opened = Audience.TEAM, "", 0
    for number, line in enumerate(prose.split("\n"), first_line):
        if not _MARK.match(line):
            kept += f"{line}\n"
            continue
        audience = _audience(line, f"{file}:{number}", inside=bool(opened))
        if kept.rfind("<!--") > kept.rfind("-->"):
            raise BrokenRecord("a fence stands inside a comment", place=f"{file}:{number}")
        pieces.append(Piece(least, kept))
        least, kept, opened = audience, "", 0 if opened else number
    if opened:
        raise BrokenRecord(f"this fence has no end ({_CLOSE})", place=f"{file}:{opened}")
    return (*pieces, Piece(least, kept))


def _audience(line: str, place: str, *, inside: bool) -> Audience:
    """Whose text follows this mark."""
    if inside and line.rstrip() == _CLOSE:
        return Audience.TEAM
    found = _OPEN.fullmatch(line.rstrip())
    if inside or found is None:
        raise BrokenRecord("this fence is out of place or misspelt", place=place)
    if found["audience"] not in set(Audience):
        names = ", ".join(Audience)
        raise BrokenRecord(f"{found['audience']} is no audience: {names}", place=place)
    return Audience(found["audience"])
