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
    return next(block for block in BLOCKS if "jobs" in block)


def commands() -> Iterator[str]:
    """Every command line of migsafe on the page."""
    for job in workflow()["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)
    yield from next(block for block in BLOCKS if "migsafe" in block)["migsafe"]["script"]
    yield from (line for text in ALL for line in text.splitlines())


COMMANDS = [c for c in commands() if c.startswith("migsafe ")]


def test_the_page_shows_commands():
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs(project, command):
    root = project(
        {
            "migrations/0001_a.sql": TABLE,
            "migrations/0002_b.sql": "CREATE INDEX i ON users (email);\n",
            "migsafe.toml": '[samples]\npath = "samples"\n',
            "samples/0001/a.sql": TABLE,
        }
    )
    folder = Path(sys.executable).parent
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=root,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": "summary.md"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name in re.findall(r"--output \w+=([\w.]+)", command):
        assert (root / name).read_text("utf-8")


def test_the_workflow_may_do_no_more_than_it_has_to():
    assert workflow()["permissions"] == {"contents": "read"}
    for name, job in workflow()["jobs"].items():
        runs = any("run" in step for step in job["steps"])
        writes = "write" in job.get("permissions", {}).values()
        assert not (runs and writes), name
        for step in job["steps"]:
            assert re.match(r"(actions|github)/", step.get("uses", "actions/"))


def test_every_format_is_told():
    told = re.findall(r"^\| (\w+) \|", PAGE, re.M)
    assert [name for name in told if name in FORMATS] == list(FORMATS)
