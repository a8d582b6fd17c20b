"""`migsafe incident new` and `resume`: from a failing check to a page and a rule."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from migsafe.cli.check import Effort
from migsafe.cli.failing_case import FailingCase, failing_cases
from migsafe.cli.incident import asking, guilty, making, writing
from migsafe.cli.incident.chosen import now as now_option
from migsafe.cli.incident.chosen import project as config_option
from migsafe.cli.incident.proposal import Proposal
from migsafe.cli.project import Project, Request, open_all, relative
from migsafe.errors import ConfigError, ExitCode, NothingToCheck, UsageError
from migsafe.incident import drafts
from migsafe.incident.drafts import Draft
from migsafe.incident.questions import Known
from migsafe.model.incident import Impact
from migsafe.rules.load import is_id

_SHOWN = 5


@click.command("new")
@click.option(
    "--from-check",
    "run",
    metavar="RUN",
    help="What failed: `last` (check now), or a report that `check --output json=FILE` wrote.",
)
@click.option(
    "--finding",
    default="",
    metavar="WHICH",
    help="Which failure: a fingerprint, PATH:LINE, or its number (default: the worst).",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A stack trace from the field: says which failure it is. Its text is not kept.",
)
@click.option(
    "--sample",
    type=click.Path(path_type=Path, exists=True),
    help="The old database that failed in the field.",
)
@click.option(
    "--fixed",
    type=click.Path(path_type=Path),
    help="The repair, which the rule must pass: a migration, a folder of those that changed or of"
    " all, or a checkout with a migsafe.toml of its own.",
)
@click.option("--id", "identifier", default="", help="The incident's id (default: the hazard's).")
@click.option("--hazard", default="", help="What a new rule is called (default: from the failure).")
@click.option("--rule", "wanted", default="", help="Take this rule of those that fit.")
@click.option(
    "--no-rule", is_flag=True, help="Write the page alone; --no-rule-reason should say why."
)
@click.option("--keep-data", is_flag=True, help="Write values that cannot be hidden as they are.")
@click.option("--yes", is_flag=True, help="Ask nothing; what is not answered stays to be written.")
@asking.options
@config_option
@now_option
def new(
    run: str | None,
    finding: str,
    trace: Path | None,
    sample: Path | None,
    fixed: Path | None,
    identifier: str,
    hazard: str,
    wanted: str,
    no_rule: bool,
    keep_data: bool,
    yes: bool,
    config: Path | None,
    now: datetime,
    **answers: object,
) -> int:
    """Turn a failure into a page, fixtures and a rule that guards every later migration.

    The check runs again, the failing database is reduced to the rows that matter, its values are
    replaced, and a rule is looked for that fires on it and not on the repaired migration.
    """
    for name in (identifier, hazard):
        _require_name(name)
    project = _project(config, sample)
    _require_new(project, identifier)
    story = trace.read_text(encoding="utf-8", errors="replace") if trace else ""
    case = _failing(project, run, finding, story)
    said = asking.given(answers)
    if case is None:
        known = _unproven(identifier, hazard, story, now)
        draft = Draft(known, said)
        return _finish(project, draft, ask=not yes)
    click.echo(f"failing: {guilty.told(case)}")
    material = making.material(project, case, fixed, keep_data=keep_data)
    _tell_seed(material)
    home = making.folder(project.config.root, identifier or "new")
    proposal = (
        None if no_rule else _proposal(material, home, hazard, wanted, ask=_somebody() and not yes)
    )
    identifier = identifier or _free(project, _named(case, proposal))
    known = making.known(material, proposal, identifier, now)
    if proposal is None:
        shutil.rmtree(home, ignore_errors=True)
        draft = Draft(known, said)
    else:
        making.settle(home, proposal)
        home = _moved(home, making.folder(project.config.root, identifier))
        draft = Draft(known, said, {"rule": proposal.hazard, "how": proposal.origin})
    return _finish(project, draft, ask=not yes)


@click.command("resume")
@click.argument("identifier", metavar="[ID]", default="")
@click.option("--yes", is_flag=True, help="Ask nothing more; write what is there.")
@asking.options
@config_option
def resume(identifier: str, yes: bool, config: Path | None, **answers: object) -> int:
    """Go on with an incident whose questions were interrupted."""
    project = _project(config, None)
    draft = drafts.load(project.config.root, identifier)
    for key, texts in asking.given(answers).items():
        draft = draft.answered(key, *texts)
    return _finish(project, draft, ask=not yes)


# -- steps -----------------------------------------------------------------------------------------


def _project(config: Path | None, sample: Path | None) -> Project:
    projects = open_all(Request(config))
    if len(projects) > 1:
        raise ConfigError(
            "an incident is about one set of migrations",
            hint="give each set a configuration of its own: --config FILE",
        )
    project = projects[0]
    if sample is None:
        return project
    samples = replace(project.config.samples, path=relative(sample, project.config.root))
    return replace(project, config=replace(project.config, samples=samples))


def _failing(project: Project, run: str | None, finding: str, story: str) -> FailingCase | None:
    """The failure; None where a trace from the field is all that there is."""
    if run not in {None, guilty.LAST} and not finding:
        finding = guilty.of_report(Path(str(run)))
    _, cases = failing_cases(project, project.config.fail_on, Effort())
    case = guilty.chosen(cases, project.config.fail_on, finding, story)
    if case is not None or story:
        return case
    raise NothingToCheck(
        "the check finds nothing wrong: there is no failure to learn from",
        hint="give the database that failed with --sample, the crash with --trace, or a warning"
        " with --finding",
    )


def _tell_seed(material: making.Material) -> None:
    seed = material.seed
    kept = "it still fails" if seed.checks.failure_kept else "the failure cannot be repeated on it"
    rows = f"{seed.rows_before:,} row{'' if seed.rows_before == 1 else 's'}"
    click.echo(f"database: {rows} reduced to {seed.total:,}; {kept} ({seed.replays} replays)")
    if seed.masked:
        click.echo(f"values: none of the originals is left ({seed.masked_values} replaced)")
    elif seed.total:
        click.echo("values: some are kept as they are, as you asked")


def _proposal(
    material: making.Material, home: Path, hazard: str, wanted: str, *, ask: bool
) -> Proposal | None:
    found = []
    for proposal in making.stage(material, home, hazard):
        found.append(proposal)
        if len(found) >= _SHOWN or (not ask and not wanted):
            break
    if wanted:
        return _wanted(found, wanted)
    if not found:
        click.echo("rule: none was found that tells this failure from its repair")
        return None
    if not ask or len(found) == 1:
        click.echo(f"rule: {found[0].words}")
        return found[0]
    for number, proposal in enumerate(found, 1):
        click.echo(f"  {number}  {proposal.words}")
    number = click.prompt("Which rule guards it?", type=click.IntRange(1, len(found)), default=1)
    return found[number - 1]


def _wanted(found: list[Proposal], wanted: str) -> Proposal:
    for proposal in found:
        if proposal.hazard == wanted:
            return proposal
    names = ", ".join(p.hazard for p in found) or "none"
    raise UsageError(f"the rule {wanted} does not tell them apart", hint=f"these do: {names}")


def _finish(project: Project, draft: Draft, *, ask: bool) -> int:
    root = project.config.root
    drafts.save(root, draft)
    if ask and not _somebody():
        raise UsageError(
            "there is nobody to ask: standard input is not a terminal",
            hint=f"answer with options, then: migsafe incident resume {draft.id} --yes",
        )
    if ask:
        try:
            draft = asking.ask(draft, lambda d: drafts.save(root, d))
        except click.Abort:
            click.echo(f"\nkept: go on with `migsafe incident resume {draft.id}`")
            return ExitCode.COULD_NOT_CHECK
    return writing.write(project, draft)


# -- names -----------------------------------------------------------------------------------------


def _somebody() -> bool:
    """Is there anybody to ask?"""
    return sys.stdin.isatty()


def _slug(text: str) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", text).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def _require_name(name: str) -> None:
    if name and not is_id(name):
        raise UsageError(
            f"{name!r} cannot be a name here", hint="lower-case words with dashes between them"
        )


def _require_new(project: Project, identifier: str) -> None:
    root = project.config.root
    if identifier and identifier in drafts.drafts(root):
        raise UsageError(
            f"there is a draft {identifier} already", hint=f"migsafe incident resume {identifier}"
        )
    if identifier and identifier in writing.taken(project):
        raise UsageError(
            f"there is an incident {identifier} already",
            hint=f"migsafe incident update {identifier}",
        )


def _named(case: FailingCase, proposal: Proposal | None) -> str:
    """What the incident is called where nobody says: as the rule that guards or tells of it."""
    if proposal is not None:
        return proposal.hazard
    return case.finding.rule if case.finding else case.kind


def _free(project: Project, name: str) -> str:
    """The name, with a number behind it where another incident has it."""
    known = {*writing.taken(project), *drafts.drafts(project.config.root)}
    name = _slug(name) or "incident"
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, 999))) if n not in known)


def _unproven(identifier: str, hazard: str, story: str, now: datetime) -> Known:
    """A crash in the field that no replay shows: the page is written, and says so."""
    error = guilty.error_class(story)
    name = identifier or hazard or _slug(error) or "crash-in-the-field"
    click.echo("failing: nothing here; the trace alone makes the page, and no rule is proven")
    return Known(hazard or name, now, name, impact=Impact(error=error))


def _moved(home: Path, target: Path) -> Path:
    if home == target:
        return home
    shutil.rmtree(target, ignore_errors=True)
    return home.rename(target)
