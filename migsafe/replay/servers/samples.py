"""Load the sampled dumps into databases of our own, once each, and learn their versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from migsafe.engines import postgres_archive as archive
from migsafe.engines.servers import Server
from migsafe.engines.session import ServerError, Session
from migsafe.errors import ConfigError, MigsafeError, UnreadableSample
from migsafe.model.migration import Dialect, History
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema
from migsafe.replay import samples as listing
from migsafe.replay.servers import dumps
from migsafe.replay.servers.looks import inspected
from migsafe.replay.servers.running import quoted, told


@dataclass(frozen=True, slots=True)
class Loaded:
    """The samples that could be loaded, each with the database that holds it, and the others.

    `schemas` is the schema of one sample for each version.
    """

    samples: tuple[Sample, ...] = ()
    errors: tuple[MigsafeError, ...] = ()
    templates: dict[str, str] = field(default_factory=dict)
    schemas: dict[str | None, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Where:
    """The server to load into, for which dialect; `run_as` is the role that has to be there."""

    server: Server
    dialect: Dialect
    run_as: str = ""


def load(
    folder: Path,
    root: Path,
    history: History,
    revision_of: listing.RevisionOf,
    where: Where,
) -> Loaded:
    """Load every dump of the folder. Raises ConfigError where the folder or its list is wrong."""
    if not folder.exists():
        raise ConfigError(
            f"the samples folder {folder.name} does not exist", hint="see [samples] path"
        )
    known = listing.listed(folder / listing.LIST) if folder.is_dir() else {}
    listing.require_files((n for n in known if not archive.is_folder(folder / n)), folder)
    found: list[Sample] = []
    errors: list[MigsafeError] = []
    loaded = Loaded()
    for path in _files(folder):
        entry = known.get(path.relative_to(folder).as_posix() if folder.is_dir() else path.name)
        try:
            found.append(
                _one(path, root, entry or listing.Listed(), (history, revision_of, where), loaded)
            )
        except UnreadableSample as error:
            errors.append(error)
    return Loaded(tuple(found), tuple(errors), loaded.templates, loaded.schemas)


def _files(folder: Path) -> Iterator[Path]:
    """Files of the kinds that some server writes, and folders that are an archive."""
    if archive.is_folder(folder):
        return iter((folder,))
    inside = (p.parent for p in folder.rglob(archive.CONTENTS))
    listed = (*listing.files(folder, (*listing.SUFFIXES, *dumps.ARCHIVES)), *inside)
    return iter(sorted(set(listed)))


def _read(path: Path, name: str, dialect: Dialect) -> tuple[bytes, str]:
    """The sample as SQL, and the digest of what it was before. Raises UnreadableSample."""
    folder = path.is_dir()
    if not folder and not name.lower().removesuffix(".gz").endswith((".sql", *dumps.ARCHIVES)):
        raise UnreadableSample(
            "it is no SQL dump", place=name, hint=f"write one with {_TOOLS[dialect]}"
        )
    data = dumps.read(path, name)
    digest = hashlib.sha256(data).hexdigest()
    if dialect is Dialect.POSTGRES and (folder or archive.is_archive(data)):
        return archive.script(path if folder else data, name), digest
    return data, digest


def _one(
    path: Path,
    root: Path,
    entry: listing.Listed,
    of: tuple[History, listing.RevisionOf, Where],
    loaded: Loaded,
) -> Sample:
    history, revision_of, where = of
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    data, digest = _read(path, name, where.dialect)
    database = where.server.create_database()
    session = where.server.connect(database)
    try:
        dumps.load(session, data, where.dialect, name)
    finally:
        session.close()
    session = where.server.connect(database)  # a dump changes the settings of its session
    try:
        tracked, version = tracked_in(session, history)
        schema = inspected(session, where.dialect)
        give(session, where, data)
    except ServerError as error:
        raise UnreadableSample(
            f"the server refuses to show the sample: {told(error)}", place=name
        ) from error
    finally:
        session.close()
    if entry.version is not None:
        revision = listing.resolve(history, revision_of, entry.version, name)
    elif tracked:
        revision = listing.resolve(history, revision_of, version, name)
    else:
        revision = listing.by_folder(path, history, revision_of, name)
    loaded.templates[name] = database
    loaded.schemas.setdefault(revision, schema)
    return Sample(name, revision, data, digest, entry.weight, tracked, True)


_TOOLS = {Dialect.POSTGRES: "pg_dump", Dialect.MYSQL: "mysqldump", Dialect.SQLITE: "sqlite3"}


def tracked_in(session: Session, history: History) -> tuple[str, object]:
    """What the framework's own table says, where it is there."""
    if not history.version_query:
        return "", None
    with suppress(ServerError):
        rows = session.execute(history.version_query)
        return "table", rows[0][0] if rows else None
    return "", None


def give(session: Session, where: Where, data: bytes) -> None:
    """Give the old schema to the role that migrates, where the dump does not speak of it.

    Raises ServerError.
    """
    if not where.run_as or where.run_as.encode() in data:
        return
    role = quoted(where.dialect, where.run_as)
    with suppress(ServerError):  # before version 15 it is not ours, and everybody's
        session.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    for kind, name in session.execute(_TABLES):
        session.execute(f"ALTER {kind} {name} OWNER TO {role}")


_TABLES = """
SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
       c.oid::pg_catalog.regclass::text
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm')
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY c.oid
"""
