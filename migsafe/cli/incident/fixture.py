"""An incident as a rule's fixture: the small old database, and the migrations that met it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migsafe import config
from migsafe.cli.project import Project
from migsafe.cli.rule_fixtures import OLD, Spot, schema_of
from migsafe.errors import UsageError
from migsafe.incident import toml_text
from migsafe.model.migration import Dialect, Migration
from migsafe.model.sample import BASE

_NUMBERED = re.compile(r"\d[\w.-]*\.sql")
_ENV = """\
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration={per_migration})
with context.begin_transaction():
    context.run_migrations()
"""
_INI = "[alembic]\nscript_location = %(here)s/migrations\n"
_BASE_SCRIPT = '''\
"""What the older migrations built."""

from alembic import op

revision = "{revision}"
down_revision = None


def upgrade():
{body}
'''

_Places = dict[str, tuple[str, Mapping[int, int]]]


@dataclass(frozen=True, slots=True)
class Fixture:
    """The files of one fixture by their path in it.

    `places` tells where the lines of the project's migrations went: their path in the project to
    that in the fixture, and lines to lines (empty: every line stayed where it was).
    """

    files: Mapping[str, str]
    places: Mapping[str, tuple[str, Mapping[int, int]]]

    def spot(self, path: str, line: int) -> Spot | None:
        """Where this line of the project's migration stands in the fixture."""
        if path not in self.places:
            return None
        name, lines = self.places[path]
        return Spot(name, lines.get(line, line))

    def write(self, folder: Path) -> None:
        """Write the files below this folder, which must not exist.

        Raises UsageError where it does: nothing is overwritten.
        """
        if folder.exists():
            raise UsageError(f"{folder} exists already", hint="give the incident another --id")
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())


@dataclass(frozen=True, slots=True)
class Source:
    """A project, and texts that stand in for its files, by their path."""

    project: Project
    texts: Mapping[str, str] = field(default_factory=dict)

    def read(self, path: str) -> str:
        """The text of one of its files."""
        known = self.texts.get(path)
        if known is not None:
            return known
        return (self.project.config.root / path).read_text(encoding="utf-8-sig")


@dataclass(frozen=True, slots=True)
class About:
    """The old database as SQL, the revision it is at, and the failure.

    `place` is the file in which it shows and `kind` the observation's: of the launch's files only
    the one that it is about goes into the fixture, since the others ask for rows that are gone.
    """

    old: str
    version: str | None
    kind: str = ""
    place: str = ""


def fixture(source: Source, about: About) -> Fixture:
    """The fixture: what is pending is copied; what came before is in the database's schema."""
    project = source.project
    pending = project.history.pending(about.version)
    launch = dict(_launch(project, about))
    shared = {name: source.read(path) for name, path in launch.items()}
    shared[config.NAME] = _settings(project, pending, "after_upgrade.sql" in launch)
    places: _Places = {path: (name, {}) for name, path in launch.items()}
    made = _migrations(source, pending, about)
    return Fixture({**shared, **made.files}, {**places, **made.places})


def _migrations(source: Source, pending: tuple[Migration, ...], about: About) -> Fixture:
    if any(m.program for m in pending) and source.project.history.framework == "alembic":
        return _alembic(source, pending, about)
    if all(_NUMBERED.fullmatch(Path(m.path).name) for m in pending):
        files, places = _verbatim(source, pending)
    else:
        files, places = _as_numbered(pending)
    return Fixture({"old.sql": about.old, **files}, places)


def mark(folder: Path, spot: Spot, rule_id: str) -> None:
    """Mark a line of the fixture in this folder: the rule must fire there.

    A place outside of its files is left as it is: there is nothing to mark.
    """
    places = (folder / spot.path, folder / "migrations" / spot.path)
    path = next((p for p in places if p.is_file()), None)
    if path is None:
        return
    lines = path.read_bytes().decode().split("\n")
    comment = "#" if path.suffix == ".py" else "--"
    line = lines[spot.line - 1].rstrip()
    lines[spot.line - 1] = f"{line}  {comment} expect: {rule_id}"
    path.write_bytes("\n".join(lines).encode())


# -- migrations in SQL -----------------------------------------------------------------------------


def _verbatim(source: Source, pending: tuple[Migration, ...]) -> tuple[dict[str, str], _Places]:
    names = {m.path: Path(m.path).name for m in pending}
    files = {names[m.path]: source.read(m.path) for m in pending}
    return files, {path: (name, {}) for path, name in names.items()}


def _as_numbered(pending: tuple[Migration, ...]) -> tuple[dict[str, str], _Places]:
    """The statements alone, in plain numbered files: no tool's own marks are needed then."""
    files: dict[str, str] = {}
    places: _Places = {}
    for number, migration in enumerate(pending, 1):
        name = f"{number:04d}_{_slug(migration.title or migration.revision)}.sql"
        text, lines = _statements(migration)
        files[name] = text
        places[migration.path] = (name, lines)
    return files, places


def _statements(migration: Migration) -> tuple[str, dict[int, int]]:
    text = ""
    lines: dict[int, int] = {}
    for statement in migration.statements:
        first = text.count("\n") + 1
        for offset in range(statement.sql.count("\n") + 1):
            lines.setdefault(statement.span.line + offset, first + offset)
        text += f"{statement.sql.rstrip().rstrip(';')};\n"
    return text, lines


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40] or "change"


# -- Alembic ---------------------------------------------------------------------------------------


def _alembic(source: Source, pending: tuple[Migration, ...], about: About) -> Fixture:
    """The pending scripts on one that stands for all before them."""
    project = source.project
    files = {
        "alembic.ini": _INI,
        "migrations/env.py": _ENV.format(per_migration=not project.history.one_transaction),
        "samples/old.sql": about.old,
        "samples/samples.toml": _samples(about.version or BASE),
    }
    if about.version is not None:
        files[f"migrations/versions/{OLD}.py"] = _before(about, about.version, project)
    places: _Places = {}
    for migration in pending:
        name = f"versions/{Path(migration.path).name}"
        files[f"migrations/{name}"] = source.read(migration.path)
        places[migration.path] = (name, {})
    return Fixture(files, places)


def _before(about: About, version: str, project: Project) -> str:
    schema = schema_of(about.old, project.history.dialect, project.history.version_tables)
    body = "\n".join(f"    op.get_bind().exec_driver_sql({sql!r})" for sql in schema)
    return _BASE_SCRIPT.format(revision=version, body=body or "    pass")


def _samples(version: str) -> str:
    return toml_text.write({"sample": [{"file": "old.sql", "version": version}]}).lstrip("\n")


# -- settings --------------------------------------------------------------------------------------


_OF_DRIFT = "drifted"
_OF_DOWNGRADE = "downgrade"


def _launch(project: Project, about: About) -> Iterator[tuple[str, str]]:
    """The file in SQL that the failure is about: its name in a fixture, its path in the project."""
    launch = project.config.launch
    found = {
        "new.sql": (launch.schema, about.kind == _OF_DRIFT),
        "launch.sql": (launch.queries, about.place == launch.queries),
        "expect.sql": (launch.invariants, about.place == launch.invariants),
        "compat.sql": (launch.old_queries, about.place == launch.old_queries),
        "after_upgrade.sql": (
            project.config.downgrade.after_upgrade,
            about.kind.startswith(_OF_DOWNGRADE),
        ),
    }
    for name, (path, wanted) in found.items():
        if path and wanted and path.endswith(".sql") and (project.config.root / path).is_file():
            yield name, path


def _settings(project: Project, pending: tuple[Migration, ...], goes_back: bool) -> str:
    """The project's settings as far as they say how its migrations run."""
    table = {k: v for k, v in _tables(project, pending) if v not in ({}, None)}
    if project.config.downgrade.check:
        written = {"after_upgrade": "after_upgrade.sql"} if goes_back else {}
        table["downgrade"] = {"check": True, **written}
    if any(m.program for m in pending) and project.history.framework == "alembic":
        table["samples"] = {"path": "samples"}
    return toml_text.write(table).lstrip("\n")


def _tables(project: Project, pending: tuple[Migration, ...]) -> Iterator[tuple[str, object]]:
    settings, history = project.config, project.history
    yield "dialect", None if history.dialect is Dialect.SQLITE else str(history.dialect)
    migrations = project.migrations
    yield (
        "migrations",
        _set(
            transaction=_transaction(project, pending),
            foreign_keys=migrations.foreign_keys or None,
            on_error=None if migrations.on_error == "stop" else migrations.on_error,
        ),
    )
    engine = settings.engine
    yield (
        "engine",
        _set(
            oldest=engine.oldest,
            without=list(engine.without) or None,
            live_traffic=engine.live_traffic,
            run_as=engine.run_as,
        ),
    )
    yield "launch", _set(foreign_keys=settings.launch.foreign_keys or None)


def _transaction(project: Project, pending: tuple[Migration, ...]) -> bool | None:
    """How plain numbered files must run to run as the project's do; None: as it is."""
    said = {m.transactional for m in pending}
    if project.migrations.transaction is not None or project.history.framework == "alembic":
        return project.migrations.transaction
    if len(said) == 1 and None not in said:
        return said.pop()
    default = project.history.dialect is Dialect.SQLITE
    return None if project.history.transactional == default else project.history.transactional


def _set(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}
