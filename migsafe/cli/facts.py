"""`migsafe facts`: the evidence as a SQLite file."""

from __future__ import annotations

from pathlib import Path

import click

from migsafe.analyse import analyse
from migsafe.cli import options
from migsafe.cli.project import Request, focus, open_all
from migsafe.errors import UsageError
from migsafe.facts import save


@click.command("facts")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), required=True, help="The file to write."
)
@options.project
def command(out: Path, config: Path | None, dialect: str | None, today: str | None) -> int:
    """Write everything that analysis knows as a small SQLite database.

    Open it in any SQLite shell to try a rule's SELECT. docs/facts.md explains every table.
    """
    project = open_all(Request(config, dialect, today))[0]
    chosen, _ = focus(project, ())
    evidence = analyse(project.history, chosen, project.runner, project.settings())
    if out.exists() and not _is_ours(out):
        raise UsageError(
            f"{out} exists and is not a facts database", hint="choose another file for --out"
        )
    try:
        save(evidence, out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from error
    click.echo(f"wrote {out}: {len(evidence.steps):,} statements")
    return 0


def _is_ours(path: Path) -> bool:
    """Only a facts database is replaced, so that a slip never overwrites a user's file."""
    import sqlite3  # noqa: PLC0415
    from contextlib import closing  # noqa: PLC0415

    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.execute("SELECT value FROM project WHERE key = 'facts_version'").fetchone()
    except sqlite3.Error:
        return False
    return True
