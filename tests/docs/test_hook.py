"""The pre-commit hook, tried for real: a commit that is refused and one that passes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migsafe import released

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("migsafe", "rules", "fixtures/rules", "pyproject.toml", "README.md", "LICENSE")
SETTINGS = """\
repos:
  - repo: {repo}
    rev: {revision}
    hooks:
      - id: migsafe-lint
      - id: migsafe-released
"""


@pytest.mark.slow
def test_a_bad_migration_cannot_be_committed(tmp_path: Path):
    tool = _repository(tmp_path / "tool", tmp_path)
    for name in (*SHIPPED, ".pre-commit-hooks.yaml"):
        _copy(ROOT / name, tool / name)
    revision = _commit(tool, tmp_path).stdout.strip()
    app = _repository(tmp_path / "app", tmp_path)
    (app / "migrations").mkdir()
    (app / "migrations/0001_a.sql").write_text("CREATE TABLE t (id INTEGER);\n")
    (app / ".pre-commit-config.yaml").write_text(SETTINGS.format(repo=tool, revision=revision))
    _commit(app, tmp_path)
    _run(app, tmp_path, sys.executable, "-m", "pre_commit", "install", check=True)

    (app / "migrations/0002_b.sql").write_text("ALTER TABLE t ADD COLUMN c TEXT NOT NULL;\n")
    refused = _commit(app, tmp_path)
    assert refused.returncode != 0
    assert "not-null-without-default" in refused.stderr

    (app / "migrations/0002_b.sql").write_text("ALTER TABLE t ADD COLUMN c TEXT;\n")
    passed = _commit(app, tmp_path)
    assert passed.returncode == 0, passed.stderr

    (app / "migsafe.lock").write_text(_lock(app / "migrations"))
    assert _commit(app, tmp_path).returncode == 0
    (app / "migrations/0001_a.sql").unlink()
    deleted = _commit(app, tmp_path)
    assert deleted.returncode != 0
    assert "migrations/0001_a.sql, released in 1.0, was deleted" in deleted.stderr


def _lock(migrations: Path) -> str:
    found = ((p, p.name[:4], released.digest(p.read_text())) for p in migrations.iterdir())
    entries = (released.Entry(f"migrations/{p.name}", n, d, "1.0") for p, n, d in found)
    return "".join(f"{entry}\n" for entry in entries)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _repository(path: Path, home: Path) -> Path:
    path.mkdir()
    _run(path, home, "git", "init", "--quiet", ".", check=True)
    return path


def _commit(path: Path, home: Path) -> subprocess.CompletedProcess[str]:
    _run(path, home, "git", "add", "--all", check=True)
    done = _run(path, home, "git", "commit", "--quiet", "--message", "one step")
    if done.returncode:
        return done
    return _run(path, home, "git", "rev-parse", "HEAD", check=True)


def _run(
    path: Path, home: Path, *command: str, check: bool = False
) -> subprocess.CompletedProcess[str]:
    who = {f"GIT_{role}_{what}": "a@b.example" for role in ("AUTHOR", "COMMITTER")
           for what in ("NAME", "EMAIL")}  # fmt: skip
    kept = {k: v for k, v in os.environ.items() if k == "PATH" or k.startswith("PIP_")}
    return subprocess.run(
        command,
        cwd=path,
        env={**kept, **who, "HOME": str(home), "PRE_COMMIT_HOME": str(home / "hooks")},
        capture_output=True,
        text=True,
        check=check,
    )
