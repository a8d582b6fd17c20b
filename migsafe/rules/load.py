"""rule.toml -> Rule; unknown or missing keys are errors with a place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from migsafe import __version__, store
from migsafe.errors import ConfigError, RuleInvalid, nearest
from migsafe.model.migration import Dialect
from migsafe.model.rule import Confidence, Fix, Needs, Origin, Rule, Severity, When, Why

FILE = "rule.toml"
PACKAGED = "_rules"
"""The folder of the rules within an installed package."""
_REQUIRED = ("id", "title", "severity", "category", "message", "remedy", "needs")
_OPTIONAL = (
    "confidence",
    "dialects",
    "default",
    "find",
    "for_each",
    "when",
    "undecided",
    "undecided_message",
    "certain",
    "explains",
    "remedies",
    "incident",
    "fix",
    "check",
    "extends",
    "requires",
    "version",
    "pattern",
    "unless",
    "where",
)
_QUESTIONS = ("find", "check", "pattern")
"""A rule has exactly one of these."""
_INCIDENT = ("summary", "date", "versions", "affected", "links", "why")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_REQUIRES = re.compile(r"migsafe\s*>=\s*(?P<version>\d+(?:\.\d+){0,2})")
_WORTH_A_CACHE = 20  # files
_CHECK = re.compile(r"[A-Za-z_]\w*\.py:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of rules; `name` is what messages call it."""

    folder: Path
    name: str


@cache
def shipped() -> Path:
    """The folder of the rules that come with migsafe, installed or in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / PACKAGED
    return installed if installed.is_dir() else package.parent / "rules"


def is_id(text: str) -> bool:
    """May a rule be called this?"""
    return _ID.fullmatch(text) is not None


def ours(rule: Rule) -> bool:
    """Does the rule come with migsafe?"""
    return shipped() in Path(rule.asks or rule.path).parents


def load(folders: Iterable[Path | Source]) -> tuple[Rule, ...]:
    """All rules of these folders, by id; one that `extends` overrides that of an earlier folder.

    Raises RuleInvalid for a folder that is missing, a file that cannot be read, or an id that
    stands twice.
    """
    rules: dict[str, Rule] = {}
    homes: dict[str, str] = {}
    for entry in folders:
        source = entry if isinstance(entry, Source) else Source(entry, entry.name)
        if not source.folder.is_dir():
            raise RuleInvalid(
                f"the rules folder {source.name} does not exist", hint="see [rules] paths"
            )
        for path, table in _tables(source.folder):
            rule = _one(table, path, rules, homes)
            rules[rule.id], homes[rule.id] = rule, source.name
    return tuple(rules[name] for name in sorted(rules))


def _tables(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each rule's file in order, and what it says: as read before, where nothing changed."""
    stamps = {str(p): _stamp(p) for p in sorted(folder.glob(f"*/{FILE}"))}
    name = f"rules {folder}"
    known = store.load_value(name) if len(stamps) >= _WORTH_A_CACHE else None
    if known is None or known[0] != (__version__, stamps):
        tables = {path: _table(Path(path)) for path in stamps}
        known = (__version__, stamps), tables
        if len(stamps) >= _WORTH_A_CACHE:
            store.save_value(name, known)
    for path, table in known[1].items():
        yield Path(path), table


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _one(
    table: dict[str, Any], path: Path, earlier: Mapping[str, Rule], homes: Mapping[str, str]
) -> Rule:
    """The rule of that file, alone or over the earlier one that it extends."""
    other = earlier.get(str(table.get("id")))
    if table.get("extends") is True:
        return _over(other, table, path, earlier)
    if other is not None:
        raise RuleInvalid(
            f"rule {other.id} exists twice: here, and in {homes[other.id]}",
            place=_shown(path),
            hint="rename one of them, or override the other: extends = true",
        )
    return _made(table, path)


def _over(
    other: Rule | None, table: dict[str, Any], path: Path, earlier: Mapping[str, Rule]
) -> Rule:
    if other is None:
        name = str(table.get("id"))
        near = nearest(name, earlier)
        raise RuleInvalid(
            f"rule {name} extends a rule that does not exist",
            place=_shown(path),
            hint=f"did you mean {near[0]}?" if near else "see `migsafe rules list`",
        )
    inherited: dict[str, Any] = {}
    for file in (*other.extends, other.path):
        inherited |= _table(Path(file))
    asks_anew = any(key in table for key in _QUESTIONS)
    if asks_anew:
        inherited = {k: v for k, v in inherited.items() if k not in _QUESTIONS}
    rule = _made({**inherited, **table}, path)
    asks = "" if asks_anew else other.asks or other.path
    return replace(rule, extends=(*other.extends, other.path), asks=asks)


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])


def read(path: Path) -> Rule:
    """One rule by itself. Raises RuleInvalid, naming the file and the key."""
    return _made(_table(path), path)


def _table(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        place, toml = _shown(path), isinstance(error, tomllib.TOMLDecodeError)
        hint = "a text in ''' ends at the next ''': leave a blank between quotes" if toml else ""
        raise RuleInvalid(f"the rule cannot be read: {error}", place=place, hint=hint) from error
    if "requires" in table:  # first of all: a newer rule may have keys that are unknown here
        _require(table["requires"], path)
    return table


def _require(text: object, path: Path) -> None:
    match = _REQUIRES.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise RuleInvalid(
            f"requires is {text!r}", place=_shown(path), hint='write "migsafe >= 1.2"'
        )
    if _version(match["version"]) > _version(__version__):
        raise RuleInvalid(
            f"the rule requires migsafe {match['version']} or newer, and this is {__version__}",
            place=_shown(path),
            hint="update migsafe, or leave the rule out",
        )


def _version(text: str) -> tuple[int, ...]:
    numbers = [int(n) for n in re.findall(r"\d+", text)[:3]]
    return tuple([*numbers, 0, 0][:3])


def _made(table: dict[str, Any], path: Path) -> Rule:
    try:
        return _rule(table, path)
    except (ValueError, TypeError) as error:
        raise RuleInvalid(str(error), place=_shown(path)) from error


def _rule(table: dict[str, Any], path: Path) -> Rule:
    if "pattern" in table:
        table = {"needs": "schema", **table}
    _check_keys(table, path)
    needs = _choice(Needs, table, "needs")
    undecided = table.get("undecided")
    rule = Rule(
        id=table["id"],
        title=table["title"],
        severity=_choice(Severity, table, "severity"),
        category=table["category"],
        message=table["message"],
        remedy=table["remedy"].strip("\n"),
        needs=needs,
        confidence=_member(Confidence, "confidence", table.get("confidence", "high")),
        dialects=tuple(
            _member(Dialect, "dialects", d) for d in table.get("dialects", list(Dialect))
        ),
        find=table.get("find", ""),
        check=table.get("check", ""),
        for_each=table.get("for_each", ""),
        when=_member(When, "when", table.get("when", "statement")),
        undecided=None if undecided in {None, "off"} else _choice(Severity, table, "undecided"),
        undecided_message=table.get("undecided_message", ""),
        certain=table.get("certain", False),
        explains=tuple(table.get("explains", ())),
        remedies=tuple(sorted(table.get("remedies", {}).items())),
        incident=_incident(table["incident"]) if "incident" in table else None,
        path=str(path),
        off=_is_off(table.get("default", "on")),
        fix=_member(Fix, "fix", table["fix"]) if "fix" in table else None,
        version=table.get("version", 1),
    )
    if "pattern" in table:
        rule = _with_pattern(rule, table)
    if rule.check and (rule.needs is Needs.DATA or rule.for_each):
        raise ValueError("check is for rules over the facts: needs = statements, schema, outcomes")
    if rule.needs is Needs.DATA and not rule.for_each:
        raise ValueError("a rule that needs data must say for_each which statement it is about")
    return rule


def _with_pattern(rule: Rule, table: dict[str, Any]) -> Rule:
    """The rule with the SELECT that its pattern comes to."""
    from migsafe.rules import patterns  # noqa: PLC0415 - it reads SQL, which few rules need

    if rule.needs is Needs.DATA or rule.for_each:
        raise ValueError(
            "pattern is for rules over the facts: needs = statements, schema, outcomes"
        )
    unless = table.get("unless", [])
    unless = (unless,) if isinstance(unless, str) else tuple(unless)
    where = table.get("where", "")
    try:
        find = patterns.compiled(table["pattern"], unless, where, rule.dialects)
    except RuleInvalid as error:
        place = _shown(Path(rule.path))
        raise RuleInvalid(error.message, place=place, hint=error.hint) from error
    return replace(rule, find=find, pattern=table["pattern"], unless=unless, where=where)


def _is_off(default: object) -> bool:
    if default not in {"on", "off"}:
        raise ValueError(f"default is {default!r}, expected one of on, off")
    return default == "off"


def enable(ruleset: tuple[Rule, ...], ids: Iterable[str]) -> tuple[Rule, ...]:
    """The same rules, of which these speak although they are off by default.

    Raises ConfigError for an id that no rule has.
    """
    known = {rule.id for rule in ruleset}
    chosen = set(ids)
    for name in sorted(chosen - known):
        near = nearest(name, known)
        hint = f"did you mean {near[0]}?" if near else "see `migsafe rules list`"
        raise ConfigError(f"rules.enable names {name}, and there is no such rule", hint=hint)
    return tuple(replace(r, off=False) if r.id in chosen else r for r in ruleset)


_Enum = TypeVar("_Enum", bound=StrEnum)


def _member(kind: type[_Enum], key: str, value: object) -> _Enum:
    try:
        return kind(str(value))
    except ValueError:
        raise ValueError(f"{key} is {value!r}, expected one of {', '.join(kind)}") from None


def _choice(kind: Any, table: dict[str, Any], key: str) -> Any:
    try:
        return kind.parse(table[key])
    except (KeyError, AttributeError):
        names = ", ".join(str(k) for k in kind)
        raise ValueError(f"{key} is {table[key]!r}, expected one of {names}") from None


def _check_keys(table: dict[str, Any], path: Path) -> None:
    known = (*_REQUIRED, *_OPTIONAL)
    for key in table:
        if key not in known:
            near = nearest(key, known)
            raise ValueError(f"unknown key {key}" + (f": did you mean {near[0]}?" if near else ""))
    missing = [key for key in _REQUIRED if key not in table]
    asked = [key for key in _QUESTIONS if key in table]
    if missing or not asked:
        raise ValueError(f"the key {(*missing, 'find')[0]} is missing")
    if len(asked) > 1:
        raise ValueError(f"{' and '.join(asked)} exclude each other")
    for key in (*_REQUIRED, *asked):
        if not isinstance(table[key], str):
            raise ValueError(f"{key} must be text")
    _check_types(table)
    if table["id"] != path.parent.name:
        raise ValueError(f"the id {table['id']} differs from its folder {path.parent.name}")
    if not is_id(table["id"]):
        raise ValueError(f"the id {table['id']} is not in lower-case words-with-dashes")


def _check_types(table: dict[str, Any]) -> None:
    for key in ("for_each", "undecided_message", "when", "confidence", "undecided", "default"):
        if not isinstance(table.get(key, ""), str):
            raise ValueError(f"{key} must be text")
    for key in ("certain", "extends"):
        if not isinstance(table.get(key, False), bool):
            raise ValueError(f"{key} must be true or false")
    if "check" in table and not _CHECK.fullmatch(table["check"]):
        raise ValueError(f'check is {table["check"]!r}, expected "file.py:function"')
    for key in ("dialects", "explains"):
        if not _is_texts(table.get(key, [])):
            raise ValueError(f"{key} must be a list of texts")
    unless = table.get("unless", "")
    if not isinstance(table.get("where", ""), str) or not _is_texts(
        [unless] if isinstance(unless, str) else unless
    ):
        raise ValueError("where must be text, unless a text or a list of texts")
    if "pattern" not in table and {"where", "unless"} & set(table):
        raise ValueError("where and unless belong to a pattern")
    _check_tables(table)


def _check_tables(table: dict[str, Any]) -> None:
    version = table.get("version", 1)
    if type(version) is not int or version < 1:
        raise ValueError("version must be a whole number from 1")
    remedies = table.get("remedies", {})
    if not isinstance(remedies, dict) or not _is_texts(list(remedies.values())):
        raise ValueError("remedies must be a table of texts")
    if not isinstance(table.get("incident", {}), dict):
        raise ValueError("incident must be a table")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _incident(table: dict[str, Any]) -> Origin:
    unknown = sorted(set(table) - set(_INCIDENT))
    if unknown:
        raise ValueError(f"unknown key incident.{unknown[0]}")
    if not isinstance(table.get("summary"), str):
        raise ValueError("incident.summary must be text")
    for key in ("versions", "affected"):
        if not isinstance(table.get(key, ""), str):
            raise ValueError(f"incident.{key} must be text")
    if not _is_texts(table.get("links", [])):
        raise ValueError("incident.links must be a list of texts")
    return Origin(
        table["summary"],
        str(table.get("date", "")),
        table.get("versions", ""),
        table.get("affected", ""),
        tuple(table.get("links", ())),
        tuple(_whys(table.get("why", []))),
    )


def _whys(entries: object) -> Iterator[Why]:
    for entry in entries if isinstance(entries, list) else [None]:
        if not isinstance(entry, dict) or not _is_texts(
            [entry.get("question"), entry.get("answer")]
        ):
            raise ValueError("incident.why must be tables with a question and an answer")
        yield Why(entry["question"], entry["answer"])
