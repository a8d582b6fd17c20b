"""Run all benchmarks: `python -m benchmarks`, or some groups: `python -m benchmarks start`."""

from __future__ import annotations

import hashlib
import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlglot

from benchmarks.ladders import ladders
from benchmarks.long_histories import growing, squawk
from benchmarks.measure import Comparison, compare
from benchmarks.minimise import minimising
from benchmarks.projects import FLEET_CHANGE, FLEET_SCHEMA, device_script, write_history
from migsafe import config
from migsafe.cli.check import Effort, check
from migsafe.cli.lint import lint
from migsafe.cli.project import Project, Request, open_project
from migsafe.engines import sqlite as engine
from migsafe.model.rule import Severity

HISTORY = 1000
FLEET = 300
Starts = Callable[[], object]


def _process(*words: str, cwd: Path, cache: str = "off") -> Starts:
    def run() -> None:
        env = {**os.environ, "MIGSAFE_CACHE": cache}
        subprocess.run(words, cwd=cwd, env=env, check=False, capture_output=True)

    return run


def _open(root: Path) -> Project:
    settings = config.load(root)
    return open_project(settings, settings.migrations[0], Request())


def start_up(root: Path) -> Iterator[Comparison]:
    """Whole processes: the version, and one changed file in a history of 1,000."""
    last = write_history(root / "history", HISTORY)
    folder = root / "history"
    nothing = ("python -c pass", _process(sys.executable, "-c", "pass", cwd=folder))
    migsafe = (sys.executable, "-m", "migsafe")
    version = _process(*migsafe, "--version", cwd=folder)
    yield compare("migsafe --version", "<= 5x", nothing, version)
    name = last.relative_to(folder).as_posix()
    text = last.read_text("utf-8")
    changes = itertools.count(1)
    for words, goal, cache in (
        ("warm", "<= 10x", str(root / "cache")),
        ("cold", "<= 20x", "off"),
    ):
        lint_it = _process(*migsafe, "lint", name, cwd=folder, cache=cache)

        def changed(lint_it: Starts = lint_it) -> None:
            last.write_text(f"{text}CREATE TABLE change_{next(changes)} (a TEXT);\n", "utf-8")
            lint_it()

        yield compare(
            f"lint one changed file in a history of {HISTORY:,}, {words}",
            goal,
            nothing,
            changed,
        )
    last.write_text(text, "utf-8")


def whole_history(root: Path) -> Iterator[Comparison]:
    """In one process: lint every migration, against sqlglot parsing the same text."""
    folder = root / "history"
    texts = [p.read_text("utf-8") for p in sorted((folder / "migrations").glob("*.sql"))]

    def parse() -> None:
        for text in texts:
            sqlglot.parse(text, read="sqlite")

    def judge() -> None:
        lint(_open(folder), (), Severity.ERROR)

    floor = ("sqlglot.parse of each file", parse)
    for words, cache in (("warm", str(root / "cache")), ("cold", "off")):
        os.environ["MIGSAFE_CACHE"] = cache
        name = f"lint a whole history of {HISTORY:,}, {words}"
        yield compare(name, "<= 1.5x cold", floor, judge, rounds=3)


def fleet(root: Path) -> Iterator[Comparison]:
    """In one process and in two: check a fleet, against a loop that only runs the SQL."""
    folder = root / "fleet"
    data = _write_fleet(folder)
    statements = [s for s in FLEET_CHANGE.split(";\n") if s.strip()]

    def only_run() -> None:
        for device in data:
            with closing(engine.clone(device)) as database:
                database.execute("BEGIN")
                for statement in statements:
                    database.execute(statement)
                database.execute("COMMIT")

    floor = ("one process that only clones and runs the SQL", only_run)
    for jobs in (1, os.cpu_count() or 1):
        yield compare(
            f"check {FLEET:,} device databases, all checks, {jobs} process(es)",
            ">= 1.5x the rate on 2 cores",
            floor,
            partial(_check, folder, jobs),
            rounds=3,
            rate=True,
        )


def again(root: Path) -> Iterator[Comparison]:
    """In one process: check the same fleet once more, against reading and hashing its files."""
    folder = root / "fleet"
    paths = sorted((folder / "samples").iterdir())

    def only_read() -> None:
        for path in paths:
            hashlib.sha256(path.read_bytes()).digest()

    os.environ["MIGSAFE_CACHE"] = str(root / "cache")
    yield compare(
        f"check {FLEET:,} device databases again, nothing has changed",
        "<= 1.2x",
        ("reading and hashing the files", only_read),
        partial(_check, folder, 1),
        rounds=3,
    )
    os.environ["MIGSAFE_CACHE"] = "off"


def _check(folder: Path, jobs: int) -> None:
    check(_open(folder), Severity.ERROR, Effort(jobs))


def _write_fleet(folder: Path) -> list[bytes]:
    for name in ("migrations", "samples"):
        (folder / name).mkdir(parents=True)
    (folder / "migsafe.toml").write_text(
        '[migrations]\npath = "migrations"\n[samples]\npath = "samples"\n'
        '[launch]\nqueries = "launch.sql"\n',
        encoding="utf-8",
    )
    (folder / "launch.sql").write_text("SELECT count(*) FROM draft WHERE pinned;\n", "utf-8")
    (folder / "migrations" / "0001_first.sql").write_text(FLEET_SCHEMA, "utf-8")
    (folder / "migrations" / "0002_change.sql").write_text(FLEET_CHANGE, "utf-8")
    return [_write_device(folder / "samples" / f"{i:04}.sqlite", i) for i in range(FLEET)]


def _write_device(path: Path, number: int) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(device_script(number))
    return path.read_bytes()


GROUPS = {
    "start": start_up,
    "history": whole_history,
    "growth": growing,
    "squawk": squawk,
    "fleet": fleet,
    "again": again,
    "ladders": ladders,
    "minimise": minimising,
}


def main() -> int:
    """Print every comparison as soon as it is known; arguments name the groups, in their order.

    `history` needs `start` before it, and `again` needs `fleet`.
    """
    with TemporaryDirectory(prefix="migsafe-bench-") as name:
        for group in [GROUPS[n] for n in sys.argv[1:]] or GROUPS.values():
            for comparison in group(Path(name)):
                sys.stdout.write(comparison.line() + "\n\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
