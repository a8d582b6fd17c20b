"""What a text for clients must not tell: SQL, files, tables, rules, people, inner links.

Clients read only fields and fenced prose that were written for them. This looks at those texts
themselves, as a slip of the pen is not a matter of fields.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from migsafe.incident.page import Page
from migsafe.model.incident import Audience, Incident


@dataclass(frozen=True, slots=True)
class Leak:
    """A text for clients that tells something internal: which text, and what kind of thing."""

    where: str
    what: str


_FILE = re.compile(
    r"(?<![\w/\\.-])[\w/\\.-]*\w\.(?:sql|py|toml|db|sqlite3?|json|kt|swift|java|log)\b", re.I
)
_SQL = re.compile(
    r"\bselect\s+(?:\*|[\w.]+(?:\(.*?\))?(?:\s*,\s*[^\s,]+)*)\s+from\s+"
    r"(?!(?:the|your|this|that|an?|our|my|its)\b)\S"
    r"|\binsert\s+into\s+\S|\bupdate\s+\S+\s+set\b|\bdelete\s+from\s+\S"
    r"|\bpragma\s+\w+|\b(?:create|alter|drop)\s+(?:unique\s+)?(?:table|index|view|trigger)\s+\S",
    re.I | re.S,
)
_SNAKE = re.compile(r"\b[A-Za-z]\w*_\w+\b")
_DOTTED = re.compile(r"\b[A-Za-z_]\w*\.[A-Za-z_]\w*\b")
_URL = re.compile(r"https?://[^\s<>()\"']+", re.I)
_MAIL = re.compile(r"(?<!\S)\S+@\S+")
_INSIDE = re.compile(
    r"[^.]+|.*\.(?:internal|intranet|corp|local|lan|home)"
    r"|127\..*|10\.[\d.]+|192\.168\.[\d.]+|172\.(?:1[6-9]|2\d|3[01])\.[\d.]+",
    re.I,
)
_PERSON = re.compile(r"@\S+|\S+@\S+|[A-Z]\S*(?: [A-Z]\S*)+")


def leaks(page: Page) -> tuple[Leak, ...]:
    """What the texts for clients tell that is none of their business."""
    record = page.record
    names = tuple(_private_names(record))
    open_hosts = set(_hosts(record.impact.contact))
    hosts = set(_hosts(" ".join(record.links))) - open_hosts
    found = []
    for where, text in _public_texts(page):
        whats = dict.fromkeys((*_shapes(text, hosts), *_named(text, names)))
        found += [Leak(where, what) for what in whats]
    return tuple(found)


def _public_texts(page: Page) -> Iterator[tuple[str, str]]:
    impact, resolution = page.record.impact, page.record.resolution
    yield "impact.affected", impact.affected
    yield "impact.versions", impact.versions
    yield "impact.seen", impact.seen
    yield "impact.data_safe", impact.data_safe
    yield "impact.workaround", impact.workaround
    yield "impact.contact", impact.contact
    yield "resolution.version", resolution.version
    yield "resolution.told", resolution.told
    yield "resolution.to_do", resolution.to_do
    for number, message in enumerate(page.record.messages, 1):
        yield f"messages[{number}].text", message.text
    for section, text in page.told(Audience.CLIENT).items():
        yield f"the prose in {section}", text


def _shapes(text: str, hosts: Collection[str]) -> Iterator[str]:
    for host in _hosts(text):
        if host in hosts or _INSIDE.fullmatch(host):
            yield f"an internal link ({host})"
    bare = _MAIL.sub(" ", _URL.sub(" ", text))
    for pattern, what in ((_FILE, "the name of a file"), (_SNAKE, "a name out of the code")):
        for found in pattern.finditer(bare):
            yield f"{what} ({found[0]})"
    if _SQL.search(bare):
        yield "SQL"


def _hosts(text: str) -> Iterator[str]:
    for link in _URL.findall(text):
        try:
            yield urlsplit(link).hostname or ""
        except ValueError:
            yield "unreadable"


def _private_names(record: Incident) -> Iterator[tuple[str, str]]:
    guard = record.safeguard
    for name in (record.hazard, record.slug, guard.rule, *guard.fixtures):
        if "-" in name or "/" in name:
            yield name, "the name of a rule"
    for source in (record.impact.error, guard.says):
        for found in _DOTTED.findall(source):
            yield found, "the name of a column"
    for name in (*record.authors, *(a.owner for a in record.actions)):
        if _PERSON.fullmatch(name):
            yield name, "the name of a person"


def _named(text: str, names: Collection[tuple[str, str]]) -> Iterator[str]:
    for name, what in names:
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I):
            yield f"{what} ({name})"
