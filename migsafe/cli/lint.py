"""`migsafe lint`: analyse only."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migsafe.cli import options, output
from migsafe.cli.project import (
    NO_MIGRATION,
    Project,
    Request,
    Standard,
    focus,
    in_repository,
    open_all,
    passed_over,
)
from migsafe.cli.resuming import judgement
from migsafe.errors import UsageError, nearest
from migsafe.facts.suppressions import judged
from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding
from migsafe.model.report import Conclusion, Note, Report
from migsafe.model.rule import Rule, Severity

if TYPE_CHECKING:
    from migsafe.cli.fixes import Result


@click.command("lint")
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option(
    "--stdin-filename", metavar="FILE", help="The file that standard input stands for (with -)."
)
@click.option(
    "--fix",
    "mode",
    flag_value="fix",
    help="Rewrite what is provably safe: in the FILES, else in the newest migration.",
)
@click.option(
    "--diff", "mode", flag_value="diff", help="Print what --fix would change, and change nothing."
)
@options.project
@options.report
def command(
    files: tuple[str, ...],
    stdin_filename: str | None,
    mode: str | None,
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
    """Analyse migrations without running them.

    The whole history is always read; FILES say which migrations findings are reported on
    (default: all). `-` reads one migration from standard input.
    """
    # One short run: collecting garbage would cost a fifth of the time and free nothing.
    gc.disable()
    started = time.perf_counter()
    stdin = _stdin(files, stdin_filename)
    written = output.targets(outputs)
    request = Request(config, dialect, today, stdin, everything=no_suppressions)
    projects = open_all(request)
    if stdin is not None and stdin.name:
        files = tuple(stdin.name if f == "-" else f for f in files)
    least = Severity.parse(fail_on) if fail_on else projects[0].config.fail_on
    done = _rewritten(projects, files, request, mode) if mode else None
    reports = [lint(p, files, least) for p in (done.projects if done else projects)]
    where = in_repository(projects[0].config.root)
    report = replace(_together(reports), seconds=time.perf_counter() - started, where=where)
    if mode == "fix" and done:
        report = replace(report, rewrites=done.rewrites)
    shown = done.diff if mode == "diff" and done else None
    output.write(report, format_, written, color, -1 if quiet else verbose, shown)
    return output.exit_code(report)


def _rewritten(
    projects: tuple[Project, ...], files: tuple[str, ...], request: Request, mode: str
) -> Result:
    # The modules of the rewrites are not for the path of a plain `lint`.
    from migsafe.cli.fixes import refusals, rewrite  # noqa: PLC0415

    done = rewrite(projects, files, request, write=mode == "fix")
    if mode == "diff":
        for line in refusals(done.rewrites):
            click.echo(line, err=True)
    return done


def _stdin(files: tuple[str, ...], name: str | None) -> Standard | None:
    if "-" not in files:
        if name:
            raise UsageError("--stdin-filename goes with -")
        return None
    try:
        return Standard(sys.stdin.buffer.read().decode("utf-8-sig"), name or "")
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8 text") from error


def lint(
    project: Project,
    files: tuple[str, ...],
    fail_on: Severity,
    ruleset: tuple[Rule, ...] | None = None,
) -> Report:
    """Judge one project's migrations by what can be known without data.

    `ruleset` None: the rules that ship and the project's own.
    """
    chosen, others = focus(project, files)
    ruleset = project.rules() if ruleset is None else ruleset
    result = judgement(project, chosen, ruleset)
    unknown = unknown_rules(project, chosen, ruleset)
    history = project.history
    return Report(
        command="lint",
        conclusion=conclude(result.findings, fail_on),
        findings=result.findings,
        not_run=(*others, *passed_over(history), *unknown, *result.not_run),
        fail_on=fail_on,
        migrations=len(chosen),
        statements=sum(len(m.statements) for m in history.migrations if m.revision in chosen),
        framework=history.framework,
        dialect=str(history.dialect),
        notes=result.notes,
        gone=result.gone,
        judged=tuple(m.path for m in history.migrations if m.revision in chosen),
    )


def unknown_rules(
    project: Project, chosen: Collection[str], ruleset: tuple[Rule, ...]
) -> Iterator[NotRun]:
    """A note for each allow comment whose rule does not exist: it allows nothing."""
    known = {rule.id for rule in ruleset}
    today = date.fromisoformat(project.today)
    for migration in project.history.migrations:
        if migration.revision not in chosen:
            continue
        for comment in judged(migration, today):
            s = comment.suppression
            if s.rule and s.rule not in known:
                near = nearest(s.rule, known)
                hint = f", did you mean {near[0]}?" if near else ""
                yield NotRun(f"allow {s.rule}", f"{s.path}:{s.line}: there is no such rule{hint}")


def conclude(
    findings: tuple[Finding, ...], fail_on: Severity, *, checked: bool = True
) -> Conclusion:
    """unsafe where a finding reaches `fail_on`, unchecked where something could not run."""
    if any(f.severity >= fail_on and f.open for f in findings):
        return Conclusion.UNSAFE
    return Conclusion.SAFE if checked else Conclusion.UNCHECKED


def _for_all(note: NotRun, reports: list[Report]) -> bool:
    """A file of one set is no migration of the others: that is not worth a note."""
    return note.why != NO_MIGRATION or all(note in r.not_run for r in reports)


def _in_all(note: Note, reports: list[Report]) -> bool:
    return not note.everywhere or all(note in r.notes for r in reports)


def _together(reports: list[Report]) -> Report:
    """The reports of several sets of migrations as one."""
    if len(reports) == 1:
        return reports[0]
    findings = tuple(f for r in reports for f in r.findings)
    notes = dict.fromkeys(n for r in reports for n in r.not_run if _for_all(n, reports))
    return replace(
        reports[0],
        conclusion=conclude(findings, reports[0].fail_on),
        findings=tuple(sorted(findings, key=lambda f: (-f.severity, f.path, f.line))),
        not_run=tuple(notes),
        notes=tuple(dict.fromkeys(n for r in reports for n in r.notes if _in_all(n, reports))),
        gone=tuple(g for r in reports for g in r.gone),
        judged=tuple(p for r in reports for p in r.judged),
        migrations=sum(r.migrations for r in reports),
        statements=sum(r.statements for r in reports),
        framework=", ".join(dict.fromkeys(r.framework for r in reports)),
    )
