"""docs/learn-from-a-failure.md shows what its commands print, in the project of the demo."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/learn-from-a-failure.md"
_BLOCK = re.compile(r"```console\n\$ migsafe (?P<command>.*)\n(?P<printed>(?:.*\n)*?)```")
_CLOCK = {"new": ("--now", "2026-03-03 12:00"), "check": ("--today", "2026-03-03")}


def test_the_page_shows_what_the_commands_print(tmp_path: Path, inside: Callable[..., Run]):
    root = tmp_path / "app"
    shutil.copytree(ROOT / "fixtures/demo", root, ignore=shutil.ignore_patterns("run.py"))
    (root / ".git").mkdir()

    def as_printed(block: re.Match[str]) -> str:
        words = shlex.split(block["command"])
        clock = _CLOCK.get(words[1], ()) if words[0] == "incident" else ()
        run = inside(*words, *clock, cwd=root)
        return f"```console\n$ migsafe {block['command']}\n{run.out}{run.err}```"

    text = PAGE.read_text(encoding="utf-8")
    shown = _BLOCK.sub(as_printed, text)
    assert shown == text
