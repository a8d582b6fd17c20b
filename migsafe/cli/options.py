"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity

FORMATS = ("text", "json", "sarif", "gitlab", "github", "junit", "markdown", "html")
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _date(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        return value and date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value} is not a date (YYYY-MM-DD)") from None


def project(function: _Function) -> _Function:
    """--config and --dialect: which project, read how."""
    for option in (
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            help="The configuration file (default: the nearest migsafe.toml or pyproject.toml).",
        ),
        click.option(
            "--dialect", type=click.Choice([str(d) for d in Dialect]), help="Overrides `dialect`."
        ),
        click.option(
            "--today",
            hidden=True,
            callback=_date,
            help="The date that suppressions are judged by (YYYY-MM-DD).",
        ),
    ):
        function = option(function)
    return function


def hotfix(function: _Function) -> _Function:
    """--fix-for and --broken: the migrations are a hotfix for these."""
    for option in (
        click.option(
            "--fix-for",
            "incident",
            metavar="INCIDENT",
            help="Also try the migrations, as a hotfix, on the databases that the broken ones of"
            " this incident left behind (an incident's id, or the folder of a fixture).",
        ),
        click.option(
            "--broken",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="The same with the broken migrations of this folder, as they shipped.",
        ),
    ):
        function = option(function)
    return function


def max_blast(function: _Function) -> _Function:
    """--max-blast: the share of users that a failure may hit."""
    option = click.option(
        "--max-blast",
        type=click.FloatRange(0, 1),
        metavar="SHARE",
        help="What a replay shows fails only where it may hit more than this share of users (0 to"
        " 1): the upper bound of its interval counts. Where the app does not start, it then fails"
        " at any severity.",
    )
    return option(function)


def report(function: _Function) -> _Function:
    """--format, --output, --fail-on, --color, -q and -v: what is printed, and what fails."""
    for option in (
        click.option(
            "--format",
            "format_",
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="What is printed on standard output.",
        ),
        click.option(
            "--output",
            "outputs",
            multiple=True,
            metavar="FORMAT=FILE",
            help="Write a report to a file as well; may be given several times.",
        ),
        click.option(
            "--fail-on",
            type=click.Choice([str(s) for s in Severity]),
            help="The least severity that makes the exit code 1 (default: `fail_on`, else error).",
        ),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Colours in the text report (auto: on a terminal, unless NO_COLOR is set).",
        ),
        click.option(
            "--no-suppressions",
            is_flag=True,
            help="Judge as if nothing were allowed, and without the baseline.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="Findings and the verdict only."),
        click.option(
            "-v",
            "--verbose",
            count=True,
            help="Notes, suppressed findings, history and baseline too.",
        ),
    ):
        function = option(function)
    return function
