"""docs/ci.md: its pipelines are YAML, its commands run, its permissions are the least."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # pre-commit brings it

from migsafe.cli.options import FORMATS

PAGE = (Path(__file__).resolve().parents[2] / "docs/ci.md").read_text("utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
ALL = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
TABLE = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);\n"


def workflow() -> Any:
    return next(block for block in BLOCKS if "on" in block or True in block)


def matrix() -> Any:
    return next(block for block in BLOCKS if "part" in block.get("jobs", {}))


def steps(of: Any) -> Iterator[Any]:
    for job in of["jobs"].values():
        yield from job["steps"]


def commands() -> Iterator[str]:
    """Every command line of migsafe on the page, but those of the matrix."""
    yield from (step["run"] for step in steps(workflow()) if "run" in step)
    yield from next(block for block in BLOCKS if "migsafe" in block)["migsafe"]["script"]
    yield from (line for text in ALL for line in text.splitlines())


COMMANDS = [c for c in commands() if c.startswith("migsafe ")]


def test_the_page_shows_commands():
    assert len(COMMANDS) >= 5


FILES = {
    "migrations/0001_a.sql": TABLE,
    "migrations/0002_b.sql": "CREATE INDEX i ON users (email);\n",
    "migsafe.toml": '[samples]\npath = "samples"\n',
    "samples/0001/a.sql": TABLE,
    "samples/0001/b.sql": TABLE + "INSERT INTO users (email) VALUES ('x'), ('x');\n",
}


def run(command: str, root: Path) -> subprocess.CompletedProcess[str]:
    folder = Path(sys.executable).parent
    return subprocess.run(
        ["/bin/sh", "-e", "-c", command],
        cwd=root,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": "summary.md"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(project, command):
    root = project(FILES)
    done = run(command, root)
    assert done.returncode == 0, done.stderr
    for name in re.findall(r"--output \w+=([\w.]+)", command):
        assert (root / name).read_text("utf-8")


@pytest.mark.parametrize(("index", "code"), [("INDEX", 0), ("UNIQUE INDEX", 1)])
@pytest.mark.slow
def test_the_matrix_gives_one_verdict(project, index, code):
    root = project({**FILES, "migrations/0002_b.sql": f"CREATE {index} i ON users (email);\n"})
    part, merge = (s["run"] for s in steps(matrix()) if s.get("run", "").startswith("migsafe"))
    for number in matrix()["jobs"]["part"]["strategy"]["matrix"]["part"]:
        done = run(part.replace("${{ matrix.part }}", str(number)), root)
        assert done.returncode == 0, done.stderr
    assert run(merge, root).returncode == code
    assert "old databases of 1 version" in (root / "summary.md").read_text("utf-8")


def test_the_workflows_may_do_no_more_than_they_have_to():
    assert workflow()["permissions"] == {"contents": "read"}
    assert all(j["permissions"] == {"contents": "read"} for j in matrix()["jobs"].values())
    for name, job in {**workflow()["jobs"], **matrix()["jobs"]}.items():
        runs = any("run" in step for step in job["steps"])
        writes = "write" in job.get("permissions", {}).values()
        assert not (runs and writes), name
        for step in job["steps"]:
            assert re.match(r"(actions|github)/", step.get("uses", "actions/"))


def test_every_format_is_told():
    told = re.findall(r"^\| (\w+) \|", PAGE, re.M)
    assert [name for name in told if name in FORMATS] == list(FORMATS)
