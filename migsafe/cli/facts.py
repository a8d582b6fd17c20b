"""`migsafe facts`: the evidence as a SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from migsafe.analyse import analyse
from migsafe.cli import options
from migsafe.cli.project import Request, focus, open_all
from migsafe.errors import ConfigError, ExitCode, UsageError
from migsafe.facts import save
from migsafe.model.evidence import Evidence


@click.command("facts")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), required=True, help="The file to write."
)
@options.project
def command(out: Path, config: Path | None, dialect: str | None, today: str | None) -> int:
    """Write everything that analysis knows as a small SQLite database.

    Open it in any SQLite shell to try a rule's SELECT. docs/facts.md explains every table.
    """
    projects = open_all(Request(config, dialect, today))
    if len(projects) > 1:
        raise ConfigError(
            "facts writes one set of migrations at a time",
            hint="give each set a configuration of its own: --config FILE",
        )
    project = projects[0]
    chosen, _ = focus(project, ())
    evidence = analyse(project.history, chosen, project.runner, project.settings())
    if out.exists() and not _is_ours(out):
        raise UsageError(
            f"{out} exists and is not a facts database", hint="choose another file for --out"
        )
    _write(evidence, out)
    click.echo(f"wrote {out}: {len(evidence.steps):,} statements")
    return ExitCode.OK


def _write(evidence: Evidence, out: Path) -> None:
    """Written beside its place first: a failure leaves what stood there."""
    part = out.with_name(f".{out.name}.part")
    try:
        save(evidence, part)
        part.replace(out)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{out} cannot be written: {reason}") from error


def _is_ours(path: Path) -> bool:
    """Only a facts database is replaced, so that a slip never overwrites a user's file."""
    # Immutable: a look must not leave a -shm file beside a database that is in use.
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    query = (
        "SELECT count(*) FROM project WHERE key = 'facts_version'"
        " AND EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'migration_change')"
    )
    try:
        with closing(sqlite3.connect(uri, uri=True)) as database:
            return bool(database.execute(query).fetchone()[0])
    except sqlite3.Error:
        return False
