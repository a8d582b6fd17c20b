"""Find the sampled old databases and learn which version each one has."""

from __future__ import annotations

import math
import sqlite3
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migsafe.engines import sqlite as engine
from migsafe.errors import ConfigError, MigsafeError, UnreadableSample
from migsafe.model.migration import History
from migsafe.model.sample import BASE, Sample
from migsafe.replay.databases import Database, databases
from migsafe.replay.interrupted import user_version

SUFFIXES = (".sqlite", ".sqlite3", ".db", ".db3", ".sql")
LIST = "samples.toml"
_KEYS = {"file", "version", "weight"}

RevisionOf = Callable[[History, object], str | None]


@dataclass(frozen=True, slots=True)
class Listed:
    """What samples.toml says of one file."""

    version: str | None = None
    weight: float = 1.0


def files(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> tuple[Path, ...]:
    """The sample files below a folder, or the one file itself, in a stable order."""
    if folder.is_file():
        return (folder,)
    found = (p for p in folder.rglob("*") if p.is_file() and _is_sample(p, suffixes))
    return tuple(sorted(found))


def _is_sample(path: Path, suffixes: tuple[str, ...]) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(suffixes) and not path.name.startswith(".")


def load(
    folder: Path, root: Path, history: History, revision_of: RevisionOf
) -> tuple[tuple[Sample, ...], tuple[MigsafeError, ...]]:
    """All samples that can be read, and an error for each one that cannot.

    Raises ConfigError where the folder or its samples.toml is wrong.
    """
    if not folder.exists():
        raise ConfigError(
            f"the samples folder {folder.name} does not exist", hint="see [samples] path"
        )
    known = listed(folder / LIST) if folder.is_dir() else {}
    samples: list[Sample] = []
    errors: list[MigsafeError] = []
    for path, database in databases(files(folder), root):
        entry = known.get(path.relative_to(folder).as_posix() if folder.is_dir() else path.name)
        try:
            samples.append(_sample(database, history, revision_of, (path, entry or Listed())))
        except UnreadableSample as error:
            errors.append(error)
    require_files(known, folder)
    return tuple(samples), tuple(errors)


def require_files(listed: Iterable[str], folder: Path) -> None:
    """Raise ConfigError for a file that is listed and not there."""
    for name in listed:
        if not (folder / name).is_file():
            raise ConfigError(f"the sample {name} does not exist", place=f"{folder.name}/{LIST}")


def listed(path: Path) -> dict[str, Listed]:
    """What samples.toml says, by file name; {} where there is none. Raises ConfigError."""
    if not path.is_file():
        return {}
    place = f"{path.parent.name}/{path.name}"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the list of samples is not valid TOML: {error}", place=place) from error
    listed: dict[str, Listed] = {}
    for name, entry in _entries(table, place):
        if name in listed:
            raise ConfigError(f"{name} is listed twice", place=place, hint="keep one [[sample]]")
        listed[name] = entry
    return listed


def _entries(table: dict[str, Any], place: str) -> Iterator[tuple[str, Listed]]:
    for key in table:
        if key != "sample":
            raise ConfigError(f"unknown key {key}", place=place, hint="use [[sample]] tables")
    entries = table.get("sample", [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ConfigError("sample must be a list of tables", place=place, hint="write [[sample]]")
    for entry in entries:
        yield _entry(entry, place)


def _entry(entry: dict[str, Any], place: str) -> tuple[str, Listed]:
    unknown = sorted(set(entry) - _KEYS)
    if unknown or "file" not in entry:
        what = f"unknown key {unknown[0]}" if unknown else "a [[sample]] has no file"
        raise ConfigError(what, place=place, hint="keys: file, version, weight")
    file, version, weight = entry["file"], entry.get("version"), entry.get("weight", 1.0)
    if not isinstance(file, str):
        raise ConfigError(f"file must be text, not {file!r}", place=place)
    if not _is_weight(weight):
        raise ConfigError(f"weight of {file} must be a number, 0 or more", place=place)
    return file, Listed(None if version is None else str(version), float(weight))


def _is_weight(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 <= float(value) < math.inf  # type: ignore[arg-type]


def _sample(
    found_there: Database | UnreadableSample,
    history: History,
    revision_of: RevisionOf,
    at: tuple[Path, Listed],
) -> Sample:
    path, listed = at
    if isinstance(found_there, UnreadableSample):
        raise found_there
    name, data = found_there.name, found_there.data
    tracked, found = tracked_in(data, history)
    if listed.version is not None:
        revision = resolve(history, revision_of, listed.version, name)
    elif tracked:
        revision = resolve(history, revision_of, found, name)
    else:
        revision, tracked = by_folder(path, history, revision_of, name), ""
    return Sample(
        name, revision, data, found_there.digest, listed.weight, tracked, found_there.sound is True
    )


def resolve(history: History, revision_of: RevisionOf, version: object, name: str) -> str | None:
    """The revision of that version, None before the first. Raises UnreadableSample."""
    if version in {BASE, None, ""}:
        return None
    revision = revision_of(history, version)
    if revision is None:
        raise UnreadableSample(
            f"the sample has version {version}, which the migrations do not know",
            place=name,
            hint=f"the newest is {history.head}: is the sample from a newer release?",
        )
    return revision


def by_folder(path: Path, history: History, revision_of: RevisionOf, name: str) -> str | None:
    """The revision that the folder of a sample is named after. Raises UnreadableSample."""
    folder = path.parent.name
    if folder == BASE:
        return None
    revision = revision_of(history, folder)
    if revision is None:
        raise UnreadableSample(
            "the sample's version is not known",
            place=name,
            hint=f"write it in {LIST}: [[sample]] file = {path.name!r}, version = ...",
        )
    return revision


def tracked_in(data: bytes, history: History) -> tuple[str, object]:
    """Where the database says its version ("table", "user_version" or ""), and what it says."""
    if not history.version_query:
        number = user_version(data)
        return ("user_version", number) if number else ("", None)
    with closing(engine.clone(data)) as database:
        if _has_table(database, history.version_tables):
            row = _first(database, history.version_query)
            return "table", row[0] if row else None
        row = _first(database, "PRAGMA user_version")
        return ("user_version", row[0]) if row and row[0] else ("", None)


def _has_table(database: sqlite3.Connection, names: tuple[str, ...]) -> bool:
    marks = ", ".join("?" * len(names))
    query = f"SELECT 1 FROM sqlite_master WHERE type = 'table' AND name IN ({marks})"
    return database.execute(query, names).fetchone() is not None


def _first(database: sqlite3.Connection, query: str) -> tuple[Any, ...] | None:
    try:
        row: tuple[Any, ...] | None = database.execute(query).fetchone()
    except sqlite3.Error:
        return None
    return row
