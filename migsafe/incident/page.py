"""`postmortem.md`: the record as front matter, parts made from it, and what people wrote between.

A page is read into its record and the prose between the made parts, and written back from them;
what people wrote stays as it is, byte for byte.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from migsafe.incident import document, markdown, record
from migsafe.incident.fences import split
from migsafe.incident.record import BrokenRecord
from migsafe.incident.sections import TITLES, Section
from migsafe.model.incident import Audience, Incident

_FRONT = "+++"
_OPEN = re.compile(r"<!-- record: (?P<section>[a-z]+)(?: (?P<digest>[0-9a-f]{8}))? -->")
_CLOSE = "<!-- /record -->"
_MARK = re.compile(r"\s*<!--\s*/?record\b")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_KEPT = "<!-- kept: this stood in the part above, which is made from the record -->"
_NOTICE = """\
<!-- Made from the record at the top: change it there, and run `migsafe incident update`.
     What you write between these parts stays. It is for the team; docs/incidents.md tells how to
     mark it for the company or for clients. -->"""


@dataclass(frozen=True, slots=True)
class Part:
    """A section and what people wrote after it; `edited` are lines they changed within it."""

    section: Section
    prose: str = "\n"
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page. `front` is the text of its record as it stood, for the comments in it."""

    record: Incident
    parts: tuple[Part, ...] = tuple(Part(s) for s in Section)
    lead: str = "\n"  # what stands before the first part
    front: str = ""
    windows: bool = False  # lines end in CR LF

    def told(self, audience: Audience) -> dict[Section, str]:
        """The prose that this audience may read, by section."""
        found = {p.section: _fenced(p.prose, audience) for p in self.parts}
        lead = _fenced(self.lead, audience)
        found[Section.HEAD] = "\n\n".join(t for t in (lead, found.get(Section.HEAD, "")) if t)
        return {section: text for section, text in found.items() if text}


def _fenced(prose: str, audience: Audience) -> str:
    """The pieces for this audience; notes in comments are for those who open the file."""
    pieces = (_COMMENT.sub("", p.text).strip("\n") for p in split(prose) if audience.sees(p.least))
    return "\n\n".join(p for p in pieces if p.strip())


# -- writing --------------------------------------------------------------------------------------


def render(page: Page) -> str:
    """The page as text: its record, and every section made anew around the prose."""
    told = page.told(Audience.TEAM)
    kept_record = _unchanged(page) or record.write(page.record, page.front)
    pieces = [f"{_FRONT}\n{kept_record}{_FRONT}\n", _ended(page.lead)]
    for part in _in_order(page.parts):
        content = _content(page.record, part.section, told)
        pieces.append(f"<!-- record: {part.section} {_digest(content)} -->\n{content}{_CLOSE}\n")
        pieces += [f"\n{_KEPT}\n", *(f"{line}\n" for line in part.edited)] if part.edited else []
        pieces.append(_ended(part.prose))
    text = "".join(pieces)
    return text.replace("\n", "\r\n") if page.windows else text


def _ended(prose: str) -> str:
    """A part starts on a line of its own."""
    return prose if not prose or prose.endswith("\n") else f"{prose}\n"


def _unchanged(page: Page) -> str:
    """The record's text as it stood, where it still says the same: the style is the writer's."""
    if not page.front:
        return ""
    return page.front if record.read(page.front, file="") == page.record else ""


def _in_order(parts: tuple[Part, ...]) -> list[Part]:
    """The parts as they stand in the page; one that was removed comes back in its place."""
    order = list(parts)
    for number, section in enumerate(Section):
        if section not in {p.section for p in order}:
            before = set(tuple(Section)[:number])
            last = max((n for n, p in enumerate(order) if p.section in before), default=-1)
            order.insert(last + 1, Part(section))
    return order


def _content(incident: Incident, section: Section, told: document.Told) -> str:
    blocks = document.blocks(incident, section, told)
    heading = [f"## {TITLES[section]}", ""]
    if section is Section.HEAD:
        title = markdown.one_line(document.title(incident))
        heading = [_NOTICE, "", f"# {title}", "", markdown.one_line(document.line(incident))]
        heading += [""] if blocks else []
    return "\n".join((*heading, *markdown.section(blocks))) + "\n"


def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def is_current(page: Page, text: str) -> bool:
    """Does the page say what its record says?"""
    return not any(p.edited for p in page.parts) and render(page) == text


def changed(page: Page, incident: Incident) -> Page:
    """The same page about a changed record."""
    return replace(page, record=incident)


# -- reading --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """A part of the file as it is being read; `line` is that of its prose."""

    section: Section | None  # None: what stands before the first part
    line: int
    digest: str = ""
    content: str = ""
    prose: str = ""


def read(text: str, *, file: str) -> Page:
    """The page that this text holds.

    Raises BrokenRecord, in one sentence with the file and line: no record, one that does not fit,
    a part that is not closed, or a fence for an audience that is not one.
    """
    windows = "\r\n" in text
    lines = _lines(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    end = _front_end(lines, file)
    front = "".join(lines[1:end])
    incident = record.read(front, file=file, first_line=2)
    lead, *found = _found(lines[end + 1 :], end + 2, file)
    for piece in (lead, *found):
        split(piece.prose, file=file, first_line=piece.line)
    parts = tuple(Part(f.section, f.prose) for f in found if f.section)
    page = Page(incident, parts, lead.prose, front, windows)
    return replace(page, parts=tuple(_edits(page, f, p) for f, p in zip(found, parts, strict=True)))


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one."""
    *ended, last = text.split("\n")
    return [f"{line}\n" for line in ended] + ([last] if last else [])


def _front_end(lines: list[str], file: str) -> int:
    if not lines or lines[0].rstrip() != _FRONT:
        sentence = f"the page does not start with its record (a line {_FRONT})"
        raise BrokenRecord(sentence, place=f"{file}:1")
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FRONT:
            return number
    raise BrokenRecord(f"the record has no end (a line {_FRONT})", place=f"{file}:1")


def _found(lines: list[str], first_line: int, file: str) -> list[_Found]:
    """What stands before the first part, and the parts; each with the prose after it."""
    found = [_Found(None, first_line)]
    inside = 0  # the line on which the open part starts
    for number, line in enumerate(lines, first_line):
        opened, closed = _OPEN.fullmatch(line.rstrip()), line.rstrip() == _CLOSE
        if bool(inside) is bool(opened) and (opened or closed or _MARK.match(line)):
            raise BrokenRecord(
                "a part made from the record is out of place", place=f"{file}:{number}"
            )
        if opened:
            found.append(_Found(_section(opened, found, f"{file}:{number}"), 0, opened["digest"]))
            inside = number
        elif closed:
            found[-1].line, inside = number + 1, 0
        elif inside:
            found[-1].content += line
        else:
            found[-1].prose += line
    if inside:
        raise BrokenRecord(f"this part has no end ({_CLOSE})", place=f"{file}:{inside}")
    return found


def _section(opened: re.Match[str], found: list[_Found], place: str) -> Section:
    name = opened["section"]
    if name not in set(Section):
        raise BrokenRecord(f"there is no section {name}", place=place)
    if any(f.section == name for f in found):
        raise BrokenRecord(f"the section {name} stands here twice", place=place)
    return Section(name)


def _edits(page: Page, found: _Found, part: Part) -> Part:
    """The part with the lines that somebody wrote into what is made from the record."""
    if _digest(found.content) == found.digest:
        return part
    made = _content(page.record, part.section, page.told(Audience.TEAM)).split("\n")
    lines = (line.rstrip("\n") for line in _lines(found.content))
    return replace(part, edited=tuple(line for line in lines if line.strip() and line not in made))
