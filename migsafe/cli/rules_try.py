"""`migsafe rules try`: a SELECT over the facts, before it is a rule."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import click

from migsafe.analyse import analyse
from migsafe.cli import options
from migsafe.cli.check import Effort, checked
from migsafe.cli.project import Project, Request, focus, open_all
from migsafe.errors import ConfigError, ExitCode, UsageError
from migsafe.facts import build
from migsafe.model.evidence import Evidence
from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity
from migsafe.model.sample import Sample
from migsafe.replay import programs
from migsafe.replay.plan import Plan
from migsafe.replay.run import migrated
from migsafe.report.grid import grid
from migsafe.rules.ask import Value
from migsafe.rules.attempt import Answer, ask
from migsafe.sql.tokens import NAMES, tokenize

_SHOWN = 50  # rows


@click.command("try")
@click.argument("select")
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option("--samples", is_flag=True, help="Replay first: what the samples show is known, too.")
@click.option("--show-values", is_flag=True, help="Print values of the samples' rows.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@options.project
@programs.ended()
def try_(
    select: str,
    files: tuple[str, ...],
    samples: bool,
    show_values: bool,
    format_: str,
    config: Path | None,
    dialect: str | None,
    today: str | None,
) -> int:
    """Ask SELECT of the facts about the project's migrations, and print the rows.

    With FILES only rows about these migrations are printed. Where the SELECT says `old.` or
    `new.`, it is asked of each sampled database, before and after its migration: `select count(*)
    from old.note`. Their values are not printed, but what kind they are.
    """
    project = _project(Request(config, dialect, today))
    about_samples = _names_samples(select)
    if about_samples or samples:
        answers = _of_samples(project, select, files, about_samples=about_samples)
    else:
        answers = _of_facts(project, select, files)
    shown = [_hidden(a) if about_samples and not show_values else a for a in answers]
    if format_ == "json":
        click.echo(json.dumps([_entry(a) for a in shown], indent=2, default=repr))
    else:
        click.echo("\n".join(_told(shown, about_samples=about_samples)))
    return ExitCode.OK


def _project(request: Request) -> Project:
    projects = open_all(request)
    if len(projects) > 1:
        raise ConfigError(
            "a SELECT is tried on one set of migrations at a time",
            hint="give each set a configuration of its own: --config FILE",
        )
    return projects[0]


def _names_samples(select: str) -> bool:
    tokens = tokenize(select, Dialect.SQLITE)
    return any(
        t.kind in NAMES and t.name.lower() in {"old", "new"} and after.text == "."
        for t, after in pairwise(tokens)
    )


# -- what is asked --------------------------------------------------------------------------------

_Named = tuple[str, Answer]


def _of_facts(project: Project, select: str, files: tuple[str, ...]) -> list[_Named]:
    chosen, _ = focus(project, files)
    evidence = analyse(project.history, chosen, project.runner, project.settings())
    with closing(build(evidence)) as facts:
        return [("", _in_focus(facts, ask(facts, select), files))]


def _of_samples(
    project: Project, select: str, files: tuple[str, ...], *, about_samples: bool
) -> list[_Named]:
    found = checked(project, Severity.BLOCKER, Effort(made=False), ())
    if found.evidence is None:
        raise UsageError("nothing was replayed", hint="`migsafe check` says why")
    if not about_samples:
        with closing(build(found.evidence)) as facts:
            return [("", _in_focus(facts, ask(facts, select), files))]
    if not isinstance(found.plan, Plan):
        raise UsageError("old and new are there for SQLite's samples only")
    return [
        (sample.path, _of_sample(found.plan, found.evidence, sample, select))
        for sample in found.samples
    ]


def _of_sample(plan: Plan, evidence: Evidence, sample: Sample, select: str) -> Answer:
    """The answer where the facts are `main`, and the sample is `old` and `new`."""
    pending = plan.history.pending(sample.revision)
    with migrated(plan, sample.data, pending) as (database, _):
        if database.in_transaction:
            database.execute("ROLLBACK")
        after = database.serialize()
    with closing(build(evidence)) as facts:
        for name, data in (("old", sample.data), ("new", after)):
            facts.execute(f"ATTACH ':memory:' AS {name}")
            facts.deserialize(data, name=name)
        return ask(facts, select)


def _in_focus(facts: sqlite3.Connection, answer: Answer, files: tuple[str, ...]) -> Answer:
    """Each row with its place before it; with `files`, only rows in these."""
    names = [c.lower() for c in answer.columns]
    if "statement" not in names:
        return answer
    at = names.index("statement")
    places = {
        number: (f"{path}:{line}", counts)
        for number, path, line, counts in facts.execute(
            "SELECT id, path, line, focus FROM statement"
        )
    }
    rows = [
        (places.get(row[at], ("", 0))[0], *row)
        for row in answer.rows
        if not files or places.get(row[at], ("", 0))[1]
    ]
    return replace(answer, columns=("(place)", *answer.columns), rows=tuple(rows))


# -- what is printed ------------------------------------------------------------------------------


def _hidden(named: _Named) -> _Named:
    """The kinds of values instead of values; counts (columns `n`, `n_...`, count(*)) stay."""
    name, answer = named
    counts = [c == "n" or c.startswith("n_") or c.lower() == "count(*)" for c in answer.columns]
    rows = tuple(
        tuple(v if c and isinstance(v, int) else _kind(v) for v, c in zip(row, counts, strict=True))
        for row in answer.rows
    )
    return name, replace(answer, rows=rows)


def _kind(value: Value | bytes) -> str | None:
    if value is None:
        return None
    kinds = {int: "integer", float: "real", str: "text", bytes: "blob"}
    return f"({kinds[type(value)]})"


def _entry(named: _Named) -> dict[str, object]:
    name, answer = named
    return {
        "sample": name,
        "columns": list(answer.columns),
        "rows": [list(row) for row in answer.rows],
        "more": answer.more,
    }


def _told(answers: Sequence[_Named], *, about_samples: bool) -> Iterator[str]:
    for name, answer in answers:
        if about_samples:
            yield f"{name}: {_count(answer)}"
        if answer.rows:
            yield from grid(answer.columns, answer.rows[:_SHOWN])
            yield ""
    if not about_samples:
        yield from _advice(answers[0][1])


def _count(answer: Answer) -> str:
    n = len(answer.rows)
    more = f", the first {_SHOWN} are shown" if n > _SHOWN else ""
    return f"{n}{'+' if answer.more else ''} {'row' if n == 1 else 'rows'}{more}"


def _advice(answer: Answer) -> Iterator[str]:
    yield _count(answer)
    if answer.has_place:
        yield "each row can be a finding: this SELECT can be the `find` of a rule"
    else:
        yield "no column says where a finding is: select `statement`, or `path` and `line`"
