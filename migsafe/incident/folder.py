"""The pages of a project: found below its folders of rules, read, and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from migsafe.errors import UsageError
from migsafe.incident import page
from migsafe.incident.files import put
from migsafe.incident.page import Page
from migsafe.incident.record import BrokenRecord
from migsafe.incident.short_form import refreshed
from migsafe.model.incident import Incident

DEFAULT = "rules"
_FIRST, _OTHERS, _RULE = "postmortem.md", "postmortem-*.md", "rule.toml"


@dataclass(frozen=True, slots=True)
class Stored:
    """A page and where it lies; `text` is the file as it stands, `rules` the folder of rules."""

    path: Path
    rules: Path
    page: Page
    text: str

    @property
    def record(self) -> Incident:
        """What the page says."""
        return self.page.record

    @property
    def id(self) -> str:
        """The id by which commands know it."""
        return self.page.record.slug


def folders(root: Path, paths: Iterable[str]) -> tuple[Path, ...]:
    """The folders of rules in which incidents lie: those of the settings, and `rules/`."""
    wanted = dict.fromkeys((*(root / p for p in paths), root / DEFAULT))
    return tuple(folder for folder in wanted if folder.is_dir())


def find(where: Iterable[Path]) -> tuple[Stored, ...]:
    """Every incident of these folders of rules, by date and id.

    Raises BrokenRecord for a page that cannot be read, is in the wrong folder, or has an id that
    another one has.
    """
    found: dict[str, Stored] = {}
    for folder in where:
        for path in _pages(folder):
            stored = load(path)
            if stored.id in found:
                other = shown(found[stored.id].path)
                raise BrokenRecord(f"the id {stored.id} is that of {other} too", place=shown(path))
            found[stored.id] = stored
    return tuple(sorted(found.values(), key=lambda s: (str(s.record.date or ""), s.id)))


def _pages(folder: Path) -> Iterator[Path]:
    for hazard in sorted(p for p in folder.iterdir() if p.is_dir()):
        yield from (p for p in (hazard / _FIRST, *sorted(hazard.glob(_OTHERS))) if p.is_file())


def shown(path: Path) -> str:
    """The path as messages name it: from the working directory where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else path.as_posix()


def load(path: Path) -> Stored:
    """One page. Raises BrokenRecord."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BrokenRecord("the page is not UTF-8", place=f"{shown(path)}:{line}") from error
    found = page.read(text, file=shown(path))
    record = found.record
    if record.hazard != path.parent.name:
        sentence = f"the hazard {record.hazard} differs from its folder {path.parent.name}"
        raise BrokenRecord(sentence, place=shown(path))
    if path.name not in {_FIRST, f"postmortem-{record.slug}.md"}:
        raise BrokenRecord(f"the slug {record.slug} differs from its file", place=shown(path))
    return Stored(path, path.parent.parent, found, text)


def write(folder: Path, record: Incident) -> Path:
    """Write the page of a new incident below this folder of rules; gives its file.

    The first incident of a hazard is `postmortem.md`, further ones `postmortem-<slug>.md`. Raises
    UsageError where the incident has a page already.
    """
    parent = folder / record.hazard
    parent.mkdir(parents=True, exist_ok=True)
    path = parent / _FIRST
    if path.exists():
        if load(path).id == record.slug:
            raise UsageError(f"{shown(path)} is there already", hint="migsafe incident update")
        path = parent / f"postmortem-{record.slug}.md"
    if path.exists():
        raise UsageError(f"{shown(path)} is there already", hint="migsafe incident update")
    put(path, page.render(Page(record)))
    return path


def save(stored: Stored, record: Incident) -> bool:
    """Write the page about the changed record, and the rule's short form of it; did it change?"""
    text = page.render(replace(stored.page, record=record))
    _refresh_rule(stored, record)
    if text == stored.text:
        return False
    put(stored.path, text)
    return True


def _refresh_rule(stored: Stored, record: Incident) -> None:
    before = rule_text(stored)
    after = refreshed(before, record)
    if after != before:
        put(stored.path.parent / _RULE, after)


def rule_text(stored: Stored) -> str:
    """The rule that lies beside the first page of its hazard; "" where none can be read."""
    path = stored.path.parent / _RULE
    if stored.path.name != _FIRST or not path.is_file():
        return ""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return ""  # `migsafe rules` says what is wrong with it
