"""Read the files of a project: names relative to its root, text with every byte accounted for."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from migsafe.adapters.options import Options
from migsafe.errors import UnreadableMigration


def relative(path: Path, root: Path) -> str:
    """The path relative to the root, with forward slashes (`../x` where it lies outside)."""
    return Path(os.path.relpath(os.path.abspath(path), os.path.abspath(root))).as_posix()  # noqa: PTH100 - links stay as they are written


def digest(text: str) -> str:
    """SHA-256 of a file's text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of migrations as the options show it: what is on disk, and what stands in for it."""

    root: Path
    path: Path
    options: Options
    _inside: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        here = relative(self.path, self.root)
        object.__setattr__(self, "_inside", "" if here == "." else here + "/")

    def names(self) -> list[str]:
        """The files in it, sorted, without hidden ones."""
        found = {p.name for p in self._entries() if p.is_file()}
        prefix = self._inside
        for name in self.options.overrides:
            rest = name.removeprefix(prefix)
            if name.startswith(prefix) and "/" not in rest:
                found.add(rest)
        return sorted(n for n in found if not n.startswith("."))

    def folders(self) -> list[Folder]:
        """The folders in it, sorted, without hidden ones; links are not followed."""
        found = sorted(e.name for e in self._entries() if e.is_dir(follow_symlinks=False))
        seen = [self.path / n for n in found if not n.startswith((".", "__pycache__"))]
        return [Folder(self.root, p, self.options) for p in seen]

    def name(self, file: str) -> str:
        """The path of one of its files relative to the root."""
        return self._inside + file

    def text(self, file: str) -> str:
        """The text of one of its files, without a byte order mark; line ends are kept.

        Raises UnreadableMigration where the file is not UTF-8 or cannot be read.
        """
        name = self.name(file)
        if name in self.options.overrides:
            return self.options.overrides[name].removeprefix("\ufeff")
        return read(self.path / file, name)

    def _entries(self) -> list[os.DirEntry[str]]:
        if not self.path.is_dir():
            return []
        with os.scandir(self.path) as entries:
            return list(entries)


def read(path: Path, name: str) -> str:
    """The text of the file at `path`, which messages call `name`. Raises UnreadableMigration."""
    try:
        return path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UnreadableMigration(
            f"the migration {name} is not UTF-8 text: byte {error.start} cannot be read",
            place=name,
            hint="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise UnreadableMigration(
            f"the migration {name} cannot be read: {error.strerror}", place=name
        ) from error
