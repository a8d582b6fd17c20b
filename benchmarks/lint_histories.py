"""Lint public histories as their users would, tell what was found, and draw a sample to judge.

python -m benchmarks.lint_histories lay-out CLONES FOLDER   (clones are named owner+name)
python -m benchmarks.lint_histories table FOLDER [--unsaid]
python -m benchmarks.lint_histories sample FOLDER --seed 1 --size 100
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTED = Path(__file__).with_name("histories.toml")
SEVERE = ("blocker", "error")
SHEET = ("project", "dialect", "file", "line", "rule", "severity", "verdict", "reason")
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Linted:
    """What one history gave: its entry in histories.toml, the report, and the statements unread."""

    entry: dict[str, Any]
    report: dict[str, Any]
    unread: int
    opaque: int
    seconds: float
    code: int

    def found(self, severity: str) -> list[dict[str, Any]]:
        """The findings of that severity that nothing suppresses."""
        findings = self.report.get("findings", [])
        return [f for f in findings if f["severity"] == severity and not f["suppressed"]]


def entries() -> list[dict[str, Any]]:
    """The histories of histories.toml, in its order."""
    listed: list[dict[str, Any]] = tomllib.loads(LISTED.read_text(encoding="utf-8"))["history"]
    return listed


# -- laying out ------------------------------------------------------------------------------------


def lay_out(clones: Path, folder: Path, entry: dict[str, Any]) -> None:
    """One history of a clone as a project below `folder`: its files and a migsafe.toml."""
    files = dict(_archived(clones / entry["repository"].replace("/", "+"), entry))
    root = folder / entry["name"]
    for name, text in chosen(files, entry).items():
        place = root / entry["path"] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text)
    settings = (
        f'dialect = "{entry["dialect"]}"\n\n[migrations]\n'
        f'path = "{entry["path"]}"\nframework = "{entry["framework"]}"\n'
    )
    live = "\n[engine]\nlive_traffic = true\n" if entry.get("live_traffic") else ""
    (root / "migsafe.toml").write_text(settings + live, encoding="utf-8")
    (root / "unsaid.toml").write_text(settings, encoding="utf-8")
    if "before" in entry:
        (root / "before.sql").write_text(entry["before"] + "\n", encoding="utf-8")


def _archived(clone: Path, entry: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The files that the entry takes, by their path below its own: few blobs are asked for."""
    place = (clone / "repo" / ".git", clone / "repo", clone / ".git", clone)
    git = ("git", f"--git-dir={next(g for g in place if (g / 'HEAD').exists())}")
    below = entry["path"] + "/"
    take = re.compile(entry.get("take", ".*"))
    listed = _output(*git, "ls-tree", "-rz", "--name-only", entry["commit"], below).decode()
    names = [n for n in listed.split("\0") if n and take.fullmatch(n.removeprefix(below))]
    packed = _output(*git, "archive", entry["commit"], "--", *names)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content:
                yield member.name.removeprefix(below), content.read()


def _output(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def chosen(files: dict[str, bytes], entry: dict[str, Any]) -> dict[str, bytes]:
    """The files of one history under the names that its layout reads."""
    kept = variants(files, entry["variant"]) if "variant" in entry else files
    if entry.get("flatten"):
        sql = sorted((n for n in kept if n.endswith(".sql")), key=natural)
        kept = {f"{i:04}_{n.replace('/', '-')}": kept[n] for i, n in enumerate(sql, 1)}
    for old, new in entry.get("replace", {}).items():
        kept = {n: t.replace(old.encode(), new.encode()) for n, t in kept.items()}
    return kept


_VARIANT = re.compile(
    r"(?P<step>\d+_.*?)(?:(?P<dialect>\.[a-z]+?)3?)??(?P<own>\.autocommit)?\.up\.sql"
)


def variants(files: dict[str, bytes], dialect: str) -> dict[str, bytes]:
    """Of each step the file for `dialect`, else the one for all; no downgrades."""
    steps: dict[str, tuple[bool, str]] = {}
    for name in sorted(files):
        match = _VARIANT.fullmatch(name)
        if match and match["dialect"] in (None, f".{dialect}"):
            own = match["dialect"] is not None
            steps[match["step"]] = max(steps.get(match["step"], (False, name)), (own, name))
    return {name: files[name] for _, name in steps.values()}


def natural(name: str) -> list[tuple[int, str]]:
    """Sorts numbers in a path by value: v1.9 before v1.10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


# -- linting ---------------------------------------------------------------------------------------


def linted(folder: Path, entry: dict[str, Any], config: str = "migsafe.toml") -> Linted:
    """Lint one laid out history, without a cache; seconds are the process's CPU time."""
    root = folder / entry["name"]
    migsafe = (sys.executable, "-m", "migsafe")
    settings = ("--config", config)
    env = {**os.environ, "MIGSAFE_CACHE": "off"}
    before = os.times()
    done = subprocess.run(
        (*migsafe, "lint", *settings, "--format", "json"),
        cwd=root,
        env=env,
        capture_output=True,
        check=False,
    )
    after = os.times()
    seconds = after.children_user + after.children_system
    seconds -= before.children_user + before.children_system
    report = json.loads(done.stdout) if done.returncode in (0, 1) else {}
    if not report:
        print(f"{entry['name']}: {done.stderr.decode()}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        facts = Path(scratch) / "facts.db"
        subprocess.run(
            (*migsafe, "facts", "--out", facts), cwd=root, env=env, capture_output=True, check=False
        )
        unread, opaque = (_statements(facts, k) for k in ("unread", "opaque"))
    return Linted(entry, report, unread, opaque, seconds, done.returncode)


def _statements(facts: Path, kind: str) -> int:
    if not facts.exists():
        return 0
    with closing(sqlite3.connect(facts)) as connection:
        query = "SELECT count(DISTINCT statement) FROM operation WHERE kind = ?"
        count: int = connection.execute(query, (kind,)).fetchone()[0]
    return count


def table(results: Iterable[Linted]) -> str:
    """A Markdown table: one line per history."""
    lines = [
        "| history | commit | framework | dialect | migrations | statements | read | program code"
        " | exit | CPU s | blocker | error | warning | note | severe in 100 |",
        "|" + "---|" * 15,
    ]
    for r in results:
        checked = r.report.get("checked", {"migrations": 0, "statements": 0})
        known = checked["statements"] - r.opaque
        read = 100 * (known - r.unread) / known if known else 0
        counts = [len(r.found(s)) for s in (*SEVERE, "warning", "note")]
        severe = 100 * sum(counts[:2]) / max(1, checked["migrations"])
        cells = [
            r.entry["name"],
            r.entry["commit"][:9],
            r.entry["framework"],
            r.entry["dialect"],
            checked["migrations"],
            known,
            f"{read:.2f} %",
            r.opaque,
            r.code,
            f"{r.seconds:.1f}",
            *counts,
            f"{severe:.0f}",
        ]
        lines.append("| " + " | ".join(str(c) for c in cells) + " |")
    return "\n".join(lines)


def sample(results: Iterable[Linted], seed: int, size: int, most: int = 3) -> list[Row]:
    """Rows of the sheet, drawn at random from at most `most` findings of each rule and history."""
    chance = random.Random(seed)
    groups: dict[Row, list[Row]] = {}
    for row in sorted({_row(r.entry, f) for r in results for s in SEVERE for f in r.found(s)}):
        groups.setdefault((row[0], row[4]), []).append(row)
    few = [row for rows in groups.values() for row in chance.sample(rows, min(most, len(rows)))]
    return sorted(chance.sample(few, min(size, len(few))))


def _row(entry: dict[str, Any], finding: dict[str, Any]) -> Row:
    path = finding["path"].removeprefix(entry["path"] + "/")
    place = (path, f"{finding['line']:05}")
    return (entry["name"], entry["dialect"], *place, finding["rule"], finding["severity"])


def main() -> None:
    """One of lay-out, table and sample."""
    parser = argparse.ArgumentParser(prog="lint_histories")
    parser.add_argument("action", choices=("lay-out", "table", "sample"))
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--unsaid", action="store_true", help="as if live_traffic were not set")
    parser.add_argument("--only", default="", help="names of histories, with commas between them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=100)
    given = parser.parse_args()
    wanted = [e for e in entries() if not given.only or e["name"] in given.only.split(",")]
    if given.action == "lay-out":
        for entry in wanted:
            lay_out(given.folders[0], given.folders[1], entry)
        return
    config = "unsaid.toml" if given.unsaid else "migsafe.toml"
    results = [linted(given.folders[0], e, config) for e in wanted]
    if given.action == "table":
        print(table(results))
    else:
        print("\t".join(SHEET))
        for row in sample(results, given.seed, given.size):
            print("\t".join((*row[:3], str(int(row[3])), *row[4:], "", "")))


if __name__ == "__main__":
    main()
