"""`migsafe baseline`: the findings that were there when a project took migsafe up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from migsafe import baseline
from migsafe.baseline import Entry
from migsafe.cli.project import Project, Request, open_all
from migsafe.errors import ConfigError, ExitCode, MigsafeError, UsageError
from migsafe.model.report import Report
from migsafe.model.rule import Severity
from migsafe.report.text import printable

_config = click.option(
    "--config", type=click.Path(path_type=Path), help="The configuration file of the project."
)
_check = click.option(
    "--check", "replayed", is_flag=True, help="By what `check` finds, instead of `lint`."
)


@click.group("baseline")
def command() -> None:
    """Take migsafe up in a project that has findings already.

    Those of the file migsafe.baseline do not fail. Only `create` writes it, once; from then on it
    shrinks.
    """


@command.command("create")
@click.option(
    "--reason",
    default="there before migsafe was",
    show_default=True,
    metavar="TEXT",
    help="Why they may stay for now.",
)
@click.option("--today", hidden=True, help="The date that is written down (YYYY-MM-DD).")
@_check
@_config
def create(reason: str, today: str | None, replayed: bool, config: Path | None) -> int:
    """Write down all findings of today, once."""
    if not reason.strip():
        raise UsageError("--reason is empty", hint="say why the findings may stay for now")
    projects = open_all(Request(config))
    path = _path(projects)
    known = baseline.load(path)
    if known is not None:
        raise UsageError(
            f"{path.name} exists already, with {_count(known)}",
            hint="it only shrinks: mend new findings, or allow them with a reason",
        )
    least = min(projects[0].config.fail_on, Severity.WARNING)
    found = [f for r in _reports(projects, replayed=replayed) for f in r.findings]
    told = [f for f in found if f.open and f.severity >= least]
    day = today or date.today().isoformat()  # noqa: DTZ011 - the user's own calendar
    entries = baseline.entries(told, day, reason.strip())
    if not entries:
        click.echo("nothing found: no baseline is needed")
        return ExitCode.OK
    _write(path, entries)
    click.echo(f"wrote {path.name}: {_count(entries)}; commit it")
    return ExitCode.OK


@command.command("prune")
@_check
@_config
def prune(replayed: bool, config: Path | None) -> int:
    """Take out what is mended or whose file is gone; nothing is ever added.

    What only `check` finds is taken out with --check.
    """
    projects = open_all(Request(config))
    path, entries = _loaded(projects)
    gone = dict(g for r in _reports(projects, replayed=replayed) for g in r.gone)
    root = projects[0].config.root
    there = (e for e in entries if (root / e.path).exists())
    left = [replace(e, count=e.count - gone.get(e.key, 0)) for e in there]
    left = [e for e in left if e.count]
    out = sum(e.count for e in entries) - sum(e.count for e in left)
    if out and left:
        _write(path, left)
    elif out:
        path.unlink()
    rest = f"{_count(left)} left" if left else f"nothing left, so {path.name} was removed"
    click.echo(f"took out {out}: {rest}" if out else f"nothing to take out: {rest}")
    return ExitCode.OK


@command.command("show")
@_config
def show(config: Path | None) -> int:
    """List the entries of the baseline."""
    _, entries = _loaded(open_all(Request(config)))
    for e in entries:
        about = f" {e.identity}" if e.identity else ""
        times = f" ({e.count} times)" if e.count > 1 else ""
        line = f"{e.severity!s:8} {e.path}  {e.rule}{about}{times}"
        click.echo(printable(f"{line}  since {e.added}: {e.reason}"))
    click.echo(f"\n{_count(entries)}")
    return ExitCode.OK


def _path(projects: tuple[Project, ...]) -> Path:
    return projects[0].config.root / baseline.NAME


def _loaded(projects: tuple[Project, ...]) -> tuple[Path, tuple[Entry, ...]]:
    path = _path(projects)
    entries = baseline.load(path)
    if entries is None:
        raise UsageError(f"there is no {path.name}", hint="`migsafe baseline create` writes it")
    return path, tuple(sorted(entries, key=str))


def _reports(projects: tuple[Project, ...], *, replayed: bool) -> list[Report]:
    """What lint, or check, finds now. Raises ConfigError for check with several sets."""
    least = projects[0].config.fail_on
    if not replayed:
        from migsafe.cli.lint import lint  # noqa: PLC0415 - `show` judges nothing

        return [lint(project, (), least) for project in projects]
    from migsafe.cli.check import check  # noqa: PLC0415 - replay is not for the others

    if len(projects) > 1:
        raise ConfigError(
            "check replays one set of migrations at a time",
            hint="give each set a configuration of its own: --config FILE",
        )
    return [check(projects[0], least)]


def _count(entries: tuple[Entry, ...] | list[Entry]) -> str:
    number = sum(e.count for e in entries)
    return f"{number:,} finding{'' if number == 1 else 's'}"


def _write(path: Path, entries: tuple[Entry, ...] | list[Entry]) -> None:
    """Written beside its place first: a failure leaves what stood there."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(baseline.text(entries), encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MigsafeError(f"{path.name} cannot be written: {error.strerror}") from error
