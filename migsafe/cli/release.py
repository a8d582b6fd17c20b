"""`migsafe release`: lock what has shipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from migsafe import config as settings
from migsafe import released
from migsafe.cli.locked import text_of
from migsafe.cli.project import Project, Request, open_all
from migsafe.errors import ExitCode, MigsafeError, UsageError
from migsafe.model.migration import Migration
from migsafe.model.release import Released, State
from migsafe.released import Entry
from migsafe.report.text import printable

_SHOWN = 5


@click.command("release")
@click.argument("version", required=False)
@click.option(
    "--check",
    is_flag=True,
    help="Change nothing: fail where a released migration was edited or deleted, and with VERSION"
    " also where one is not released yet.",
)
@click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration file of the project."
)
def command(version: str | None, check: bool, config: Path | None) -> int:
    """Lock the migrations that VERSION ships.

    Writes migsafe.lock beside the configuration: a line for each migration, with the first version
    that had it. From then on what is found in them is history, and to edit or delete one of them
    is a blocker. Run it when a version goes to its users, and commit the file.
    """
    _require_version(version, check=check)
    path = settings.load(Path.cwd(), config).root / released.NAME
    if check and version is None and not path.is_file():
        click.echo(f"nothing is released yet: there is no {path.name}")
        return ExitCode.OK
    projects = open_all(Request(config))
    broken = [r for p in projects for r in p.history.released if r.state is not State.SAME]
    for lost in broken:
        click.echo(_told(lost))
    if broken:
        click.echo(f"{_count(len(broken), 'released migration')} not as released")
        return ExitCode.FINDINGS
    new = [(p, m) for p in projects for m in _new(p)]
    if check:
        return _checked(projects, [m for _, m in new], version)
    assert version is not None
    if not new:
        click.echo("nothing new: all migrations are released already")
        return ExitCode.OK
    _require_unused(version, path, [m for _, m in new])
    _write(path, [_entry(p, m, version) for p, m in new])
    click.echo(f"locked {_count(len(new), 'migration')} as released in {version}: {_names(new)}")
    click.echo(f"next: commit {path.name}")
    return ExitCode.OK


def _require_version(version: str | None, *, check: bool) -> None:
    if version is None and not check:
        raise UsageError("release needs a VERSION", hint="migsafe release 4.2.0")
    if version is not None and not released.is_version(version):
        raise UsageError(
            f"{version} cannot be a version", hint="write it without blanks, such as 4.2.0"
        )


def _told(r: Released) -> str:
    moved = f"; what it was is {r.moved} now" if r.moved else ""
    where = f"{r.lock}:{r.line}: {r.path}, released in {r.version},"
    return printable(f"{where} was {r.state}{moved}")


def _new(project: Project) -> Iterator[Migration]:
    known = {r.revision for r in project.history.released}
    return released.unreleased(project.history, known)


def _checked(projects: tuple[Project, ...], new: list[Migration], version: str | None) -> int:
    if version is not None and new:
        for migration in new:
            click.echo(printable(f"{migration.path} is not released"))
        click.echo(f"{_count(len(new), 'migration')} to release: migsafe release {version}")
        return ExitCode.FINDINGS
    number = sum(len(p.history.released) for p in projects)
    click.echo(f"{_count(number, 'released migration')} as released, {len(new)} not released")
    return ExitCode.OK


def _require_unused(version: str, path: Path, new: list[Migration]) -> None:
    of_version = [e for e in released.load(path) if e.version == version]
    if of_version:
        raise UsageError(
            f"{version} was released with {_count(len(of_version), 'other migration')}:"
            f" {new[0].path} is not among them",
            place=f"{path.name}:{of_version[0].line}",
            hint="give the new migrations a version of their own",
        )


def _entry(project: Project, migration: Migration, version: str) -> Entry:
    text = text_of(project.config.root, {})(migration)
    return Entry(migration.path, migration.revision, released.digest(text), version)


def _write(path: Path, entries: list[Entry]) -> None:
    """Written beside its place first: a failure leaves what stood there."""
    text = released.with_entries(path, entries)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MigsafeError(f"{path.name} cannot be written: {error.strerror}") from error


def _names(new: list[tuple[Project, Migration]]) -> str:
    paths = [m.path for _, m in new]
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return printable(", ".join(paths[:_SHOWN]) + more)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
