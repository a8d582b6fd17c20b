"""rule.toml -> Rule; unknown or missing keys are errors with a place."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from migsafe.errors import ConfigError, RuleInvalid
from migsafe.model.migration import Dialect
from migsafe.model.rule import Confidence, Fix, Incident, Needs, Rule, Severity, When, Why

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
)
_INCIDENT = ("summary", "date", "versions", "affected", "links", "why")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def shipped() -> Path:
    """The folder of the rules that come with migsafe, installed or in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / PACKAGED
    return installed if installed.is_dir() else package.parent / "rules"


def ours(rule: Rule) -> bool:
    """Does the rule come with migsafe?"""
    return shipped() in Path(rule.path).parents


def load(folders: Iterable[Path]) -> tuple[Rule, ...]:
    """All rules of these folders, by id.

    Raises RuleInvalid for a folder that is missing, a file that cannot be read, or an id that
    stands twice.
    """
    rules: dict[str, Rule] = {}
    for folder in folders:
        if not folder.is_dir():
            raise RuleInvalid(
                f"the rules folder {folder.name} does not exist", hint="see [rules] paths"
            )
        for path in sorted(folder.glob(f"*/{FILE}")):
            rule = read(path)
            if rule.id in rules:
                raise RuleInvalid(
                    f"rule {rule.id} exists twice", place=_shown(path), hint="rename one of them"
                )
            rules[rule.id] = rule
    return tuple(rules[name] for name in sorted(rules))


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])


def read(path: Path) -> Rule:
    """One rule. Raises RuleInvalid, naming the file and the key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleInvalid(f"the rule cannot be read: {error}", place=_shown(path)) from error
    try:
        return _rule(table, path)
    except (ValueError, TypeError) as error:
        raise RuleInvalid(str(error), place=_shown(path)) from error


def _rule(table: dict[str, Any], path: Path) -> Rule:
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
        find=table["find"],
        for_each=table.get("for_each", ""),
        when=_member(When, "when", table.get("when", "statement")),
        undecided=None if undecided is None else _choice(Severity, table, "undecided"),
        undecided_message=table.get("undecided_message", ""),
        certain=table.get("certain", False),
        explains=tuple(table.get("explains", ())),
        remedies=tuple(sorted(table.get("remedies", {}).items())),
        incident=_incident(table["incident"]) if "incident" in table else None,
        path=str(path),
        off=_is_off(table.get("default", "on")),
        fix=_member(Fix, "fix", table["fix"]) if "fix" in table else None,
    )
    if rule.needs is Needs.DATA and not rule.for_each:
        raise ValueError("a rule that needs data must say for_each which statement it is about")
    return rule


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
        near = difflib.get_close_matches(name, known, n=1)
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
            near = difflib.get_close_matches(key, known, n=1)
            raise ValueError(f"unknown key {key}" + (f": did you mean {near[0]}?" if near else ""))
    missing = [key for key in (*_REQUIRED, "find") if key not in table]
    if missing:
        raise ValueError(f"the key {missing[0]} is missing")
    for key in (*_REQUIRED, "find"):
        if not isinstance(table[key], str):
            raise ValueError(f"{key} must be text")
    _check_types(table)
    if table["id"] != path.parent.name:
        raise ValueError(f"the id {table['id']} differs from its folder {path.parent.name}")
    if not _ID.fullmatch(table["id"]):
        raise ValueError(f"the id {table['id']} is not in lower-case words-with-dashes")


def _check_types(table: dict[str, Any]) -> None:
    for key in ("for_each", "undecided_message", "when", "confidence", "undecided", "default"):
        if not isinstance(table.get(key, ""), str):
            raise ValueError(f"{key} must be text")
    if not isinstance(table.get("certain", False), bool):
        raise ValueError("certain must be true or false")
    for key in ("dialects", "explains"):
        if not _is_texts(table.get(key, [])):
            raise ValueError(f"{key} must be a list of texts")
    remedies = table.get("remedies", {})
    if not isinstance(remedies, dict) or not _is_texts(list(remedies.values())):
        raise ValueError("remedies must be a table of texts")
    if not isinstance(table.get("incident", {}), dict):
        raise ValueError("incident must be a table")


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _incident(table: dict[str, Any]) -> Incident:
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
    return Incident(
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
