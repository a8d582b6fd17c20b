"""The broken migration that a hotfix is for: where it lies, and how it ran."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe import config as settings_of
from migsafe.adapters.alembic_config import with_versions
from migsafe.analyse import read
from migsafe.cli import rule_fixtures
from migsafe.cli.incident import chosen
from migsafe.cli.project import Project, Request, open_project, relative
from migsafe.config import Engine, Launch, Samples
from migsafe.errors import UsageError
from migsafe.incident.folder import Stored, shown
from migsafe.model.fix_for import Wanted
from migsafe.replay.lineup import Lineup

_FAIL = "fail"
_REVISION = re.compile(r"""^revision\b[^=\n]*=\s*["']([^"']+)["']""", re.M)
_PARENT = re.compile(r"""^down_revision\b[^=\n]*=\s*["']([^"']+)["']""", re.M)


@dataclass(frozen=True, slots=True)
class Broken:
    """The migrations as they shipped: a project of their own, which has been read.

    `lineup` says which of its versions is which of the project's; `samples`: it has old databases
    of its own; `launch`: its configuration says how its version started; `shown` is how its folder
    is called.
    """

    project: Project
    lineup: Lineup
    samples: bool
    launch: bool
    shown: str


@contextmanager
def opened(wanted: Wanted, project: Project) -> Iterator[tuple[Broken, ...]]:
    """The broken migrations of the incident, in folders that last as long as this.

    Raises UsageError where there are none, MigsafeError where they cannot be read.
    """
    with TemporaryDirectory(prefix="migsafe-") as name:
        if wanted.folder is not None:
            yield (_directory(wanted.folder, project, Path(name)),)
            return
        cases = _cases(wanted)
        made = []
        for number, case in enumerate(cases):
            root = Path(name) / str(number)
            root.mkdir()
            made.append(_fixture(case, root, project))
        yield tuple(made)


def _cases(wanted: Wanted) -> tuple[Path, ...]:
    """The fixtures that hold the broken migration."""
    if Path(wanted.incident).is_dir():
        return (Path(wanted.incident),)
    stored = chosen.incident(wanted.config, wanted.incident)
    found = tuple(_fail_fixtures(stored))
    if not found:
        raise UsageError(
            f"the incident {stored.id} names no fixture that fails",
            place=shown(stored.path),
            hint="--broken DIR names the folder of the migrations as they shipped",
        )
    return found


def _fail_fixtures(stored: Stored) -> Iterator[Path]:
    guard = stored.record.safeguard
    folder = stored.rules.parent / "fixtures" / "rules" / (guard.rule or stored.record.hazard)
    if not guard.fixtures:
        here = folder / _FAIL
        yield from sorted(p for p in here.iterdir() if p.is_dir()) if here.is_dir() else ()
        return
    for case in (folder / name for name in guard.fixtures):
        if case.parent.name == _FAIL:
            if not case.is_dir():
                raise UsageError(f"there is no fixture {shown(case)}", place=shown(stored.path))
            yield case


# -- a fixture: a project of its own ---------------------------------------------------------------


def _fixture(case: Path, root: Path, project: Project) -> Broken:
    if not (case / "migrations").is_dir() and not any(case.glob("[0-9]*.sql")):
        raise UsageError(
            f"{shown(case.absolute())} holds no broken migration",
            hint="a fixture has numbered *.sql files or a folder migrations/",
        )
    made = rule_fixtures.written(case, root)
    made = replace(made, history=read(made.history), today=project.today)
    _require_same_kind(made, project, case)
    start = _start(made)
    own = made.config.samples.path is not None
    place = relative(case, project.config.root)
    return Broken(made, Lineup(project.history, made.history, start), own, True, place)


def _start(made: Project) -> str | None:
    """The version that stands for all that came before: the fixture's own first migration."""
    first = made.history.migrations[0]
    return first.revision if Path(first.path).stem == rule_fixtures.OLD else None


def _require_same_kind(made: Project, project: Project, case: Path) -> None:
    ours, theirs = project.history, made.history
    programs = any(m.program for m in ours.migrations), any(m.program for m in theirs.migrations)
    if ours.dialect is not theirs.dialect or programs[0] != programs[1]:
        raise UsageError(
            f"the broken migrations in {case} are {theirs.framework} for {theirs.dialect},"
            f" the project's are {ours.framework} for {ours.dialect}"
        )


# -- a folder of migrations ------------------------------------------------------------------------


def _directory(folder: Path, project: Project, scratch: Path) -> Broken:
    if not folder.is_dir():
        raise UsageError(f"--broken {folder} is not a folder")
    launch = (folder / settings_of.NAME).is_file()
    if launch:
        settings = settings_of.load(folder, folder / settings_of.NAME)
        made = open_project(settings, settings.migrations[0], Request(today=project.today))
    elif _only_scripts(folder, project):
        made = _scripts(folder, project, scratch)
    else:
        framework = project.history.framework
        layout = None if framework in {"alembic", "django"} else framework
        path = str(folder.absolute())
        migrations = replace(project.migrations, path=path, framework=layout)
        made = open_project(project.config, migrations, Request(today=project.today))
    made = replace(made, history=read(made.history))
    _require_same_kind(made, project, folder)
    lineup = Lineup(project.history, made.history, None)
    return Broken(made, lineup, False, launch, relative(folder, project.config.root))


def _only_scripts(folder: Path, project: Project) -> bool:
    """Is it a bare folder of Alembic's revision scripts?"""
    alembic = project.history.framework == "alembic"
    return alembic and any(folder.glob("*.py")) and not (folder / "env.py").is_file()


def _scripts(folder: Path, project: Project, scratch: Path) -> Project:
    """The scripts after those of the project that they follow, run by the project's env.py."""
    texts = {p.name: p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.py"))}
    own = {name for text in texts.values() for name in _REVISION.findall(text)}
    parents = {name for text in texts.values() for name in _PARENT.findall(text)} - own
    history = project.history
    older = {
        m.revision
        for parent in parents
        if history.get(parent)
        for m in set(history.migrations) - set(history.pending(parent))
    }
    versions = scratch / "versions"
    versions.mkdir()
    for migration in history.migrations:
        if migration.revision in older:
            shutil.copy(project.config.root / migration.path, versions)
    for name, text in texts.items():
        (versions / name).write_text(text, encoding="utf-8")
    elsewhere = with_versions(project.path, versions, scratch)
    settings = replace(
        project.config, root=scratch, launch=Launch(), engine=Engine(), samples=Samples()
    )
    migrations = replace(project.migrations, path=elsewhere.name, framework="alembic")
    return open_project(settings, migrations, Request(today=project.today))
