"""`migsafe merge`: the parts of a check, judged together."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from migsafe.cli import options, output, shards
from migsafe.cli.check import Effort, check, only_project
from migsafe.cli.project import Request, in_repository
from migsafe.cli.replayed import gated
from migsafe.model.rule import Severity


@click.command("merge")
@click.argument(
    "reports", nargs=-1, required=True, metavar="REPORT...", type=click.Path(path_type=Path)
)
@click.option(
    "--samples",
    "old",
    type=click.Path(path_type=Path),
    help="The old databases, as the parts had them (overrides [samples] path).",
)
@options.max_blast
@options.project
@options.report
def command(
    reports: tuple[Path, ...],
    old: Path | None,
    max_blast: float | None,
    config: Path | None,
    dialect: str | None,
    today: str | None,
    format_: str,
    outputs: tuple[str, ...],
    fail_on: str | None,
    color: str,
    quiet: bool,
    verbose: int,
    no_suppressions: bool,
) -> int:
    """Put the parts of a check together: the JSON reports of `check --shard`.

    Report and exit code are those of a check of all samples. Nothing is replayed, but the
    project's files and samples have to be there, as the parts had them.
    """
    started = time.perf_counter()
    written = output.targets(outputs)
    known = shards.together(reports)
    project = only_project(Request(config, dialect, today, everything=no_suppressions), old)
    least = Severity.parse(fail_on) if fail_on else project.config.fail_on
    report = check(project, least, Effort(made=known.made, known=known))
    where = in_repository(project.config.root)
    report = replace(report, seconds=time.perf_counter() - started, where=where)
    report = gated(report, max_blast)
    output.write(report, format_, written, color, -1 if quiet else verbose)
    return output.exit_code(report)
