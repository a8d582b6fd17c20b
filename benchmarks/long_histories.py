"""What grows: long histories and large files against small ones, and squawk on the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from benchmarks.measure import Comparison, compare
from benchmarks.projects import write_history, write_rows

HISTORIES = (500, 1000, 5000)
MEGABYTES = (1, 10)
_MIGSAFE = (sys.executable, "-m", "migsafe", "lint", "-q")


def _lint(folder: Path, cache: str = "off") -> None:
    env = {**os.environ, "MIGSAFE_CACHE": cache}
    subprocess.run(_MIGSAFE, cwd=folder, env=env, check=False, capture_output=True)


def growing(root: Path) -> Iterator[Comparison]:
    """Whole processes, cold: the ratio of the times beside the ratio of the sizes."""
    for dialect in ("postgres", "sqlite"):
        made = [(n, root / f"{dialect}-{n}") for n in HISTORIES]
        for count, folder in made:
            write_history(folder, count, dialect=dialect)
        for (few, small), (many, large) in pairwise(made):
            yield _growth(
                f"{dialect}: {many:,} migrations against {few:,}", many / few, small, large
            )
    files = [(n, root / f"file-{n}") for n in MEGABYTES]
    for size, folder in files:
        write_rows(folder, size)
    (few, small), (many, large) = files
    yield _growth(f"sqlite: a file of {many} MB against one of {few}", many / few, small, large)


def _growth(name: str, times: float, small: Path, large: Path) -> Comparison:
    floor = ("the smaller one", partial(_lint, small))
    return compare(name, f"linear: {times:g}x", floor, partial(_lint, large), rounds=1, warm=False)


def squawk(root: Path) -> Iterator[Comparison]:
    """Whole processes: a history of 1,000 for PostgreSQL, squawk's cold run and our warm one."""
    program = shutil.which("squawk")
    if program is None:
        sys.stdout.write("squawk is not on the PATH (pip install squawk-cli): not compared\n\n")
        return
    folder = root / "squawk"
    write_history(folder, 1000, dialect="postgres")
    files = sorted(str(p) for p in (folder / "migrations").glob("*.sql"))

    def theirs() -> None:
        subprocess.run([program, *files], cwd=folder, check=False, capture_output=True)

    ours = partial(_lint, folder, str(root / "squawk-cache"))
    yield compare("lint 1,000 PostgreSQL files, warm", "< 1x", ("squawk, cold", theirs), ours)
