"""Open a project: its configuration, its migrations, its rules."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from migsafe import adapters, baseline, config
from migsafe.adapters.files import digest
from migsafe.analyse import Runner
from migsafe.baseline import Entry
from migsafe.cli import locked
from migsafe.config import Config, Migrations
from migsafe.effects.versions import oldest
from migsafe.errors import ConfigError, NothingToCheck, UnreadableMigration, UsageError
from migsafe.model.evidence import NotRun
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.rule import Rule
from migsafe.rules.ruleset import ruleset
from migsafe.sql.features import number
from migsafe.sql.split import comments, split

STDIN = "<stdin>"
NO_MIGRATION = "not one of the project's migrations"


@dataclass(frozen=True, slots=True)
class Project:
    """One set of migrations and what the configuration says of it."""

    config: Config
    migrations: Migrations
    history: History
    path: Path
    today: str
    baseline: tuple[Entry, ...] = ()
    everything: bool = False  # nothing is allowed, nothing put off

    @property
    def runner(self) -> Runner:
        """How the app runs its migrations."""
        m = self.migrations
        return Runner(m.transaction, m.foreign_keys, m.on_error)

    def settings(self) -> dict[str, str]:
        """The settings as the facts table `project` shows them."""
        m, engine = self.migrations, self.config.engine
        wrapped = self.history.transactional if m.transaction is None else m.transaction
        return {
            "transaction": str(int(wrapped)),
            "foreign_keys": str(int(m.foreign_keys)),
            "launch_foreign_keys": str(int(self.config.launch.foreign_keys)),
            "on_error": m.on_error,
            "engine_oldest": engine.oldest or "",
            **self._engine_version(engine.oldest or ""),
            "engine_without": ",".join(engine.without),
            "live_traffic": "" if engine.live_traffic is None else str(int(engine.live_traffic)),
            "today": self.today,
            "max_suppression_days": str(self.config.rules.max_suppression_days or ""),
        }

    def _engine_version(self, text: str) -> dict[str, str]:
        """The oldest engine: its product, and its version as the facts count it."""
        dialect = self.history.dialect
        if dialect is Dialect.SQLITE:
            number = str(version_number(text)) if text else ""
            return {"engine_product": "sqlite", "engine_oldest_number": number}
        version = oldest(dialect, text)
        return {"engine_product": version.product, "engine_oldest_number": str(version.number)}

    def rules(self) -> tuple[Rule, ...]:
        """The rules that ship, and the project's own."""
        return ruleset(self.config, self.today)


def version_number(text: str, place: str = "") -> int:
    """3.35.1 -> 3035001, as SQLite numbers its versions. Raises ConfigError for anything else."""
    parts = text.split(".")
    if not 1 <= len(parts) <= 3 or not all(p.isdecimal() for p in parts):
        raise ConfigError(
            f"engine.oldest is {text!r}",
            place=place,
            hint='write a version such as "3.31" or "3.31.1"',
        )
    return number(text)


@dataclass(frozen=True, slots=True)
class Standard:
    """Text given on standard input, and the file that it stands for ("" for none)."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line says about the project."""

    config: Path | None = None
    dialect: str | None = None
    today: str | None = None
    stdin: Standard | None = field(default=None)
    texts: Mapping[str, str] = field(default_factory=dict)  # stand in for files, by their path
    everything: bool = False  # also what is allowed or in the baseline


def open_all(request: Request) -> tuple[Project, ...]:
    """One Project for each set of migrations that is configured (mostly: one).

    Raises ConfigError, BrokenHistory, UnreadableMigration or NothingToCheck.
    """
    settings = config.load(Path.cwd(), request.config)
    if request.dialect:
        settings = replace(settings, dialect=Dialect(request.dialect))
    if settings.engine.oldest:
        version_number(settings.engine.oldest, str(settings.file or ""))
    return tuple(open_project(settings, m, request) for m in settings.migrations)


def open_project(settings: Config, migrations: Migrations, request: Request) -> Project:
    """One Project for one set of migrations; raises as `open_all` does."""
    root = settings.root
    framework, path = _found(root, migrations, request.stdin)
    options = adapters.Options(
        dialect=settings.dialect or Dialect.SQLITE,
        transaction=migrations.transaction,
        overrides={**request.texts, **_overrides(root, request.stdin)},
    )
    history = _history(root, framework, path, options, request.stdin)
    _require_readable_names(history)
    said = {STDIN: request.stdin.text} if request.stdin else {}
    history = locked.with_released(settings, history, path, {**options.overrides, **said})
    today = request.today or date.today().isoformat()  # noqa: DTZ011 - the user's own calendar
    entries = baseline.load(root / baseline.NAME) or ()
    return Project(settings, migrations, history, path, today, entries, request.everything)


def _found(root: Path, migrations: Migrations, stdin: Standard | None) -> tuple[str | None, Path]:
    if migrations.path is not None:
        path = root / migrations.path
        if not path.exists():
            raise ConfigError(
                f"the migrations folder {migrations.path} does not exist",
                hint="see [migrations] path",
            )
        return migrations.framework, path
    found = adapters.detect(root)
    if found is None:
        if stdin is not None:
            return "sql", root
        raise NothingToCheck(
            "no migrations were found",
            hint='say where they are: migsafe.toml with [migrations] path = "..."',
        )
    return migrations.framework or found[0], found[1]


def _require_readable_names(history: History) -> None:
    """Reports and facts are UTF-8: a name that is not would be lost in them."""
    for path in (m.path for m in history.migrations):
        try:
            path.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UnreadableMigration(
                "the name of the migration is not UTF-8 text", place=path, hint="rename the file"
            ) from error


def _overrides(root: Path, stdin: Standard | None) -> Mapping[str, str]:
    if stdin is None or not stdin.name:
        return {}
    return {relative(Path(stdin.name), root): stdin.text}


def _history(
    root: Path,
    framework: str | None,
    path: Path,
    options: adapters.Options,
    stdin: Standard | None,
) -> History:
    if stdin is None or stdin.name:
        return adapters.load(framework, root, path, options)
    try:
        history = adapters.load(framework, root, path, options)
    except NothingToCheck:
        history = History(options.dialect, "sql", ())
    return _with_stdin(history, stdin.text)


def _with_stdin(history: History, text: str) -> History:
    """The text as one more migration after the head."""
    said = tuple(c for c in comments(text, history.dialect) if c[1].startswith("migsafe:"))
    parents = (history.head,) if history.migrations else ()
    migration = Migration(
        STDIN,
        STDIN,
        parents,
        STDIN,
        split(text, history.dialect, STDIN),
        comments=said,
        digest=digest(text),  # without it the cache would take one text for another
    )
    return replace(history, migrations=(*history.migrations, migration))


def relative(path: Path, root: Path) -> str:
    """The path relative to the project with forward slashes, as migrations are named."""
    absolute = path if path.is_absolute() else Path.cwd() / path
    return Path(os.path.relpath(os.path.normpath(absolute), root)).as_posix()


def in_repository(root: Path) -> str:
    """The project's folder inside the repository around it, "" where they are the same."""
    resolved = root.resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / ".git").exists():
            found = resolved.relative_to(folder).as_posix()
            return "" if found == "." else found
    return ""


_CODE = re.compile(r"[VR]?\d.*\.(go|py|kt|java|rs|ts|js|rb|php|cs|swift)", re.IGNORECASE)
_SHOWN = 5


def passed_over(history: History) -> Iterator[NotRun]:
    """What lies among the migrations and is not read: SQL by another name, program code."""
    sql = [p for p in history.ignored if p.lower().endswith(".sql")]
    code = [p for p in history.ignored if _CODE.fullmatch(p.rpartition("/")[2])]
    if sql:
        yield NotRun(_listed(sql), f"not named as {history.framework} migrations are")
    if code:
        yield NotRun(_listed(code), "steps in program code are not read")


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def focus(project: Project, files: tuple[str, ...]) -> tuple[set[str], list[NotRun]]:
    """The revisions that these files and folders hold, and a note for each that holds none.

    Raises UsageError for a file that does not exist.
    """
    if not files:
        return {m.revision for m in project.history.migrations}, []
    chosen: set[str] = set()
    others: list[NotRun] = []
    for name in files:
        path = STDIN if name == "-" else relative(Path(name), project.config.root)
        inside = {m.revision for m in project.history.migrations if _holds(path, m.path)}
        if not inside and name != "-" and not Path(name).exists():
            raise UsageError(f"the file {name} does not exist")
        if not inside:
            others.append(NotRun(name, NO_MIGRATION))
        chosen |= inside
    return chosen, others


def _holds(path: str, migration: str) -> bool:
    """Is the path this migration's file, or a folder around it?"""
    return path in {migration, "."} or migration.startswith(f"{path}/")
