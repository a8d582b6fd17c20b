"""The release lock: a file of sorted lines, one for each migration that users have run.

A line is `path revision sha256 version`, and may end in a comment. The order does not matter and a
line may stand twice, so that git may merge two locks line by line (`migsafe.lock merge=union`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migsafe.errors import ConfigError
from migsafe.model.migration import History, Migration
from migsafe.model.release import Released, State

NAME = "migsafe.lock"
_HEAD = (
    "# Migrations that users have run, and the version that had each first. `migsafe release`",
    "# writes this file: commit it, and never edit or delete a migration that stands here.",
)
_LINE = re.compile(r"(\S+)[ \t]+(\S+)[ \t]+([0-9a-f]{64})[ \t]+(\S+)(?:[ \t]+#.*)?")
_VERSION = re.compile(r"[0-9A-Za-z][^\s#]*")
_HIDDEN = re.compile(r"[%#\s]")
_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")

Text = Callable[[Migration], str]
"""Gives the text of a migration's file."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the lock: a migration as it was released; `line` is 1-based."""

    path: str
    revision: str
    digest: str
    version: str
    line: int = 0

    def __str__(self) -> str:
        """The line as it stands in the file."""
        return " ".join((_shown(self.path), _shown(self.revision), self.digest, self.version))


def _shown(text: str) -> str:
    """Without blanks, which divide the parts of a line."""
    return _HIDDEN.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), text)


def _meant(text: str) -> str:
    raw = re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())
    return raw.decode("utf-8", "replace")


def digest(text: str) -> str:
    """SHA-256 of a migration's text, whatever its line ends and its byte order mark."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


# -- the file -------------------------------------------------------------------------------------


def load(path: Path) -> tuple[Entry, ...]:
    """The lock's entries, each migration once, by path; none where there is no file.

    Raises ConfigError, naming the line, for what cannot be read and what contradicts itself.
    """
    found: dict[tuple[str, str], Entry] = {}
    for entry in _entries(path):
        key = (entry.path, entry.revision)
        other = found.setdefault(key, entry)
        if other.digest != entry.digest:
            raise ConfigError(
                f"{entry.path} stands twice with different content, first in line {other.line}",
                place=f"{path.name}:{entry.line}",
                hint="keep the line of the version that users have",
            )
        if version_key(entry.version) < version_key(other.version):
            found[key] = entry
    return tuple(found[key] for key in sorted(found))


def _entries(path: Path) -> Iterator[Entry]:
    for number, line in enumerate(_lines(path), 1):
        text = line.strip()
        if text.startswith(_MARKERS):
            raise ConfigError(
                "a merge conflict is left in the lock",
                place=f"{path.name}:{number}",
                hint="keep the lines of both sides, and delete the marks",
            )
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise ConfigError(
                "the line is not: path revision sha256 version",
                place=f"{path.name}:{number}",
                hint="restore the lock; `migsafe release` writes it",
            )
        yield Entry(_meant(match[1]), _meant(match[2]), match[3], match[4], number)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise ConfigError("the lock is not UTF-8 text", place=path.name) from error
    except OSError as error:
        raise ConfigError(f"the lock cannot be read: {error.strerror}", place=path.name) from error


def with_entries(path: Path, entries: Iterable[Entry]) -> str:
    """The text of the lock with these entries added; comments and known lines stay."""
    lines = [line.strip() for line in _lines(path) if line.strip()]
    said = dict.fromkeys(line for line in (*_HEAD, *lines) if line.startswith("#"))
    told = {line for line in lines if not line.startswith("#")} | {str(e) for e in entries}
    return "\n".join((*said, *sorted(told))) + "\n"


def is_version(text: str) -> bool:
    """Can this stand in the lock as a version?"""
    return bool(_VERSION.fullmatch(text))


def version_key(version: str) -> tuple[object, ...]:
    """What versions are ordered by: numbers as numbers, 4.9 before 4.10."""
    parts = re.findall(r"\d+|[^\d.]+", version)
    return (*((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts),)


# -- the history against the lock -----------------------------------------------------------------


def compared(
    entries: Iterable[Entry], history: History, text: Text, lock: str = NAME
) -> tuple[Released, ...]:
    """What became of each released migration of this history."""
    judged = [(e, _state(e, history.get(e.revision), text)) for e in entries]
    known = {e.revision for e, _ in judged}
    lost = any(state is not State.SAME for _, state in judged)
    fresh = [m for m in unreleased(history, known) if m.digest] if lost else []
    moved = {digest(text(m)): m.path for m in fresh}
    return tuple(
        Released(e.revision, e.path, e.version, state, lock, e.line, moved.get(e.digest, ""))
        for e, state in judged
    )


def _state(entry: Entry, migration: Migration | None, text: Text) -> State:
    if migration is None:
        return State.DELETED
    # Most files have no carriage return: then what was read already has the same digest.
    same = entry.digest == migration.digest or entry.digest == digest(text(migration))
    return State.SAME if same else State.CHANGED


def unreleased(history: History, released: Iterable[str]) -> Iterator[Migration]:
    """The migrations that are not released yet. Those that run again when they change never are."""
    known = set(released)
    again = history.framework == "flyway"
    for migration in history.migrations:
        repeats = again and migration.revision.startswith("R__")
        if migration.revision not in known and not repeats:
            yield migration
