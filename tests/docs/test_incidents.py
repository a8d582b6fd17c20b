"""docs/incidents.md shows what the commands print, and names every field of the record."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from migsafe.model.incident import Incident
from tests.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/incidents.md"
CASES = "fixtures/rules/null-copied-into-not-null"
_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>file|add|now): (?P<value>.*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```",
    re.S,
)


class Play:
    """The page followed from top to bottom, in a project of its own."""

    def __init__(self, root: Path, inside: Callable[..., Run]) -> None:
        self.root, self.inside, self.now = root, inside, ""

    def block(self, found: re.Match[str]) -> str:
        """The block as it should stand in the page."""
        if found["mark"] == "now":
            self.now = found["value"]
        if found["mark"] in {"file", "add"}:
            self.write(self.root / found["value"], found["text"], add=found["mark"] == "add")
        if found["kind"] != "console":
            return found[0]
        command = re.match(r"\$ (?:.*\\\n)*.*\n", found["text"])
        assert command is not None
        return found[0].replace(found["text"], command[0] + self.printed(command[0][2:]))

    def write(self, path: Path, text: str, *, add: bool) -> None:
        """A new page, or more in the record of one (without the table that a command began)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if add:
            before, end, after = path.read_text("utf-8").partition("\n+++\n")
            before = re.sub(r'\n\[resolution\]\nversion = ".*"\n', "", before)
            text = f"{before}\n\n{text}{end[1:]}{after}"
        path.write_text(text, "utf-8")

    def printed(self, command: str) -> str:
        """What the command prints, with the code if it is not 0."""
        program, *arguments = shlex.split(command.replace("\\\n", " "))
        assert program == "migsafe"
        clock = {"update": ["--now", self.now], "check": ["--today", self.now]}
        run = self.inside(*arguments, *clock.get(arguments[1], ()), cwd=self.root)
        code = f"(exit code {run.code})\n" if run.code else ""
        return f"{run.out}{run.err}{code}"


def test_the_page_shows_what_the_commands_print(project, inside):
    root = project({"README": ""})
    for case in ("fail/rebuild-demands-a-value", "pass/coalesce"):
        shutil.copytree(ROOT / CASES / case, root / CASES / case)
    text = PAGE.read_text("utf-8")
    assert _BLOCK.sub(Play(root, inside).block, text) == text


def test_the_page_names_every_field_of_the_record():
    table = PAGE.read_text("utf-8").partition("## The record")[2]
    named = set(re.findall(r"`(\w+)`", table))
    kinds: list[Any] = [Incident]
    for hint in get_type_hints(Incident).values():
        kinds += [kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)]
    assert {f.name for kind in kinds for f in fields(kind)} <= named
