"""`migsafe init`: detect the framework, write migsafe.toml and the pre-commit hook."""

from __future__ import annotations

from pathlib import Path

import click

from migsafe import __version__, adapters, config
from migsafe.adapters import room
from migsafe.errors import ExitCode, NothingToCheck, UsageError

HOOKS = ".pre-commit-config.yaml"
_SETTINGS = """\
dialect = "sqlite"
fail_on = "error"

[migrations]
framework = "{framework}"
path = "{path}"
{transaction}
# Old databases that users still have: *.sqlite, *.db or *.sql, each also .gz.
# [samples]
# path = "samples"

# What the new version does when it starts.
{launch}
# queries = "launch.sql"     # what it runs first; each must succeed
# invariants = "expect.sql"  # SELECTs that must return no row after the migration

# The oldest SQLite that users still run.
# [engine]
# oldest = "3.31"
"""
_TRANSACTION = """\
# transaction = true         # does the app wrap each migration in a transaction?
# foreign_keys = false       # is enforcement on while it migrates?
"""
_LAUNCH = """\
# [launch]
# schema = "schema.sql"      # a fresh install of the new version"""
_ROOM = """\
{mark}[launch]
{mark}schema = "{path}"  # a fresh install of the new version, as Room exported it"""
_HOOK = """\
  - repo: https://github.com/migsafe/migsafe
    rev: v{version}
    hooks:
      - id: migsafe-lint
        files: ^{path}
"""


@click.command("init")
def command() -> int:
    """Detect the framework in this folder, and write migsafe.toml and the pre-commit hook.

    Nothing that exists is changed: where there is a file of hooks already, the lines to add to it
    are printed.
    """
    root = Path.cwd()
    known = config.find(root)
    if known is not None:
        raise UsageError(
            f"{known.name} configures this project already", hint="edit it, or remove it first"
        )
    found = adapters.detect(root)
    if found is None:
        raise NothingToCheck(
            "no migrations were found here",
            hint='write migsafe.toml by hand: [migrations] path = "..."',
        )
    framework, folder = found
    path = folder.relative_to(root).as_posix() or "."
    schemas = tuple(p.relative_to(root).as_posix() for p in room.newest(root))
    _write(root / config.NAME, _settings(framework, path, schemas))
    _hook(root, path)
    click.echo("next: migsafe lint")
    return ExitCode.OK


def _settings(framework: str, path: str, schemas: tuple[str, ...]) -> str:
    own_runner = framework == "alembic"
    return _SETTINGS.format(
        framework=framework,
        path=path,
        transaction="" if own_runner else _TRANSACTION,
        launch=_launch(schemas),
    )


def _launch(schemas: tuple[str, ...]) -> str:
    """With the schema that Room exported; of several databases nobody knows here which it is."""
    mark = "" if len(schemas) == 1 else "# "
    return "\n".join(_ROOM.format(mark=mark, path=s) for s in schemas) or _LAUNCH


def _hook(root: Path, path: str) -> None:
    prefix = "" if path == "." else f"{path}/"
    lines = _HOOK.format(version=__version__, path=prefix)
    if (root / HOOKS).exists():
        click.echo(f"add to {HOOKS}:\n\n{lines}")
        return
    _write(root / HOOKS, f"repos:\n{lines}")


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {path.name}")
