"""The files that a fix changes: their bytes as they are, and how they are replaced."""

from __future__ import annotations

import codecs
import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from migsafe.adapters.files import read
from migsafe.errors import UsageError
from migsafe.fix.target import Edit, Proposal, Refused, apply


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a project below `root`, some of them with another text than on disk."""

    root: Path
    changed: Mapping[str, str] = field(default_factory=dict)

    def read(self, path: str) -> str | None:
        """The text of a file without a byte order mark, None where there is none."""
        if path in self.changed:
            return self.changed[path]
        if not (self.root / path).is_file():
            return None
        return read(self.root / path, path)

    def rewritten(self, proposal: Proposal) -> Files:
        """The files as the proposal would have them. Raises Refused for files outside."""
        texts = {e.path: self._present(e) for e in proposal.edits}
        changed = {**self.changed, **apply(proposal.edits, texts), **dict(proposal.new)}
        for path in changed:
            self._require_inside(path)
        return Files(self.root, changed)

    def _present(self, edit: Edit) -> str:
        text = self.read(edit.path)
        if text is None:
            raise Refused(f"{edit.path} is not there")
        return text

    def _require_inside(self, path: str) -> None:
        root, target = self.root.resolve(), (self.root / path).resolve()
        if root not in target.parents:
            raise Refused(f"{path} lies outside of the project")

    def diff(self) -> str:
        """What was changed, as a unified diff for `patch -p1`."""
        return "".join(line for path in sorted(self.changed) for line in self._diff(path))

    def _diff(self, path: str) -> Iterator[str]:
        there = (self.root / path).is_file()
        mark = "\ufeff" if _marked(self.root / path) else ""
        old = mark + read(self.root / path, path) if there else ""
        names = f"a/{path}" if there else "/dev/null", f"b/{path}"
        lines = difflib.unified_diff(_lines(old), _lines(mark + self.changed[path]), *names)
        for line in lines:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"

    def write(self) -> None:
        """Replace each changed file in one step; new files come first.

        Raises UsageError for a file that cannot be written.
        """
        for path in sorted(self.changed, key=lambda p: ((self.root / p).exists(), p)):
            try:
                _replace((self.root / path).resolve(), self.changed[path])
            except OSError as error:
                raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True) if "\r" not in text else _by_newline(text)


def _by_newline(text: str) -> list[str]:
    parts = text.split("\n")
    return [f"{p}\n" for p in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _marked(path: Path) -> bool:
    """Does the file begin with a byte order mark?"""
    try:
        with path.open("rb") as file:
            return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    except OSError:
        return False


def _replace(path: Path, text: str) -> None:
    """Write the text beside the file and put it in its place, with the file's permissions."""
    mark = codecs.BOM_UTF8 if _marked(path) else b""
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(mark + text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
