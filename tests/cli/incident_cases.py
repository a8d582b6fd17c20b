"""Real incidents as projects on disk: the broken side, the repaired side, each with old data."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migsafe.cli.rule_fixtures import schema_of
from migsafe.model.migration import Dialect

OURS = Path(__file__).parents[2] / "fixtures" / "incidents"
_LAUNCH = {
    "launch.sql": "queries",
    "expect.sql": "invariants",
    "new.sql": "schema",
    "compat.sql": "old_queries",
}
_ENV = """\
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration={per_migration})
with context.begin_transaction():
    context.run_migrations()
"""
_HEAD = 'revision = "{revision}"\ndown_revision = {down}\n\n'


@dataclass(frozen=True, slots=True)
class Case:
    """One incident's folder and what its case.toml says."""

    folder: Path
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.facts["dialect"])

    def steps(self, side: str) -> list[Path]:
        folder = self.folder / side
        if folder.is_dir():
            return sorted(folder.iterdir())
        return sorted(p for p in self.folder.glob(f"{side}*") if p.suffix in {".sql", ".py"})

    def write(self, side: str, root: Path) -> list[str]:
        """A project whose head is that side; the files of the change."""
        steps = self.steps(side)
        alembic = any(p.suffix == ".py" for p in steps)
        old = (self.folder / "old.sql").read_text(encoding="utf-8")
        (root / ".git").mkdir(parents=True)
        changes = _alembic(self, root, side, steps) if alembic else _sql(self, root, old, steps)
        _put(root / "samples" / "old.sql", old)
        version = "base" if alembic else "0001"
        _put(
            root / "samples" / "samples.toml",
            f'[[sample]]\nfile = "old.sql"\nversion = "{version}"\n',
        )
        for name in (*_LAUNCH, "after_upgrade.sql"):
            if (self.folder / name).is_file():
                _put(root / name, (self.folder / name).read_text(encoding="utf-8"))
        _put(root / "migsafe.toml", "\n".join(_settings(self, side, root, alembic=alembic)) + "\n")
        return changes


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _sql(case: Case, root: Path, old: str, steps: list[Path]) -> list[str]:
    schema = "".join(f"{sql};\n" for sql in schema_of(old, case.dialect))
    _put(root / "migrations" / "0001_old_version.sql", schema)
    names = [f"migrations/{number:04d}_change.sql" for number in range(2, 2 + len(steps))]
    for name, step in zip(names, steps, strict=True):
        _put(root / name, step.read_text(encoding="utf-8"))
    return names


def _alembic(case: Case, root: Path, side: str, steps: list[Path]) -> list[str]:
    mode = case.facts.get("alembic", {}).get(f"{side}_transaction", "per-migration")
    _put(root / "alembic.ini", "[alembic]\nscript_location = %(here)s/migrations\n")
    _put(root / "migrations" / "env.py", _ENV.format(per_migration=mode != "single"))
    names, last = [], None
    for number, step in enumerate(steps, 1):
        text, revision = step.read_text(encoding="utf-8"), f"r{number}"
        said = re.search(r"^revision\s*=\s*['\"](.+?)['\"]", text, re.MULTILINE)
        if said:
            revision = said[1]
        else:
            text = _HEAD.format(revision=revision, down=repr(last)) + text
        names.append(f"migrations/versions/{revision}_change.py")
        _put(root / names[-1], text)
        last = revision
    return names


def _settings(case: Case, side: str, root: Path, *, alembic: bool) -> Iterator[str]:
    run = {**case.facts.get("run", {}), **case.facts.get(f"run_{side}", {})}
    yield f'dialect = "{case.dialect}"'
    yield f'[migrations]\nframework = "{"alembic" if alembic else "sql"}"\npath = "migrations"'
    if not alembic:
        wrapped = run.get("transaction", case.dialect is Dialect.SQLITE)
        yield f"transaction = {json.dumps(wrapped)}"
    if "foreign_keys" in run:
        yield f"foreign_keys = {json.dumps(run['foreign_keys'])}"
    if run.get("continue_on_error"):
        yield 'on_error = "continue"'
    yield '[samples]\npath = "samples"\n[launch]'
    yield from (f'{key} = "{name}"' for name, key in _LAUNCH.items() if (root / name).is_file())
    if "launch_foreign_keys" in case.facts:
        yield f"foreign_keys = {json.dumps(case.facts['launch_foreign_keys'])}"
    yield "[engine]"
    if run.get("deny_sql"):
        yield 'oldest = "3.31"'
    if run.get("deny_functions"):
        yield 'without = ["json"]'
    if (case.folder / "lock.toml").is_file():
        yield "live_traffic = true"
    if case.facts.get("check", {}).get("run_as"):
        yield f"run_as = {json.dumps(case.facts['check']['run_as'])}"
    if (root / "after_upgrade.sql").is_file():
        yield '[downgrade]\ncheck = true\nafter_upgrade = "after_upgrade.sql"'


def cases() -> tuple[Case, ...]:
    """Our own incidents, and those of the folders that INCIDENTS names (with `:` between)."""
    folders = [OURS, *(Path(p) for p in os.environ.get("INCIDENTS", "").split(":") if p)]
    found = sorted(p for folder in folders for p in folder.glob("*/case.toml"))
    read = (Case(p.parent, tomllib.loads(p.read_text(encoding="utf-8"))) for p in found)
    # A repair in program code of what was SQL cannot stand in its place: another history.
    return tuple(c for c in read if _kinds(c, "broken") == _kinds(c, "fixed"))


def _kinds(case: Case, side: str) -> bool:
    return any(p.suffix == ".py" for p in case.steps(side))
