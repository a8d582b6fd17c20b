"""The tutorial is true: its files are written, its commands run, and they print what it says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "write-a-rule.md"
_BLOCK = re.compile(
    r"^(?P<fence>```|~~~)(?P<kind>\w+)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"Write `(?P<path>[^`]+)`:\s*$")
_TIME = re.compile(r"in \d+\.\d+ s")

Runner = Callable[[list[str]], str]


def played(text: str, root: Path, run: Runner) -> str:
    """The page with what its commands really print, after writing the files that it names."""

    def block(match: re.Match[str]) -> str:
        if match["kind"] == "console":
            return f"~~~console\n{''.join(_printed(match['body'], run))}~~~"
        named = _FILE.search(text[: match.start()])
        if named:
            path = root / named["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(match["body"], encoding="utf-8")
        return match.group()

    return _BLOCK.sub(block, text)


def _printed(body: str, run: Runner) -> Iterator[str]:
    for line in body.splitlines():
        if line.startswith("$ "):
            words = shlex.split(line.removeprefix("$ "))
            assert words[0] == "migsafe"
            yield f"{line}\n{_TIME.sub('in 0.0 s', run(words[1:]))}"


def test_the_tutorial_prints_what_it_says(project, inside):
    root = project({})

    def run(arguments: list[str]) -> str:
        done = inside(*arguments, cwd=root)
        assert done.code in {0, 1, 2}, done
        return str(done.out + done.err)

    text = PAGE.read_text(encoding="utf-8")
    assert played(text, root, run) == text
    assert text.count("\n$ ") >= 12
