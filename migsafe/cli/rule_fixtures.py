"""A rule's fixtures: each runs as a project of its own, and what fires is held to the marks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe import config
from migsafe.cli.check import Effort, check
from migsafe.cli.lint import lint
from migsafe.cli.project import Project, Request, open_project
from migsafe.errors import MigsafeError, RuleInvalid
from migsafe.model.finding import Finding
from migsafe.model.migration import Dialect, Kind
from migsafe.model.report import Report
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.rules.load import PACKAGED, enable, shipped
from migsafe.sql.parse import operations
from migsafe.sql.split import split

KINDS = ("fail", "pass")
_MARK = re.compile(r"(?:--|#)\s*expect:\s*(?P<rules>[a-z0-9, -]+)")
_ALSO = re.compile(r"(?:--|#)\s*also:\s*(?P<rules>[a-z0-9, -]+)")
_MARKED = {".sql", ".py", ".toml", ".lock"}
_LAUNCH = {
    "new.sql": "schema", "launch.sql": "queries", "expect.sql": "invariants",
    "compat.sql": "old_queries",
}  # fmt: skip
_COPIED = (*_LAUNCH, "after_upgrade.sql")
_DDL = {Kind.CREATE_TABLE, Kind.CREATE_INDEX, Kind.CREATE_TRIGGER, Kind.CREATE_VIEW}
_ROWS = {Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.COPY}
_SECONDS = 3.0  # a fixture is small: what takes longer never ends
OLD = "0000_old"
"""The name, without its ending, of the migration that stands for all before the change."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A line of a fixture's file."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one fixture.

    `missed` are marks where the rule stayed silent, `noisy` findings where no mark stands. A pass
    fixture is meant to be a safe migration: what another rule says there is noise too (of a rule
    that ships from warning on, of a team's own from error on), unless the line is marked
    `-- also: <id>` because that other hazard is really there.
    """

    case: Path
    kind: str
    report: Report | None
    missed: tuple[Spot, ...] = ()
    noisy: tuple[tuple[Spot, str], ...] = ()
    error: str = ""
    invalid: bool = False  # a rule is wrong, which the error says

    @property
    def good(self) -> bool:
        """Did it do what it is there for?"""
        return not (self.missed or self.noisy or self.error)


def folder(rule: Rule) -> Path:
    """Where a rule's fixtures lie: `fixtures/rules/<id>` beside the folder of rules."""
    rules = Path(rule.path).parent.parent
    if rules.name == PACKAGED:
        return rules.parent / "_fixtures" / rule.id
    return rules.parent / "fixtures" / "rules" / rule.id


def cases(rule: Rule, kind: str) -> tuple[Path, ...]:
    """The fixtures of one kind (fail or pass), by name."""
    parent = folder(rule) / kind
    return tuple(sorted(p for p in parent.iterdir() if p.is_dir())) if parent.is_dir() else ()


def run(rule: Rule, ruleset: tuple[Rule, ...], kind: str, case: Path) -> CaseResult:
    """Run one fixture and judge it; errors become part of the result."""
    try:
        replayed = rule.needs is Needs.OUTCOMES
        report = judge(enable(ruleset, [rule.id]), case, on_server=replayed)
    except MigsafeError as error:
        place = f"{error.place}: " if error.place else ""
        wrong = isinstance(error, RuleInvalid)
        return CaseResult(case, kind, None, error=f"{place}{error.message}", invalid=wrong)
    marks = {spot for spot, name in _marks(case, _MARK) if name == rule.id}
    fired = [f for f in report.findings if f.rule == rule.id]
    found = {spot_of(f) for f in fired}
    noisy = [(spot_of(f), f.message) for f in fired if spot_of(f) not in marks]
    if kind == "pass":
        noisy += _others(report, rule, case)
    unmarked = "" if marks or kind == "pass" else f"no line is marked -- expect: {rule.id}"
    missed = sorted(marks - found, key=lambda s: (s.path, s.line))
    return CaseResult(case, kind, report, tuple(missed), tuple(noisy), unmarked)


def _others(report: Report, rule: Rule, case: Path) -> Iterator[tuple[Spot, str]]:
    """What other rules say though no mark allows it, and marks where they are silent."""
    least = Severity.WARNING if shipped() in Path(rule.path).parents else Severity.ERROR
    also = set(_marks(case, _ALSO))
    told = [f for f in report.findings if f.rule != rule.id and not f.suppressed]
    for finding in told:
        if finding.severity >= least and (spot_of(finding), finding.rule) not in also:
            yield spot_of(finding), f"{finding.rule}: {finding.message}"
    silent = also - {(spot_of(f), f.rule) for f in told}
    for spot, name in sorted(silent, key=lambda m: (m[0].path, m[0].line, m[1])):
        yield spot, f"the mark says also: {name}, which is silent"


def spot_of(finding: Finding) -> Spot:
    """The line of the fixture's file that the finding is about."""
    return Spot(finding.path.removeprefix("migrations/"), finding.line)


def _marks(case: Path, kind: re.Pattern[str]) -> Iterator[tuple[Spot, str]]:
    for path in sorted(p for p in case.rglob("*") if p.suffix in _MARKED):
        name = path.relative_to(case).as_posix().removeprefix("migrations/")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            mark = kind.search(line)
            for rule_id in re.split(r"[,\s]+", mark["rules"].strip()) if mark else ():
                yield Spot(name, number), rule_id


def judge(ruleset: tuple[Rule, ...], case: Path, *, on_server: bool = False) -> Report:
    """Check the fixture as a project of its own, in a temporary folder.

    One for PostgreSQL or MySQL is only linted unless its rule has to see it run `on_server`.

    Raises MigsafeError where it cannot be read.
    """
    with TemporaryDirectory(prefix="migsafe-") as name:
        root = Path(name)
        project = written(case, root)
        dialect = project.history.dialect
        if dialect is not Dialect.SQLITE and on_server:
            return check(project, Severity.ERROR, Effort(1, made=False), ruleset)
        if dialect is not Dialect.SQLITE:
            return lint(project, _changes(root), Severity.ERROR, ruleset)
        if project.config.samples.path is not None:
            return check(project, Severity.ERROR, Effort(1, _SECONDS, made=False), ruleset)
        return lint(project, (), Severity.ERROR, ruleset)


def written(case: Path, root: Path) -> Project:
    """The fixture as a project of its own, written to this empty folder.

    Raises MigsafeError where it cannot be read.
    """
    _build(case, root, dialect_of(case))
    return _project(root)


def dialect_of(case: Path) -> Dialect:
    """The dialect that the fixture's own migsafe.toml names; SQLite where it names none."""
    own = case / config.NAME
    return (own.is_file() and config.load(case, own).dialect) or Dialect.SQLITE


def _changes(root: Path) -> tuple[str, ...]:
    """The files of the change itself: what stood before it is not judged."""
    files = (p for p in sorted((root / "migrations").rglob("*")) if p.is_file())
    return tuple(str(p) for p in files if p.stem != OLD)


def _project(root: Path) -> Project:
    settings = config.load(root)
    return open_project(settings, replace(settings.migrations[0]), Request())


def _build(case: Path, root: Path, dialect: Dialect) -> None:
    migrations = root / "migrations"
    if (case / "migrations").is_dir():
        shutil.copytree(case, root, dirs_exist_ok=True)
    else:
        migrations.mkdir()
        for path in sorted(case.glob("[0-9]*.sql")):
            shutil.copy(path, migrations / path.name)
    old = case / "old.sql"
    if old.is_file() and not (case / "migrations").is_dir():
        schema = "".join(f"{s};\n" for s in schema_of(old.read_text(encoding="utf-8"), dialect))
        (migrations / f"{OLD}.sql").write_text(schema, encoding="utf-8")
    for launch in _COPIED:
        if (case / launch).is_file():
            shutil.copy(case / launch, root / launch)
    if old.is_file():
        _add_sample(root, old, "base" if (case / "migrations").is_dir() else "0000")
    (root / config.NAME).write_text(_settings(case, dialect), encoding="utf-8")


def _add_sample(root: Path, old: Path, version: str) -> None:
    samples = root / "samples"
    samples.mkdir(exist_ok=True)
    shutil.copy(old, samples / "old.sql")
    (samples / "samples.toml").write_text(
        f'[[sample]]\nfile = "old.sql"\nversion = "{version}"\n', encoding="utf-8"
    )


def schema_of(old: str, dialect: Dialect, without: Collection[str] = ()) -> tuple[str, ...]:
    """The statements of the old database that make its schema: the history before the change.

    What is about the tables `without` (a framework's own) is left out.
    """
    first = ((s.sql, operations(s.sql, dialect)[0]) for s in split(old, dialect, "old.sql"))
    sqlite = dialect is Dialect.SQLITE
    return tuple(
        sql
        for sql, operation in first
        if (operation.kind in _DDL if sqlite else operation.kind not in _ROWS)
        and operation.table not in without
    )


def _settings(case: Path, dialect: Dialect) -> str:
    own = case / config.NAME
    text = own.read_text(encoding="utf-8") if own.is_file() else ""
    if (case / "old.sql").is_file() and "[samples]" not in text:
        text += '\n[samples]\npath = "samples"\n'
    launch = [f'{key} = "{name}"' for name, key in _LAUNCH.items() if (case / name).is_file()]
    if launch and "[launch]" not in text:
        text += "\n[launch]\n" + "\n".join(launch) + "\n"
    elif launch:
        text = text.replace("[launch]\n", "[launch]\n" + "\n".join(launch) + "\n")
    return text
