"""The configured launch command: what it is, where it is written, whether it can start."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from migsafe.config import Config
from migsafe.errors import ConfigError
from migsafe.model.outcome import Place
from migsafe.replay.plan import Command

_SECTION = re.compile(r"\[\s*(?:tool\s*\.\s*migsafe\s*\.\s*)?launch\s*\]")


def launch_command(config: Config) -> Command | None:
    """[launch] command as the replay needs it; None where there is none.

    Raises ConfigError for one that would not look at the migrated database, or cannot start.
    """
    argv = config.launch.command
    if not argv:
        return None
    place = place_of_key(config, "command")
    where = f"{place.path}:{place.line}"
    if any("{dsn}" in word for word in argv):
        raise ConfigError(
            "launch.command asks for {dsn}, and a SQLite database has none",
            place=where,
            hint="{db} is the path of the migrated database",
        )
    if not any("{db}" in word for word in argv[1:]):
        raise ConfigError(
            "launch.command never names {db}, so it would look at no migrated database",
            place=where,
            hint='write {db} where the path belongs: command = ["./smoke", "{db}"]',
        )
    if not _starts(argv[0], config.root):
        raise ConfigError(
            f"launch.command cannot be started: there is no program {argv[0]}",
            place=where,
            hint="name a program on the PATH, or an executable file relative to the project",
        )
    return Command(argv, config.root, place)


def _starts(program: str, root: Path) -> bool:
    if Path(program).name == program:
        return shutil.which(program) is not None
    path = root / program
    return path.is_file() and os.access(path, os.X_OK)


def place_of_key(config: Config, key: str) -> Place:
    """The line of a key of [launch], where a look at the text finds it."""
    if config.file is None:
        return Place("", 0)
    written = re.compile(rf"[\"']?{key}[\"']?\s*=")
    inside = False
    lines = config.file.read_text(encoding="utf-8-sig").splitlines()
    for number, line in enumerate(map(str.strip, lines), 1):
        if line.startswith("["):
            inside = bool(_SECTION.match(line))
        if inside and written.match(line):
            return Place(config.file.name, number)
    return Place(config.file.name, 1)
