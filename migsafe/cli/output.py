"""Write a report to standard output and to files, and turn it into an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click

from migsafe.cli import drop_output
from migsafe.cli.options import FORMATS
from migsafe.errors import ExitCode, UsageError
from migsafe.model.report import Conclusion, Report
from migsafe.report import text

_COLOURS = {
    "blocker": {"fg": "red", "bold": True},
    "error": {"fg": "red"},
    "warning": {"fg": "yellow"},
    "note": {"fg": "cyan"},
    "path": {"bold": True},
    "rule": {"fg": "blue"},
    "dim": {"dim": True},
    "good": {"fg": "green", "bold": True},
}


def targets(outputs: tuple[str, ...]) -> list[tuple[str, Path]]:
    """The `--output` values as (format, file). Raises UsageError for a wrong one."""
    found = []
    for value in outputs:
        name, equals, file = value.partition("=")
        if not equals or not file or name not in FORMATS:
            raise UsageError(
                f"--output {value} is not FORMAT=FILE", hint=f"formats: {', '.join(FORMATS)}"
            )
        found.append((name, Path(file)))
    return found


def write(
    report: Report,
    format_: str,
    files: list[tuple[str, Path]],
    color: str,
    verbosity: int,
    shown: str | None = None,
) -> None:
    """Print the report (or `shown` in its place) and write the files.

    Raises UsageError for a file that cannot be written.
    """
    for name, path in files:
        try:
            path.write_text(_render(report, name, 0, coloured=False), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    coloured = format_ == "text" and _coloured(color)
    if shown is None:
        shown = _render(report, format_, verbosity, coloured=coloured)
    try:
        sys.stdout.write(shown)
        sys.stdout.flush()
    except BrokenPipeError:
        # `migsafe lint | head -1` must not change the exit code.
        drop_output()


def _render(report: Report, name: str, verbosity: int, *, coloured: bool) -> str:
    if name == "text":
        return text.render(report, _style if coloured else text.plain, verbosity)
    render: Callable[[Report], str] = import_module(f"migsafe.report.{name}").render
    return render(report)


def _style(value: str, what: str) -> str:
    return click.style(value, **_COLOURS[what])  # type: ignore[arg-type]


def _coloured(color: str) -> bool:
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def exit_code(report: Report) -> ExitCode:
    """The contract's exit code; findings come before what could not be checked."""
    match report.conclusion:
        case Conclusion.UNSAFE:
            return ExitCode.FINDINGS
        case Conclusion.UNCHECKED:
            return ExitCode.COULD_NOT_CHECK
        case Conclusion.SAFE:
            return ExitCode.OK
