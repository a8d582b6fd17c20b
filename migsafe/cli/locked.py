"""The release lock of a project, and what it says of each set of migrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from migsafe import released
from migsafe.adapters.files import read, relative
from migsafe.config import Config
from migsafe.model.migration import History, Migration
from migsafe.released import Entry, Text


def with_released(
    config: Config, history: History, folder: Path, texts: Mapping[str, str]
) -> History:
    """The history, with what became of those of its migrations that the lock remembers.

    `folder` is where its migrations lie; `texts` stand in for files, by their path. Raises
    ConfigError for a lock that cannot be read.
    """
    entries = released.load(config.root / released.NAME)
    mine = tuple(_of_set(entries, config, folder))
    if not mine:
        return history
    found = released.compared(mine, history, text_of(config.root, texts))
    return replace(history, released=found)


def text_of(root: Path, texts: Mapping[str, str]) -> Text:
    """How the text of a migration's file is had."""

    def text(migration: Migration) -> str:
        path = migration.path
        return texts[path] if path in texts else read(root / path, path)

    return text


def _of_set(entries: tuple[Entry, ...], config: Config, folder: Path) -> Iterator[Entry]:
    """The entries whose files lie in this set's folder, and those whose file is nowhere."""
    root = config.root
    here = relative(folder, root)
    paths = (m.path for m in config.migrations if m.path is not None)
    others = [o for o in (relative(root / p, root) for p in paths) if o != here]
    first = not others or relative(root / (config.migrations[0].path or ""), root) == here
    for entry in entries:
        mine = _holds(here, entry.path)
        nearer = any(_holds(o, entry.path) and (not mine or len(o) > len(here)) for o in others)
        lost = first and not (root / entry.path).is_file()
        if not nearer and (mine or lost):
            yield entry


def _holds(folder: str, path: str) -> bool:
    return folder in {".", path} or path.startswith(f"{folder}/")
