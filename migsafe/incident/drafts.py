"""Answers that are no record yet: kept in `.migsafe/incidents/`, so that Ctrl-C loses nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from migsafe.errors import UsageError
from migsafe.incident import toml_text
from migsafe.incident.codec import Misfit, from_table, to_table
from migsafe.incident.files import put
from migsafe.incident.questions import QUESTIONS, Known

FOLDER = ".migsafe"


@dataclass(frozen=True, slots=True)
class Draft:
    """An incident that is being asked for: what is known, what was said, and the maker's notes.

    `notes` are the caller's own (where the reduced database lies, which template was taken).
    """

    known: Known
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def id(self) -> str:
        """The id that the incident will have."""
        return self.known.slug or self.known.hazard

    def answered(self, key: str, *texts: str) -> Draft:
        """The draft with this question answered."""
        return replace(self, answers={**self.answers, key: texts})


def save(root: Path, draft: Draft) -> Path:
    """Write the draft below the project's root, where no version control looks; gives its file."""
    folder = root / FOLDER / "incidents"
    folder.mkdir(parents=True, exist_ok=True)
    ignore = root / FOLDER / ".gitignore"
    if not ignore.exists():
        put(ignore, "*\n")
    path = folder / f"{draft.id}.toml"
    answers = {k: list(v) for k, v in draft.answers.items()}
    table = {"known": to_table(draft.known), "answers": answers, "notes": dict(draft.notes)}
    put(path, toml_text.write(table))
    return path


def load(root: Path, identifier: str = "") -> Draft:
    """The draft of that id; without one, the only draft that there is.

    Raises UsageError where there is none, several, or one that cannot be read.
    """
    names = drafts(root)
    if not identifier and len(names) == 1:
        identifier = names[0]
    if identifier not in names:
        asked = f"there is no draft {identifier}" if identifier else "which draft?"
        hint = f"drafts: {', '.join(names)}" if names else "none is kept; see migsafe incident new"
        raise UsageError(asked if names or identifier else "there is no draft", hint=hint)
    path = _file(root, identifier)
    try:
        return _draft(tomllib.loads(path.read_bytes().decode("utf-8")))
    except (ValueError, Misfit) as error:
        place = path.relative_to(root).as_posix()
        raise UsageError(f"the draft cannot be read: {error}", place=place) from error


def drafts(root: Path) -> tuple[str, ...]:
    """The ids of all drafts, in order."""
    return tuple(sorted(p.stem for p in (root / FOLDER / "incidents").glob("*.toml")))


def drop(root: Path, identifier: str) -> None:
    """Remove a draft that has become a record; none is no error."""
    _file(root, identifier).unlink(missing_ok=True)


def _file(root: Path, identifier: str) -> Path:
    return root / FOLDER / "incidents" / f"{identifier}.toml"


def _draft(table: Mapping[str, Any]) -> Draft:
    known, answers, notes = (table.get(k, {}) for k in ("known", "answers", "notes"))
    if not all(isinstance(part, dict) for part in (known, answers, notes)):
        raise ValueError("known, answers and notes must be tables")
    asked = {q.key for q in QUESTIONS}
    return Draft(
        from_table(Known, known),
        {k: tuple(map(str, v)) for k, v in answers.items() if k in asked and isinstance(v, list)},
        {k: str(v) for k, v in notes.items()},
    )
