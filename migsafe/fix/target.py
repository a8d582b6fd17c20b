"""What a fix is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from migsafe.model.evidence import Step
from migsafe.model.finding import Finding
from migsafe.model.migration import History, Migration, Span

ReadText = Callable[[str], str | None]
"""A path relative to the project -> the file's text, None where there is no such file."""


class Refused(Exception):
    """The rewrite would not be safe here; the message says why, in one sentence without a stop."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In the file at `path`, what stands between two offsets becomes `text` (with "\\n" ends)."""

    path: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rewrite: edits of files that are there, new files as (path, text), and what it does."""

    what: str
    edits: tuple[Edit, ...]
    new: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One migration, and the statements of it that findings of the same fix are about.

    `steps` are all of the migration's statements, `guilty` some of them, each with its finding;
    `version` is the oldest server's as the facts count it (PostgreSQL 12: 120000), 0 for SQLite.
    """

    history: History
    migration: Migration
    steps: tuple[Step, ...]
    guilty: tuple[tuple[Finding, Step], ...]
    read: ReadText
    version: int = 0

    @property
    def text(self) -> str:
        """The text of the migration's file."""
        return self.read(self.migration.path) or ""

    @property
    def newest(self) -> bool:
        """Is nothing behind this migration, so that a step can be added after it?"""
        after = [step for step in self.history.code if not step.before]
        return self.history.head == self.migration.revision and not after

    def offset(self, step: Step) -> int:
        """Where a statement of an SQL file begins. Raises Refused where its text is not there."""
        return offset(self.text, step.statement.span, step.statement.sql)


def offset(text: str, span: Span, sql: str) -> int:
    """The offset of a span's begin. Raises Refused where the text there is another."""
    at = line_start(text, span.line) + span.column - 1
    if not text.startswith(sql, at):
        raise Refused("the statement is not written out in the file")
    return at


def line_start(text: str, line: int) -> int:
    """The offset at which a 1-based line begins."""
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    return at


def apply(edits: Iterable[Edit], texts: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files that the edits change. Line ends are those of each file."""
    changed: dict[str, str] = {}
    for edit in sorted(edits, key=lambda e: (e.path, -e.start, -e.end)):
        text = changed.get(edit.path, texts[edit.path])
        changed[edit.path] = text[: edit.start] + ended(edit.text, text) + text[edit.end :]
    return changed


def ended(addition: str, text: str) -> str:
    """The addition with the line ends that the text begins with."""
    windows = "\r\n" in text[: text.find("\n") + 1]
    return addition.replace("\n", "\r\n") if windows else addition
