"""migsafe.toml or [tool.migsafe] -> one frozen Config; unknown keys are errors."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from migsafe.errors import ConfigError, nearest
from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity

NAME = "migsafe.toml"


@dataclass(frozen=True, slots=True)
class Migrations:
    """One set of migrations. None means: found by itself, or the framework's default."""

    framework: str | None = None
    path: str | None = None
    transaction: bool | None = None
    foreign_keys: bool = False
    on_error: str = "stop"  # stop | continue


@dataclass(frozen=True, slots=True)
class Samples:
    """Where the sampled old databases lie; None: no samples.

    `explore` is how many changes Hypothesis may try on one sample of each version.
    """

    path: str | None = None
    explore: int = 60


@dataclass(frozen=True, slots=True)
class Launch:
    """What the new version does when it starts; file names relative to the project."""

    schema: str | None = None
    queries: str | None = None
    invariants: str | None = None
    foreign_keys: bool = False
    command: tuple[str, ...] = ()  # a program and its arguments; {db}: the migrated database
    callable: str | None = None  # "package.module:function", called with the database's path
    models: str | None = None  # "package.module:Base": SQLAlchemy models that read every row
    old_queries: str | None = None  # what the old version still runs beside the new one


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that users run: its oldest version, what its build lacks, its library's file."""

    oldest: str | None = None
    without: tuple[str, ...] = ()
    library: str | None = None
    live_traffic: bool | None = None  # does a service keep running while this migrates?
    dsn: str | None = None  # a server to try on: databases of our own are made in it
    run_as: str | None = None  # the role that runs the migration


@dataclass(frozen=True, slots=True)
class Downgrade:
    """Is the way back tried as well, and what does the new version write before?"""

    check: bool = False
    after_upgrade: str | None = None  # file of statements


@dataclass(frozen=True, slots=True)
class Disable:
    """A rule that does not speak here, and why; `until` is its last day, "" for no end."""

    rule: str
    reason: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class Suppress:
    """What a rule finds in the files that match `path` is allowed; `until` as in Disable.

    In `path`, `*` stands for any text, folders included.
    """

    rule: str
    path: str
    reason: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules speak, how loudly, and where those lie that do not ship.

    `paths` are folders, `packs` names of installed packages; `allow_code`: a rule there may be a
    Python function. `max_suppression_days` is how far ahead a suppression may end, None: any.
    """

    paths: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    severity: tuple[tuple[str, Severity], ...] = ()
    disable: tuple[Disable, ...] = ()
    packs: tuple[str, ...] = ()
    allow_code: bool = False
    max_suppression_days: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a project can set. `root` is the folder that all paths are relative to."""

    root: Path
    file: Path | None = None
    dialect: Dialect | None = None
    fail_on: Severity = Severity.ERROR
    migrations: tuple[Migrations, ...] = (Migrations(),)
    samples: Samples = field(default_factory=Samples)
    launch: Launch = field(default_factory=Launch)
    engine: Engine = field(default_factory=Engine)
    rules: Rules = field(default_factory=Rules)
    downgrade: Downgrade = field(default_factory=Downgrade)
    suppress: tuple[Suppress, ...] = ()
    later: tuple[str, ...] = ()  # keys that are set and mean nothing with SQLite


class _Tables:
    """A list of tables, as the kind of a value."""


_KEYS: Mapping[str, Mapping[str, type]] = {
    "": {
        "dialect": str,
        "fail_on": str,
        "migrations": dict,
        "samples": dict,
        "launch": dict,
        "engine": dict,
        "rules": dict,
        "downgrade": dict,
        "suppress": _Tables,
    },
    "migrations": {
        "framework": str,
        "path": str,
        "transaction": bool,
        "foreign_keys": bool,
        "on_error": str,
    },
    "samples": {"path": str, "explore": int},
    "launch": {
        "schema": str,
        "queries": str,
        "old_queries": str,
        "invariants": str,
        "command": list,
        "callable": str,
        "models": str,
        "foreign_keys": bool,
    },
    "engine": {
        "oldest": str,
        "without": list,
        "library": str,
        "live_traffic": bool,
        "run_as": str,
        "dsn": str,
    },
    "downgrade": {"check": bool, "after_upgrade": str},
    "rules": {
        "paths": list,
        "enable": list,
        "severity": dict,
        "disable": _Tables,
        "packs": list,
        "allow_code": bool,
        "max_suppression_days": int,
    },
    "rules.disable": {"rule": str, "reason": str, "until": date},
    "suppress": {"rule": str, "path": str, "reason": str, "until": date},
}
_ON_SERVERS: Mapping[str, tuple[str, ...]] = {
    "launch": ("old_queries",),
    "engine": ("run_as", "dsn"),
    "downgrade": ("check", "after_upgrade"),
}
"""Keys that mean something on servers only: with SQLite, reports list them as not run."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "dialect": tuple(Dialect),
    "fail_on": tuple(str(s) for s in Severity),
    "migrations.on_error": ("stop", "continue"),
}
_TYPE_NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number from 0",
    dict: "a table",
    list: "a list of texts",
    date: "a date such as 2027-02-28",
    _Tables: "a list of tables",
}


def find(start: Path) -> Path | None:
    """The nearest configuration file from `start` upwards, not beyond a repository's root."""
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
        if _has_tool_table(folder / "pyproject.toml"):
            return folder / "pyproject.toml"
        if (folder / ".git").exists():
            return None
    return None


def _has_tool_table(path: Path) -> bool:
    return path.is_file() and "migsafe" in _tool(_read(path))


def _tool(table: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = table.get("tool")
    return tool if isinstance(tool, dict) else {}


def load(start: Path, explicit: Path | None = None) -> Config:
    """The configuration in force for the folder `start`; defaults where there is none.

    Raises ConfigError for a file that is missing, is not TOML, or holds an unknown key or value.
    """
    path = explicit or find(start)
    if path is None:
        return Config(root=start)
    if explicit is not None and not path.is_file():
        raise ConfigError(f"the configuration {path} does not exist", hint="check --config")
    table = _read(path)
    if path.name == "pyproject.toml":
        table = _tool(table).get("migsafe", {})
    return _build(table, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"the configuration cannot be read: {error.strerror}", place=str(path)
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the configuration is not valid TOML: {error}",
            place=str(path),
            hint="the message names the line and column",
        ) from error


def _build(table: Mapping[str, Any], path: Path) -> Config:
    _check("", table, path)
    sections = table.get("migrations", {})
    sections = sections if isinstance(sections, list) else [sections]
    for section in sections:
        _check("migrations", section, path)
    for name in ("samples", "launch", "engine", "downgrade", "rules"):
        _check(name, table.get(name, {}), path)
    return Config(
        root=path.parent,
        file=path,
        dialect=Dialect(table["dialect"]) if "dialect" in table else None,
        fail_on=Severity.parse(table.get("fail_on", "error")),
        migrations=tuple(Migrations(**section) for section in sections) or (Migrations(),),
        samples=Samples(**table.get("samples", {})),
        launch=Launch(**_now(table, "launch")),
        engine=Engine(**_now(table, "engine")),
        rules=_rules(table.get("rules", {}), path),
        downgrade=Downgrade(**table.get("downgrade", {})),
        suppress=_reasoned(Suppress, "suppress", table.get("suppress", []), path),
        later=tuple(
            f"[{section}] {key}"
            for section, keys in _ON_SERVERS.items()
            for key in keys
            if table.get(section, {}).get(key)
        ),
    )


def _rules(table: Mapping[str, Any], path: Path) -> Rules:
    lists = {k: tuple(v) for k, v in table.items() if k in {"paths", "enable", "packs"}}
    if table.get("max_suppression_days") == 0:
        raise ConfigError("rules.max_suppression_days must be 1 or more", place=str(path))
    return Rules(
        **lists,
        severity=tuple(_severities(table.get("severity", {}), path)),
        disable=_reasoned(Disable, "rules.disable", table.get("disable", []), path),
        allow_code=table.get("allow_code", False),
        max_suppression_days=table.get("max_suppression_days"),
    )


def _severities(table: Mapping[str, object], path: Path) -> Iterator[tuple[str, Severity]]:
    names = [str(s) for s in Severity]
    for rule, value in table.items():
        if value not in names:
            raise ConfigError(
                f"rules.severity of {rule} is {value!r}",
                place=str(path),
                hint=f"one of: {', '.join(names)}",
            )
        yield rule, Severity.parse(str(value))


_Reasoned = TypeVar("_Reasoned", Disable, Suppress)


def _reasoned(
    kind: type[_Reasoned], section: str, entries: list[dict[str, Any]], path: Path
) -> tuple[_Reasoned, ...]:
    """Entries that must say why. Raises ConfigError for one that lacks something."""
    return tuple(_entry(kind, section, entry, path) for entry in entries)


def _entry(kind: type[_Reasoned], section: str, entry: dict[str, Any], path: Path) -> _Reasoned:
    _check(section, entry, path)
    wanted = [f.name for f in fields(kind) if f.name != "until"]
    for key in wanted:
        if not entry.get(key, "").strip():
            of = f" of {entry['rule']}" if entry.get("rule") else ""
            raise ConfigError(
                f"{section}{of} gives no {key}",
                place=str(path),
                hint=f"each entry needs {', '.join(wanted)}",
            )
    return kind(**{**entry, "until": str(entry.get("until", ""))})


def _now(table: Mapping[str, Any], section: str) -> dict[str, Any]:
    """A section's settings; lists become tuples, as settings are frozen."""
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in table.get(section, {}).items()
    }


def _check(section: str, table: object, path: Path) -> None:
    if not isinstance(table, dict):
        name = section or "[tool.migsafe]"
        raise ConfigError(f"{name} must be a table", place=str(path))
    known = _KEYS[section]
    for key, value in table.items():
        name = f"{section}.{key}" if section else key
        if key not in known:
            raise ConfigError(f"unknown key {name}", place=str(path), hint=_suggestion(key, known))
        _check_value(name, value, known[key], path)


def _suggestion(key: str, known: Mapping[str, type]) -> str:
    near = nearest(key, known)
    return f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"


def _check_value(name: str, value: object, kind: type, path: Path) -> None:
    several = name == "migrations" and isinstance(value, list)
    fits = isinstance(value, kind) or several
    if kind is int:
        fits = type(value) is int and value >= 0  # a bool is an int
    if kind is list and isinstance(value, list):
        fits = all(isinstance(item, str) for item in value)
    if kind is _Tables:
        fits = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if kind is date:
        fits = _is_date(value)
    if not fits:
        raise ConfigError(f"{name} must be {_TYPE_NAMES[kind]}", place=str(path))
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise ConfigError(
            f"{name} is {value!r}", place=str(path), hint=f"one of: {', '.join(choices)}"
        )


def _is_date(value: object) -> bool:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value).isoformat() == value
        except ValueError:
            return False
    return isinstance(value, date) and not isinstance(value, datetime)
